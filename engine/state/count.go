package state

import (
	"slices"
	"sort"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// maxMarks bounds how many hits the thresholds of all keys remember: 48 MiB.
const maxMarks = 1 << 21

// mark is one hit that counts for the threshold, or the latest of those with one value.
type mark struct {
	at    int64 // ns, by the records' clock
	value ValueID
	hit   uint64 // number of the hit: the order of arrival
}

// slidingCount counts a key's hits for the threshold. Records may come in any order of their times, so it remembers the last 2 × count hits, or
// different values, in the order of arrival, whatever their times are.
type slidingCount struct {
	marks    []mark // in the order of their times
	hits     uint64 // that were counted
	distinct string // the source of the values
}

// with returns how many hits there are, with a hit, in the fullest time of length within that it lies in, or how many different values; and the place of
// the mark that has its value, or -1.
func (c *slidingCount) with(set *rules.RuleSettings, h *HitContext) (n, own int) {
	marks := c.marks
	if c.distinct != set.Distinct { // observe will restart the count
		marks = nil
	}
	distinct := set.Distinct != ""
	own = -1
	if distinct && h.Valued {
		own = slices.IndexFunc(marks, func(m mark) bool { return m.value == h.Value })
	}
	n = fullest(marks, h.At, int64(set.Within), own)
	if distinct && !h.Valued {
		// A hit without the value adds nothing to the different values.
		return n, own
	}
	return n + 1, own
}

// observe counts a hit, whatever becomes of it; own is of with.
func (c *slidingCount) observe(set *rules.RuleSettings, h *HitContext, own int) {
	if c.distinct != set.Distinct {
		*c = slidingCount{distinct: set.Distinct}
	}
	if set.Distinct != "" && !h.Valued {
		return
	}
	c.hits++
	m := mark{h.At, h.Value, c.hits}
	if own >= 0 {
		// A record that came late must not make its value look older.
		m.at = max(h.At, c.marks[own].at)
		c.marks = slices.Delete(c.marks, own, own+1)
	}
	c.insert(m)
	for len(c.marks) > 2*set.Count {
		c.forgetOldest()
	}
}

// fullest returns how many of the marks there are, but for the one at except, in the fullest time of length within that holds at.
func fullest(all []mark, at, within int64, except int) (most int) {
	from := sort.Search(len(all), func(i int) bool { return all[i].at > at-within })
	if len(all) == 0 || all[len(all)-1].at <= at { // the hit is the latest, as it is nearly always
		most = len(all) - from
		if except >= from {
			most--
		}
		return most
	}
	n, next := 0, from
	for first := from; ; first++ {
		start := at
		if first < len(all) {
			start = min(at, all[first].at)
		}
		for ; next < len(all) && all[next].at < start+within; next++ {
			if next != except {
				n++
			}
		}
		most = max(most, n)
		if start == at {
			return most
		}
		if first != except {
			n--
		}
	}
}

// insert puts a mark behind those that are not later.
func (c *slidingCount) insert(m mark) {
	// Searched from the end, because most records come in the order of their times.
	i := len(c.marks)
	for i > 0 && c.marks[i-1].at > m.at {
		i--
	}
	c.marks = slices.Insert(c.marks, i, m)
}

// forgetOldest forgets the hit that arrived first.
func (c *slidingCount) forgetOldest() {
	if c.marks[0].hit+uint64(len(c.marks)) == c.hits+1 { // none is missing in between, so none arrived before
		c.marks = c.marks[1:]
		return
	}
	oldest := 0
	for i := range c.marks {
		if c.marks[i].hit < c.marks[oldest].hit {
			oldest = i
		}
	}
	c.marks = slices.Delete(c.marks, oldest, oldest+1)
}

// clear restarts the count, because an alert reported the hits that crossed the threshold.
func (c *slidingCount) clear() { c.marks = nil }

func (c *slidingCount) clampFuture(now int64) {
	for i := len(c.marks); i > 0 && c.marks[i-1].at > now; i-- {
		c.marks[i-1].at = now
	}
}

// pace is how often a key is hit whose rule has rate. With below it may go quiet, which is an alert of its own.
type pace struct {
	rate.Pace
	behind  int64 // by how much the latest hit arrived later than it happened: the records' clock is as far behind
	last    int64 // when the latest hit happened
	gap     int64 // slices in which the program did not run, which do not count unless lines of them are read
	resumed int64 // when it ran again

	source   *model.Source // of the last hit, with below; nil: without
	quiet    bool          // too few hits came
	fell     int64         // from when on it was quiet, by the records' clock
	sent     bool          // and an alert reported that
	triggers []string      // that sent it; nil: unknown
	until    int64         // a quiet key is not reported before
}

func (p *pace) clone() *pace {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// skip moves the past along with a clock that moved by so many ns that did not pass.
func (p *pace) skip(ns, now int64) {
	p.Shift(p.WholeSlices(ns))
	p.last, p.fell, p.resumed = min(p.last, now), min(p.fell, now), min(p.resumed, now)
	if p.until != 0 {
		p.until = min(p.until+ns, now+int64(maxProlonged))
	}
}

// resume goes on after a stop. Nobody knows how many hits came meanwhile until lines of that time are read.
func (p *pace) resume(now, stopped int64) {
	if ahead := p.WholeSlices(now) - p.Head; ahead < 0 { // the clock was set back
		p.Shift(ahead)
	}
	p.last, p.fell = min(p.last, now), min(p.fell, now)
	if stopped != 0 && now > stopped {
		p.gap, p.resumed = p.gap+p.WholeSlices(now-stopped), now
	}
}

// looks returns when a key whose rule has below is next looked at: at the end of a slice by the records' clock. 0: nothing can go quiet, as things are.
func (p *pace) looks(r *rules.Rule, notBefore int64) int64 {
	if p == nil || r == nil || r.Settings.Rate.Below == 0 || p.quiet || p.source == nil || !p.Fits(int64(r.Settings.Within), int64(r.Settings.Rate.Than)) {
		return 0
	}
	// Without recent hits, what is usual only falls.
	if p.Learned() && p.Hits() == 0 && p.Usual() < rate.Unit*int64(r.Settings.Rate.AtLeast) {
		return 0
	}
	return max(p.End(max(p.Head, p.LearnedIn()))+p.gap*p.Slice+p.behind, p.until, notBefore)
}
