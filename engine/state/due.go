package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// DueBatch is how many of the things that are due are done before others may have the lock.
const DueBatch = 256

// Advance does all that is due by now.
func (k *Keyed) Advance(now int64, dst []model.Alert) []model.Alert {
	for more := true; more; {
		dst, more = k.AdvanceBatch(now, dst)
	}
	return dst
}

func (k *Keyed) AdvanceBatch(now int64, dst []model.Alert) (_ []model.Alert, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runDue(now, dst)
}

func (k *Keyed) NextDue() (at int64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// These waits have no deadline before a call of runDue starts them.
	if len(k.pendingAbsences) > 0 {
		return k.latest, true
	}
	if t := k.due.First(); t != nil {
		return t.Due(), true
	}
	return 0, false
}

// runDue appends the alerts due by now to dst, in the order of time. Each is made as of the moment at which it was due. It handles at most a batch;
// more says that others are left.
func (k *Keyed) runDue(now int64, dst []model.Alert) (_ []model.Alert, more bool) {
	// Workers read the clock before they wait for the lock, so a later call may bring an earlier time.
	k.latest = max(k.latest, now)
	// Adopt gets no time, so the waits of new rules begin with the first call after it.
	for _, start := range k.pendingAbsences {
		k.startAbsence(start.Rule, start.Workload, nil, now)
	}
	k.pendingAbsences = nil
	for range k.Batch() {
		t := k.due.First()
		if t == nil || t.Due() > now {
			return dst, false
		}
		switch of := t.Owner.(type) {
		case *keyState:
			dst = k.keyDue(of, t.Due(), now, dst)
		case *absenceTimer:
			dst = k.absenceDue(of, t.Due(), dst)
		}
	}
	t := k.due.First()
	return dst, t != nil && t.Due() <= now
}

// Batch is how many things are done at once: fewer where each is looked for in many silences.
func (k *Keyed) Batch() int {
	if k.mutes == nil {
		return DueBatch
	}
	return max(1, DueBatch/(1+k.mutes.CountSilences()/DueBatch))
}

// Adopt puts the rules of a snapshot in force for alerts that time makes, and their limits. Deadlines are computed again, so that a changed rule
// applies at once, but never to the time before. Restored state keeps its deadlines. Absences of removed rules are forgotten.
func (k *Keyed) Adopt(n *rules.Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// The rules are set before the deadlines are computed, which go by them. Smaller limits forget keys first, so that their deadlines need no work.
	k.setLimits(n.Settings.Limits)
	k.rules = n
	for _, s := range k.keys.All() {
		if s.reportsLater() {
			k.due.Set(&s.timer, k.fromNow(s.deadline(k.rule(s.key, s.workload())), s.restored))
		}
		// Only the first rules after a start may find a deadline in the past.
		s.restored = false
	}
	for _, t := range k.absences.All() {
		r := k.rule(t.key, t.workload())
		// A rule that now waits for all workloads together has another key, so the waits for single ones end.
		if r == nil || r.Settings.Absent <= 0 || rules.AbsenceKey(r, t.workload()) != t.key {
			k.absences.Drop(t.key)
			continue
		}
		k.due.Set(&t.timer, k.fromNow(t.deadline(r), t.restored))
		t.restored = false
	}
	k.pendingAbsences = n.PendingAbsences()
	k.announce()
}

// announce says to the fleet which lines this node waits for.
func (k *Keyed) announce() {
	if k.fleet == nil {
		return
	}
	var list []model.FleetLine
	for _, t := range k.absences.All() {
		if r := k.rule(t.key, t.workload()); r != nil && shares(k.fleet, r) {
			list = append(list, t.line(r))
		}
	}
	k.fleet.Await(list)
	for _, s := range k.keys.All() {
		k.waitForAll(s)
	}
}

// fromNow returns a deadline that is not before the latest time that was processed, unless it was restored.
func (k *Keyed) fromNow(due int64, restored bool) int64 {
	if due == 0 || restored {
		return due
	}
	return max(due, k.latest)
}

func (k *Keyed) Skip(ns, now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range k.absences.All() {
		r := k.rule(t.key, t.workload())
		t.skip(ns, now)
		k.due.Set(&t.timer, t.deadline(r))
		k.absences.Touch(t.key)
	}
	for _, s := range k.keys.All() {
		if s.incident != nil {
			s.incident.skip(ns)
			k.due.Set(&s.timer, s.deadline(k.rule(s.key, s.workload())))
			k.keys.Touch(s.hash)
		}
		if s.pace != nil {
			s.pace.skip(ns, now)
			k.due.Set(&s.timer, s.deadline(k.rule(s.key, s.workload())))
			k.keys.Touch(s.hash)
		}
		shown := s.unreported.sample
		if shown == nil {
			continue
		}
		if r := k.rule(s.key, shown.source.Workload); r != nil && r.Settings.Without != "" {
			shown.from += ns
			k.due.Set(&s.timer, s.deadline(r))
			k.keys.Touch(s.hash)
		}
	}
	// A clock that was set forward leaves no saved time in the future.
	if ns >= 0 {
		return
	}
	// Otherwise fromNow would delay the deadlines of later reloads until the clock is there again.
	k.latest = min(k.latest, now)
	for _, s := range k.keys.All() {
		s.clampFuture(now)
		if s.reportsLater() {
			k.due.Set(&s.timer, s.deadline(k.rule(s.key, s.workload())))
		}
		k.keys.Touch(s.hash)
	}
	for hash, b := range k.buckets.All() { // it holds as many tokens as before
		b.arrival += ns
		k.buckets.Touch(hash)
	}
	for id, s := range k.sequences.All() {
		s.clampFuture(now)
		if s.share != nil {
			s.share.Shift(ns)
		}
		k.sequences.Touch(id)
	}
	for id, t := range k.templates.All() {
		if t.last > now {
			t.clampFuture(now)
			k.templates.Touch(id)
		}
	}
}

// OnSource starts the absence timers of rules that wait for lines of a source's workload.
func (k *Keyed) OnSource(absent []*rules.Rule, s *model.Source, now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range absent {
		k.startAbsence(r, s.Workload, s, now)
	}
}

// startAbsence begins an absence timer unless it runs.
func (k *Keyed) startAbsence(r *rules.Rule, workload string, s *model.Source, now int64) *absenceTimer {
	key := rules.AbsenceKey(r, workload)
	if t, ok := k.absences.Get(key); ok {
		// A wait that began with a reload has seen no record; the first one gives it host and tag.
		if t.source == nil {
			t.source = s
		}
		return t
	}
	t := &absenceTimer{key: key, began: now, from: now, source: s}
	t.timer.Owner = t
	k.absences.Add(key, t)
	k.due.Set(&t.timer, t.deadline(r))
	if shares(k.fleet, r) {
		k.fleet.Heard(t.line(r))
	}
	return t
}

// absenceDue reports an absence whose time has come.
func (k *Keyed) absenceDue(t *absenceTimer, at int64, dst []model.Alert) []model.Alert {
	r := k.rule(t.key, t.workload())
	if t.over == 0 && r != nil && shares(k.fleet, r) && t.awaitFleet(k.fleet, r, at) {
		k.due.Set(&t.timer, t.deadline(r))
		k.absences.Touch(t.key)
		return dst
	}
	a, out := decideAbsence(r, t, at, k.muting())
	t.commitDue(out, at)
	k.due.Set(&t.timer, t.deadline(r))
	// A delay is not saved, because a restart sets its own grace period.
	if out == unsent || out == sendable {
		k.absences.Touch(t.key)
	}
	if out == sendable {
		over := a.Kind == model.KindResolved
		if over {
			r.Counters.Resolve()
		} else {
			r.Counters.Absence()
		}
		k.muting().observe(subjectOf(r, &a), at, over)
		dst = append(dst, a)
	}
	return dst
}
