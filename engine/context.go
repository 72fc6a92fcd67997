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

// contexts holds the last lines of each container and stream whose rules ask for them, and the alerts that wait for lines to come. Both are
// bounded: when the lines are too many bytes, the rings unused for longest are forgotten; when too many alerts wait, the next goes without
// waiting. Safe for concurrent use. A source none of whose rules has a context never comes here.
type contexts struct {
	bytes   atomic.Int64 // of all rings
	evicted atomic.Int64 // rings forgotten
	hurried atomic.Int64 // alerts that could not wait

	mu      sync.Mutex // guards what follows; taken after a ring's, never before
	rings   map[string]*ring
	waiting *list.List // of *waiting, by deadline
	tickets uint64
}

func newContexts() *contexts { return &contexts{rings: map[string]*ring{}, waiting: list.New()} }

// ring is the last lines of one container and stream.
type ring struct {
	key  string
	used atomic.Int64 // when it was last written, ns
	held atomic.Int32 // alerts that wait for lines of it

	mu    sync.Mutex // guards what follows
	gone  bool       // forgotten: another takes its place
	slots [][]byte   // line n stands in slots[n%len]; each is used again
	last  uint64     // number of the last line; the first is 1
	kept  int        // lines in slots, the last one included
	waits []*waiting
}

// waiting is an alert that waits for lines.
type waiting struct {
	alert    Alert
	counters *RuleCounters
	ring     *ring
	lines    int   // still to come
	began    int64 // written with the mutexes of the ring and of contexts, read with either; deadline too
	deadline int64
	place    *list.Element
	released bool // guarded by the ring's mutex
}

// place is where in a ring a line stands.
type place struct {
	ring *ring
	line uint64
}

// ring finds or makes the ring of a key.
func (c *contexts) ring(key []byte, now int64) *ring {
	c.mu.Lock()
	r, ok := c.rings[string(key)]
	if !ok {
		r = &ring{key: string(key)}
		r.used.Store(now)
		c.rings[r.key] = r
	}
	c.mu.Unlock()
	if !ok && c.bytes.Add(int64(ringOverhead+2*len(r.key))) > maxContextBytes {
		c.evict()
	}
	return r
}

// see notes one line: alerts that wait for it get it, those that have all or waited for too long are appended to dst, and the line is kept
// for before lines. It returns where the line stands; ok is false when the ring was forgotten, and another has to be found.
func (c *contexts) see(r *ring, line []byte, before int, now int64, dst []Alert) (at place, out []Alert, ok bool) {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return place{}, dst, false
	}
	r.used.Store(now)
	if len(r.waits) > 0 {
		dst = c.feed(r, line, now, dst)
	}
	r.last++
	grown := r.keep(line, before)
	at = place{r, r.last}
	r.mu.Unlock()
	if grown > 0 && c.bytes.Add(int64(grown)) > maxContextBytes {
		c.evict()
	}
	return at, dst, true
}

// keep copies a line into the ring, which holds as many lines as the source asks for beside the last, and returns by how much it grew.
func (r *ring) keep(line []byte, before int) (grown int) {
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
func (r *ring) resize(size int) (grown int) {
	slots := make([][]byte, size)
	for n := r.last - uint64(r.kept); n < r.last; n++ {
		slots[n%uint64(size)] = r.slots[n%uint64(len(r.slots))]
	}
	grown = (size - len(r.slots)) * slotOverhead
	r.slots = slots
	return grown
}

// between returns the lines that the ring still holds of those after line a and before line b, oldest first.
func (r *ring) between(a, b uint64) []string {
	if r.gone || r.kept == 0 {
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

// feed gives a line to the alerts that wait at a ring. The caller holds the ring's mutex.
func (c *contexts) feed(r *ring, line []byte, now int64, dst []Alert) []Alert {
	var text string
	ready := 0
	for _, w := range r.waits {
		if !w.over(now) {
			if text == "" {
				text = contextLine(line)
			}
			w.alert.After = append(w.alert.After, text)
			w.lines--
		}
		if w.lines == 0 || w.over(now) {
			ready++
		}
	}
	if ready == 0 {
		return dst
	}
	for _, w := range slices.Clone(r.waits) {
		if w.lines == 0 || w.over(now) {
			dst = c.release(w, dst)
		}
	}
	return dst
}

// over reports whether the alert has waited for long enough. A clock that stepped back by more than it waits ends the wait.
func (w *waiting) over(now int64) bool { return now >= w.deadline || now < w.began-contextWait }

// release appends a waiting alert to dst, unless it was released before. The caller holds the ring's mutex.
func (c *contexts) release(w *waiting, dst []Alert) []Alert {
	if w.released {
		return dst
	}
	w.released = true
	w.ring.waits = slices.DeleteFunc(w.ring.waits, func(other *waiting) bool { return other == w })
	w.ring.held.Add(-1)
	c.mu.Lock()
	c.waiting.Remove(w.place)
	c.mu.Unlock()
	w.counters.add(&w.counters.pending, -1)
	w.counters.alert()
	return append(dst, w.alert)
}

// before returns up to n lines before a place, oldest first.
func (c *contexts) before(at place, n int) []string {
	at.ring.mu.Lock()
	defer at.ring.mu.Unlock()
	first := uint64(0)
	if at.line > uint64(n)+1 {
		first = at.line - uint64(n) - 1
	}
	return at.ring.between(first, at.line)
}

// await takes an alert, counted as pending, that wants lines after a place, or says that it cannot wait. began is called before anybody can
// release it. Alerts that have waited for long enough are appended to dst first when there are too many.
func (c *contexts) await(r *rule, a *Alert, at place, now int64, began func(*Alert), dst []Alert) (waits bool, out []Alert) {
	if c.full() {
		dst = c.tick(now, dst)
	}
	at.ring.mu.Lock()
	defer at.ring.mu.Unlock()
	w := &waiting{alert: *a, counters: r.counters, ring: at.ring, lines: r.settings.Context.After, began: now, deadline: now + contextWait}
	// Another worker may have seen lines of the same stream since this one saw its own.
	w.alert.After = at.ring.between(at.line, at.line+1+uint64(w.lines))
	w.lines -= len(w.alert.After)
	if w.lines == 0 || at.ring.gone || !c.enqueue(w) {
		if w.lines > 0 {
			c.hurried.Add(1)
		}
		a.After = w.alert.After
		r.counters.add(&r.counters.pending, -1)
		r.counters.alert()
		return false, dst
	}
	if began != nil {
		began(&w.alert)
	}
	at.ring.waits = append(at.ring.waits, w)
	at.ring.held.Add(1)
	return true, dst
}

func (c *contexts) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting.Len() >= maxWaiting
}

// enqueue puts an alert among those that wait, by deadline, and gives it its ticket. It reports whether there was room.
func (c *contexts) enqueue(w *waiting) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting.Len() >= maxWaiting {
		return false
	}
	c.tickets++
	w.alert.Ticket = c.tickets
	for e := c.waiting.Back(); e != nil; e = e.Prev() {
		if e.Value.(*waiting).deadline <= w.deadline {
			w.place = c.waiting.InsertAfter(w, e)
			return true
		}
	}
	w.place = c.waiting.PushFront(w)
	return true
}

// tick appends the alerts that have waited for long enough to dst, in the order of their deadlines.
func (c *contexts) tick(now int64, dst []Alert) []Alert {
	return c.releaseAll(func(w *waiting) bool { return w.over(now) }, dst)
}

// flush appends all waiting alerts to dst.
func (c *contexts) flush(dst []Alert) []Alert {
	return c.releaseAll(func(*waiting) bool { return true }, dst)
}

func (c *contexts) releaseAll(ready func(*waiting) bool, dst []Alert) []Alert {
	c.mu.Lock()
	var due []*waiting
	for e := c.waiting.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiting); ready(w) {
			due = append(due, w)
		}
	}
	c.mu.Unlock()
	for _, w := range due {
		w.ring.mu.Lock()
		dst = c.release(w, dst)
		w.ring.mu.Unlock()
	}
	return dst
}

// clampFuture has alerts that wait for lines wait no longer than contextWait from now, since the clock went back.
func (c *contexts) clampFuture(now int64) {
	c.mu.Lock()
	var all []*waiting
	for e := c.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*waiting))
	}
	c.mu.Unlock()
	for _, w := range all { // the times are read with either mutex
		w.ring.mu.Lock()
		c.mu.Lock()
		w.began, w.deadline = min(w.began, now), min(w.deadline, now+contextWait)
		c.mu.Unlock()
		w.ring.mu.Unlock()
	}
}

// nextDue returns when the first waiting alert has waited for long enough.
func (c *contexts) nextDue() (at int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.waiting.Front(); e != nil {
		return e.Value.(*waiting).deadline, true
	}
	return 0, false
}

// evict forgets the rings unused for longest until an eighth of the bound is free. Rings that alerts wait at stay.
func (c *contexts) evict() {
	c.mu.Lock()
	type aged struct {
		ring *ring
		used int64
	}
	all := make([]aged, 0, len(c.rings))
	for _, r := range c.rings {
		if r.held.Load() == 0 {
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
func (c *contexts) forget(r *ring) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || len(r.waits) > 0 {
		return
	}
	r.gone = true
	size := ringOverhead + 2*len(r.key) + slotOverhead*len(r.slots)
	for _, slot := range r.slots {
		size += cap(slot)
	}
	r.slots, r.kept = nil, 0
	c.bytes.Add(-int64(size))
	c.evicted.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rings[r.key] == r {
		delete(c.rings, r.key)
	}
}

// rings finds the rings of the streams of the sources whose rules have contexts, for one worker.
type rings map[*Source]*[Stderr + 1]*ring

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
	of := w.rings[rec.Source]
	if of == nil {
		if w.rings == nil || len(w.rings) >= sourceCache {
			w.rings = rings{}
		}
		of = &[Stderr + 1]*ring{}
		w.rings[rec.Source] = of
	}
	stream := min(rec.Stream, Stderr)
	for {
		if of[stream] == nil {
			w.key = append(appendInstance(w.key[:0], rec.Source), keySeparator, byte('0'+stream))
			of[stream] = w.engine.contexts.ring(w.key, now)
		}
		var ok bool
		if w.at, dst, ok = w.engine.contexts.see(of[stream], rec.Text, before, now, dst); ok {
			w.seen = rec
			return dst
		}
		of[stream] = nil
	}
}

// waits reports whether the alert of a hit waits for lines.
func (w *Worker) waits(h *Hit) bool { return w.seen == h.Record && h.rule.settings.Context.After > 0 }

// withContext gives the alert of a hit the lines before it, and appends it to dst unless it waits for those after it.
func (w *Worker) withContext(h *Hit, a Alert, now int64, dst []Alert) []Alert {
	want := h.rule.settings.Context
	if w.seen != h.Record || want == (Context{}) {
		return append(dst, a)
	}
	if want.Before > 0 {
		a.Before = w.engine.contexts.before(w.at, want.Before)
	}
	if want.After > 0 {
		var waits bool
		if waits, dst = w.engine.contexts.await(h.rule, &a, w.at, now, w.OnWait, dst); waits {
			return dst
		}
	}
	return append(dst, a)
}
