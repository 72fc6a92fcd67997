package chunk

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// origin is an origin of records: their common Source, and its unfinished lines.
type origin struct {
	source            engine.Source
	excluded          bool
	unproven, refused bool // as in originValue
	// held counts the streams with an unfinished line, so that a record of an origin without one needs no lock.
	held  atomic.Int32
	lines [3]*line // by stream; guarded by the joiner's mutex
	// waiting counts the streams with a record that waits, likewise.
	waiting atomic.Int32
	traces  [3]*trace // by stream; guarded by the mutex of traces
}

// originKey identifies an origin by two independent 64-bit hashes of all bytes that identify it. The seeds are random, so that nobody can construct a
// line that collides.
type originKey [2]uint64

// originValue is an origin's properties: records with equal properties share an origin, even if their bytes differ.
type originValue struct {
	source   engine.Source
	excluded bool
	refused  bool // a label names a workload that is not the container's to name
	unproven bool // keys that a line may have brought along name the container
}

// originSettings are the settings that describe needs.
type originSettings struct {
	host        string
	anyWorkload bool
}

// origins remembers a bounded number of origins. It is safe for concurrent use.
type origins struct {
	originSettings
	seeds            [2]maphash.Seed
	evicted, refused atomic.Int64

	mu      sync.Mutex
	byKey   *simplelru.LRU[originKey, *origin]
	byValue *simplelru.LRU[originValue, *origin]
	news    map[string]*newcomers // by tag
}

// newcomers counts the containers that unproven keys named for the first time under one tag.
type newcomers struct {
	since int64 // ns
	count int
}

// Containers that unproven keys name have a token bucket each, so that a line which poses as another container each time would never meet an
// empty one. Under one tag only so many have one in an hour; the others share that of the tag.
const (
	maxNewcomers  = 1000
	newcomersTime = int64(time.Hour)
	maxNewTags    = 10_000
)

func newOrigins(s Settings) (*origins, error) {
	o := &origins{
		originSettings: originSettings{host: s.Host, anyWorkload: s.AnyWorkload}, news: map[string]*newcomers{}, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
	var err error
	if o.byKey, err = simplelru.NewLRU[originKey, *origin](s.MaxOrigins, nil); err != nil {
		return nil, err
	}
	o.byValue, err = simplelru.NewLRU[originValue, *origin](s.MaxOrigins, nil)
	return o, err
}

// find returns the origin of a record with the given spans.
func (o *origins) find(b []byte, spans []span, tag string, now int64) *origin {
	var key originKey
	for n, seed := range o.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(tag) // never fails
		for _, sp := range spans {
			var head [9]byte
			head[0] = byte(sp.role)
			binary.LittleEndian.PutUint64(head[1:], uint64(sp.end-sp.start))
			_, _ = h.Write(head[:])
			_, _ = h.Write(b[sp.start:sp.end])
		}
		key[n] = h.Sum64()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.byKey.Get(key); ok {
		return known
	}
	value := describe(b, spans, tag, &o.originSettings)
	known, ok := o.byValue.Get(value)
	if !ok {
		known = &origin{source: value.source, excluded: value.excluded, unproven: value.unproven, refused: value.refused}
		if value.unproven && !o.admit(value.source.Tag, now) {
			known.source.Bucket = value.source.Tag
		}
		if value.refused {
			o.refused.Add(1)
		}
		o.byValue.Add(value, known)
	}
	if o.byKey.Add(key, known) {
		o.evicted.Add(1)
	}
	return known
}

// admit reports whether one more container under a tag has a token bucket of its own. The caller holds the lock.
func (o *origins) admit(tag string, now int64) bool {
	n := o.news[tag]
	if n == nil || now-n.since >= newcomersTime || now < n.since {
		if n == nil && len(o.news) >= maxNewTags {
			// Forgetting the counts grants a few more buckets, which costs less than a map without bound.
			clear(o.news)
		}
		n = &newcomers{since: now}
		o.news[tag] = n
	}
	n.count++
	return n.count <= maxNewcomers
}

// memoSize is how many origins of one chunk are found without a lock at most, memoProbes at how many places one is looked for.
const (
	memoSize   = 128
	memoProbes = 8
)

// memo remembers the origins of the records of one chunk, by the bytes in that chunk. It belongs to one goroutine.
type memo struct {
	generation uint64
	last       *memoEntry
	entries    [memoSize]memoEntry
}

type memoEntry struct {
	generation uint64
	count      int
	spans      [maxSpans]span
	origin     *origin
}

// forget makes the memo ready for another chunk.
func (m *memo) forget() {
	m.generation++
	m.last = nil
}

// find returns the origin of the record whose spans s holds: without more than a comparison when it is that of the record before, without
// a lock when an earlier record of this chunk had it.
func (m *memo) find(b []byte, s *scan, o *origins, tag string, now int64) *origin {
	if m.last != nil && m.last.same(b, s) {
		return m.last.origin
	}
	home := sample(b, s)
	e := &m.entries[home%memoSize]
	for n := range uint64(memoProbes) {
		at := &m.entries[(home+n)%memoSize]
		if at.generation != m.generation {
			e = at
			break
		}
		if at.same(b, s) {
			m.last = at
			return at.origin
		}
	}
	e.generation, e.count, e.origin = m.generation, s.count, o.find(b, s.spans[:s.count], tag, now)
	copy(e.spans[:], s.spans[:s.count])
	m.last = e
	return e.origin
}

func (e *memoEntry) same(b []byte, s *scan) bool {
	if e.count != s.count {
		return false
	}
	for i := range s.count {
		x, y := &e.spans[i], &s.spans[i]
		if x.role != y.role || x.start != y.start && !bytes.Equal(b[x.start:x.end], b[y.start:y.end]) {
			return false
		}
	}
	return true
}

// sample is a cheap hash of the spans: of a few words of each, since same compares them all anyway.
func sample(b []byte, s *scan) uint64 {
	h := uint64(s.count)
	for i := range s.count {
		v := b[s.spans[i].start:s.spans[i].end]
		n := len(v)
		h = mix(h, uint64(n))
		if n < 8 {
			for _, c := range v {
				h = mix(h, uint64(c))
			}
			continue
		}
		for _, at := range [...]int{n - 8, n / 2 &^ 7, n / 4, n / 8} {
			if at+8 <= n {
				h = mix(h, binary.LittleEndian.Uint64(v[at:]))
			}
		}
	}
	return h
}

func mix(h, word uint64) uint64 {
	high, low := bits.Mul64(h^word, 0x9e3779b97f4a7c15)
	return high ^ low
}
