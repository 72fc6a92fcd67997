package metrics

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// maxSpentLabels bounds the rules that lost their label. When it is reached, rules that are gone keep theirs.
const maxSpentLabels = 10_000

// RuleLabels assigns labels of metrics to the rules of an instance, and keeps the counters of each label. The counters of all labels add up to the totals,
// and none ever falls, that of "other" included:
//   - While there is room, the busiest rules without a label get one and keep it. A rule that was counted under "other" starts at zero.
//   - The label of a rule that is gone keeps its counters, and continues if the rule comes back. When the room is needed, another rule gets the label, its
//     counters move to "other", and the old rule is counted there from then on.
//
// The zero value is ready to use.
type RuleLabels struct {
	mu     sync.Mutex
	labels map[string]*ruleLabel
	others map[string]bool // rules counted under "other" at the last update
	spent  map[string]bool // rules that lost their label
	sent   int64           // the last value of "other" for sent alerts
}

// ruleLabel holds the counters of a label: base plus the counters of its rule.
type ruleLabel struct {
	base, last tally
	sent, from int64 // alerts sent since the rule got the label; from is the rule's counter at that time
	pending    int64
	there      bool
}

// tally is the counters of a rule.
type tally struct {
	hits, alerts, nanos int64
	suppressed          [engine.NumReasons]int64
}

func tallyOf(c *engine.RuleCounts, nanos int64) tally {
	return tally{c.Hits, c.Alerts, nanos, c.Suppressed}
}

// plus adds another tally n times.
func (t tally) plus(more tally, n int64) tally {
	t.hits, t.alerts, t.nanos = t.hits+n*more.hits, t.alerts+n*more.alerts, t.nanos+n*more.nanos
	for why := range t.suppressed {
		t.suppressed[why] += n * more.suppressed[why]
	}
	return t
}

// below reports whether some counter is lower than that of another tally.
func (t tally) below(other tally) bool {
	for why := range t.suppressed {
		if t.suppressed[why] < other.suppressed[why] {
			return true
		}
	}
	return t.hits < other.hits || t.alerts < other.alerts || t.nanos < other.nanos
}

// now returns the counters of the label.
func (l *ruleLabel) now() tally { return l.base.plus(l.last, 1) }

// count records the counters of the rule. If they fell, because the rule was created again or is gone, the old ones stay in base.
func (l *ruleLabel) count(next tally) {
	if next.below(l.last) {
		l.base = l.now()
	}
	l.last = next
}

// update records the counters of all rules, and returns those of "other" and how many of its hits are pending. The caller must hold the lock since before
// it read the counters.
func (r *RuleLabels) update(stats *pipeline.Stats) (others tally, pending int64) {
	if r.labels == nil {
		r.labels, r.spent = map[string]*ruleLabel{}, map[string]bool{}
	}
	total := stats.Engine.Total()
	others, pending = tallyOf(&total, stats.Engine.RetiredNanos), total.Pending
	for id, l := range r.labels {
		c, there := stats.Engine.Rules[id]
		l.count(tallyOf(&c, stats.Engine.Nanos[id]))
		l.sent = max(l.sent, stats.Sent.Rules[id]-l.from) // the counter of a rule that is gone is missing
		l.pending, l.there = c.Pending, there
	}
	r.give(stats)
	among := map[string]bool{}
	for id := range stats.Engine.Rules {
		others.nanos += stats.Engine.Nanos[id]
		among[id] = r.labels[id] == nil
	}
	r.others = among
	for _, l := range r.labels {
		others, pending = others.plus(l.now(), -1), pending-l.pending
	}
	return others, pending
}

// give assigns labels to the busiest rules without one. If there are more rules than labels, rules without a hit get none, so that labels are left for busy ones.
func (r *RuleLabels) give(stats *pipeline.Stats) {
	var want, gone []string
	for id, c := range stats.Engine.Rules {
		if r.labels[id] == nil && !r.spent[id] && id != otherLabel && (c.Hits > 0 || len(stats.Engine.Rules) <= MaxRules) {
			want = append(want, id)
		}
	}
	for id, l := range r.labels {
		if !l.there {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(want, func(a, b string) int {
		return cmp.Or(cmp.Compare(stats.Engine.Rules[b].Hits, stats.Engine.Rules[a].Hits), cmp.Compare(a, b))
	})
	slices.SortFunc(gone, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.labels[a].now().hits, r.labels[b].now().hits), cmp.Compare(a, b))
	})
	for _, id := range want {
		if len(r.labels) >= MaxRules {
			if len(gone) == 0 || len(r.spent) >= maxSpentLabels {
				return
			}
			delete(r.labels, gone[0])
			r.spent[gone[0]] = true
			gone = gone[1:]
		}
		c := stats.Engine.Rules[id]
		l := &ruleLabel{last: tallyOf(&c, stats.Engine.Nanos[id]), pending: c.Pending, there: true}
		if r.others[id] { // "other" has its counters so far
			l.base, l.from = tally{}.plus(l.last, -1), stats.Sent.Rules[id]
		}
		l.sent = stats.Sent.Rules[id] - l.from
		r.labels[id] = l
	}
}

// otherSent returns the sent alerts of "other".
func (r *RuleLabels) otherSent(total int64) int64 {
	for _, l := range r.labels {
		total -= l.sent
	}
	r.sent = max(r.sent, total)
	return r.sent
}

// names returns the labels, sorted.
func (r *RuleLabels) names() []string { return slices.Sorted(maps.Keys(r.labels)) }
