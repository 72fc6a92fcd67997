package engine

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// limiter holds the keyed state: of each cooldown key, of each container's token bucket, of each rule that waits for lines, and the templates
// that were seen. Each kind is bounded; when full, what was unused for longest is forgotten and counted, so that the next hit alerts rather
// than hides. Safe for concurrent use. Only hits and new sources come here: a line that no rule matches takes no lock.
type limiter struct {
	engine    *Engine // whose silences and inhibitions hold; nil: none
	trying    bool    // what is judged here has no consequences
	mu        sync.Mutex
	seed      maphash.Seed
	cells     *simplelru.LRU[uint64, *cell]
	buckets   *simplelru.LRU[uint64, *bucket]
	watches   *simplelru.LRU[string, *watch]
	sightings *simplelru.LRU[templateID, *sighting]
	groups    map[string]*group // of cells whose key holds a template
	due       deadlines
	marks     int       // of all cells
	rules     *Snapshot // in force: what time makes goes by them; nil before there are any
	arming    []watched // what is to be watched from the next moment on
	latest    int64     // the latest time that anything was judged at

	changed  map[string]struct{} // state keys whose entry is to be saved or forgotten
	tracking bool                // changed is kept
	clocked  int64               // latest as it was saved
	dropping bool                // what is removed is no longer needed, and is not counted
	evicted  int64
	overflow int64 // hits sent because a rule's templates were too many
	limits   Limits
}

// cell is the state of one cooldown key.
type cell struct {
	key        string // rule id and key parts
	rule       *rule  // that judged last, or while there is a sample that of the sample; nil after a restart
	lastAlert  int64  // ns; 0 = never
	suppressed [NumReasons]int64
	since      int64   // time of the first suppressed hit, 0 = none
	last       int64   // and of the last
	until      int64   // the window stays open until then, because its roll-up could not leave; 0 = it closes as usual
	sample     *sample // one of the suppressed hits, where a roll-up may tell of it
	marks      []mark  // hits that count for the threshold, in the order of their times
	began      int64   // when what goes on was first told; 0 = nothing goes on
	lastHit    int64   // of any hit, where the rule escalates
	escalated  int     // how many steps were told
	group      *group
	timer      timer
}

func newLimiter(limits Limits) *limiter {
	l := &limiter{seed: maphash.MakeSeed(), changed: map[string]struct{}{}, groups: map[string]*group{}, limits: limits}
	size := max(1, limits.MaxKeys)
	// NewLRU fails only for a size below one, which Limits.Validate refuses and setLimits corrects.
	l.cells, _ = simplelru.NewLRU(size, func(_ uint64, c *cell) { l.cellGone(c) })
	l.buckets, _ = simplelru.NewLRU(size, func(_ uint64, b *bucket) { l.forgotten(bucketPrefix + b.key) })
	l.watches, _ = simplelru.NewLRU(size, func(_ string, w *watch) {
		l.due.set(&w.timer, 0)
		if w.rule != nil {
			w.rule.counters.add(&w.rule.counters.forgotten, untold(&w.suppressed))
		}
		l.forgotten(watchPrefix + w.key)
	})
	l.sightings, _ = simplelru.NewLRU(size, func(id templateID, _ *sighting) { l.forgotten(id.stateKey()) })
	return l
}

// setLimits puts other limits in force. State beyond a smaller bound is forgotten, oldest first.
func (l *limiter) setLimits(limits Limits) {
	l.limits = limits
	size := max(1, limits.MaxKeys)
	l.cells.Resize(size)
	l.buckets.Resize(size)
	l.watches.Resize(size)
	l.sightings.Resize(size)
}

// cellGone ends a cell that was removed. What it had not told yet is counted as forgotten.
func (l *limiter) cellGone(c *cell) {
	l.due.set(&c.timer, 0)
	l.marks -= len(c.marks)
	if c.group != nil {
		l.leave(c)
	}
	if c.rule != nil {
		c.rule.counters.add(&c.rule.counters.forgotten, c.untold())
	}
	l.forgotten(cellPrefix + c.key)
}

func (l *limiter) forgotten(stateKey string) {
	if !l.dropping {
		l.evicted++
	}
	l.touch(stateKey)
}

func (l *limiter) touch(stateKey string) {
	if l.tracking {
		l.changed[stateKey] = struct{}{}
	}
}

// touchCell notes that a cell changed; its key is put together only where that is kept.
func (l *limiter) touchCell(c *cell) {
	if l.tracking {
		l.changed[cellPrefix+c.key] = struct{}{}
	}
}

// cell finds or makes the state of a key. Two keys of one hash do not share state: the later one takes the place of the earlier, which
// is forgotten as if the limiter were full.
func (l *limiter) cell(key []byte) (c *cell, made bool) {
	h := maphash.Bytes(l.seed, key)
	if c, ok := l.cells.Get(h); ok {
		if c.key == string(key) {
			return c, false
		}
		l.cells.Remove(h)
	}
	c = &cell{key: string(key)}
	c.timer.cell = c
	l.cells.Add(h, c)
	return c, true
}

func (l *limiter) hash(key []byte) uint64 { return maphash.Bytes(l.seed, key) }

// dropCell removes a cell that says nothing any more.
func (l *limiter) dropCell(c *cell) {
	l.dropping = true
	l.cells.Remove(maphash.String(l.seed, c.key))
	l.dropping = false
}

// untold returns how many hits the next alert of the key will tell of beside its own.
func (c *cell) untold() int64 { return untold(&c.suppressed) }

func untold(suppressed *[NumReasons]int64) (n int64) {
	for _, k := range suppressed {
		n += k
	}
	return n
}

// ruleID returns the id of the rule that a key begins with.
func ruleID(key string) string {
	for i := range len(key) {
		if key[i] == keySeparator {
			return key[:i]
		}
	}
	return key
}
