package engine

import "sync/atomic"

// Reason says why a hit made no alert of its own.
type Reason uint8

// The reasons.
const (
	ReasonCooldown  Reason = iota // the key alerted not long before
	ReasonRateLimit               // the container's token bucket was empty
	ReasonThreshold               // not enough hits came yet
	ReasonSilence                 // a silence is in force
	ReasonInhibited               // an alert of another rule stands for it
	ReasonKnown                   // first_seen: the template was seen before
	ReasonExpected                // absent: the line that the rule waits for came
	ReasonDryRun                  // the rule alerts nobody
	NumReasons
)

var reasonNames = [NumReasons]string{
	"cooldown", "rate_limit", "threshold", "silence", "inhibited", "known", "expected", "dry_run",
}

// String returns the reason's word, as alerts and metrics show it.
func (r Reason) String() string { return reasonNames[r] }

// RuleCounters counts what became of a rule's hits. At every moment in which no record is being processed,
// hits = alerts + the sum of suppressed + pending.
type RuleCounters struct {
	hits, alerts, pending atomic.Int64
	suppressed            [NumReasons]atomic.Int64
	nanos                 atomic.Int64 // see Engine.SetClock

	rollups, absences, forgotten atomic.Int64
}

// RuleCounts is a copy of a rule's counters.
type RuleCounts struct {
	Hits, Alerts, Pending int64
	Suppressed            [NumReasons]int64
	// Alerts that time made, which stand for no hit of their own.
	Rollups, Absences int64
	// Suppressed hits that no alert will tell of, since their key was forgotten before.
	Forgotten int64
}

// Accounted returns the hits whose fate is told: alerts, suppressed and pending.
func (c *RuleCounts) Accounted() int64 {
	n := c.Alerts + c.Pending
	for _, s := range c.Suppressed {
		n += s
	}
	return n
}

func (c *RuleCounters) load() RuleCounts {
	out := RuleCounts{Hits: c.hits.Load(), Alerts: c.alerts.Load(), Pending: c.pending.Load()}
	out.Rollups, out.Absences, out.Forgotten = c.rollups.Load(), c.absences.Load(), c.forgotten.Load()
	for i := range c.suppressed {
		out.Suppressed[i] = c.suppressed[i].Load()
	}
	return out
}

func (c *RuleCounters) alert() { c.alerts.Add(1) }

func (c *RuleCounters) suppress(why Reason) { c.suppressed[why].Add(1) }
