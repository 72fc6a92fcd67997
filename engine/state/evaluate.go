package state

import (
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// Evaluate runs everything due by now, then decides about a hit and commits the decision, which is in h.
func (k *Keyed) Evaluate(h *HitContext, now int64, dst []model.Alert) []model.Alert {
	if k.suppress(h, now) {
		return dst
	}
	for done := false; !done; {
		dst, done = k.tryEvaluate(h, now, dst)
	}
	return dst
}

// suppress decides about a hit that the cooldown of its key suppresses, where that changes nothing but the state of the key, with one lane locked. It decides
// and commits as evaluateKey does. It reports false, and has changed nothing, if the hit needs more, something is due, or another worker is at the key.
func (k *Keyed) suppress(h *HitContext, now int64) bool {
	if h.Lane == nil || !h.Rule.Plain || h.Muted || len(h.Steps) > 0 {
		return false
	}
	hash := k.hash(h.Key)
	h.Lane.Lock()
	defer h.Lane.Unlock()
	if now > k.latest || len(k.pendingAbsences) > 0 || h.Lane.Full() {
		return false
	}
	if t := k.due.First(); t != nil && t.Due() <= now {
		return false
	}
	s, ok := k.keys.Peek(hash) // nothing changes the table while a lane is locked
	if !ok || s.key != string(h.Key) || !atomic.CompareAndSwapUint32(&s.busy, 0, 1) {
		return false
	}
	defer atomic.StoreUint32(&s.busy, 0)
	if !s.onlyCools(h.Rule, now) || s.timer.Due() != s.deadline(rollupRule(k.rules, s, h)) {
		return false
	}
	h.order(nil, now)
	s.clampFuture(now)
	b := tokens{} // an open window is before the bucket
	next, v := decide(h.Rule, s, h, &b, now)
	s.commit(h, &next, &v, &b, now)
	if last := h.Lane.Last(); last != nil && last.key == s && last.rule == h.Rule.Counters {
		last.hits++
	} else {
		h.Lane.Note(suppressed{s, h.Rule.Counters, 1})
	}
	return true
}

// onlyCools reports whether a hit at a time is suppressed by the window and changes nothing but the counts of unreported hits: neither a deadline, nor the
// sample of a roll-up, nor another machine of the key.
func (s *keyState) onlyCools(r *rules.Rule, now int64) bool {
	w, u := &s.window, &s.unreported
	if w.opened > now || w.overdue > now || w.doublings != 0 || w.state(r, now) != windowOpen {
		return false
	}
	if len(s.count.marks) > 0 || s.episode != (episode{}) || s.incident != nil || s.open != nil || s.pace != nil || s.crossing != (crossing{}) {
		return false
	}
	if u.sample == nil {
		return !r.RollsUp(model.ReasonCooldown)
	}
	return u.state() == rollupPending && u.sample.arrived <= now
}

// tryEvaluate is evaluate with the lock held once; done is false when more is due than is done at once.
func (k *Keyed) tryEvaluate(h *HitContext, now int64, dst []model.Alert) (_ []model.Alert, done bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// A roll-up that was due before this hit must not report it, so due work comes first, under the same lock.
	dst, more := k.runDue(now, dst)
	if more {
		return dst, false
	}
	// Counted only here, because an attempt that ends above is repeated.
	counters := h.Rule.Counters
	counters.Hit()
	switch r := h.Rule; {
	case r.Settings.Absent > 0:
		k.evaluateExpected(h, now)
	case r.Compares && r.Settings.Rate.Below != 0:
		k.evaluateUsual(h, now)
	default:
		k.evaluateKey(h, now)
	}
	switch d := &h.Decision; {
	case !d.Alert:
		counters.Suppress(d.Reason)
		if d.Reason == model.ReasonSilence {
			h.Silence.Count()
		}
	case h.WaitsForLines || h.Asks():
		counters.Pend()
	default:
		counters.Alert()
	}
	return dst, true
}

func (k *Keyed) evaluateKey(h *HitContext, now int64) {
	s := k.stateOfHit(h, now)
	// The sequence comes before first_seen: a hit out of order must not make its template known.
	h.order(k.stepsOf(h), now)
	if h.inOrder {
		h.known = k.seenBefore(h, now)
	}
	switch compares := h.Rule.Compares; {
	case compares && h.Sequenced:
		h.compare(k.shareOf(h.Sequence))
		s.pace = nil // from before a reload: it would lack this hit
	case compares || s.pace != nil: // other rules pay nothing
		s.measure(h, now)
	}
	h.shared = shares(k.fleet, h.Rule) && !h.Overflow
	h.forAll = h.countedByAll(now)
	before := len(s.count.marks)
	b := k.tokens(h.Container)
	s.clampFuture(now) // decide asks for it
	next, v := decide(h.Rule, s, h, &b, now)
	s.commit(h, &next, &v, &b, now)
	k.countByAll(s, h, now)
	k.rateByAll(s, h, now)
	k.followForAll(s, h, now)
	k.seenByAll(h)
	k.track(s)
	// The deadline follows from the new state, and addMarks may forget other keys, but not this one: it was used last.
	k.addMarks(len(s.count.marks) - before)
	k.due.Set(&s.timer, s.deadline(rollupRule(k.rules, s, h)))
	k.keys.Touch(s.hash)
	// After the decision, because a hit below its threshold is no step.
	if len(h.Steps) > 0 {
		k.step(h, h.happened())
	}
}

// evaluateUsual decides about a hit of a rule that alerts when too few come.
func (k *Keyed) evaluateUsual(h *HitContext, now int64) {
	s := k.stateOfHit(h, now)
	s.clampFuture(now)
	s.measure(h, now)
	h.Decision = decideUsual(s, h, now)
	s.commitUsual(h, now)
	k.due.Set(&s.timer, s.deadline(rollupRule(k.rules, s, h)))
	k.keys.Touch(s.hash)
	k.step(h, true)
}

func (k *Keyed) evaluateExpected(h *HitContext, now int64) {
	t := k.startAbsence(h.Rule, h.Source.Workload, h.Source, now)
	// The decision comes before the commit, which resets the times that it reports.
	h.Decision = decideExpected(h.Rule, t, h, now)
	t.commit(h, now)
	if shares(k.fleet, h.Rule) {
		k.fleet.Heard(t.line(h.Rule))
	}
	k.due.Set(&t.timer, t.deadline(h.Rule))
	k.absences.Touch(t.key)
	k.step(h, true)
}

// rollupRule returns the rule by which a key's roll-up is made after a hit: as it applies to the workload of the hit that the roll-up shows, where hits of
// several workloads share the key.
func rollupRule(n *rules.Snapshot, s *keyState, h *HitContext) *rules.Rule {
	shown := s.unreported.sample
	if shown == nil || shown.source.Workload == h.Source.Workload {
		return h.Rule
	}
	return ruleOf(n, s.key, shown.source.Workload)
}

// addMarks counts the hits that thresholds remember; when there are too many, the keys unused for longest are forgotten.
func (k *Keyed) addMarks(n int) {
	k.marks += n
	for k.marks > maxMarks && k.keys.Len() > 1 {
		// At least one key stays: it is that of the present hit, which was used last and gets its deadline next.
		k.keys.EvictOldest()
	}
}
