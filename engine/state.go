package engine

import (
	"fmt"
	"hash/maphash"
	"strings"
	"time"
)

// StateEntry is one piece of limiter state in the form in which it is saved. Value is nil when the key was forgotten.
type StateEntry struct {
	Key   string
	Value []byte // JSON
}

// What the keys of the entries begin with.
const (
	cellPrefix     = "cooldown/"
	bucketPrefix   = "bucket/"
	watchPrefix    = "absence/"
	sightingPrefix = "seen/"
	clockKey       = "clock"
)

// takeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes.
func (l *limiter) takeChanges() []StateEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tracking {
		l.tracking = true
		for _, c := range l.cells.Values() {
			l.touchCell(c)
		}
		for _, b := range l.buckets.Values() {
			l.touch(bucketPrefix + b.key)
		}
		for _, w := range l.watches.Values() {
			l.touch(watchPrefix + w.key)
		}
		for _, id := range l.sightings.Keys() {
			l.touch(id.stateKey())
		}
	}
	if l.watches.Len() > 0 && l.latest != l.clocked {
		l.touch(clockKey) // so that a restart knows for how long nobody watched
		l.clocked = l.latest
	}
	out := make([]StateEntry, 0, len(l.changed))
	for key := range l.changed {
		out = append(out, StateEntry{Key: key, Value: l.saved(key)})
	}
	clear(l.changed)
	return out
}

// saved returns the JSON form of a key's state, or nil when it was forgotten.
func (l *limiter) saved(stateKey string) []byte {
	if stateKey == clockKey {
		return marshal(savedClock{l.latest})
	}
	if key, ok := strings.CutPrefix(stateKey, cellPrefix); ok {
		if c, ok := l.cells.Peek(maphash.String(l.seed, key)); ok && c.key == key {
			return marshal(saveCell(c))
		}
	} else if key, ok := strings.CutPrefix(stateKey, bucketPrefix); ok {
		if b, ok := l.buckets.Peek(maphash.String(l.seed, key)); ok && b.key == key {
			return marshal(savedBucket{b.arrival})
		}
	} else if key, ok := strings.CutPrefix(stateKey, watchPrefix); ok {
		if w, ok := l.watches.Peek(key); ok {
			return marshal(saveWatch(w))
		}
	} else if id, ok := parseTemplateID(stateKey); ok {
		if s, ok := l.sightings.Peek(id); ok {
			return marshal(savedSighting{s.last})
		}
	}
	return nil
}

// restore puts saved entries back. What means nothing any more is left out and comes back from takeChanges as forgotten: a bucket that is full
// again by now, and what is older than oldest and has nothing to tell. It returns an error that names the first entry that does not parse; the
// others are restored all the same.
func (l *limiter) restore(entries []StateEntry, now int64, oldest time.Duration) (restored int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracking = true
	r := restoring{limiter: l, now: now, oldest: int64(oldest)}
	for _, e := range entries {
		if e.Key == clockKey {
			var s savedClock
			if unmarshal(e.Value, &s) == nil {
				r.stopped = s.Now
			}
		}
	}
	for _, e := range entries {
		kept, bad := r.one(e)
		if bad != nil && err == nil {
			err = fmt.Errorf("limiter state %q: %w", e.Key, bad)
		}
		if kept {
			restored++
		} else {
			l.touch(e.Key)
		}
	}
	l.latest = max(l.latest, now)
	return restored, err
}

// restoring puts state back at a time.
type restoring struct {
	*limiter
	now     int64
	oldest  int64
	stopped int64 // when the state was last known to be watched; 0 = unknown
}

func (r *restoring) one(e StateEntry) (kept bool, err error) {
	l := r.limiter
	if e.Key == clockKey {
		var s savedClock
		return true, unmarshal(e.Value, &s)
	}
	if key, ok := strings.CutPrefix(e.Key, cellPrefix); ok {
		var s savedCell
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if len(s.Suppressed) == 0 && r.now-s.LastAlert > r.oldest && len(s.Marks) == 0 {
			return false, nil
		}
		c := s.cell(key)
		l.marks += len(c.marks)
		l.cells.Add(maphash.String(l.seed, key), c)
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, bucketPrefix); ok {
		var s savedBucket
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if s.Arrival <= r.now {
			return false, nil
		}
		l.buckets.Add(maphash.String(l.seed, key), &bucket{key: key, arrival: s.Arrival})
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, watchPrefix); ok && strings.ContainsRune(key, keySeparator) {
		var s savedWatch
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		l.watches.Add(key, s.watch(key, r.now, r.stopped))
		l.touch(e.Key) // the wait goes on from elsewhere
		return true, nil
	}
	if id, ok := parseTemplateID(e.Key); ok {
		var s savedSighting
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if r.now-s.Last > r.oldest {
			return false, nil
		}
		l.sightings.Add(id, &sighting{last: s.Last, saved: s.Last})
		return true, nil
	}
	return false, fmt.Errorf("unknown kind of entry")
}
