package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

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

// decide decides about a hit, and advances the key's state and the container's bucket. It changes nothing else, so that Explain can try it on
// copies.
//
// The order is part of the contract (docs/counting.md): a hit that one check suppresses must not consume anything of a later one, so the token comes
// last. The threshold's count, the template and the episode come first, because suppressed hits count there too.
func (s *keyState) decide(h *HitContext, bucket tokens, now int64) {
	r := h.Rule
	set := &r.Settings
	s.clampFuture(now)
	s.lastHit = now
	d := &h.Decision
	d.At, d.Late, d.Counted = h.At, now-h.At, s.count.observe(set, h.At, h.Value, h.Valued)
	s.episode.observe(r, h.At, now)
	var why model.Reason
	switch {
	case h.Muted:
		why = h.Reason
	case d.Counted < set.Count && !h.Overflow:
		why = model.ReasonThreshold
	case h.known:
		why = model.ReasonKnown
	case !h.Overflow && s.window.state(set.Cooldown, now) != windowClosed:
		why = model.ReasonCooldown
	case set.DryRun && bucket.available(now): // it opens the window and clears the count as an alert would, but takes no token from others
		why = model.ReasonDryRun
		s.window.opened = now
		s.count.clear()
	case set.DryRun || !bucket.consume(now):
		why = model.ReasonRateLimit
	default:
		d.Alert = true
	}
	if !d.Alert {
		d.Reason = why
		s.suppress(h, d, now)
		return
	}
	if set.Count > 0 {
		d.Kind = model.KindThreshold
	}
	d.Suppressed, d.Since, d.Last = s.unreported.suppressed, s.unreported.first, s.unreported.last
	s.count.clear()
	s.markReported(now)
	d.Severity = s.episode.escalate(r, s.episode.lastHit)
}

// suppress counts a hit that makes no alert of its own. Where a roll-up is made because of it and none of the key's hits is shown yet, it is the one.
func (s *keyState) suppress(h *HitContext, d *Decision, now int64) {
	s.unreported.add(d.Reason, h.At)
	if s.unreported.sample == nil && h.Rule.RollsUp(d.Reason) {
		s.unreported.sample = &Sample{at: h.At, arrived: now, source: h.Source, stream: h.Stream}
		d.Sample = s.unreported.sample
	}
}

// markReported resets the counts that an alert has reported, and opens the window of that alert.
func (s *keyState) markReported(now int64) {
	s.window.open(now)
	s.unreported = unreported{}
}

// deadline returns when the key next reports something by itself; 0: never, as things are.
func (s *keyState) deadline(r *rules.Rule) int64 {
	if r == nil || r.Settings.DryRun || s.unreported.state() != rollupPending {
		return 0
	}
	shown, due := s.unreported.sample.arrived, int64(0)
	if r.Settings.Rollup {
		due = s.window.closes(r.Window(), shown)
	}
	if step := s.episode.nextStep(r, shown); step != 0 && (due == 0 || step < due) {
		due = step
	}
	if due != 0 {
		due = max(due, s.window.overdue)
	}
	return due
}

// expired reports whether the state equals that of a key that was never hit, apart from hits that no alert has reported yet.
func (s *keyState) expired(r *rules.Rule, now int64) bool {
	if s.window.state(r.Settings.Cooldown, now) != windowClosed || s.episode.began != 0 && !s.episode.expired(s.episode.clock(now), r.Window()) {
		return false
	}
	return len(s.count.marks) == 0 || now-s.lastHit >= int64(r.Settings.Within)
}

// ruleID returns the id of the rule that a key begins with.
func ruleID(key string) string {
	for i := range len(key) {
		if key[i] == model.KeySeparator {
			return key[:i]
		}
	}
	return key
}

// templateGroup is the keys of one rule and container that hold a template.
type templateGroup struct {
	key   string
	keys  map[*keyState]struct{}
	swept int64 // when its keys were last looked through
}
