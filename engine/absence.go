package engine

import (
	"fmt"
	"time"
)

// absenceGrace is how long after a start an absence is told at the earliest: what came while the program was down is to be read first. A stop
// that took longer says nothing of what came meanwhile: the wait begins anew.
const absenceGrace = 5 * time.Minute

// absenceTimer is a rule that waits for lines of a workload, or of all of them together. The wait goes by arrival; when the last hit happened goes by the
// records' clock.
type absenceTimer struct {
	key        string // rule id and workload; the workload is empty where the rule waits for all together
	began      int64  // when the wait began
	from       int64  // the wait is measured from here: the last hit, or when the wait began, moved by what does not count
	arrived    int64  // when the last hit arrived; 0: none did
	lastHit    int64  // the latest time at which one happened
	absent     bool   // it was waited for in vain
	sent       bool   // and an alert reported that
	until      int64  // no absence is reported before
	suppressed [NumReasons]int64
	since      int64   // when the first of the suppressed hits happened
	source     *Source // of the last hit, or of the first record; nil when there was none
	restored   bool    // from saved state, and no rules were in force since
	timer      timer
}

// startAbsence begins a wait where there is none.
func (k *Keyed) startAbsence(r *rule, workload string, s *Source, now int64) *absenceTimer {
	key := absenceKey(r, workload)
	if t, ok := k.absences.Get(key); ok {
		if t.source == nil {
			t.source = s
		}
		return t
	}
	t := &absenceTimer{key: key, began: now, from: now, source: s}
	t.timer.absence = t
	k.absences.Add(key, t)
	k.due.set(&t.timer, t.deadline(r))
	k.touch(absencePrefix + key)
	return t
}

// clone returns a copy that shares nothing that changes.
func (t *absenceTimer) clone() *absenceTimer {
	c := *t
	c.timer = timer{}
	c.timer.absence = &c
	return &c
}

// deadline returns when the absence is reported; 0: not, as things are.
func (t *absenceTimer) deadline(r *rule) int64 {
	if r == nil || t.absent || r.settings.Absent <= 0 {
		return 0
	}
	return max(t.from+int64(r.settings.Absent), t.until)
}

// skip moves the wait along with a clock that moved by so many ns that did not pass.
func (t *absenceTimer) skip(ns, now int64) {
	if !t.absent {
		t.from += ns
		if t.until != 0 {
			t.until += ns
		}
	}
	t.began, t.arrived, t.lastHit, t.since = min(t.began, now), min(t.arrived, now), min(t.lastHit, now), min(t.since, now)
}

// observe decides about a hit of a rule that waits for lines: it is either expected or ends the absence. The end of an absence that was sent is sent,
// whatever a silence, an inhibition or dry_run says by then: otherwise what it opened at a receiver would stay open.
func (k *Keyed) observe(h *hitContext, now int64) {
	r := h.rule
	s := h.source
	t := k.startAbsence(r, s.Workload, s, now)
	t.source = s
	back := t.absent && t.sent
	why := ReasonExpected
	if t.absent && !t.sent && r.settings.DryRun {
		why = ReasonDryRun // its end would be sent
	}
	gone := now - t.began
	if t.arrived != 0 {
		gone = h.at - t.lastHit
	}
	t.from, t.arrived, t.lastHit, t.absent, t.sent, t.until = now, now, max(t.lastHit, h.at), false, false, 0
	k.due.set(&t.timer, t.deadline(r))
	k.touch(absencePrefix + t.key)
	d := &h.decision
	d.at, d.late = h.at, now-h.at
	if back {
		d.alert, d.kind, d.absentFor, d.workload = true, KindRecovered, max(gone, 1), t.workload()
		d.suppressed, d.since, d.last = t.suppressed, t.since, t.lastHit
		t.suppressed, t.since = [NumReasons]int64{}, 0
		return
	}
	d.reason = why
	if t.since == 0 {
		t.since = h.at
	}
	t.since = min(t.since, h.at)
	t.suppressed[d.reason]++
}

// workload returns the workload that is waited for, "" for all together.
func (t *absenceTimer) workload() string { return t.key[len(ruleID(t.key))+1:] }

// absenceDue reports an absence whose time has come. It needs no token: there is one at most for each wait.
func (k *Keyed) absenceDue(t *absenceTimer, at int64, dst []Alert) []Alert {
	r := k.rule(t.key, t.workload())
	if due := t.deadline(r); due == 0 || due > at {
		k.due.set(&t.timer, due)
		return dst
	}
	a := t.absence(r, at)
	about := subject{rule: r, source: a.Source, severity: a.Severity}
	if k.muted(&about, at) {
		t.until = at + int64(maxProlonged)
		k.due.set(&t.timer, t.deadline(r))
		return dst
	}
	t.absent, t.sent = true, !r.settings.DryRun
	k.due.set(&t.timer, 0)
	k.touch(absencePrefix + t.key)
	if !t.sent {
		return dst
	}
	t.suppressed, t.since = [NumReasons]int64{}, 0
	k.countersOf(r).absence()
	k.alerted(&about, at)
	return append(dst, a)
}

// absence is the alert about a wait in vain.
func (t *absenceTimer) absence(r *rule, at int64) Alert {
	a := Alert{
		Kind: KindAbsence, RuleID: r.id, Rule: r.settings.Name, Severity: r.absenceSeverity(), Time: at, First: t.began, Last: t.began,
		Source: &Source{Kind: r.kind(), Workload: t.workload()}, Suppressed: t.suppressed, Since: t.since, Labels: r.absenceLabels(t.workload()),
		Runbook: r.settings.Runbook, Due: t.began + int64(r.settings.Absent), Key: t.key,
	}
	if s := t.source; s != nil {
		a.Source.Host, a.Source.Tag = s.Host, s.Tag
	}
	where := ""
	if a.Source.Workload != "" {
		where = " in " + a.Source.Workload
	}
	expected := "line"
	if r.kind() == SourceContainer {
		expected = "event"
	}
	what := fmt.Sprintf("no %s of %s%s for %s", expected, r.settings.Name, where, roughly(at-t.from))
	if t.arrived != 0 {
		a.First, a.Last, a.Due = t.lastHit, t.lastHit, t.arrived+int64(r.settings.Absent)
		what += ", the last at " + time.Unix(0, t.lastHit).UTC().Format("2006-01-02 15:04:05 UTC")
	}
	a.Summary = oneLine(what, maxSummary) // and no message: there is no line
	return a
}
