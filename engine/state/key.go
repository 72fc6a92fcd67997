package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state/deadline"
)

// AbsenceGrace is the earliest time after a start at which an absence is reported: lines written while the program was down are read first.
// After a longer stop nobody knows which lines came meanwhile, so the wait restarts.
const AbsenceGrace = 5 * time.Minute

// keyState is the state of one cooldown key: seven machines, each of which knows nothing of the others. It holds nothing of the rule but its id, which the
// key begins with, so that no snapshot outlives its reload for the sake of a key.
type keyState struct {
	key        string // rule id and key parts
	hash       uint64 // of the key, in the table
	window     window
	unreported unreported
	count      slidingCount
	episode    episode
	incident   *incident // nil: none is open
	pace       *pace     // nil: the rule has no rate
	crossing   crossing
	lastHit    int64 // when the last hit arrived
	restored   bool  // from saved state, and no rules were in force since
	notBefore  int64 // after a restart: when a wait for the other rule is reported at the earliest; 0: no restart
	group      *templateGroup
	open       *openIncidents // that the key is in, at place; nil: its incident is not open
	place      int
	timer      deadline.Timer
	busy       uint32 // 1 while a worker that has locked one lane is at it
}

func newKeyState(key string) *keyState {
	s := &keyState{key: key}
	s.timer.Owner = s
	return s
}

// Name implements deadline.Owner.
func (s *keyState) Name() string { return s.key }

// clone returns a copy that shares nothing that changes.
func (s *keyState) clone() *keyState {
	c := *s
	// Group, list and timer belong to the original: with them a draft could change the engine.
	c.group, c.open, c.timer = nil, nil, deadline.Timer{}
	c.timer.Owner = &c
	c.incident, c.pace = s.incident.clone(), s.pace.clone()
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
	s.incident.clampFuture(now)
	s.crossing.clampFuture(now)
	s.lastHit = min(s.lastHit, now)
	// This time is in the future on purpose, but by no more than after a restart at this moment.
	s.notBefore = min(s.notBefore, now+int64(AbsenceGrace))
}

// reportsLater says whether time may make an alert of the key.
func (s *keyState) reportsLater() bool {
	return s.unreported.sample != nil || s.incident != nil || s.pace != nil && s.pace.source != nil
}

// workload returns the workload whose variant of the rule decides about the alerts that time makes.
func (s *keyState) workload() string {
	switch {
	case s.unreported.sample != nil:
		return s.unreported.sample.source.Workload
	case s.incident != nil:
		return s.incident.source.Workload
	case s.pace != nil && s.pace.source != nil:
		return s.pace.source.Workload
	}
	return ""
}

// deadline returns when the key next reports something by itself; 0: never, as things are.
func (s *keyState) deadline(r *rules.Rule) int64 {
	due := s.rollupDue(r)
	if s.pace != nil {
		if looks := s.looks(r); looks != 0 && (due == 0 || looks < due) {
			due = max(looks, 1) // a deadline of 0 would take the timer out of the heap
		}
	}
	if ends := s.incident.ends(r); ends != 0 && (due == 0 || ends < due) {
		return max(ends, 1)
	}
	return due
}

// looks returns when a key whose rule has below is next looked at; 0: never, as things are. It is not before its latest hit arrived, which may have been late
// and have raised what is usual.
func (s *keyState) looks(r *rules.Rule) int64 { return s.pace.looks(r, max(s.notBefore, s.lastHit)) }

// rollupDue returns when the key reports what was suppressed; 0: never, as things are.
func (s *keyState) rollupDue(r *rules.Rule) int64 {
	if r == nil || r.Settings.DryRun {
		return 0
	}
	if shown := s.unreported.sample; r.Settings.Without != "" && shown != nil {
		return max(shown.from+int64(r.Settings.Within), s.window.overdue, s.notBefore)
	}
	if s.crossing.due() && s.unreported.sample != nil {
		return max(s.crossing.at, s.window.overdue)
	}
	if s.unreported.state() != rollupPending && !s.crossing.rolls {
		return 0
	}
	shown, due := s.unreported.sample.arrived, int64(0)
	if r.Settings.Rollup {
		due = s.window.closes(r, shown)
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
	if s.incident != nil || s.crossing.due() || s.window.state(r, now) != windowClosed || s.episode.began != 0 && !s.episode.expired(s.episode.clock(now), r.Window()) {
		return false
	}
	// The end of an absence that was sent comes with a hit of the key, however late.
	if s.pace != nil && (s.pace.sent || now-s.lastHit < s.pace.Window()+s.pace.Than) {
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

// KeyParts splits a cooldown key; the first part, the rule's id, is left out.
func KeyParts(key []byte) []string {
	var parts []string
	start := -1
	for i := 0; i <= len(key); i++ {
		if i == len(key) || key[i] == model.KeySeparator {
			if start >= 0 {
				parts = append(parts, string(key[start:i]))
			}
			start = i + 1
		}
	}
	return parts
}
