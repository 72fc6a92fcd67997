package state

import (
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state/deadline"
)

// absenceTimer is a rule that waits for lines of a workload, or of all of them together. The wait goes by arrival; when the last hit happened goes by the
// records' clock.
type absenceTimer struct {
	key        string   // rule id and workload; the workload is empty where the rule waits for all together
	began      int64    // when the wait began
	from       int64    // the wait is measured from here: the last hit, or when the wait began, moved by time that does not count
	arrived    int64    // when the last hit arrived; 0: none did
	lastHit    int64    // the latest time at which one happened
	absent     bool     // it was waited for in vain
	sent       bool     // and an alert reported that
	triggers   []string // that sent it; nil: unknown
	until      int64    // no absence is reported before
	suppressed [model.NumReasons]int64
	since      int64         // when the first of the suppressed hits happened
	source     *model.Source // of the last hit, or of the first record; nil when there was none
	restored   bool          // from saved state, and no rules were in force since
	timer      deadline.Timer
}

// Name implements deadline.Owner.
func (t *absenceTimer) Name() string { return t.key }

// clone returns a copy that shares nothing that changes.
func (t *absenceTimer) clone() *absenceTimer {
	c := *t
	c.timer = deadline.Timer{}
	c.timer.Owner = &c
	return &c
}

// deadline returns when the absence is reported; 0: not, as things are.
func (t *absenceTimer) deadline(r *rules.Rule) int64 {
	if r == nil || t.absent || r.Settings.Absent <= 0 {
		return 0
	}
	return max(t.from+int64(r.Settings.Absent), t.until)
}

// skip moves the wait along with a clock that moved by so many ns that did not pass.
func (t *absenceTimer) skip(ns, now int64) {
	// An absence that was reported waits for nothing.
	if !t.absent {
		t.from += ns
		if t.until != 0 {
			t.until += ns
		}
	}
	t.began, t.arrived, t.lastHit, t.since = min(t.began, now), min(t.arrived, now), min(t.lastHit, now), min(t.since, now)
}

// decideExpected returns the outcome of a hit of a rule that waits for lines: it is either expected or ends the absence. The end of an absence that was
// sent is sent, even under a silence, an inhibition or dry_run: otherwise the incident that it opened at a receiver would stay open. It has no side effects.
func decideExpected(r *rules.Rule, t *absenceTimer, h *HitContext, now int64) (d Decision) {
	d.At, d.Late = h.At, now-h.At
	switch {
	case t.absent && t.sent:
		gone := now - t.began
		// After a hit the records' clock says how long nothing happened; without one only arrival is known.
		if t.arrived != 0 {
			gone = h.At - t.lastHit
		}
		d.Alert, d.Kind, d.AbsentFor, d.Workload = true, model.KindResolved, max(gone, 1), t.workload()
		d.Suppressed, d.Since, d.Last = t.suppressed, t.since, max(t.lastHit, h.At)
		d.Triggers = t.triggers
	case t.absent && r.Settings.DryRun: // its end would be sent
		d.Reason = model.ReasonDryRun
	default:
		d.Reason = model.ReasonExpected
	}
	return d
}

// commit puts the decision about a hit into effect: the wait begins again.
func (t *absenceTimer) commit(h *HitContext, now int64) {
	t.source = h.Source
	t.from, t.arrived, t.lastHit, t.absent, t.sent, t.until, t.triggers = now, now, max(t.lastHit, h.At), false, false, 0, nil
	if h.Decision.Alert {
		t.suppressed, t.since = [model.NumReasons]int64{}, 0
		return
	}
	if t.since == 0 {
		t.since = h.At
	}
	t.since = min(t.since, h.At)
	t.suppressed[h.Decision.Reason]++
}

// workload returns the workload that is waited for, "" for all together.
func (t *absenceTimer) workload() string { return t.key[len(ruleID(t.key))+1:] }

// decideAbsence returns the outcome of a wait's deadline, and the alert. It has no side effects. An absence needs no token: there is one at most for each
// wait.
func decideAbsence(r *rules.Rule, t *absenceTimer, at int64, m *muting) (a model.Alert, out dueOutcome) {
	if due := t.deadline(r); due == 0 || due > at {
		return a, notDue
	}
	a = t.absence(r, at)
	switch {
	case m.mutes(subjectOf(r, &a), at):
		return a, delayed
	case r.Settings.DryRun:
		return a, unsent
	}
	return a, sendable
}

// commitDue puts the outcome of the deadline into effect.
func (t *absenceTimer) commitDue(out dueOutcome, at int64) {
	switch out {
	case delayed:
		t.until = at + int64(maxProlonged)
	case unsent:
		t.absent = true
	case sendable:
		t.absent, t.sent = true, true
		t.suppressed, t.since = [model.NumReasons]int64{}, 0
	}
}

// absence is the alert about a wait in vain.
func (t *absenceTimer) absence(r *rules.Rule, at int64) model.Alert {
	a := model.Alert{
		Kind: model.KindAbsence, RuleID: r.ID, Rule: r.Settings.Name, Severity: r.AbsenceSeverity(), Time: at, First: t.began, Last: t.began,
		Source: &model.Source{Kind: r.Kind(), Workload: t.workload()}, Suppressed: t.suppressed, Since: t.since, Labels: r.AbsenceLabels(t.workload()),
		Runbook: r.Settings.Runbook, Resolves: true, Due: t.began + int64(r.Settings.Absent), Key: t.key,
	}
	if s := t.source; s != nil {
		a.Source.Host, a.Source.Tag = s.Host, s.Tag
	}
	where := ""
	if a.Source.Workload != "" {
		where = " in " + a.Source.Workload
	}
	expected := "line"
	if r.Kind() == model.SourceContainer {
		expected = "event"
	}
	what := fmt.Sprintf("no %s of %s%s for %s", expected, r.Settings.Name, where, model.Roughly(at-t.from))
	if t.arrived != 0 {
		a.First, a.Last, a.Due = t.lastHit, t.lastHit, t.arrived+int64(r.Settings.Absent)
		what += ", the last at " + time.Unix(0, t.lastHit).UTC().Format("2006-01-02 15:04:05 UTC")
	}
	a.Summary = model.OneLine(what, model.MaxSummary) // and no message: there is no line
	return a
}
