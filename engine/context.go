package engine

import (
	"cmp"
	"container/list"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Context says how many of the lines around a hit its alert carries, of the same container and stream.
type Context struct {
	// How many lines before the hit.
	Before int `toml:"before"`
	// How many lines after it. The alert waits for them, for at most 5 seconds.
	After int `toml:"after"`
}

// Bounds of contexts.
const (
	maxContextLines = 50
	maxContextLine  = 1 << 10 // bytes of a line
	maxContextBytes = 16 << 20
	maxWaiting      = 1000
	contextWait     = int64(5 * time.Second)

	ringOverhead = 256 // what a ring costs beside its lines, in bytes, about
	slotOverhead = 24
)

func (c *Context) check(p *problems) {
	for _, n := range []struct {
		field string
		lines int
	}{{"context.before", c.Before}, {"context.after", c.After}} {
		if n.lines < 0 || n.lines > maxContextLines {
			p.add(n.field, strconv.Itoa(n.lines), "must be from 0 to %d lines", maxContextLines)
		}
	}
}

// lineBuffers holds the last lines of each container and stream whose rules ask for them, and the alerts that wait for lines to come. Both are
// bounded: when the lines are too many bytes, the rings unused for longest are forgotten; when too many alerts wait, the next goes without
// waiting. Safe for concurrent use. A source none of whose rules has a context never comes here.
type lineBuffers struct {
	bytes            atomic.Int64 // of all rings
	evicted          atomic.Int64 // rings forgotten
	sentWithoutAfter atomic.Int64 // alerts that could not wait

	mu      sync.Mutex // guards what follows; taken after a ring's, never before
	buffers map[string]*lineBuffer
	pending *list.List // of *waiting, by deadline
	tickets uint64
}

func newLineBuffers() *lineBuffers {
	return &lineBuffers{buffers: map[string]*lineBuffer{}, pending: list.New()}
}

// lineBuffer is the last lines of one container and stream.
type lineBuffer struct {
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

// pendingAlert is an alert that waits for lines.
type pendingAlert struct {
	alert    Alert
	counters *RuleCounters
	buffer   *lineBuffer
	lines    int   // still to come
	began    int64 // written with the mutexes of the ring and of contexts, read with either; deadline too
	deadline int64
	element  *list.Element
	released bool // guarded by the ring's mutex
}

// linePosition is where in a ring a line stands.
type linePosition struct {
	buffer *lineBuffer
	line   uint64
}

// bufferOf finds or makes the ring of a key.
func (c *lineBuffers) bufferOf(key []byte, now int64) *lineBuffer {
	c.mu.Lock()
	r, ok := c.buffers[string(key)]
	if !ok {
		r = &lineBuffer{key: string(key)}
		r.used.Store(now)
		c.buffers[r.key] = r
	}
	c.mu.Unlock()
	if !ok && c.bytes.Add(int64(ringOverhead+2*len(r.key))) > maxContextBytes {
		c.evict()
	}
	return r
}

// observe notes one line: alerts that wait for it get it, those that have all or waited for too long are appended to dst, and the line is kept
// for before lines. It returns where the line stands; ok is false when the ring was forgotten, and another has to be found.
func (c *lineBuffers) observe(r *lineBuffer, line []byte, before int, now int64, dst []Alert) (at linePosition, out []Alert, ok bool) {
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
func (r *lineBuffer) keep(line []byte, before int) (grown int) {
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
func (r *lineBuffer) resize(size int) (grown int) {
	slots := make([][]byte, size)
	for n := r.last - uint64(r.kept); n < r.last; n++ {
		slots[n%uint64(size)] = r.slots[n%uint64(len(r.slots))]
	}
	grown = (size - len(r.slots)) * slotOverhead
	r.slots = slots
	return grown
}

// between returns the lines that the ring still holds of those after line a and before line b, oldest first.
func (r *lineBuffer) between(a, b uint64) []string {
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

// deliver gives a line to the alerts that wait at a ring. The caller holds the ring's mutex.
func (c *lineBuffers) deliver(r *lineBuffer, line []byte, now int64, dst []Alert) []Alert {
	var text string
	ready := 0
	for _, w := range r.pending {
		if !w.expired(now) {
			if text == "" {
				text = contextLine(line)
			}
			w.alert.After = append(w.alert.After, text)
			w.lines--
		}
		if w.lines == 0 || w.expired(now) {
			ready++
		}
	}
	if ready == 0 {
		return dst
	}
	for _, w := range slices.Clone(r.pending) {
		if w.lines == 0 || w.expired(now) {
			dst = c.release(w, dst)
		}
	}
	return dst
}

// expired reports whether the alert has waited for long enough. A clock that stepped back by more than it waits ends the wait.
func (w *pendingAlert) expired(now int64) bool { return now >= w.deadline || now < w.began-contextWait }

// release appends a waiting alert to dst, unless it was released before. The caller holds the ring's mutex.
func (c *lineBuffers) release(w *pendingAlert, dst []Alert) []Alert {
	if w.released {
		return dst
	}
	w.released = true
	w.buffer.pending = slices.DeleteFunc(w.buffer.pending, func(other *pendingAlert) bool { return other == w })
	w.buffer.holds.Add(-1)
	c.mu.Lock()
	c.pending.Remove(w.element)
	c.mu.Unlock()
	w.counters.add(&w.counters.pending, -1)
	w.counters.alert()
	return append(dst, w.alert)
}

// before returns up to n lines before a place, oldest first.
func (c *lineBuffers) before(at linePosition, n int) []string {
	at.buffer.mu.Lock()
	defer at.buffer.mu.Unlock()
	first := uint64(0)
	if at.line > uint64(n)+1 {
		first = at.line - uint64(n) - 1
	}
	return at.buffer.between(first, at.line)
}

// hold takes an alert, counted as pending, that wants lines after a place, or says that it cannot wait. began is called before anybody can
// release it. Alerts that have waited for long enough are appended to dst first when there are too many.
func (c *lineBuffers) hold(r *rule, a *Alert, at linePosition, now int64, began func(*Alert), dst []Alert) (waits bool, out []Alert) {
	if c.full() {
		dst = c.advance(now, dst)
	}
	at.buffer.mu.Lock()
	defer at.buffer.mu.Unlock()
	w := &pendingAlert{alert: *a, counters: r.counters, buffer: at.buffer, lines: r.settings.Context.After, began: now, deadline: now + contextWait}
	// Another worker may have seen lines of the same stream since this one saw its own.
	w.alert.After = at.buffer.between(at.line, at.line+1+uint64(w.lines))
	w.lines -= len(w.alert.After)
	if w.lines == 0 || at.buffer.forgotten || !c.enqueue(w) {
		if w.lines > 0 {
			c.sentWithoutAfter.Add(1)
		}
		a.After = w.alert.After
		r.counters.add(&r.counters.pending, -1)
		r.counters.alert()
		return false, dst
	}
	if began != nil {
		began(&w.alert)
	}
	at.buffer.pending = append(at.buffer.pending, w)
	at.buffer.holds.Add(1)
	return true, dst
}

func (c *lineBuffers) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending.Len() >= maxWaiting
}

// enqueue puts an alert among those that wait, by deadline, and gives it its ticket. It reports whether there was room.
func (c *lineBuffers) enqueue(w *pendingAlert) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending.Len() >= maxWaiting {
		return false
	}
	c.tickets++
	w.alert.Ticket = c.tickets
	for e := c.pending.Back(); e != nil; e = e.Prev() {
		if e.Value.(*pendingAlert).deadline <= w.deadline {
			w.element = c.pending.InsertAfter(w, e)
			return true
		}
	}
	w.element = c.pending.PushFront(w)
	return true
}

// advance appends the alerts that have waited for long enough to dst, in the order of their deadlines.
func (c *lineBuffers) advance(now int64, dst []Alert) []Alert {
	return c.releaseAll(func(w *pendingAlert) bool { return w.expired(now) }, dst)
}

// flush appends all waiting alerts to dst.
func (c *lineBuffers) flush(dst []Alert) []Alert {
	return c.releaseAll(func(*pendingAlert) bool { return true }, dst)
}

func (c *lineBuffers) releaseAll(ready func(*pendingAlert) bool, dst []Alert) []Alert {
	c.mu.Lock()
	var due []*pendingAlert
	for e := c.pending.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*pendingAlert); ready(w) {
			due = append(due, w)
		}
	}
	c.mu.Unlock()
	for _, w := range due {
		w.buffer.mu.Lock()
		dst = c.release(w, dst)
		w.buffer.mu.Unlock()
	}
	return dst
}

// clampFuture has alerts that wait for lines wait no longer than contextWait from now, since the clock went back.
func (c *lineBuffers) clampFuture(now int64) {
	c.mu.Lock()
	var all []*pendingAlert
	for e := c.pending.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*pendingAlert))
	}
	c.mu.Unlock()
	for _, w := range all { // the times are read with either mutex
		w.buffer.mu.Lock()
		c.mu.Lock()
		w.began, w.deadline = min(w.began, now), min(w.deadline, now+contextWait)
		c.mu.Unlock()
		w.buffer.mu.Unlock()
	}
}

// nextDue returns when the first waiting alert has waited for long enough.
func (c *lineBuffers) nextDue() (at int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.pending.Front(); e != nil {
		return e.Value.(*pendingAlert).deadline, true
	}
	return 0, false
}

// evict forgets the rings unused for longest until an eighth of the bound is free. Rings that alerts wait at stay.
func (c *lineBuffers) evict() {
	c.mu.Lock()
	type aged struct {
		ring *lineBuffer
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
func (c *lineBuffers) forget(r *lineBuffer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forgotten || len(r.pending) > 0 {
		return
	}
	r.forgotten = true
	size := ringOverhead + 2*len(r.key) + slotOverhead*len(r.slots)
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

// lineBufferCache finds the rings of the streams of the sources whose rules have contexts, for one worker.
type lineBufferCache map[*Source]*[Stderr + 1]*lineBuffer

// See notes a record for contexts, which are made of the records that were seen; Process does it. It is to be called once for each record,
// before its hits are judged, by those who call Find and Judge themselves and want contexts. Alerts that waited for the record are appended
// to dst. For a source whose rules ask for none it does nothing.
func (w *Worker) See(rec *Record, now int64, dst []Alert) []Alert {
	if rules, _ := w.effective(rec.Source); rules.contexts {
		dst = w.see(rec, rules.before, now, dst)
	}
	return dst
}

// Sees reports whether rules for a source ask for contexts, so that its records are to be handed to See.
func (w *Worker) Sees(s *Source) bool {
	rules, _ := w.effective(s)
	return rules.contexts
}

// see is See for a source whose rules ask for contexts.
func (w *Worker) see(rec *Record, before int, now int64, dst []Alert) []Alert {
	of := w.buffers[rec.Source]
	if of == nil {
		if w.buffers == nil || len(w.buffers) >= sourceCache {
			w.buffers = lineBufferCache{}
		}
		of = &[Stderr + 1]*lineBuffer{}
		w.buffers[rec.Source] = of
	}
	stream := min(rec.Stream, Stderr)
	for {
		if of[stream] == nil {
			w.key = append(appendInstance(w.key[:0], rec.Source), keySeparator, byte('0'+stream))
			of[stream] = w.engine.lines.bufferOf(w.key, now)
		}
		var ok bool
		if w.at, dst, ok = w.engine.lines.observe(of[stream], rec.Text, before, now, dst); ok {
			w.seen = rec
			return dst
		}
		of[stream] = nil
	}
}

// waitsForLines reports whether the alert of a hit waits for lines.
func (w *Worker) waitsForLines(h *Hit) bool {
	return w.seen == h.Record && h.rule.settings.Context.After > 0
}

// withContext gives the alert of a hit the lines before it, and appends it to dst unless it waits for those after it.
func (w *Worker) withContext(h *Hit, a Alert, now int64, dst []Alert) []Alert {
	want := h.rule.settings.Context
	if w.seen != h.Record || want == (Context{}) {
		return append(dst, a)
	}
	if want.Before > 0 {
		a.Before = w.engine.lines.before(w.at, want.Before)
	}
	if want.After > 0 {
		var waits bool
		if waits, dst = w.engine.lines.hold(h.rule, &a, w.at, now, w.OnWait, dst); waits {
			return dst
		}
	}
	return append(dst, a)
}
