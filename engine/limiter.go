package engine

import (
	"hash/maphash"
	"sync"

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
