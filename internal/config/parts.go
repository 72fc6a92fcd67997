package config

import (
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Parts has the places of the parts of the settings. Its lists are as long as those of the settings, in the same order.
type Parts struct {
	Rules     []Part
	Workloads []WorkloadPart
	Triggers  []Part
	Silences  []Part
	Inhibits  []Part

	singles map[string]*node
}

// WorkloadPart is a [[workload]] block, with the overrides and rules in it.
type WorkloadPart struct {
	Part
	Overrides []Part
	Rules     []Part
}

// Part is one rule, workload, override or trigger.
type Part struct {
	// Path names it, as Problem.Path does.
	Path string
	node *node
}

// shown returns the part for the result.
func (p *part) shown() Part { return Part{Path: p.path, node: p.node} }

// Place returns the place of a setting of the part, such as "cooldown" or "where.level": of a list, the element with the text when there is
// one. A setting that is not set has the place of the part.
func (p Part) Place(field, text string) Place {
	if n := p.node.find(field, text); field != "" && n != nil {
		return n.at
	}
	return p.node.at
}

// Sets reports whether the part sets the setting itself.
func (p Part) Sets(field string) bool { return p.node.find(field, "") != nil }

// Literal returns a setting as its source writes it, cut to a readable length; "" where it is not set, and for lists and tables. It is not
// for settings that may be secret.
func (p Part) Literal(field, text string) string {
	if n := p.node.find(field, text); n != nil {
		return n.literal()
	}
	return ""
}

// Single returns where a setting that exists once is set, such as "limits.max_keys"; false when no source sets it.
func (p *Parts) Single(field string) (Place, bool) {
	n := p.singles[field]
	if n == nil {
		return Place{}, false
	}
	return n.at, true
}

// Unavailable returns the problems of a part that is well written and cannot be used on this machine. err is its owner's.
func (p Part) Unavailable(err error) []Problem {
	var problems []Problem
	for _, f := range setting.FaultsIn(err) {
		at := p.Place(f.Field, "")
		problems = append(problems, Problem{
			Place: at, Path: p.Path, Field: f.Field, Code: f.Code, Message: f.Message, Hint: f.Hint,
		})
	}
	return problems
}
