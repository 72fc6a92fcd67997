package backtest

import (
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// comparer collects the lines on which two rule sets alert differently.
type comparer struct {
	now, old *side
	samples  int
	out      Comparison
	changes  map[string]*RuleChange
}

func newComparer(now, old *side, samples int) *comparer {
	return &comparer{now: now, old: old, samples: samples, changes: map[string]*RuleChange{}}
}

func (c *comparer) change(id string) *RuleChange {
	out := c.changes[id]
	if out == nil {
		out = &RuleChange{ID: id}
		c.changes[id] = out
	}
	return out
}

// record compares the alerts of both sets for one record.
func (c *comparer) record(now, old []engine.Alert, at place) {
	switch {
	case len(old) == 0:
		c.out.OnlyNew++
	case len(now) == 0:
		c.out.OnlyOld++
	}
	for i := range now {
		if a := &now[i]; !alerted(old, a.RuleID) {
			one := c.change(a.RuleID)
			one.OnlyNew++
			if len(one.NewSamples) < c.samples {
				one.NewSamples = append(one.NewSamples, bareSample(a, at))
			}
		}
	}
	for i := range old {
		if a := &old[i]; !alerted(now, a.RuleID) {
			one := c.change(a.RuleID)
			one.OnlyOld++
			if len(one.OldSamples) < c.samples {
				one.OldSamples = append(one.OldSamples, bareSample(a, at))
			}
		}
	}
}

// bareSample returns a sample without surrounding lines, because the lines after it have not been read yet.
func bareSample(a *engine.Alert, at place) Sample {
	out := alertSample(a, at)
	out.Before, out.After = nil, nil
	return out
}

func alerted(alerts []engine.Alert, id string) bool {
	return slices.ContainsFunc(alerts, func(a engine.Alert) bool { return a.RuleID == id })
}

// finish lists the rules of both sets: those of the new set in its order, then the removed ones.
func (c *comparer) finish() *Comparison {
	for _, a := range c.now.rules {
		one := c.change(a.rule.ID)
		one.New = &a.rule
		switch before := c.old.byID[a.rule.ID]; {
		case before == nil:
			one.Change = ChangeAdded
		default:
			one.Old = &before.rule
			if one.Change = ChangeSame; !reflect.DeepEqual(before.decidedBy, a.decidedBy) {
				one.Change = ChangeChanged
			}
		}
		c.out.Rules = append(c.out.Rules, *one)
	}
	for _, a := range c.old.rules {
		if c.now.byID[a.rule.ID] == nil {
			one := c.change(a.rule.ID)
			one.Change, one.Old = ChangeRemoved, &a.rule
			c.out.Rules = append(c.out.Rules, *one)
		}
	}
	return &c.out
}
