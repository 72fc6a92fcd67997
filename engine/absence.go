package engine

import (
	"fmt"
	"time"
)

// absenceGrace is how long after a start an absence is told at the earliest: what came while the program was down is to be read first. A stop
// that took longer says nothing of what came meanwhile: the wait begins anew.
const absenceGrace = 5 * time.Minute

// watch is a rule that waits for lines of a workload, or of all of them together.
type watch struct {
	key        string // rule id and workload; the workload is empty where the rule watches all together
	rule       *rule  // that watches, or nil after a restart
	began      int64  // when the watch began
	from       int64  // the wait is measured from here: the last hit, or when the watch began, moved by what does not count
	lastHit    int64  // 0: none came yet
	absent     bool   // it was waited for in vain
	told       bool   // and that was told
	until      int64  // no absence is told before
	suppressed [NumReasons]int64
	since      int64   // when the first of the suppressed hits came
	source     *Source // of the last hit, or of the first record; nil when there was none
	timer      timer
}

// watched names what a rule waits for.
type watched struct {
	rule     *rule
	workload string
}

func watchKey(r *rule, workload string) string {
	if r.everywhere() {
		workload = ""
	}
	return r.id + string(rune(keySeparator)) + workload
}

// everywhere reports whether the rule watches all workloads together, from the start on.
func (r *rule) everywhere() bool {
	return r.settings.AbsentFrom == absentFromStart && len(r.settings.Workloads) == 0
}

// Meet notes that records of a source come in: from its first one on, the rules of its workload wait for lines. It may be called again for a
// source.
func (w *Worker) Meet(s *Source, now int64) {
	rules, _ := w.effective(s)
	if len(rules.absent) == 0 {
		return
	}
	l := w.engine.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range rules.absent {
		l.arm(r, s.Workload, s, now)
	}
}

// arm begins a watch where there is none.
func (l *limiter) arm(r *rule, workload string, s *Source, now int64) *watch {
	key := watchKey(r, workload)
	if w, ok := l.watches.Get(key); ok {
		if w.source == nil {
			w.source = s
		}
		return w
	}
	w := &watch{key: key, rule: r, began: now, from: now, source: s}
	w.timer.watch = w
	l.watches.Add(key, w)
	l.due.set(&w.timer, w.deadline())
	l.touch(watchPrefix + key)
	return w
}

// deadline returns when the absence is told; 0 = not, as things stand.
func (w *watch) deadline() int64 {
	if w.rule == nil || w.absent || w.rule.settings.Absent <= 0 {
		return 0
	}
	return max(w.from+int64(w.rule.settings.Absent), w.until)
}

// Skip tells that the clock moved by so many ns, back when negative, that did not pass: it was set, or the machine slept. Nothing was waited for in
// them. All else goes by the clock.
func (e *Engine) Skip(ns int64) {
	l := e.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.watches.Values() {
		if w.absent {
			continue
		}
		w.from += ns
		if w.until != 0 {
			w.until += ns
		}
		l.due.set(&w.timer, w.deadline())
		l.touch(watchPrefix + w.key)
	}
}

// heard is judge for a rule that waits for lines: a hit is what was to be expected, or ends an absence.
func (l *limiter) heard(a *attempt, now int64) verdict {
	r := a.rule
	s := a.hit.Record.Source
	w := l.arm(r, s.Workload, s, now)
	w.rule, w.source = r, s
	back := w.absent && w.told
	gone := now - w.began
	if w.lastHit != 0 {
		gone = now - w.lastHit
	}
	w.from, w.lastHit, w.absent, w.told, w.until = now, now, false, false, 0
	l.due.set(&w.timer, w.deadline())
	l.touch(watchPrefix + w.key)
	why := ReasonExpected
	switch {
	case !back:
	case a.muted:
		why = a.why
	case r.settings.DryRun:
		why = ReasonDryRun
	default:
		v := verdict{alert: true, kind: KindRecovered, suppressed: w.suppressed, since: w.since, gone: max(gone, 1), workload: w.workload()}
		w.suppressed, w.since = [NumReasons]int64{}, 0
		a.count()
		return v
	}
	if w.since == 0 {
		w.since = now
	}
	w.suppressed[why]++
	l.suppress(a, why)
	return verdict{why: why}
}

// workload returns the workload that is watched, "" for all together.
func (w *watch) workload() string { return w.key[len(ruleID(w.key))+1:] }

// watchDue tells an absence whose time has come. It needs no token: there is one at most for each wait.
func (l *limiter) watchDue(w *watch, at int64, dst []Alert) []Alert {
	w.rule = l.current(w.rule, w.key, w.workload())
	if due := w.deadline(); due == 0 || due > at {
		l.due.set(&w.timer, due)
		return dst
	}
	a := w.absence(at)
	about := subject{rule: w.rule, source: a.Source, severity: a.Severity}
	if l.mutes(&about, at) {
		w.until = at + int64(maxProlonged)
		l.due.set(&w.timer, w.deadline())
		return dst
	}
	w.absent, w.told = true, true
	l.due.set(&w.timer, 0)
	l.touch(watchPrefix + w.key)
	if w.rule.settings.DryRun {
		return dst
	}
	w.suppressed, w.since = [NumReasons]int64{}, 0
	w.rule.counters.add(&w.rule.counters.absences, 1)
	l.leaves(&about, at)
	return append(dst, a)
}

// absence is the alert about a wait in vain.
func (w *watch) absence(at int64) Alert {
	r := w.rule
	a := Alert{
		Kind: KindAbsence, RuleID: r.id, Rule: r.settings.Name, Severity: r.absenceSeverity(), Time: at, First: w.began, Last: w.began,
		Source: &Source{Kind: r.kind(), Workload: w.workload()}, Suppressed: w.suppressed, Since: w.since, Labels: r.watchLabels(w.workload()),
		Runbook: r.settings.Runbook, Due: w.began + int64(r.settings.Absent), Key: w.key,
	}
	if s := w.source; s != nil {
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
	what := fmt.Sprintf("no %s of %s%s for %s", expected, r.settings.Name, where, roughly(at-w.from))
	if w.lastHit != 0 {
		a.First, a.Last, a.Due = w.lastHit, w.lastHit, w.lastHit+int64(r.settings.Absent)
		what += ", the last at " + time.Unix(0, w.lastHit).UTC().Format("2006-01-02 15:04:05 UTC")
	}
	a.Summary = oneLine(what, maxSummary) // and no message: there is no line
	return a
}

// absenceSeverity is the severity of an absence, and of the recovery that ends it: both pass the same filters.
func (r *rule) absenceSeverity() Severity {
	if r.settings.Severity != SeverityUnknown {
		return r.settings.Severity
	}
	return SeverityWarning
}

// recovered makes the alert of a hit that of an absence's end.
func (a *Alert) recovered(r *rule, v *verdict) {
	a.Kind, a.Severity, a.Labels = KindRecovered, r.absenceSeverity(), r.watchLabels(v.workload)
	if a.Source.Workload != v.workload {
		s := *a.Source
		s.Workload = v.workload
		a.Source = &s
	}
	where := ""
	if v.workload != "" {
		where = " in " + v.workload
	}
	a.Summary = oneLine(fmt.Sprintf("%s is back%s after %s: %s", a.Rule, where, roughly(v.gone), cutUTF8(a.Message, shortLine)), maxSummary)
}
