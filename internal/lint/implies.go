package lint

import (
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// literal returns the text of an expression that is nothing but a text.
func literal(expr string) (text string, fold, ok bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || tree.Op != syntax.OpLiteral {
		return "", false, false
	}
	return string(tree.Rune), tree.Flags&syntax.FoldCase != 0, true
}

// implies reports whether every line that matches the expression a certainly matches b: they are the same, or b is a text that every match of
// a holds.
func implies(a, b string) bool {
	if a == b {
		return true
	}
	text, fold, ok := literal(b)
	if !ok {
		return false
	}
	for _, r := range match.RequiredTexts(a) {
		if holdAll(r, text, fold) {
			return true
		}
	}
	return false
}

// holdAll reports whether each alternative of a required text holds a text.
func holdAll(r match.Required, text string, fold bool) bool {
	if r.Fold && !fold {
		return false
	}
	return !slices.ContainsFunc(r.Alternatives, func(a string) bool {
		if fold && isASCII(a) && isASCII(text) {
			return !strings.Contains(strings.ToLower(a), strings.ToLower(text))
		}
		return !strings.Contains(a, text)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

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
			c.alternatives = append(c.alternatives, match.LiteralExpr([]string{k}, true))
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
		return !slices.ContainsFunc(other.alternatives, func(b string) bool { return implies(a, b) })
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
