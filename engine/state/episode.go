package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// episode measures how long a key keeps being hit, for the escalation. It begins with an alert and lasts while the key is hit at least once in each
// window (as long as the cooldown, counted from that alert), whether or not those hits are suppressed. It goes by the records' clock.
type episode struct {
	began   int64 // the time of the first alert; 0: no episode
	lastHit int64 // the latest time of a hit
	arrived int64 // when that hit arrived: the records' clock is as much behind
	step    int   // how many steps of the escalation were sent
}

// clock returns the time on the records' clock at a time of arrival.
func (e *episode) clock(now int64) int64 { return e.lastHit + now - e.arrived }

// expired reports whether a window has passed without a hit by a time of the records' clock.
func (e *episode) expired(at, length int64) bool {
	last := int64(-1) // a hit before the beginning is in none of its windows
	if e.lastHit >= e.began {
		last = (e.lastHit - e.began) / length
	}
	return at >= e.began && (at-e.began)/length > last+1
}

// observe notes a hit, suppressed or not.
func (e *episode) observe(r *rules.Rule, at, now int64) {
	if len(r.Settings.Escalate) == 0 {
		*e = episode{}
		return
	}
	// Before lastHit moves, or this hit would bridge the gap that ended the episode.
	if e.began != 0 && e.expired(at, r.Window()) {
		e.began, e.step = 0, 0
	}
	if at >= e.lastHit {
		e.lastHit, e.arrived = at, now
	}
}

// nextStep returns when, by arrival, the next step is due for the hits suppressed since shown arrived; 0: never, or the episode will have expired.
// It is not before the arrival of the latest hit, which may itself show that the time has passed.
func (e *episode) nextStep(r *rules.Rule, shown int64) int64 {
	steps := r.Settings.Escalate
	if e.began == 0 || e.step >= len(steps) {
		return 0
	}
	at := max(e.arrived+max(0, e.began+int64(steps[e.step].After)-e.lastHit), shown)
	if e.expired(e.clock(at), r.Window()) {
		return 0
	}
	return at
}

// escalate returns the minimum severity of an alert at a time of the records' clock. The alert begins an episode unless one is ongoing.
func (e *episode) escalate(r *rules.Rule, at int64) model.Severity {
	steps := r.Settings.Escalate
	if len(steps) == 0 {
		return model.SeverityUnknown
	}
	if e.began == 0 || e.expired(at, r.Window()) { // the roll-up was delayed until the episode had expired
		e.began, e.step = at, 0
	}
	// A roll-up that was delayed may have passed several steps; the last one counts.
	for e.step < len(steps) && e.began+int64(steps[e.step].After) <= at {
		e.step++
	}
	if e.step == 0 {
		return model.SeverityUnknown
	}
	return steps[e.step-1].Severity
}

func (e *episode) clampFuture(now int64) {
	e.began, e.lastHit, e.arrived = min(e.began, now), min(e.lastHit, now), min(e.arrived, now)
}
