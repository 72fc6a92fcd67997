package engine

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// limiter holds the keyed state: when each cooldown key last alerted and what was held back since, and each container's token bucket.
// It is bounded; when full, the key unused for longest is forgotten and counted, so that its next hit alerts rather than hides.
// Safe for concurrent use. Only hits come here: a line that no rule matches takes no lock.
type limiter struct {
	mu       sync.Mutex
	seed     maphash.Seed
	cells    *simplelru.LRU[uint64, *cell]
	buckets  *simplelru.LRU[uint64, *bucket]
	changed  map[string]struct{} // state keys whose entry is to be saved or forgotten
	evicted  int64
	limits   Limits
	tracking bool // changed is kept
}

// cell is the state of one cooldown key.
type cell struct {
	key        string // rule id and key parts
	lastAlert  int64  // ns; 0 = never
	suppressed [NumReasons]int64
	since      int64 // time of the first suppressed hit, 0 = none
}

// bucket is a token bucket as a theoretical arrival time (GCRA, ITU-T I.371): one integer instead of a level and a time.
type bucket struct {
	key     string
	arrival int64 // ns
}

func newLimiter(limits Limits) *limiter {
	l := &limiter{seed: maphash.MakeSeed(), changed: map[string]struct{}{}, limits: limits}
	// NewLRU fails only for a size below one, which Limits.Validate refuses and setLimits corrects.
	l.cells, _ = simplelru.NewLRU(max(1, limits.MaxKeys), func(_ uint64, c *cell) { l.forgotten(cellPrefix + c.key) })
	l.buckets, _ = simplelru.NewLRU(max(1, limits.MaxKeys), func(_ uint64, b *bucket) { l.forgotten(bucketPrefix + b.key) })
	return l
}

// setLimits puts other limits in force. State beyond a smaller bound is forgotten, oldest first.
func (l *limiter) setLimits(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits
	l.cells.Resize(max(1, limits.MaxKeys))
	l.buckets.Resize(max(1, limits.MaxKeys))
}

func (l *limiter) forgotten(stateKey string) {
	l.evicted++
	l.touch(stateKey)
}

func (l *limiter) touch(stateKey string) {
	if l.tracking {
		l.changed[stateKey] = struct{}{}
	}
}

// verdict is what became of a hit.
type verdict struct {
	alert      bool
	suppressed [NumReasons]int64 // told by the alert: held back since the last one of the key
	since      int64
}

// judge decides about one hit of a rule: cooldown, then the container's token bucket, then dry run. Exactly one counter of the rule
// besides hits goes up by one. now is in ns; a clock that steps back restarts the cooldown from there instead of prolonging it.
func (l *limiter) judge(r *rule, key, container []byte, now int64) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.counters.hits.Add(1)
	c := l.cell(key)
	if now < c.lastAlert {
		c.lastAlert = now
	}
	switch {
	case r.settings.Cooldown > 0 && c.lastAlert != 0 && now-c.lastAlert < int64(r.settings.Cooldown):
		l.hold(r, c, ReasonCooldown, now)
	case !l.take(container, now, r.settings.DryRun):
		l.hold(r, c, ReasonRateLimit, now)
	case r.settings.DryRun:
		c.lastAlert = now
		l.hold(r, c, ReasonDryRun, now)
	default:
		v := verdict{alert: true, suppressed: c.suppressed, since: c.since}
		c.lastAlert, c.since, c.suppressed = now, 0, [NumReasons]int64{}
		l.touch(cellPrefix + c.key)
		r.counters.alert()
		return v
	}
	return verdict{}
}

func (l *limiter) hold(r *rule, c *cell, why Reason, now int64) {
	if c.since == 0 {
		c.since = now
	}
	c.suppressed[why]++
	r.counters.suppress(why)
	l.touch(cellPrefix + c.key)
}

// cell finds or makes the state of a key. Two keys of one hash do not share state: the later one takes the place of the earlier, which
// is forgotten as if the limiter were full.
func (l *limiter) cell(key []byte) *cell {
	h := maphash.Bytes(l.seed, key)
	if c, ok := l.cells.Get(h); ok {
		if c.key == string(key) {
			return c
		}
		l.cells.Remove(h)
	}
	c := &cell{key: string(key)}
	l.cells.Add(h, c)
	return c
}

// take takes a token from a container's bucket and reports whether there was one. With peek the bucket stays as it is.
func (l *limiter) take(container []byte, now int64, peek bool) bool {
	limit := l.limits.PerContainer
	if limit.Rate.Count <= 0 || limit.Rate.Per <= 0 {
		return true
	}
	every := max(1, int64(limit.Rate.Per)/int64(limit.Rate.Count))
	tolerance := every * int64(limit.Burst)
	h := maphash.Bytes(l.seed, container)
	b, ok := l.buckets.Get(h)
	if ok && b.key != string(container) {
		l.buckets.Remove(h)
		ok = false
	}
	arrival := now
	if ok && b.arrival > now && b.arrival-now <= tolerance { // further ahead only when the clock stepped back or the burst shrank
		arrival = b.arrival
	}
	arrival += every
	if arrival-now > tolerance {
		return false
	}
	if peek {
		return true
	}
	if !ok {
		b = &bucket{key: string(container)}
		l.buckets.Add(h, b)
	}
	b.arrival = arrival
	l.touch(bucketPrefix + b.key)
	return true
}

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
