package lint

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match/plaintext"
	"github.com/tinyforge/fluentbit-trigger/internal/lint/expression"
)

// overlaps looks for rules that another one makes superfluous, among the globals, and among the rules of each workload block.
func (l *linter) overlaps() {
	for j := range l.rules {
		later := &l.rules[j]
		if later.override {
			continue
		}
		for i := range l.rules[:j] {
			if first := &l.rules[i]; !first.override && first.block == later.block && l.overlap(first, later) {
				break
			}
		}
	}
}

func (l *linter) overlap(first, later *rule) bool {
	a, b := &first.settings, &later.settings
	if a.DryRun || b.DryRun || !within(b, a) {
		return false
	}
	where := fmt.Sprintf("%q", a.Name)
	if at := first.part.Place("name", ""); at.Origin != later.part.Place("name", "").Origin {
		where += " at " + at.String()
	} else if at.Line > 0 {
		where += fmt.Sprintf(" in line %d", at.Line)
	}
	switch {
	case within(a, b):
		l.warn(later.part, CodeDuplicate, "", "", "matches the same lines as "+where+": each hit alerts twice", "")
	case b.Severity <= a.Severity && sameKey(a, b):
		l.warn(later.part, CodeShadowed, "", "", "each hit is also a hit of "+where+", which has the same key and no lower severity", "")
	default:
		return false
	}
	return true
}

func sameKey(a, b *engine.RuleSettings) bool {
	x, y := slices.Sorted(slices.Values(a.CooldownBy)), slices.Sorted(slices.Values(b.CooldownBy))
	return slices.Equal(x, y)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// condition is one of the expressions that a line must match: one of the alternatives.
type condition struct {
	field        string
	alternatives []string
}

// conditions returns the expressions that a line must match to be a hit.
func conditions(s *engine.RuleSettings) []condition {
	var out []condition
	if s.Pattern != "" {
		out = append(out, condition{"pattern", []string{s.Pattern}})
	}
	if len(s.Keywords) > 0 {
		c := condition{field: "keywords"}
		for _, k := range s.Keywords {
			c.alternatives = append(c.alternatives, plaintext.Expr([]string{k}, true))
		}
		out = append(out, c)
	}
	if len(s.Any) > 0 {
		out = append(out, condition{"any", s.Any})
	}
	for _, e := range s.All {
		out = append(out, condition{"all", []string{e}})
	}
	return out
}

// narrower reports whether every line that meets the condition c certainly meets other.
func (c *condition) narrower(other *condition) bool {
	return !slices.ContainsFunc(c.alternatives, func(a string) bool {
		return !slices.ContainsFunc(other.alternatives, func(b string) bool { return expression.Implies(a, b) })
	})
}

// compared are the settings that within and overlap look at one by one, and those that change only the text of an alert.
var compared = []string{
	"name", "pattern", "keywords", "any", "all", "none", "stream", "severity", "cooldown", "cooldown_by", "where", "workloads", "exclude_workloads",
	"context", "summary", "labels", "runbook", "dry_run", "rollup",
}

// sameKind reports whether two rules agree in every other setting, such as thresholds and events.
func sameKind(a, b *engine.RuleSettings) bool {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		if !slices.Contains(compared, x.Type().Field(i).Tag.Get("toml")) && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}

// within reports whether every hit of a rule is certainly a hit of another one too.
func within(rule, other *engine.RuleSettings) bool {
	if !sameKind(rule, other) {
		return false
	}
	if other.Stream != "both" && other.Stream != "" && other.Stream != rule.Stream {
		return false
	}
	for path, want := range other.Where {
		if rule.Where[path] != want {
			return false
		}
	}
	if len(other.Workloads) > 0 && !subset(rule.Workloads, other.Workloads) || len(other.Workloads) > 0 && len(rule.Workloads) == 0 {
		return false
	}
	if !subset(other.ExcludeWorkloads, rule.ExcludeWorkloads) || !subset(other.None, rule.None) {
		return false
	}
	mine := conditions(rule)
	for _, o := range conditions(other) {
		if !slices.ContainsFunc(mine, func(c condition) bool { return c.narrower(&o) }) {
			return false
		}
	}
	return true
}

// subset reports whether all texts of a list are in another.
func subset(list, of []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(of, s) })
}
