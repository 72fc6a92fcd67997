package model

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// The engine goes by two clocks. Everything about the hits themselves goes by the records' own times: thresholds, different values, first_seen, episodes,
// and the times in alerts. Everything about sending goes by arrival, the time that Process and Advance are called with: cooldowns, token buckets, and the deadlines of
// roll-ups and absences. See docs/decisions/0019-two-clocks.md.

// EarliestTime is the earliest time that a record is believed: 2000-01-01 UTC. A machine without a battery for its clock begins in 1970 or 1980.
const EarliestTime = int64(946_684_800 * time.Second)

// EventTime returns when a record that arrived at a time happened, both in ns: the record's own time, or that of its arrival where the record's time is
// absent, implausible, or lies ahead of it.
func EventTime(recorded, arrived int64) int64 {
	if recorded < EarliestTime {
		return arrived
	}
	return min(recorded, arrived)
}

// lateAfter is how much later than its own time a record may arrive before its alert says so.
const lateAfter = int64(time.Minute)

// WithLateness adds to an alert's summary by how much its record arrived late, where that is worth saying.
func (a *Alert) WithLateness(late int64) {
	if late < lateAfter {
		return
	}
	a.Late = late
	a.note(Roughly(late) + " late")
}

// note adds a text in parentheses to the summary.
func (a *Alert) note(text string) {
	text = " (" + text + ")"
	a.Summary = safetext.Cut(a.Summary, MaxSummary-len(text)) + text
}
