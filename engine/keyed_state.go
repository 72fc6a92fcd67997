package engine

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Keyed holds what is remembered of keys: of each cooldown key, of each container's token bucket, of each rule that waits for lines, and the
// templates that were seen. Each kind is bounded; when full, what was unused for longest is forgotten and counted, so that the next hit alerts rather
// than hides. Only hits and new sources come here: a line that no rule matches takes no lock. Safe for concurrent use.
//
// The lock is held for bounded work alone: what is slow (rendering, encoding) is done without it, and what is due is done in batches.
type Keyed struct {
	mutes           *Board                        // in force; nil: none
	countersBy      func(id string) *RuleCounters // of a rule, or those of retired rules
	trial           *inhibitor                    // what is decided here has no consequences but for these inhibitions, which are a copy; nil: it has
	mu              sync.Mutex
	seed            maphash.Seed
	keys            *simplelru.LRU[uint64, *keyState]
	buckets         *simplelru.LRU[uint64, *bucket]
	absences        *simplelru.LRU[string, *absenceTimer]
	templates       *simplelru.LRU[TemplateID, *templateSeen]
	groups          map[string]*templateGroup
	due             deadlines
	marks           int              // of all keys
	rules           *Snapshot        // in force: what time makes goes by them; nil before there are any
	pendingAbsences []absenceToStart // what is waited for from the next moment on
	latest          int64            // the latest time that anything was done at

	changed  map[string]struct{} // state keys whose entry is to be saved or forgotten
	tracking bool                // changed is kept
	clocked  int64               // latest as it was saved
	dropping bool                // what is removed is no longer needed, and is not counted
	evicted  int64
	overflow int64 // hits sent because a rule's templates were too many
	limits   Limits
}

func newKeyed(limits Limits, m *Board, counters func(id string) *RuleCounters) *Keyed {
	k := &Keyed{mutes: m, countersBy: counters, seed: maphash.MakeSeed(), changed: map[string]struct{}{}, groups: map[string]*templateGroup{}, limits: limits}
	size := max(1, limits.MaxKeys)
	// NewLRU fails only for a size below one, which Limits.Validate refuses and setLimits corrects.
	k.keys, _ = simplelru.NewLRU(size, func(_ uint64, s *keyState) { k.keyRemoved(s) })
	k.buckets, _ = simplelru.NewLRU(size, func(_ uint64, b *bucket) { k.removed(bucketPrefix + b.key) })
	k.absences, _ = simplelru.NewLRU(size, func(_ string, t *absenceTimer) {
		k.due.set(&t.timer, 0)
		k.countForgotten(ruleID(t.key), sum(&t.suppressed))
		k.removed(absencePrefix + t.key)
	})
	k.templates, _ = simplelru.NewLRU(size, func(id TemplateID, _ *templateSeen) { k.removed(id.stateKey()) })
	return k
}

// setLimits puts other limits in force. State beyond a smaller bound is forgotten, oldest first.
func (k *Keyed) setLimits(limits Limits) {
	k.limits = limits
	size := max(1, limits.MaxKeys)
	k.keys.Resize(size)
	k.buckets.Resize(size)
	k.absences.Resize(size)
	k.templates.Resize(size)
}

// keyRemoved ends the state of a key that was removed. What it had not reported yet is counted as forgotten.
func (k *Keyed) keyRemoved(s *keyState) {
	k.due.set(&s.timer, 0)
	k.marks -= len(s.count.marks)
	if s.group != nil {
		k.leave(s)
	}
	k.countForgotten(ruleID(s.key), s.unreported.total())
	k.removed(keyPrefix + s.key)
}

// countForgotten counts hits of a rule that no alert will report.
func (k *Keyed) countForgotten(id string, hits int64) {
	if hits != 0 && k.trial == nil && k.countersBy != nil {
		k.countersBy(id).forget(hits)
	}
}

func (k *Keyed) removed(stateKey string) {
	if !k.dropping {
		k.evicted++
	}
	k.touch(stateKey)
}

func (k *Keyed) touch(stateKey string) {
	if k.tracking {
		k.changed[stateKey] = struct{}{}
	}
}

// touchKey notes that the state of a key changed; the entry's key is put together only where that is kept.
func (k *Keyed) touchKey(s *keyState) {
	if k.tracking {
		k.changed[keyPrefix+s.key] = struct{}{}
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
		k.keys.Remove(h)
	}
	s = &keyState{key: string(key)}
	s.timer.key = s
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

// drop removes the state of a key that says nothing any more.
func (k *Keyed) drop(s *keyState) {
	k.dropping = true
	k.keys.Remove(maphash.String(k.seed, s.key))
	k.dropping = false
}

// rule returns the rule in force that a key belongs to, as it applies to a workload; nil when there is none any more.
func (k *Keyed) rule(key, workload string) *rule {
	if k.rules == nil {
		return nil
	}
	return k.rules.find(ruleID(key), workload)
}

// countersOf returns the counters of a rule; those of a trial count for nobody.
func (k *Keyed) countersOf(r *rule) *RuleCounters {
	if k.trial != nil {
		return &RuleCounters{}
	}
	return r.counters
}

// stats returns how much is remembered, how much was forgotten because there was too much, and how many hits were sent because of too many templates.
func (k *Keyed) stats() (keys int, evicted, overflow int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys.Len() + k.buckets.Len() + k.absences.Len() + k.templates.Len(), k.evicted, k.overflow
}

// lockFree reports whether nobody holds the lock at the moment, for tests of the work that is done without it.
func (k *Keyed) lockFree() bool {
	if !k.mu.TryLock() {
		return false
	}
	k.mu.Unlock()
	return true
}
