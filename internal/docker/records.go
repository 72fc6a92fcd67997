package docker

import (
	"context"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// maxWaiting bounds the bytes of all records that wait for further lines. The one that waits longest ends when they are more.
const maxWaiting = 16 << 20

// waitingOverhead is about the size of a waiting line without its text.
const waitingOverhead = 32

// waiting is the record of a stream that may go on: the lines of a stack trace. Its lines are not in the cursor, so a process that is killed reads them
// again.
type waiting struct {
	trace join.Trace
	line  Line // the first; without its text
	text  []byte
	keys  []key
	since time.Time // when its last line was read
}

// size is the record's share of maxWaiting.
func (w *waiting) size() int { return cap(w.text) + waitingOverhead*cap(w.keys) }

// addLine adds a line to the record that waits for it, or to the batch. The caller holds t.mu.
func (t *tail) addLine(l Line, keys []key) {
	w, before := &t.waiting[l.Stream], t.previous[l.Stream]
	t.previous[l.Stream] = 0
	joins := t.m.joins.Load() && !l.Truncated
	if w.trace.Open() {
		if joins && t.extend(w, l, keys) {
			return
		}
		t.endRecord(l.Stream)
	} else if joins && before > 0 && join.MayJoin(t.batch.textOf(before-1), l.Text) && t.begin(before-1) {
		if t.extend(w, l, keys) {
			return
		}
		t.endRecord(l.Stream)
	}
	t.batch.add(l, keys)
	if joins {
		t.previous[l.Stream] = len(t.batch.lines)
	}
}

// begin makes the batch's line at i the beginning of a record that waits, if another line can continue it. The caller holds t.mu.
func (t *tail) begin(i int) bool {
	text := t.batch.textOf(i)
	trace, ok := join.Begin(text, t.batch.lines[i].Time)
	if !ok {
		return false
	}
	w := &t.waiting[t.batch.lines[i].Stream]
	w.trace, w.text = trace, append(w.text[:0], text...)
	w.line, w.keys = t.batch.take(i, w.keys[:0])
	w.line.First, w.since = len(text), t.m.opt.Now()
	for s := range t.previous {
		if t.previous[s] > i+1 {
			t.previous[s]--
		}
	}
	t.m.waiting.Add(int64(w.size()))
	return true
}

// extend adds a line to a record, and reports whether it belongs to it.
func (t *tail) extend(w *waiting, l Line, keys []key) bool {
	switch w.trace.Continue(l.Text, l.Time) {
	case join.Cut:
		t.m.counters.recordsCut.Add(1)
		return false
	case join.Ends:
		return false
	}
	before := w.size()
	w.text = append(append(w.text, '\n'), l.Text...)
	w.keys = append(w.keys, keys...)
	w.since = t.m.opt.Now()
	t.m.waiting.Add(int64(w.size() - before))
	return true
}

// endRecord moves the record of a stream to the batch. The caller holds t.mu.
func (t *tail) endRecord(s engine.Stream) {
	w := &t.waiting[s]
	if !w.trace.Open() {
		return
	}
	t.m.waiting.Add(-int64(w.size()))
	l := w.line
	l.Text, l.Lines = join.Text(w.text), w.trace.Lines()
	if l.Lines > 1 {
		t.m.counters.records.Add(1)
		t.m.counters.recordLines.Add(int64(l.Lines))
		t.traces.Add(1)
		t.traceLines.Add(int64(l.Lines))
	}
	t.batch.add(l, w.keys)
	*w = waiting{}
}

// endRecords moves the records of all streams to the batch. The caller holds t.mu.
func (t *tail) endRecords() {
	for s := range t.waiting {
		t.endRecord(engine.Stream(s))
	}
	t.previous = [3]int{}
}

// settleRecords is called before a batch is evaluated. Records whose next line did not come in time end, and the last line of each stream waits if
// another one can continue it. The caller holds t.mu.
func (t *tail) settleRecords() {
	now := t.m.opt.Now()
	for s := range t.waiting {
		if t.waiting[s].trace.Open() && now.Sub(t.waiting[s].since) >= t.m.timing.join {
			t.endRecord(engine.Stream(s))
		}
		if at := t.previous[s]; at > 0 {
			t.begin(at - 1)
		}
	}
	t.previous = [3]int{}
}

// waitsUntil returns when the first waiting record ends. The caller holds t.mu.
func (t *tail) waitsUntil() (at time.Time, ok bool) {
	for s := range t.waiting {
		if w := &t.waiting[s]; w.trace.Open() && (!ok || w.since.Add(t.m.timing.join).Before(at)) {
			at, ok = w.since.Add(t.m.timing.join), true
		}
	}
	return at, ok
}

// held calls fn with the key of every record of the log that was read and is in no batch: those of partial lines and of waiting records.
func (t *tail) held(fn func(key)) {
	t.join.held(fn)
	for s := range t.waiting {
		for _, k := range t.waiting[s].keys {
			fn(k)
		}
	}
}

// relieve ends waiting records of any tails, oldest first, until all of them fit. It leaves out tails that are busy: their records end by themselves. The
// caller holds t.mu.
func (t *tail) relieve(ctx context.Context) error {
	if t.m.waiting.Load() <= maxWaiting {
		return nil
	}
	t.m.mu.Lock()
	tails := make([]*tail, 0, len(t.m.tails))
	for _, other := range t.m.tails {
		// The lock of t is held by the caller; its own records end last.
		if other != t {
			tails = append(tails, other)
		}
	}
	// Released before the lock of another tail is taken, because tails take it while they hold their own.
	t.m.mu.Unlock()
	type aged struct {
		tail  *tail
		until time.Time
	}
	var all []aged
	for _, other := range tails {
		// TryLock, because the other tail may be in this function too.
		if other.mu.TryLock() {
			if at, ok := other.waitsUntil(); ok {
				all = append(all, aged{other, at})
			}
			other.mu.Unlock()
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return a.until.Compare(b.until) })
	for _, a := range all {
		// Some room more than needed, so that the next line does not start another search.
		if t.m.waiting.Load() <= maxWaiting/8*7 {
			return nil
		}
		if !a.tail.mu.TryLock() {
			continue
		}
		a.tail.endRecords()
		t.m.counters.recordsCut.Add(1)
		err := a.tail.deliver(ctx)
		a.tail.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if t.m.waiting.Load() > maxWaiting {
		t.endRecords()
		t.m.counters.recordsCut.Add(1)
	}
	return nil
}

// stopWithin bounds how long the records that wait when a tail stops wait for room.
const stopWithin = time.Second

// endWaiting evaluates the records that wait when the tail stops, also if ctx ended: their alerts must not wait for the next start. Without room for
// alerts they are read again.
func (t *tail) endWaiting(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, waits := t.waitsUntil(); !waits {
		return
	}
	t.endRecords()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := t.deliver(ctx); err != nil {
		t.log.Debug("lines were not evaluated", "error", err)
	}
}
