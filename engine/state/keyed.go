// Package state has the keyed state of the engine, and decides about each hit by it.
//
// The state of a key is seven machines that know nothing of each other: window (the cooldown), unreported (hits suppressed since the last alert),
// slidingCount (the threshold), crossing (that of a fleet), pace (the rate), episode (the escalation) and incident (the end of what alerts began). Beside the
// keys there are token buckets (outside.go), templates that were seen (templates.go), the hits of other rules that sequences ask for (sequence.go), and absences (absence.go).
//
// A line that is no hit may end incidents: Keyed.End. Three functions decide, each without side effects: decide about a hit, in the order of docs/counting.md, decideExpected about a hit of an absence rule,
// decideRollup and decideAbsence when time has come. Keyed commits their outcomes (evaluate.go, due.go); a Draft, for Explain, puts them into effect on copies
// (draft.go). All state is saved and restored (save.go, forms.go).
//
// It holds the id of a rule, never the rule, so that no snapshot outlives its reload for the sake of a key.
package state

import (
	"hash/maphash"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state/deadline"
	"github.com/tinyforge/fluentbit-trigger/engine/state/lanes"
	"github.com/tinyforge/fluentbit-trigger/engine/table"
)

// Keyed has the state of each cooldown key, of each container's token bucket and of each absence rule, and the
// templates that were seen. Each kind is bounded; when full, the entry unused for longest is forgotten and counted, so that the next hit alerts rather
// than hides. Only hits and new sources come here: a line that no rule matches takes no lock. Safe for concurrent use.
//
// The lock is held for bounded work alone: slow work (rendering, encoding) is done without it, and due work in batches. Hits that a cooldown suppresses
// lock a lane of it, see suppress.
type Keyed struct {
	Candidates      model.Candidates                    // that nobody has decided about
	mutes           *mute.Board                         // in force; nil: none
	fleet           model.Fleet                         // that counts hits of its rules; nil: none
	countersBy      func(id string) *model.RuleCounters // of a rule, or those of retired rules
	mu              *lanes.Lock[suppressed]
	seed            maphash.Seed
	keys            *table.Table[uint64, *keyState] // by the hash of the key
	buckets         *table.Table[uint64, *bucket]   // by the hash of the container
	absences        *table.Table[string, *absenceTimer]
	templates       *table.Table[TemplateID, *templateSeen]
	sequences       *table.Table[SequenceID, *steps]
	groups          map[string]*templateGroup
	open            map[string]*openIncidents // by rule and workload
	due             deadline.Heap
	marks           int                    // of all keys
	rules           *rules.Snapshot        // in force, for alerts that time makes; nil before there are any
	pendingAbsences []rules.AbsenceToStart // that begin at the next moment
	latest          int64                  // the latest time that anything was done at

	unrestored []string // names of saved entries to be forgotten
	clocked    int64    // latest as it was saved
	overflow   int64    // hits sent because a rule's templates were too many
	limits     rules.Limits
}

// Lane is the part of the lock that belongs to a worker.
type Lane = lanes.Lane[suppressed]

// suppressed is hits of one key in a row that were suppressed with one lane locked. That the key was used, and the counts of the rule, are noted later, but
// before anybody looks at them: workers would wait for each other's cache lines otherwise.
type suppressed struct {
	key  *keyState
	rule *model.RuleCounters
	hits int64
}

func (k *Keyed) onSuppressed(one suppressed) {
	k.keys.Get(one.key.hash)
	k.keys.Touch(one.key.hash)
	one.rule.SuppressHits(model.ReasonCooldown, one.hits)
}

// Lane returns a lane for a worker.
func (k *Keyed) Lane() *Lane { return k.mu.Lane() }

// setLimits puts other limits in force. State beyond a smaller bound is forgotten, oldest first.
func (k *Keyed) setLimits(limits rules.Limits) {
	k.limits = limits
	k.keys.Resize(limits.MaxKeys)
	k.buckets.Resize(limits.MaxKeys)
	k.absences.Resize(limits.MaxKeys)
	k.templates.Resize(limits.MaxKeys)
	k.sequences.Resize(limits.MaxKeys)
}

// keyRemoved ends the state of a key that was removed. Hits that it had not reported yet are counted as forgotten.
func (k *Keyed) keyRemoved(s *keyState) {
	// A timer that stayed in the heap would fire for a key that no table holds.
	k.due.Set(&s.timer, 0)
	k.marks -= len(s.count.marks)
	if s.group != nil {
		k.leave(s)
	}
	s.incident = nil
	k.track(s)
	k.countForgotten(ruleID(s.key), s.unreported.total())
}

// countForgotten counts hits of a rule that no alert will report.
func (k *Keyed) countForgotten(id string, hits int64) {
	if hits != 0 && k.countersBy != nil {
		k.countersBy(id).Forget(hits)
	}
}

// stateOf finds or makes the state of a key. Two keys of one hash do not share state: the later one takes the place of the earlier, which
// is forgotten as if there were no room.
func (k *Keyed) stateOf(key []byte) (s *keyState, made bool) {
	h := k.hash(key)
	if s, ok := k.keys.Get(h); ok {
		if s.key == string(key) {
			return s, false
		}
		k.keys.Evict(h)
	}
	s = newKeyState(string(key))
	s.hash = h
	k.keys.Add(h, s)
	return s, true
}

func (k *Keyed) hash(key []byte) uint64 { return maphash.Bytes(k.seed, key) }

// peek returns the state of a key, or nil, and does not count as using it.
func (k *Keyed) peek(key string) *keyState {
	if s, ok := k.keys.Peek(maphash.String(k.seed, key)); ok && s.key == key {
		return s
	}
	return nil
}

// CloseWindows closes the windows of the keys that chosen selects.
func (k *Keyed) CloseWindows(chosen func(key string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.keys.All() {
		if s.window == (window{}) || !chosen(s.key) {
			continue
		}
		s.window = window{}
		if s.reportsLater() {
			k.due.Set(&s.timer, k.fromNow(s.deadline(k.rule(s.key, s.workload())), false))
		}
		k.keys.Touch(s.hash)
	}
}

// drop removes the state of a key that says nothing any more.
func (k *Keyed) drop(s *keyState) {
	k.keys.Drop(s.hash)
}

// leave takes a key out of its group.
func (k *Keyed) leave(s *keyState) {
	delete(s.group.keys, s)
	if len(s.group.keys) == 0 {
		delete(k.groups, s.group.key)
	}
	s.group = nil
}

// rule returns the rule in force that a key belongs to, as it applies to a workload; nil if it was removed.
func (k *Keyed) rule(key, workload string) *rules.Rule { return ruleOf(k.rules, key, workload) }

func ruleOf(n *rules.Snapshot, key, workload string) *rules.Rule {
	if n == nil {
		return nil
	}
	return n.Find(ruleID(key), workload)
}

// stepsOf returns the hits of the other rule for a hit, or nil.
func (k *Keyed) stepsOf(h *HitContext) *steps {
	if h.Rule.Settings.Other() == "" {
		return nil
	}
	s, _ := k.sequences.Get(h.Sequence)
	return s
}

// shareOf returns the numbers of a ratio, which may be new.
func (k *Keyed) shareOf(id SequenceID) *steps {
	s, ok := k.sequences.Get(id)
	if !ok {
		s = &steps{}
		k.sequences.Add(id, s)
	}
	k.sequences.Touch(id)
	return s
}

// step notes a hit in the sequences of other rules if it is a step of them, and in their ratios in any case.
func (k *Keyed) step(h *HitContext, happened bool) {
	for i := range h.Steps {
		one := &h.Steps[i]
		if one.Within != 0 {
			k.shareOf(one.ID).shared().Note(one.Within, h.At, true)
			k.otherByAll(one, h.At)
			continue
		}
		if !happened {
			continue
		}
		k.stepForAll(h, one)
		// Noted even if it ends a wait: a hit that comes later may have happened before it.
		if s, ok := k.sequences.Get(one.ID); ok {
			s.add(h.At)
			k.sequences.Touch(one.ID)
		} else {
			k.sequences.Add(one.ID, &steps{at: []int64{h.At}})
		}
		if s := k.peek(one.Key); one.Ends && s != nil && s.answer(h.At) {
			k.due.Set(&s.timer, 0)
			k.keys.Touch(s.hash)
		}
	}
}

func (k *Keyed) bucketOf(container []byte) *bucket {
	if b, ok := k.buckets.Get(k.hash(container)); ok && b.key == string(container) {
		return b
	}
	return nil
}

func (k *Keyed) fill(b *bucket, container []byte, arrival int64) {
	if b == nil {
		b = &bucket{key: string(container), hash: k.hash(container)}
		k.buckets.Evict(b.hash) // another container with the same hash
		k.buckets.Add(b.hash, b)
	}
	b.arrival = arrival
	k.buckets.Touch(b.hash)
}

func (k *Keyed) tokens(container []byte) tokens {
	return tokens{of: k, limit: &k.limits.PerContainer, container: container}
}

func (k *Keyed) muting() *muting {
	if k.mutes == nil || k.rules == nil {
		return &muting{}
	}
	return &muting{k.mutes, k.mutes.Inhibitor, k.rules.Inhibits, nil}
}

// Stats returns how much is remembered, how much was forgotten because there was too much, and how many hits were sent because of too many templates.
func (k *Keyed) Stats() (keys int, evicted, overflow int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys = k.keys.Len() + k.buckets.Len() + k.absences.Len() + k.templates.Len() + k.sequences.Len()
	evicted = k.keys.Evicted() + k.buckets.Evicted() + k.absences.Evicted() + k.templates.Evicted() + k.sequences.Evicted()
	return keys, evicted, k.overflow
}

// Unreported returns, by rule, how many suppressed hits no alert has reported yet.
func (k *Keyed) Unreported() map[string]int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]int64{}
	for _, s := range k.keys.All() {
		out[ruleID(s.key)] += s.unreported.total()
	}
	for _, t := range k.absences.All() {
		out[ruleID(t.key)] += model.Sum(&t.suppressed)
	}
	return out
}

// LockFree reports whether nobody holds the lock at the moment, for tests of the work that is done without it.
func (k *Keyed) LockFree() bool {
	if !k.mu.TryLock() {
		return false
	}
	k.mu.Unlock()
	return true
}
