package lint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
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
