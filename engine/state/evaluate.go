package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// HitContext is all that decides about a hit beside the state of its key. It is gathered before anything is locked.
type HitContext struct {
	Rule          *rules.Rule
	Source        *model.Source
	Stream        model.Stream
	OverflowKey   overflowKey // makes the key if there are too many templates
	At            int64       // when the hit happened
	Key           []byte      // the cooldown key
	Container     []byte      // the key of the token bucket
	Template      TemplateID
	ImageSince    int64   // when the image of the hit appeared; 0: unknown
	Value         ValueID // that a threshold of different values counts
	Valued        bool    // there is one
	Muted         bool    // a silence or an inhibition is in force: why
	Reason        model.Reason
	Silence       *mute.Silence // that is it
	Sequence      SequenceID    // of the rule's own sequence, where it has one
	Sequenced     bool          // the hit has all its values
	Steps         []Step        // of the sequences of other rules that the hit is
	WaitsForLines bool          // its alert waits for lines: it is counted as pending

	known    bool // the template was seen before
	inOrder  bool // after: the other rule was hit before; true for a rule without
	waits    bool // without: the other rule is waited for
	Overflow bool // no key is kept for it: there is no cooldown, and no threshold
	Decision Decision
}

// overflowKey makes the key that hits share whose templates are too many.
type overflowKey interface{ OverflowKey() []byte }

// Evaluate runs everything due by now, then decides about a hit and commits the decision, which is in h.
func (k *Keyed) Evaluate(h *HitContext, now int64, dst []model.Alert) []model.Alert {
	for done := false; !done; {
		dst, done = k.tryEvaluate(h, now, dst)
	}
	return dst
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
	counters := h.Rule.Counters
	counters.Hit()
	if h.Rule.Settings.Absent > 0 {
		k.evaluateExpected(h, now)
	} else {
		k.evaluateKey(h, now)
	}
	switch d := &h.Decision; {
	case !d.Alert:
		counters.Suppress(d.Reason)
		if d.Reason == model.ReasonSilence {
			h.Silence.Count()
		}
	case h.WaitsForLines:
		counters.Pend()
	default:
		counters.Alert()
	}
	return dst, true
}

func (k *Keyed) evaluateKey(h *HitContext, now int64) {
	s := k.stateOfHit(h, now)
	h.order(k.stepsOf(h), now)
	if h.inOrder {
		h.known = k.seenBefore(h, now)
	}
	before := len(s.count.marks)
	b := k.tokens(h.Container)
	s.clampFuture(now) // decide asks for it
	next, v := decide(h.Rule, s, h, &b, now)
	s.commit(h, &next, &v, &b, now)
	// The deadline follows from the new state, and addMarks may forget other keys, but not this one: it was used last.
	k.addMarks(len(s.count.marks) - before)
	k.due.set(&s.timer, s.deadline(rollupRule(k.rules, s, h)))
	k.keys.Touch(s.hash)
	if h.happened() {
		k.step(h)
	}
}

func (k *Keyed) evaluateExpected(h *HitContext, now int64) {
	t := k.startAbsence(h.Rule, h.Source.Workload, h.Source, now)
	h.Decision = decideExpected(h.Rule, t, h, now)
	t.commit(h, now)
	k.due.set(&t.timer, t.deadline(h.Rule))
	k.absences.Touch(t.key)
	k.step(h)
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
		k.keys.EvictOldest()
	}
}
