package model

import "sync"

// Candidates are the alerts of fleet rules that nobody has decided about: whether they leave, or another node of the fleet alerted. It is safe for
// concurrent use. The zero value is empty.
type Candidates struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]candidate
}

type candidate struct {
	counters *RuleCounters
	rollup   bool // it has no hit of its own
}

// Ask makes an alert a candidate. That of a hit counts as pending from then on; one without a hit of its own, such as a roll-up, counts once it leaves.
func (c *Candidates) Ask(a *Alert, counters *RuleCounters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[uint64]candidate{}
	}
	c.last++
	a.Candidate = c.last
	c.open[c.last] = candidate{counters, a.Count == 0}
}

// Decide counts a candidate as an alert, if it leaves, or its hit as suppressed. A ticket that is not open changes nothing.
func (c *Candidates) Decide(ticket uint64, leaves bool) {
	c.mu.Lock()
	one, ok := c.open[ticket]
	delete(c.open, ticket)
	c.mu.Unlock()
	switch {
	case !ok:
	case one.rollup && leaves:
		one.counters.Rollup()
	case one.rollup:
	case leaves:
		one.counters.Unpend()
	default:
		one.counters.Hold()
	}
}

// Len returns how many are open.
func (c *Candidates) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
