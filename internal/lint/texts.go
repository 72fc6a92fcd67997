package lint

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/lint/expression"
)

// text checks the conditions of a rule on the line.
func (l *linter) text(r *rule) {
	s := &r.settings
	for _, c := range conditions(s) {
		if !r.sets(c.field) {
			continue
		}
		for i, expr := range c.alternatives {
			l.expression(r, c.field, l.source(s, c.field, i, expr), expr)
		}
	}
	for _, expr := range s.None {
		switch {
		case !r.sets("none"):
		case expression.MatchesEverything(expr):
			l.warn(r.part, CodeNeverHits, "none", expr, "excludes every line, so the rule never hits", "")
		case expression.MatchesNothing(expr):
			l.warn(r.part, CodeNothing, "none", expr, "cannot match any line, so it excludes none", "")
		}
	}
	l.contradiction(r)
	l.filter(r)
}

// source returns the text of an expression as the configuration has it.
func (l *linter) source(s *engine.RuleSettings, field string, i int, expr string) string {
	if field == "keywords" {
		return s.Keywords[i]
	}
	return expr
}

func (l *linter) expression(r *rule, field, text, expr string) {
	switch {
	case expression.MatchesEverything(expr):
		message := "matches every line"
		switch {
		case field == "any":
			message += ", so the other entries have no effect"
		case len(conditions(&r.settings)) > 1 || len(r.settings.Where) > 0:
			message += ", so it has no effect"
		}
		l.warn(r.part, CodeEverything, field, text, message, everythingHint(expr))
	case expression.MatchesNothing(expr):
		message := "cannot match any line"
		if field != "any" {
			message += ", so the rule never hits"
		}
		l.warn(r.part, CodeNothing, field, text, message, nothingHint(expr))
	}
}

func everythingHint(expr string) string {
	tree, err := syntax.Parse(expr, syntax.Perl)
	switch {
	case err != nil:
		return ""
	case emptyBranch(tree):
		return "an alternative is empty: is there a | too many?"
	case strings.Contains(expr, "*"):
		return "* also matches the empty text"
	}
	return ""
}

// emptyBranch reports whether an expression has an alternative that is empty.
func emptyBranch(re *syntax.Regexp) bool {
	if re.Op == syntax.OpAlternate && slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return sub.Op == syntax.OpEmptyMatch }) {
		return true
	}
	if re.Op == syntax.OpQuest && re.Sub[0].Op != syntax.OpQuest { // a|b| is parsed as (?:a|b)?
		return true
	}
	return slices.ContainsFunc(re.Sub, emptyBranch)
}

func nothingHint(expr string) string {
	switch {
	case strings.Contains(expr, "^"):
		return `^ is the start of the line; \^ is the character`
	case strings.Contains(expr, "$"):
		return `$ is the end of the line; \$ is the character`
	}
	return ""
}

// contradiction looks for an exclusion that every line which the rule asks for meets.
func (l *linter) contradiction(r *rule) {
	for _, none := range r.settings.None {
		for _, c := range conditions(&r.settings) {
			if !r.sets("none") && !r.sets(c.field) {
				continue
			}
			certain := !slices.ContainsFunc(c.alternatives, func(a string) bool { return !expression.Implies(a, none) })
			if certain && !expression.MatchesEverything(none) {
				field, text := "none", none
				if !r.sets("none") {
					field, text = c.field, ""
				}
				l.warn(r.part, CodeNeverHits, field, text, "excludes every line that "+c.field+" matches, so the rule never hits", "")
				return
			}
		}
	}
}

// resolveOn looks for a resolve_on that ends nothing, or much more than it seems to, and for groups of it that select nothing.
func (l *linter) resolveOn(r *rule) {
	s := &r.settings
	expr := s.ResolveOn
	if expr == "" || !r.sets("resolve_on") {
		return
	}
	line := condition{alternatives: []string{expr}}
	hits := !slices.ContainsFunc(conditions(s), func(c condition) bool { return !line.narrower(&c) }) && onLinesAlone(s)
	cost := l.endCosts[r.id].Filter
	switch {
	case expression.MatchesEverything(expr):
		l.warn(r.part, CodeEverything, "resolve_on", expr, "matches every line, so the next line that is no hit ends each incident", everythingHint(expr))
	case expression.MatchesNothing(expr):
		l.warn(r.part, CodeNothing, "resolve_on", expr, "cannot match any line, so no line ends an incident", nothingHint(expr))
	case hits:
		l.warn(r.part, CodeNoEffect, "resolve_on", expr, "each line that it matches is a hit of the rule, so no line ends an incident", "exclude the line with none")
	case !r.override && (cost == match.Union || cost == match.Always):
		l.warn(r.part, CodeNoLiteral, "resolve_on", expr, fmt.Sprintf("has no fixed text, so it runs on every line (about %.0f ns each)",
			l.options.Measure(engine.RuleSettings{Name: s.Name, Pattern: expr})), "a word that every match contains makes it cheap")
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return
	}
	for _, name := range re.SubexpNames() {
		if name != "" && !slices.Contains(s.CooldownBy, "capture."+name) {
			l.warn(r.part, CodeNoEffect, "resolve_on", expr, fmt.Sprintf("the group %q has no effect, because cooldown_by has no capture.%s", name, name), "")
		}
	}
}

// onLinesAlone reports whether the text of a line alone decides whether it is a hit of a rule.
func onLinesAlone(s *engine.RuleSettings) bool {
	return len(conditions(s)) > 0 && len(s.None) == 0 && len(s.Where) == 0 && len(s.Event) == 0 && (s.Stream == "" || s.Stream == "both")
}

// filter looks for rules whose expression is tried on every line.
func (l *linter) filter(r *rule) {
	cost, ok := l.costs[r.id]
	if !ok || r.override || cost.Filter != match.Union && cost.Filter != match.Always {
		return
	}
	c := conditions(&r.settings)
	reported := func(expr string) bool { return expression.MatchesEverything(expr) || expression.MatchesNothing(expr) }
	if slices.ContainsFunc(c, func(c condition) bool { return slices.ContainsFunc(c.alternatives, reported) }) {
		return
	}
	text := ""
	if c[0].field == "pattern" {
		text = r.settings.Pattern
	}
	l.warn(r.part, CodeNoLiteral, c[0].field, text,
		fmt.Sprintf("has no fixed text, so it runs on every line (about %.0f ns each)", l.options.Measure(r.settings)),
		"a word that every match contains makes it cheap")
}

var captureName = regexp.MustCompile(`\.Captures\.(\w+)`)

// output checks the settings that make the alert.
func (l *linter) output(r *rule) {
	s := &r.settings
	l.captures(r, "summary", s.Summary)
	for _, name := range sortedKeys(s.Labels) {
		l.captures(r, "labels."+name, s.Labels[name])
	}
	if s.Counts() && s.Cooldown < s.Within && (r.sets("cooldown") || r.sets("within")) {
		l.warn(r.part, CodeShortCooldown, "cooldown", "",
			fmt.Sprintf("%s is shorter than within, %s: one burst alerts several times", s.Cooldown, s.Within), "")
	}
	if s.CooldownMax > 0 && s.CooldownMax == s.Cooldown && r.sets("cooldown_max") {
		l.warn(r.part, CodeNoEffect, "cooldown_max", "", "has no effect, because it equals cooldown", "")
	}
	if r.sets("cooldown_by") {
		for _, key := range s.CooldownBy {
			l.key(r, key)
		}
	}
}

// captures looks for groups that a template shows and the pattern has not.
func (l *linter) captures(r *rule, field, text string) {
	s := &r.settings
	setting, _, _ := strings.Cut(field, ".")
	if !r.sets(setting) && !r.sets("pattern") {
		return
	}
	re, err := regexp.Compile(s.Pattern)
	for _, m := range captureName.FindAllStringSubmatch(text, -1) {
		if err != nil || re.SubexpIndex(m[1]) >= 0 || len(s.Event) > 0 && slices.Contains(engine.EventFields(), m[1]) {
			continue
		}
		hint := "the rule has no pattern"
		switch {
		case len(s.Event) > 0:
			hint = "an event has " + strings.Join(engine.EventFields(), ", ")
		case s.Pattern != "":
			hint = "its groups are named (?P<NAME>…)"
		}
		at := field
		if !r.sets(setting) {
			at = "pattern"
		}
		l.warn(r.part, CodeCapture, at, "", fmt.Sprintf("the pattern has no group named %q, so the %s is empty there", m[1], strings.TrimSuffix(setting, "s")), hint)
	}
}

// key checks a part of a cooldown key.
func (l *linter) key(r *rule, key string) {
	const hint = "if the value differs from hit to hit, each hit has its own key and no cooldown suppresses it"
	if name, ok := strings.CutPrefix(key, "capture."); ok {
		tree, err := syntax.Parse(r.settings.Pattern, syntax.Perl)
		if err != nil {
			return
		}
		switch g := expression.Group(tree, name); {
		case g == nil:
		case expression.Unbounded(g):
			l.warn(r.part, CodeUnboundedKey, "cooldown_by", key, "is an unbounded number or ID", hint)
		case expression.AnyText(g):
			l.warn(r.part, CodeUnboundedKey, "cooldown_by", key, "is any text", hint)
		}
		return
	}
	if path, ok := strings.CutPrefix(key, "field."); ok && isID(path) {
		l.warn(r.part, CodeUnboundedKey, "cooldown_by", key, "is an ID, a time or a number, judging by its name", hint)
	}
}

var idWords = []string{
	"id", "uuid", "guid", "traceid", "spanid", "requestid", "sessionid", "timestamp", "time", "ts", "duration", "latency", "elapsed", "bytes", "size",
	"ip", "addr", "address", "port", "offset", "seq", "nonce",
}

// isID reports whether the name of a field says that it is different for nearly every record.
func isID(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	words := strings.FieldsFunc(last, func(r rune) bool { return r == '_' || r == '-' })
	return slices.Contains(idWords, last) || len(words) > 0 && slices.Contains(idWords, words[len(words)-1])
}
