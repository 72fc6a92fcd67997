package engine

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Bounds of line buffers and of the alerts that wait at them.
const (
	maxContextLine  = 1 << 10 // bytes of a line
	maxContextBytes = 16 << 20
	maxPending      = 1000 // alerts that wait
	contextWait     = int64(5 * time.Second)

	bufferOverhead = 256 // of a buffer beside its lines, in bytes, about
	slotOverhead   = 24
)

// Buffers holds the last lines of each container and stream whose rules ask for them, and the alerts that wait for lines to come. Both are
// bounded: when the lines are too many bytes, the rings unused for longest are forgotten; when too many alerts wait, the next goes without
// waiting. Safe for concurrent use. A source none of whose rules has a context never comes here.
type Buffers struct {
	bytes            atomic.Int64 // of all rings
	evicted          atomic.Int64 // rings forgotten
	sentWithoutAfter atomic.Int64 // alerts that could not wait

	mu      sync.Mutex // guards what follows; taken after a ring's, never before
	buffers map[string]*buffer
	pending *list.List // of *waiting, by deadline
	tickets uint64
}

func newBuffers() *Buffers {
	return &Buffers{buffers: map[string]*buffer{}, pending: list.New()}
}

// buffer is the last lines of one container and stream.
type buffer struct {
	key   string
	used  atomic.Int64 // when it was last written, ns
	holds atomic.Int32 // alerts that wait for lines of it

	mu        sync.Mutex // guards what follows
	forgotten bool       // forgotten: another takes its place
	slots     [][]byte   // line n stands in slots[n%len]; each is used again
	last      uint64     // number of the last line; the first is 1
	kept      int        // lines in slots, the last one included
	pending   []*pendingAlert
}

// linePosition is where in a ring a line stands.
type linePosition struct {
	buffer *buffer
	line   uint64
}

// stats returns how many alerts wait for lines, how many could not wait, how many bytes the lines have, and how many buffers were forgotten.
func (c *Buffers) stats() (pending int, sentWithoutAfter, bytes, evicted int64) {
	c.mu.Lock()
	pending = c.pending.Len()
	c.mu.Unlock()
	return pending, c.sentWithoutAfter.Load(), c.bytes.Load(), c.evicted.Load()
}

// bufferOf finds or makes the ring of a key.
func (c *Buffers) bufferOf(key []byte, now int64) *buffer {
	c.mu.Lock()
	r, ok := c.buffers[string(key)]
	if !ok {
		r = &buffer{key: string(key)}
		r.used.Store(now)
		c.buffers[r.key] = r
	}
	c.mu.Unlock()
	if !ok && c.bytes.Add(int64(bufferOverhead+2*len(r.key))) > maxContextBytes {
		c.evict()
	}
	return r
}

// observe notes one line: alerts that wait for it get it, those that have all or waited for too long are appended to dst, and the line is kept
// for before lines. It returns where the line stands; ok is false when the ring was forgotten, and another has to be found.
func (c *Buffers) observe(r *buffer, line []byte, before int, now int64, dst []Alert) (at linePosition, out []Alert, ok bool) {
	r.mu.Lock()
	if r.forgotten {
		r.mu.Unlock()
		return linePosition{}, dst, false
	}
	r.used.Store(now)
	if len(r.pending) > 0 {
		dst = c.deliver(r, line, now, dst)
	}
	r.last++
	grown := r.keep(line, before)
	at = linePosition{r, r.last}
	r.mu.Unlock()
	if grown > 0 && c.bytes.Add(int64(grown)) > maxContextBytes {
		c.evict()
	}
	return at, dst, true
}

// keep copies a line into the ring, which holds as many lines as the source asks for beside the last, and returns by how much it grew.
func (r *buffer) keep(line []byte, before int) (grown int) {
	if before == 0 && len(r.slots) == 0 {
		return 0
	}
	if len(r.slots) <= before {
		grown = r.resize(before + 1)
	}
	slot := &r.slots[r.last%uint64(len(r.slots))]
	had := cap(*slot)
	*slot = append((*slot)[:0], line[:min(len(line), maxContextLine+utf8.UTFMax)]...)
	r.kept = min(r.kept+1, len(r.slots))
	return grown + cap(*slot) - had
}

// resize makes room for more lines. The line that is about to be kept has its number already.
func (r *buffer) resize(size int) (grown int) {
	slots := make([][]byte, size)
	for n := r.last - uint64(r.kept); n < r.last; n++ {
		slots[n%uint64(size)] = r.slots[n%uint64(len(r.slots))]
	}
	grown = (size - len(r.slots)) * slotOverhead
	r.slots = slots
	return grown
}

// between returns the lines that the ring still holds of those after line a and before line b, oldest first.
func (r *buffer) between(a, b uint64) []string {
	if r.forgotten || r.kept == 0 {
		return nil
	}
	a = max(a+1, r.last+1-uint64(r.kept))
	var lines []string
	for n := a; n < min(b, r.last+1); n++ {
		lines = append(lines, contextLine(r.slots[n%uint64(len(r.slots))]))
	}
	return lines
}

// contextLine returns a line as contexts tell it: valid UTF-8, and with … at its end when it was cut.
func contextLine(line []byte) string {
	text, cut := validText(line, maxContextLine)
	if cut {
		text += "…"
	}
	return text
}

// before returns up to n lines before a place, oldest first.
func (c *Buffers) before(at linePosition, n int) []string {
	at.buffer.mu.Lock()
	defer at.buffer.mu.Unlock()
	first := uint64(0)
	if at.line > uint64(n)+1 {
		first = at.line - uint64(n) - 1
	}
	return at.buffer.between(first, at.line)
}

// evict forgets the rings unused for longest until an eighth of the bound is free. Rings that alerts wait at stay.
func (c *Buffers) evict() {
	c.mu.Lock()
	type aged struct {
		ring *buffer
		used int64
	}
	all := make([]aged, 0, len(c.buffers))
	for _, r := range c.buffers {
		if r.holds.Load() == 0 {
			all = append(all, aged{r, r.used.Load()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.ring.key, b.ring.key))
	})
	c.mu.Unlock()
	for _, a := range all {
		if c.bytes.Load() <= maxContextBytes/8*7 {
			return
		}
		c.forget(a.ring)
	}
}

// forget drops a ring, unless an alert came to wait at it.
func (c *Buffers) forget(r *buffer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forgotten || len(r.pending) > 0 {
		return
	}
	r.forgotten = true
	size := bufferOverhead + 2*len(r.key) + slotOverhead*len(r.slots)
	for _, slot := range r.slots {
		size += cap(slot)
	}
	r.slots, r.kept = nil, 0
	c.bytes.Add(-int64(size))
	c.evicted.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buffers[r.key] == r {
		delete(c.buffers, r.key)
	}
}
