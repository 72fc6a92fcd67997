// Package lines keeps the last lines of each container and stream whose rules ask for them, and the alerts that wait for the lines after their hit.
package lines

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of line buffers and of the alerts that wait at them.
const (
	MaxContextLine  = 1 << 10 // bytes of a line, shown
	maxKeptLine     = MaxContextLine + model.MaskMargin
	MaxContextBytes = 16 << 20
	MaxPending      = 1000 // alerts that wait
	ContextWait     = int64(5 * time.Second)

	BufferOverhead = 256 // of a buffer beside its lines, in bytes, about
	SlotOverhead   = 24
)

// Buffers holds the last lines of each container and stream whose rules ask for them, and the alerts that wait for lines to come. Both are
// bounded: when the lines are too many bytes, the rings unused for longest are forgotten; when too many alerts wait, the next goes without
// waiting. Safe for concurrent use. A source none of whose rules has a context never comes here.
type Buffers struct {
	bytes            atomic.Int64 // of all rings
	evicted          atomic.Int64 // rings forgotten
	sentWithoutAfter atomic.Int64 // alerts that could not wait

	mu      sync.Mutex // guards the fields below; taken after a buffer's, never before
	Buffers map[string]*Buffer
	pending *list.List // of *waiting, by deadline
	tickets uint64
}

func NewBuffers() *Buffers {
	return &Buffers{Buffers: map[string]*Buffer{}, pending: list.New()}
}

// Buffer is the last lines of one container and stream.
type Buffer struct {
	Key   string
	used  atomic.Int64 // when it was last written, ns
	holds atomic.Int32 // alerts that wait for lines of it

	mu        sync.Mutex // guards the fields below
	forgotten bool       // forgotten: another takes its place
	Slots     [][]byte   // line n is in Slots[n%len]; each is used again
	last      uint64     // number of the last line; the first is 1
	kept      int        // lines in slots, the last one included
	pending   []*pendingAlert
}

// LinePosition is the position of a line in a buffer.
type LinePosition struct {
	buffer *Buffer
	line   uint64
}

// Stats returns how many alerts wait for lines, how many could not wait, how many bytes the lines have, and how many buffers were forgotten.
func (c *Buffers) Stats() (pending int, sentWithoutAfter, bytes, evicted int64) {
	c.mu.Lock()
	pending = c.pending.Len()
	c.mu.Unlock()
	return pending, c.sentWithoutAfter.Load(), c.bytes.Load(), c.evicted.Load()
}

// BufferOf finds or makes the ring of a key.
func (c *Buffers) BufferOf(key []byte, now int64) *Buffer {
	c.mu.Lock()
	r, ok := c.Buffers[string(key)]
	if !ok {
		r = &Buffer{Key: string(key)}
		r.used.Store(now)
		c.Buffers[r.Key] = r
	}
	c.mu.Unlock()
	if !ok && c.bytes.Add(int64(BufferOverhead+2*len(r.Key))) > MaxContextBytes {
		c.Evict()
	}
	return r
}

// Observe notes one line: alerts that wait for it get it, those that have all or waited for too long are appended to dst, and the line is kept
// for before lines. It returns the position of the line; ok is false when the buffer was forgotten, and another has to be found.
func (c *Buffers) Observe(r *Buffer, line []byte, before int, now int64, dst []model.Alert) (at LinePosition, out []model.Alert, ok bool) {
	r.mu.Lock()
	if r.forgotten {
		r.mu.Unlock()
		return LinePosition{}, dst, false
	}
	r.used.Store(now)
	if len(r.pending) > 0 {
		dst = c.deliver(r, line, now, dst)
	}
	r.last++
	grown := r.keep(line, before)
	at = LinePosition{r, r.last}
	r.mu.Unlock()
	if grown > 0 && c.bytes.Add(int64(grown)) > MaxContextBytes {
		c.Evict()
	}
	return at, dst, true
}

// keep copies a line into the ring, which holds as many lines as the source asks for beside the last, and returns by how much it grew.
func (r *Buffer) keep(line []byte, before int) (grown int) {
	if before == 0 && len(r.Slots) == 0 {
		return 0
	}
	if len(r.Slots) <= before {
		grown = r.resize(before + 1)
	}
	slot := &r.Slots[r.last%uint64(len(r.Slots))]
	had := cap(*slot)
	*slot = append((*slot)[:0], line[:min(len(line), maxKeptLine+utf8.UTFMax)]...)
	r.kept = min(r.kept+1, len(r.Slots))
	return grown + cap(*slot) - had
}

// resize makes room for more lines. The line that is about to be kept has its number already.
func (r *Buffer) resize(size int) (grown int) {
	slots := make([][]byte, size)
	for n := r.last - uint64(r.kept); n < r.last; n++ {
		slots[n%uint64(size)] = r.Slots[n%uint64(len(r.Slots))]
	}
	grown = (size - len(r.Slots)) * SlotOverhead
	r.Slots = slots
	return grown
}

// between returns the lines that the ring still holds of those after line a and before line b, oldest first.
func (r *Buffer) between(a, b uint64) []string {
	if r.forgotten || r.kept == 0 {
		return nil
	}
	a = max(a+1, r.last+1-uint64(r.kept))
	var lines []string
	for n := a; n < min(b, r.last+1); n++ {
		lines = append(lines, contextLine(r.Slots[n%uint64(len(r.Slots))]))
	}
	return lines
}

// contextLine returns a line as a waiting alert keeps it: valid UTF-8, and somewhat longer than it is shown, so that a secret that the bound splits can be
// recognized.
func contextLine(line []byte) string {
	text, _ := model.ValidText(line, maxKeptLine)
	return text
}

// Cut reports whether a line may have been cut when it was kept.
func Cut(line string) bool { return len(line) > maxKeptLine-utf8.UTFMax }

// Shown returns a line as contexts show it: with … at its end when it, or the line that it was made of, was cut.
func Shown(line string, cut bool) string {
	if len(line) > MaxContextLine {
		line, cut = safetext.Cut(line, MaxContextLine), true
	}
	if cut {
		line += "…"
	}
	return line
}

// Before returns up to n lines before a place, oldest first.
func (c *Buffers) Before(at LinePosition, n int) []string {
	at.buffer.mu.Lock()
	defer at.buffer.mu.Unlock()
	first := uint64(0)
	if at.line > uint64(n)+1 {
		first = at.line - uint64(n) - 1
	}
	return at.buffer.between(first, at.line)
}

// Evict forgets the rings unused for longest until an eighth of the bound is free. Rings that alerts wait at stay.
func (c *Buffers) Evict() {
	c.mu.Lock()
	type aged struct {
		ring *Buffer
		used int64
	}
	all := make([]aged, 0, len(c.Buffers))
	for _, r := range c.Buffers {
		if r.holds.Load() == 0 {
			all = append(all, aged{r, r.used.Load()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.ring.Key, b.ring.Key))
	})
	c.mu.Unlock()
	for _, a := range all {
		if c.bytes.Load() <= MaxContextBytes/8*7 {
			return
		}
		c.forget(a.ring)
	}
}

// forget drops a ring, unless an alert came to wait at it.
func (c *Buffers) forget(r *Buffer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forgotten || len(r.pending) > 0 {
		return
	}
	r.forgotten = true
	size := BufferOverhead + 2*len(r.Key) + SlotOverhead*len(r.Slots)
	for _, slot := range r.Slots {
		size += cap(slot)
	}
	r.Slots, r.kept = nil, 0
	c.bytes.Add(-int64(size))
	c.evicted.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Buffers[r.Key] == r {
		delete(c.Buffers, r.Key)
	}
}
