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
	rollup   bool   // it has no hit of its own
	key      string // and when the alert was made, which opened the window of the key
	opened   int64
	hits     *CandidateHits
}

// CandidateHits are the hits of a candidate whose template another node may have seen: then they are still to be reported.
type CandidateHits struct {
	RuleID, Key string
	Opened      int64 // when it was made
	Sight       FleetSight
	Suppressed  [NumReasons]int64
	First, Last int64
}

// Ask makes an alert a candidate. That of a hit counts as pending from then on; one without a hit of its own, such as a roll-up, counts once it leaves.
func (c *Candidates) Ask(a *Alert, counters *RuleCounters, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[uint64]candidate{}
	}
	c.last++
	a.Candidate = c.last
	one := candidate{counters: counters, rollup: a.Count == 0, key: a.Key, opened: now}
	if a.Sight != nil {
		one.hits = &CandidateHits{RuleID: a.RuleID, Key: a.Key, Opened: now, Sight: *a.Sight, Suppressed: a.Suppressed, First: a.First, Last: a.Last}
	}
	c.open[c.last] = one
}

// Find returns the cooldown key of a candidate, and when its alert was made; ok is false if it is not open.
func (c *Candidates) Find(ticket uint64) (key string, made int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.open[ticket]
	return one.key, one.opened, ok
}

// Known ends a candidate whose template another node has seen, and returns its hits, its own as known among them; nil: it is not open.
func (c *Candidates) Known(ticket uint64) *CandidateHits {
	c.mu.Lock()
	one, ok := c.open[ticket]
	delete(c.open, ticket)
	c.mu.Unlock()
	if !ok || one.rollup || one.hits == nil {
		return nil
	}
	one.counters.Recognize()
	one.hits.Suppressed[ReasonKnown]++
	return one.hits
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
