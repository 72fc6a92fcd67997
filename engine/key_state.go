package engine

// keyState is the state of one cooldown key: four machines, each of which knows nothing of the others. It holds nothing of the rule but its id, which the
// key begins with, so that no snapshot outlives its reload for the sake of a key.
type keyState struct {
	key        string // rule id and key parts
	window     window
	unreported unreported
	count      slidingCount
	episode    episode
	lastHit    int64 // when the last hit arrived
	restored   bool  // from saved state, and no rules were in force since
	group      *templateGroup
	timer      timer
}

// clone returns a copy that shares nothing that changes.
func (s *keyState) clone() *keyState {
	c := *s
	c.group, c.timer = nil, timer{}
	c.timer.key = &c
	c.count.marks = append([]mark(nil), s.count.marks...)
	if s.unreported.sample != nil {
		shown := *s.unreported.sample
		c.unreported.sample = &shown
	}
	return &c
}

// clampFuture sets times later than now, since the clock went back, to now. So a clock that is set back begins cooldowns again from there instead of
// prolonging them.
func (s *keyState) clampFuture(now int64) {
	s.window.clampFuture(now)
	s.unreported.clampFuture(now)
	s.count.clampFuture(now)
	s.episode.clampFuture(now)
	s.lastHit = min(s.lastHit, now)
}

// decision is what becomes of a hit, and what its alert reports.
type decision struct {
	alert      bool
	reason     Reason // the hit is suppressed, when there is no alert
	kind       Kind
	severity   Severity // at least
	at         int64    // when the hit happened
	late       int64    // by how much it arrived later
	suppressed [NumReasons]int64
	since      int64   // the earliest of the suppressed hits, 0: there are none
	last       int64   // the latest of them
	absentFor  int64   // recovered: how long nothing came
	workload   string  // recovered: of the absence
	counted    int     // hits, or different values, that count for the threshold
	sample     *sample // that shows the hit, and is to be rendered
}

// decide decides what becomes of a hit, and moves the key's state and the container's bucket on. It changes nothing else, so that Explain can try it on
// copies.
//
// The order is part of the contract (docs/counting.md): what suppresses a hit must not let it consume anything of what comes behind, so the token is
// last. Counting, the template and the episode come first, for every hit counts there, whatever becomes of it.
func (s *keyState) decide(h *hitContext, bucket tokens, now int64) {
	r := h.rule
	set := &r.settings
	s.clampFuture(now)
	s.lastHit = now
	d := &h.decision
	d.at, d.late, d.counted = h.at, now-h.at, s.count.observe(set, h.at, h.value, h.valued)
	s.episode.observe(r, h.at, now)
	var why Reason
	switch {
	case h.muted:
		why = h.reason
	case d.counted < set.Count && !h.overflow:
		why = ReasonThreshold
	case h.known:
		why = ReasonKnown
	case !h.overflow && s.window.state(set.Cooldown, now) != windowClosed:
		why = ReasonCooldown
	case set.DryRun && bucket.available(now): // it begins and ends all that the alert would, and takes nothing from others
		why = ReasonDryRun
		s.window.opened = now
		s.count.clear()
	case set.DryRun || !bucket.consume(now):
		why = ReasonRateLimit
	default:
		d.alert = true
	}
	if !d.alert {
		d.reason = why
		s.suppress(h, d, now)
		return
	}
	if set.Count > 0 {
		d.kind = KindThreshold
	}
	d.suppressed, d.since, d.last = s.unreported.suppressed, s.unreported.first, s.unreported.last
	s.count.clear()
	s.markReported(now)
	d.severity = s.episode.escalate(r, s.episode.lastHit)
}

// suppress counts a hit that makes no alert of its own. Where a roll-up is made because of it and none of the key's hits is shown yet, it is the one.
func (s *keyState) suppress(h *hitContext, d *decision, now int64) {
	s.unreported.add(d.reason, h.at)
	if s.unreported.sample == nil && h.rule.rollsUp(d.reason) {
		s.unreported.sample = &sample{at: h.at, arrived: now, source: h.source, stream: h.stream}
		d.sample = s.unreported.sample
	}
}

// markReported resets what an alert has reported, and opens the window of that alert.
func (s *keyState) markReported(now int64) {
	s.window.open(now)
	s.unreported = unreported{}
}

// deadline returns when the key next reports something by itself; 0: never, as things are.
func (s *keyState) deadline(r *rule) int64 {
	if r == nil || r.settings.DryRun || s.unreported.state() != rollupPending {
		return 0
	}
	shown, due := s.unreported.sample.arrived, int64(0)
	if r.settings.Rollup {
		due = s.window.closes(r.window(), shown)
	}
	if step := s.episode.nextStep(r, shown); step != 0 && (due == 0 || step < due) {
		due = step
	}
	if due != 0 {
		due = max(due, s.window.overdue)
	}
	return due
}

// expired reports whether the state says no more than that of a key that was never hit, but for what no alert has reported yet.
func (s *keyState) expired(r *rule, now int64) bool {
	if s.window.state(r.settings.Cooldown, now) != windowClosed || s.episode.began != 0 && !s.episode.expired(s.episode.clock(now), r.window()) {
		return false
	}
	return len(s.count.marks) == 0 || now-s.lastHit >= int64(r.settings.Within)
}

// ruleID returns the id of the rule that a key begins with.
func ruleID(key string) string {
	for i := range len(key) {
		if key[i] == keySeparator {
			return key[:i]
		}
	}
	return key
}
