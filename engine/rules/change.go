package rules

import (
	"maps"
	"reflect"
	"slices"
)

// Change lists the rules that a new snapshot added, removed and changed, by id. The lists are sorted.
type Change struct {
	Added, Removed, Changed, Kept []string
}

// Changes compares the rules of two snapshots; before may be nil.
func Changes(before, after *Snapshot) Change {
	old, now := before.definitions(), after.definitions()
	var c Change
	for _, id := range slices.Sorted(maps.Keys(now)) {
		switch was, ok := old[id]; {
		case !ok:
			c.Added = append(c.Added, id)
		case !reflect.DeepEqual(was, now[id]):
			c.Changed = append(c.Changed, id)
		default:
			c.Kept = append(c.Kept, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[id]; !ok {
			c.Removed = append(c.Removed, id)
		}
	}
	return c
}

// definition is all that the settings say under one id: a rule, and the overrides of a block that changes a rule of that name. Two of them are
// compared by value.
type definition struct {
	rule      RuleSettings
	overrides []Override
}

// definitions returns the definitions of the rules in force by their ids.
func (n *Snapshot) definitions() map[string]definition {
	out := map[string]definition{}
	if n == nil {
		return out
	}
	for _, r := range n.Rules {
		out[r.ID] = definition{rule: r.Settings}
	}
	for i := range n.Settings.Workloads {
		w := &n.Settings.Workloads[i]
		for _, o := range w.Overrides {
			id := ownID(o.Rule, w.Match)
			d := out[id]
			d.overrides = append(d.overrides, o)
			out[id] = d
		}
	}
	return out
}
