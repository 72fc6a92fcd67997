package engine

import (
	"encoding/json"
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

const (
	cellPrefix   = "cooldown/"
	bucketPrefix = "bucket/"
)

// savedCell and savedBucket are the JSON forms; times are ns since 1970.
type savedCell struct {
	LastAlert  int64            `json:"last_alert,omitempty"`
	Since      int64            `json:"since,omitempty"`
	Suppressed map[string]int64 `json:"suppressed,omitempty"`
}

type savedBucket struct {
	Arrival int64 `json:"arrival"`
}

// takeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes.
func (l *limiter) takeChanges() []StateEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tracking {
		l.tracking = true
		for _, c := range l.cells.Values() {
			l.touch(cellPrefix + c.key)
		}
		for _, b := range l.buckets.Values() {
			l.touch(bucketPrefix + b.key)
		}
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
	var value any
	if key, ok := strings.CutPrefix(stateKey, cellPrefix); ok {
		c, ok := l.cells.Peek(maphash.String(l.seed, key))
		if !ok || c.key != key {
			return nil
		}
		s := savedCell{LastAlert: c.lastAlert, Since: c.since}
		for i, n := range c.suppressed {
			if n > 0 {
				if s.Suppressed == nil {
					s.Suppressed = map[string]int64{}
				}
				s.Suppressed[Reason(i).String()] = n
			}
		}
		value = s
	} else if key, ok := strings.CutPrefix(stateKey, bucketPrefix); ok {
		b, ok := l.buckets.Peek(maphash.String(l.seed, key))
		if !ok || b.key != key {
			return nil
		}
		value = savedBucket{b.arrival}
	} else {
		return nil
	}
	out, err := json.Marshal(value)
	if err != nil { // structs of integers and strings always marshal
		return nil
	}
	return out
}

// restore puts saved entries back. A bucket that is full again by now, and a key that has nothing to tell and is older than oldest, are
// left out and come back from takeChanges as forgotten. It returns an error that names the first entry that does not parse; the others
// are restored all the same.
func (l *limiter) restore(entries []StateEntry, now int64, oldest time.Duration) (restored int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracking = true
	for _, e := range entries {
		kept, bad := l.restoreOne(e, now, oldest)
		if bad != nil && err == nil {
			err = fmt.Errorf("limiter state %q: %w", e.Key, bad)
		}
		if kept {
			restored++
		} else {
			l.touch(e.Key)
		}
	}
	return restored, err
}

func (l *limiter) restoreOne(e StateEntry, now int64, oldest time.Duration) (kept bool, err error) {
	if key, ok := strings.CutPrefix(e.Key, cellPrefix); ok {
		var s savedCell
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if len(s.Suppressed) == 0 && now-s.LastAlert > int64(oldest) {
			return false, nil
		}
		c := &cell{key: key, lastAlert: s.LastAlert, since: s.Since}
		for i := range NumReasons {
			c.suppressed[i] = s.Suppressed[i.String()]
		}
		l.cells.Add(maphash.String(l.seed, key), c)
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, bucketPrefix); ok {
		var s savedBucket
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if s.Arrival <= now {
			return false, nil
		}
		l.buckets.Add(maphash.String(l.seed, key), &bucket{key: key, arrival: s.Arrival})
		return true, nil
	}
	return false, fmt.Errorf("unknown kind of entry")
}
