package admin

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// maxSpentLabels bounds the rules that lost their label. With as many, rules that are gone keep theirs.
const maxSpentLabels = 10_000

// ruleLabels says which rules of an instance have a label of their own in the metrics, and what each label tells. No label's counter falls, that of the
// others neither, and together they are the totals:
//   - A label is given to the busiest rules that have none while there is room, and kept. A rule that was among the others begins at zero.
//   - One of a rule that is gone stays as it is, and goes on when the rule is made again. For want of room it goes to another rule, its counts to the others,
//     where the rule stays from then on.
type ruleLabels struct {
	mu     sync.Mutex
	labels map[string]*ruleLabel
	others map[string]bool // rules that were among the others at the last look
	spent  map[string]bool // rules that lost their label
	sent   int64           // what the others told of sent alerts last
}

// ruleLabel is what a label tells: base, and what its rule counted.
type ruleLabel struct {
	base, last tally
	sent, from int64 // alerts that were sent since the label was given; from is how many there were by then
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

// now is what the label tells.
func (l *ruleLabel) now() tally { return l.base.plus(l.last, 1) }

// count takes over what the rule counted. When it counts anew, or is gone, what there was stays.
func (l *ruleLabel) count(next tally) {
	if next.below(l.last) {
		l.base = l.now()
	}
	l.last = next
}

// look takes over the counters of all rules, and returns what the others tell, and how many of their hits are pending. The caller holds the lock, from
// before it read the counters on.
func (r *ruleLabels) look(stats *pipeline.Stats) (others tally, pending int64) {
	if r.labels == nil {
		r.labels, r.spent = map[string]*ruleLabel{}, map[string]bool{}
	}
	total := stats.Engine.Total()
	others, pending = tallyOf(&total, stats.Engine.RetiredNanos), total.Pending
	for id, l := range r.labels {
		c, there := stats.Engine.Rules[id]
		l.count(tallyOf(&c, stats.Engine.Nanos[id]))
		l.sent = max(l.sent, stats.Sent.Rules[id]-l.from) // of a rule that is gone, nothing is known
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

// give gives labels to the busiest rules without one. Where there are many rules, those without a hit get none: there would be none left for busy ones.
func (r *ruleLabels) give(stats *pipeline.Stats) {
	var want, gone []string
	for id, c := range stats.Engine.Rules {
		if r.labels[id] == nil && !r.spent[id] && id != otherLabel && (c.Hits > 0 || len(stats.Engine.Rules) <= maxRuleLabels) {
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
		if len(r.labels) >= maxRuleLabels {
			if len(gone) == 0 || len(r.spent) >= maxSpentLabels {
				return
			}
			delete(r.labels, gone[0])
			r.spent[gone[0]] = true
			gone = gone[1:]
		}
		c := stats.Engine.Rules[id]
		l := &ruleLabel{last: tallyOf(&c, stats.Engine.Nanos[id]), pending: c.Pending, there: true}
		if r.others[id] { // what it counted was told there
			l.base, l.from = tally{}.plus(l.last, -1), stats.Sent.Rules[id]
		}
		l.sent = stats.Sent.Rules[id] - l.from
		r.labels[id] = l
	}
}

// otherSent returns how many alerts of the others were sent.
func (r *ruleLabels) otherSent(total int64) int64 {
	for _, l := range r.labels {
		total -= l.sent
	}
	r.sent = max(r.sent, total)
	return r.sent
}

// names returns the labels, sorted.
func (r *ruleLabels) names() []string { return slices.Sorted(maps.Keys(r.labels)) }
