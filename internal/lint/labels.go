package lint

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/lint/expression"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// fieldName finds the fields that a template asks for.
var fieldName = regexp.MustCompile(`\.Field\s+["` + "`" + `]([^"` + "`" + `]+)["` + "`" + `]`)

// labels looks for labels that differ between the alerts of one key, where a receiver knows an alert by its labels: it would see several alerts, of which the
// end of an incident resolves the first.
func (l *linter) labels(r *rule) {
	if !r.sets("labels") && !r.sets("cooldown_by") || !l.knownByLabels(r) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r.settings.Labels)) {
		text := r.settings.Labels[name]
		var parts []string
		for _, m := range captureName.FindAllStringSubmatch(text, -1) {
			parts = append(parts, "capture."+m[1])
		}
		if strings.Contains(text, ".Message") {
			parts = append(parts, "message")
		}
		for _, m := range fieldName.FindAllStringSubmatch(text, -1) {
			parts = append(parts, "field."+m[1])
		}
		for _, part := range parts {
			if !slices.Contains(r.settings.CooldownBy, part) && l.differs(r, part) {
				l.label(r, name, text, part)
				break
			}
		}
	}
}

func (l *linter) label(r *rule, name, text, part string) {
	what, hint := part, fmt.Sprintf("add %q to cooldown_by, or use it in the summary", part)
	if part == "message" {
		what, hint = "the line", "use it in the summary"
	}
	message := what + " is not part of the key, so alerts of one key may have several values, which Alertmanager takes for several alerts"
	if r.settings.Resolves() {
		message += ": the end of the incident resolves the first"
	}
	l.warn(r.part, CodeLabel, "labels."+name, text, message, hint)
}

// knownByLabels reports whether a trigger sends the rule's alerts to a receiver that knows an alert by its labels.
func (l *linter) knownByLabels(r *rule) bool {
	for i := range l.result.Settings.Triggers {
		t := &l.result.Settings.Triggers[i]
		if client.KnowsByLabels(t) && reach.Accepts(t, r.reach()) {
			return true
		}
	}
	return false
}

// differs reports whether a part of a line has more than one value. A capture of a fixed text has one.
func (l *linter) differs(r *rule, part string) bool {
	if r.settings.Absent > 0 {
		return false // no line made the alert
	}
	name, ok := strings.CutPrefix(part, "capture.")
	if !ok {
		return true
	}
	tree, err := syntax.Parse(r.settings.Pattern, syntax.Perl)
	if err != nil {
		return false
	}
	g := expression.Group(tree, name)
	return g != nil && g.Simplify().Op != syntax.OpLiteral
}
