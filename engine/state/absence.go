package state

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
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
	over       int64    // when another node heard the line after that; 0: none did
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
	if t.over != 0 && r != nil {
		return t.over
	}
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
	t.began, t.arrived, t.lastHit, t.since, t.over = min(t.began, now), min(t.arrived, now), min(t.lastHit, now), min(t.since, now), min(t.over, now)
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
	t.from, t.arrived, t.lastHit, t.absent, t.sent, t.over, t.until, t.triggers = now, now, max(t.lastHit, h.At), false, false, 0, 0, nil
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
	if t.over != 0 && r != nil { // as the end that a hit makes, whatever suppresses alerts
		return t.recovered(r, t.over, max(t.over-t.began, 1)), sendable
	}
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
	if t.over != 0 {
		t.absent, t.sent, t.over, t.triggers = false, false, 0, nil
		t.suppressed, t.since = [model.NumReasons]int64{}, 0
		return
	}
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

// line describes a wait to the fleet.
func (t *absenceTimer) line(r *rules.Rule) model.FleetLine {
	return model.FleetLine{Key: t.key, RuleID: r.ID, Workload: t.workload(), Within: int64(r.Settings.Absent), At: t.arrived}
}

// awaitFleet leaves a wait whose deadline has come to the fleet, and reports whether it did. The wait ends if the fleet answers, after a while in which it could
// still fail; or if it does not answer and this node never heard the line. A node that heard it reports the absence by itself once the fleet has been away for long
// enough.
func (t *absenceTimer) awaitFleet(f model.Fleet, r *rules.Rule, at int64) bool {
	due, patience := t.from+int64(r.Settings.Absent), int64(min(AbsenceGrace, r.Settings.Absent))
	since, down := f.DownSince()
	switch {
	case due > at, t.until > at: // not yet
		return false
	case !down && at < due+patience:
		t.until = min(at+int64(maxProlonged), due+patience)
	case !down, t.arrived == 0:
		t.absent = true
	case at < since+patience:
		t.until = since + patience
	default:
		return false
	}
	return true
}

// echo is by how much later than this node heard a line the fleet may say that: the answer took so long.
const echo = int64(time.Second)

// heard notes when any node of the fleet heard the line last. An absence that this node reported alone is over if that was after it.
func (t *absenceTimer) heard(r *rules.Rule, at int64) (changed bool) {
	switch {
	case t.arrived == 0, at <= t.from+echo:
		return false
	case !t.sent:
		t.absent, t.until = false, 0
	case t.over != 0, at <= t.from+int64(r.Settings.Absent):
		return false
	default:
		t.over = at
	}
	t.from = at
	return true
}

// recovered is the alert about the end of an absence that was heard elsewhere.
func (t *absenceTimer) recovered(r *rules.Rule, at, gone int64) model.Alert {
	a := model.Alert{
		Kind: model.KindResolved, RuleID: r.ID, Rule: r.Settings.Name, Severity: r.AbsenceSeverity(), Time: at, First: at, Last: at,
		Source: &model.Source{Kind: r.Kind(), Workload: t.workload()}, Suppressed: t.suppressed, Since: t.since, Labels: r.AbsenceLabels(t.workload()),
		Runbook: r.Settings.Runbook, Due: at, Key: t.key, Triggers: t.triggers,
	}
	if t.since != 0 {
		a.First = min(a.First, t.since)
	}
	a.Incident = &model.Incident{
		Began: at - gone, Lasted: gone, Hits: model.Sum(&t.suppressed), Alerts: 1, Severities: []model.Severity{a.Severity},
	}
	where := ""
	if a.Source.Workload != "" {
		where = " in " + a.Source.Workload
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s is back%s after %s", a.Rule, where, model.Roughly(gone)), model.MaxSummary)
	return a
}

// measure counts a hit of a rule with rate, and notes in it how often its key is hit, and whether that is usual.
func (s *keyState) measure(h *HitContext, now int64) {
	set := &h.Rule.Settings
	switch {
	case set.Ratio.IsSet(): // the hit lacks a value that both rules must have
		h.usual = true
		fallthrough
	case !set.Rate.IsSet():
		s.pace = nil
		return
	case h.Overflow: // of all templates that are too many: they have no past
		h.usual, s.pace = true, nil
		return
	}
	if s.pace == nil {
		s.pace = &pace{}
	}
	p := s.pace
	if !p.Fits(int64(set.Within), int64(set.Rate.Than)) {
		// The clock of the hit that begins it counts: that of a later hit before would make the key look late.
		p.Pace, p.gap, p.last = rate.New(int64(set.Within), int64(set.Rate.Than), h.At), 0, 0
	}
	if p.gap != 0 && h.At >= p.resumed {
		p.Shift(p.gap)
	}
	p.gap = 0
	recent := p.Note(h.At)
	if h.At >= p.last {
		p.last, p.behind = h.At, now-h.At
	}
	if set.Rate.Below == 0 {
		p.source, p.quiet, p.sent, p.triggers, p.until = nil, false, false, nil, 0
	}
	h.Decision.Hits, h.Decision.Usual = p.Hits(), p.Usual()
	h.usual = !recent || !p.Learned() || h.Decision.Hits < int64(set.Rate.AtLeast) || !p.Exceeds(int64(set.Rate.Above))
}

// lookAt decides whether a key is quiet when its time has come, puts that into effect, and returns the alert.
func (s *keyState) lookAt(r *rules.Rule, at int64, m *muting) (a model.Alert, out dueOutcome) {
	p, set := s.pace, &r.Settings.Rate
	if p.gap != 0 { // no line of the time in between was read
		p.Shift(p.gap)
		p.gap = 0
	}
	over := p.WholeSlices(at-p.behind) - 1 // the latest slice that is over
	p.Advance(over)
	usual := p.Usual()
	short := p.Learned() && usual >= rate.Unit*int64(set.AtLeast) && p.FallsShort(int64(set.Below))
	if short {
		a = s.quiet(r, &model.Rate{Hits: p.Hits(), Usual: float64(usual) / rate.Unit, Within: int64(r.Settings.Within)}, at)
	}
	p.Advance(over + 1) // which is looked at next
	fell := p.End(over)
	switch {
	case !short:
		return a, notDue
	case m.mutes(subjectOf(r, &a), at):
		p.until = at + int64(maxProlonged)
		return a, delayed
	case r.Settings.DryRun:
		p.quiet, p.fell = true, fell
		return a, unsent
	}
	p.quiet, p.sent, p.fell = true, true, fell
	s.unreported = unreported{}
	return a, sendable
}

// quiet is the alert about a key of which fewer hits came than usual.
func (s *keyState) quiet(r *rules.Rule, compared *model.Rate, at int64) model.Alert {
	p, u := s.pace, &s.unreported
	a := model.Alert{
		Kind: model.KindAbsence, RuleID: r.ID, Rule: r.Settings.Name, Severity: r.AbsenceSeverity(), Time: at, First: p.last, Last: p.last, Source: p.source,
		Suppressed: u.suppressed, Since: u.first, Labels: r.AbsenceLabels(p.source.Workload), Runbook: r.Settings.Runbook, Resolves: true,
		Due: s.lastHit + int64(r.Settings.Within), Key: s.key, Rate: compared,
	}
	if !slices.ContainsFunc(r.By, func(part rules.KeyPart) bool { return part.Kind == rules.KeyContainer }) { // it is about all containers of the key
		a.Source = &model.Source{Kind: r.Kind(), Workload: p.source.Workload, Host: p.source.Host, Tag: p.source.Tag}
	}
	where := ""
	if p.source.Workload != "" {
		where = " in " + p.source.Workload
	}
	if values := keyValues(r, s.key); len(values) > 0 {
		where += " (" + strings.Join(values, ", ") + ")"
	}
	lines := "lines"
	if r.Kind() == model.SourceContainer {
		lines = "events"
	}
	a.Summary = model.OneLine(fmt.Sprintf("fewer %s of %s%s than usual", lines, r.Settings.Name, where), model.MaxSummary)
	a.WithComparison()
	return a
}

// keyValues returns the parts of a key that the source of an alert does not say.
func keyValues(r *rules.Rule, key string) (values []string) {
	parts := KeyParts([]byte(key))
	for i, part := range r.By { // they are the last parts
		if part.Kind > rules.KeyHost && len(parts) >= len(r.By) {
			values = append(values, parts[len(parts)-len(r.By)+i])
		}
	}
	return values
}

// decideUsual returns the outcome of a hit of a rule with below, which is counted already: it is expected, or ends the time in which the key was quiet. The
// end of what was sent is sent, as that of an absence. It has no side effects.
func decideUsual(s *keyState, h *HitContext, now int64) (d Decision) {
	p, set := s.pace, &h.Rule.Settings
	d = h.Decision
	d.At, d.Late, d.Reason = h.At, now-h.At, model.ReasonExpected
	// Half way between what is too few and what is usual, so that a key at the edge does not alert again and again.
	if p == nil || !p.quiet || p.FallsShort((int64(set.Rate.Below)+rate.Unit)/2) {
		return d
	}
	d.Ends = true
	switch {
	case p.sent:
		u := &s.unreported
		d.Alert, d.Kind, d.AbsentFor, d.Workload = true, model.KindResolved, max(h.At-p.fell, 1), h.Source.Workload
		d.Suppressed, d.Since, d.Last, d.Triggers = u.suppressed, u.first, max(u.last, p.last), p.triggers
	case set.DryRun: // its end would be sent
		d.Reason = model.ReasonDryRun
	}
	return d
}

// commitUsual puts the decision about a hit of a rule with below into effect.
func (s *keyState) commitUsual(h *HitContext, now int64) {
	s.lastHit, s.count = now, slidingCount{}
	p, d := s.pace, &h.Decision
	if p != nil {
		p.source = h.Source
		if d.Ends {
			p.quiet, p.sent, p.triggers, p.until = false, false, nil, 0
		}
	}
	if d.Alert {
		s.unreported = unreported{}
		return
	}
	s.unreported.add(d.Reason, h.At)
}
