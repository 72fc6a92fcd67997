package model

import (
	"sync/atomic"
)

// Reason says why a hit made no alert of its own.
type Reason uint8

// The reasons.
const (
	ReasonCooldown  Reason = iota // the key alerted not long before
	ReasonRateLimit               // the container's token bucket was empty
	ReasonThreshold               // not enough hits came yet
	ReasonSilence                 // a silence is in force
	ReasonInhibited               // an alert of another rule inhibits it
	ReasonKnown                   // first_seen: the template was seen before
	ReasonExpected                // absent: the line that the rule waits for came
	ReasonDryRun                  // the rule alerts nobody
	ReasonSequence                // after: no hit of the other rule came before; without: it waits for one
	ReasonFleet                   // another node of the fleet alerted
	NumReasons
)

var reasonNames = [NumReasons]string{
	"cooldown", "rate_limit", "threshold", "silence", "inhibited", "known", "expected", "dry_run", "sequence", "fleet",
}

// String returns the reason's word, as alerts and metrics show it.
func (r Reason) String() string { return reasonNames[r] }

// RuleCounters counts the hits of a rule by their outcome. At every moment in which no record is being processed,
// hits = alerts + the sum of suppressed + pending.
type RuleCounters struct {
	hits, alerts, pending atomic.Int64
	suppressed            [NumReasons]atomic.Int64
	Nanos                 atomic.Int64 // see Engine.SetClock

	rollups, absences, resolved, forgotten atomic.Int64

	retiredInto atomic.Pointer[RuleCounters] // of a retired rule: further counts belong there
}

// RuleCounts is a copy of a rule's counters.
type RuleCounts struct {
	Hits, Alerts, Pending int64
	Suppressed            [NumReasons]int64
	// Alerts that time made, without a hit of their own.
	Rollups, Absences, Resolved int64
	// Suppressed hits that no alert will report, because their key was forgotten first.
	Forgotten int64
}

// Accounted returns the hits with an outcome: alerts, suppressed and pending.
func (c *RuleCounts) Accounted() int64 {
	n := c.Alerts + c.Pending
	for _, s := range c.Suppressed {
		n += s
	}
	return n
}

func (c *RuleCounters) Load() RuleCounts {
	out := RuleCounts{Hits: c.hits.Load(), Alerts: c.alerts.Load(), Pending: c.pending.Load()}
	out.Rollups, out.Absences, out.Resolved, out.Forgotten = c.rollups.Load(), c.absences.Load(), c.resolved.Load(), c.forgotten.Load()
	for i := range c.suppressed {
		out.Suppressed[i] = c.suppressed[i].Load()
	}
	return out
}

func (c *RuleCounters) Hit() { c.add(&c.hits, 1) }

func (c *RuleCounters) Alert() { c.add(&c.alerts, 1) }

func (c *RuleCounters) Rollup() { c.add(&c.rollups, 1) }

func (c *RuleCounters) Absence() { c.add(&c.absences, 1) }

func (c *RuleCounters) Resolve() { c.add(&c.resolved, 1) }

// Pend counts a hit whose alert waits for lines.
func (c *RuleCounters) Pend() { c.add(&c.pending, 1) }

// Unpend counts the alert of a hit that waited.
func (c *RuleCounters) Unpend() {
	c.add(&c.pending, -1)
	c.Alert()
}

// Hold counts a pending hit as suppressed, because another node of the fleet alerted.
func (c *RuleCounters) Hold() {
	c.add(&c.pending, -1)
	c.Suppress(ReasonFleet)
}

// Recognize counts a pending hit as suppressed, because another node saw its template before.
func (c *RuleCounters) Recognize() {
	c.add(&c.pending, -1)
	c.Suppress(ReasonKnown)
}

// Forget counts hits that no alert will report.
func (c *RuleCounters) Forget(hits int64) { c.add(&c.forgotten, hits) }

// Spend adds to the time spent on the rule.
func (c *RuleCounters) Spend(nanos int64) { c.add(&c.Nanos, nanos) }

func (c *RuleCounters) Suppress(why Reason) { c.add(&c.suppressed[why], 1) }

// SuppressHits counts hits, and that they were suppressed.
func (c *RuleCounters) SuppressHits(why Reason, hits int64) {
	c.add(&c.hits, hits)
	c.add(&c.suppressed[why], hits)
}

// add adds to one of the counters. Counts for a rule that was retired meanwhile, such as an alert that waited for lines, go to the retired counters.
func (c *RuleCounters) add(to *atomic.Int64, n int64) {
	to.Add(n)
	if into := c.retiredInto.Load(); into != nil {
		c.mergeInto(into)
	}
}

// Retire moves everything to the counters of the retired rules, now and whenever something more is counted.
func (c *RuleCounters) Retire(into *RuleCounters) {
	c.mergeInto(into) // before anybody can find it on its way there
	c.retiredInto.Store(into)
	c.mergeInto(into)
}

// mergeInto moves everything to other counters. Nothing is lost or counted twice when several callers move at once.
func (c *RuleCounters) mergeInto(into *RuleCounters) {
	to := into.all()
	for i, from := range c.all() {
		if n := from.Swap(0); n != 0 {
			to[i].Add(n)
		}
	}
}

func (c *RuleCounters) all() []*atomic.Int64 {
	all := []*atomic.Int64{&c.hits, &c.alerts, &c.pending, &c.Nanos, &c.rollups, &c.absences, &c.resolved, &c.forgotten}
	for i := range c.suppressed {
		all = append(all, &c.suppressed[i])
	}
	return all
}

// Add adds the counts of another rule.
func (c *RuleCounts) Add(more *RuleCounts) {
	c.Hits, c.Alerts, c.Pending = c.Hits+more.Hits, c.Alerts+more.Alerts, c.Pending+more.Pending
	c.Rollups, c.Absences, c.Resolved = c.Rollups+more.Rollups, c.Absences+more.Absences, c.Resolved+more.Resolved
	c.Forgotten += more.Forgotten
	for why, n := range more.Suppressed {
		c.Suppressed[why] += n
	}
}

func Sum(suppressed *[NumReasons]int64) (n int64) {
	for _, k := range suppressed {
		n += k
	}
	return n
}
