package reach

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Unmet returns the property of the first condition, by name, that no alert of the rule meets; "" where all of them may be met. Invalid conditions may be met.
func Unmet(entries map[string]string, r Rule) string {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		c, err := where.Parse(name, entries[name])
		if err != nil {
			continue
		}
		if v := valuesOf(name, r); !v.any && !(v.absent && c.Matches(nil, false)) &&
			!slices.ContainsFunc(v.texts, func(text string) bool { return c.Matches([]byte(text), true) }) {
			return name
		}
	}
	return ""
}

// values are those that a property of a rule's alerts can have.
type values struct {
	any    bool     // all that are possible at all
	texts  []string // else only these
	absent bool     // the property may be absent
}

func valuesOf(property string, r Rule) values {
	s := r.Settings
	switch part, name := where.Split(property); part {
	case where.Label:
		text, ok := s.Labels[name]
		if strings.Contains(text, "{{") {
			return values{any: true}
		}
		if !ok {
			return values{absent: true}
		}
		return values{texts: []string{text}}
	case where.Capture:
		return values{any: hasCapture(s, name), absent: true}
	case where.Field:
		return values{any: slices.Contains(s.Fields, name), absent: true}
	}
	switch property {
	case "rule":
		return values{texts: []string{s.Name}}
	case "kind":
		return values{texts: Kinds(s)}
	case "severity":
		return values{texts: Severities(s)}
	case "source":
		if len(s.Event) > 0 {
			return values{texts: []string{trigger.KindContainer}}
		}
		return values{texts: []string{trigger.KindLog}}
	case "stream":
		if s.Stream == "stdout" || s.Stream == "stderr" {
			return values{texts: []string{s.Stream}, absent: true} // alerts without a line have no stream
		}
	case "workload":
		for _, globs := range [][]string{r.Globs, s.Workloads} {
			if len(globs) > 0 && !slices.ContainsFunc(globs, func(g string) bool { return strings.ContainsAny(g, `*?\`) }) {
				return values{texts: globs, absent: true}
			}
		}
	}
	return values{any: true}
}

// hasCapture reports whether the rule's alerts may have a capture.
func hasCapture(s *engine.RuleSettings, name string) bool {
	if len(s.Event) > 0 && slices.Contains(engine.EventFields(), name) {
		return true
	}
	re, err := regexp.Compile(s.Pattern)
	return err != nil || re.SubexpIndex(name) >= 0
}

// Kinds returns the kinds that a rule's alerts can have.
func Kinds(s *engine.RuleSettings) []string {
	if s.Absent > 0 || s.Rate.Below != 0 {
		return []string{trigger.KindAbsence, trigger.KindResolved}
	}
	if s.Without != "" {
		return []string{trigger.KindMissing}
	}
	kinds := []string{trigger.KindLog}
	if len(s.Event) > 0 {
		kinds = []string{trigger.KindContainer}
	}
	if s.Counts() {
		kinds = append(kinds, trigger.KindThreshold)
	}
	if s.Rollup || len(s.Escalate) > 0 {
		kinds = append(kinds, trigger.KindRollup)
	}
	if s.Name == trigger.KindDeploy { // see Deploys
		kinds = append(kinds, trigger.KindDeploy, trigger.KindResolved)
	}
	return kinds
}
