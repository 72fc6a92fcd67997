package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// bucket is a token bucket as a theoretical arrival time (GCRA, ITU-T I.371): one integer instead of a level and a time.
type bucket struct {
	key     string
	hash    uint64 // of the key, in the table
	arrival int64  // ns
}

// next returns the arrival of a bucket that gives a token at now; ok is false when it holds none. A nil bucket was never used.
func (b *bucket) next(limit *rules.Bucket, now int64) (arrival int64, ok bool) {
	every, tolerance := limit.Spacing()
	arrival = now
	if b != nil && b.arrival > now && b.arrival-now <= tolerance { // further ahead only when the clock went back or the burst shrank
		arrival = b.arrival
	}
	arrival += every
	return arrival, arrival-now <= tolerance
}

// buckets finds and changes the bucket of a container.
type buckets interface {
	bucketOf(container []byte) *bucket // nil: it was never used
	fill(b *bucket, container []byte, arrival int64)
}

// tokens is the bucket of a container for one decision. It is looked up when the decision asks for it, because most hits are suppressed before that.
type tokens struct {
	of        buckets
	limit     *rules.Bucket
	container []byte
	found     *bucket
	arrival   int64 // of the bucket, when the token is taken
}

// available reports whether there is a token. It takes none.
func (t *tokens) available(now int64) (ok bool) {
	if t.limit.Unlimited() {
		return true
	}
	// Kept for consume: under one lock nothing changes the bucket in between.
	t.found = t.of.bucketOf(t.container)
	t.arrival, ok = t.found.next(t.limit, now)
	return ok
}

// consume takes the token that is available.
func (t *tokens) consume() {
	if !t.limit.Unlimited() {
		t.of.fill(t.found, t.container, t.arrival)
	}
}

// muting is the silences and inhibitions that alerts of time are asked about, and the alerts that inhibit.
type muting struct {
	board     *mute.Board     // nil: there is none
	inhibitor *mute.Inhibitor // that of the board, or a copy of it
	inhibits  []*rules.Inhibit
	image     *mute.NewImage // that is about to appear; nil: none
}

// mutes reports whether a silence or an inhibition suppresses an alert that time makes, as of the moment at which it is due.
func (m *muting) mutes(s *rules.Subject, at int64) bool {
	if m.board == nil {
		return false
	}
	if m.board.Silences.Load().SuppressingBeside(s, at, m.image) != nil {
		return true
	}
	return len(m.inhibits) > 0 && m.inhibitor.Suppresses(m.inhibits, s, at)
}

// observe notes an alert that time made, for the inhibitions that it is the source of. over says that it ends them.
func (m *muting) observe(s *rules.Subject, at int64, over bool) {
	if m.board != nil && len(m.inhibits) > 0 {
		m.inhibitor.Observe(m.inhibits, s, at, over)
	}
}

// dueOutcome is the outcome of a deadline.
type dueOutcome uint8

const (
	notDue   dueOutcome = iota // not yet, or not any more
	delayed                    // it cannot be sent yet
	unsent                     // the rule alerts nobody
	sendable                   // an alert is sent
)

// subjectOf returns the subject of silences and inhibitions for an alert that time made.
func subjectOf(r *rules.Rule, a *model.Alert) *rules.Subject {
	s := rules.AlertSubject(r, a)
	return &s
}
