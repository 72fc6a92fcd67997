package docker

import (
	"context"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The bounds of a batch. A batch may exceed maxBatchBytes by one line.
const (
	maxBatchLines = 512
	maxBatchBytes = 256 << 10
)

// Batch is consecutive lines of one container. It is valid during the call that it is passed to.
type Batch struct {
	Source *engine.Source
	Lines  []Line
	Hits   int64 // of rules; set by Options.Sink
}

// batch collects lines until they are evaluated.
type batch struct {
	lines []Line
	parts []placed // of each line
	text  []byte
	keys  []key // of the lines' records
}

// placed is the place of a line's text, and where the keys of its records end.
type placed struct{ start, end, keys int }

// textOf returns the text of a line. It is valid until the next one is added.
func (b *batch) textOf(i int) []byte { return b.text[b.parts[i].start:b.parts[i].end] }

// take removes a line, and appends its keys to dst.
func (b *batch) take(i int, dst []key) (Line, []key) {
	from, to := 0, b.parts[i].keys
	if i > 0 {
		from = b.parts[i-1].keys
	}
	l := b.lines[i]
	dst = append(dst, b.keys[from:to]...)
	b.keys = slices.Delete(b.keys, from, to)
	b.lines, b.parts = slices.Delete(b.lines, i, i+1), slices.Delete(b.parts, i, i+1)
	for n := i; n < len(b.parts); n++ {
		b.parts[n].keys -= to - from
	}
	return l, dst
}

func (b *batch) add(l Line, keys []key) {
	start := len(b.text)
	b.text = append(b.text, l.Text...)
	b.parts = append(b.parts, placed{start, len(b.text), len(b.keys) + len(keys)})
	l.Text = nil // set by settle: text moves while it grows
	b.lines = append(b.lines, l)
	b.keys = append(b.keys, keys...)
}

func (b *batch) full() bool { return len(b.lines) >= maxBatchLines || len(b.text) >= maxBatchBytes }

// settle sets the texts of the lines.
func (b *batch) settle() []Line {
	for i, p := range b.parts {
		b.lines[i].Text = b.text[p.start:p.end:p.end]
	}
	return b.lines
}

func (b *batch) reset() {
	// One long line must not keep its memory for the life of the container.
	if cap(b.text) > 2*maxBatchBytes {
		b.text = nil
	}
	b.lines, b.parts, b.text, b.keys = b.lines[:0], b.parts[:0], b.text[:0], b.keys[:0]
}

// count returns how many records of the batch have the key.
func (b *batch) count(k key) (n uint64) {
	for _, other := range b.keys {
		if other == k {
			n++
		}
	}
	return n
}

// deliver evaluates the batch and adds its records to the cursor. The caller holds t.mu.
func (t *tail) deliver(ctx context.Context) error {
	// First, because it may add the records that have waited long enough to an empty batch.
	t.settleRecords()
	if len(t.batch.lines) == 0 {
		return nil
	}
	// Also after an error: the cursor has none of these records, so they are read again.
	defer t.batch.reset()
	lines := t.batch.settle()
	b := &Batch{Source: t.source.Load(), Lines: lines}
	// The sink comes before the cursor: a kill in between repeats lines, whose alerts keep their ids, and loses none.
	if err := t.m.opt.Sink(ctx, b); err != nil {
		return err
	}
	read := 0
	for i := range lines {
		read += max(1, lines[i].Lines)
	}
	t.lines.Add(int64(read))
	t.hits.Add(b.Hits)
	t.lastLine.Store(max(t.lastLine.Load(), lines[len(lines)-1].Time))
	t.m.counters.lines.Add(int64(read))
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	// Records that still wait are read again after a restart, so the saved position must lie before them.
	t.limit = noLimit
	t.held(func(k key) { t.limit = min(t.limit, k.time-1) })
	since, known := t.cursor.since, t.cursor.known()
	for _, k := range t.batch.keys {
		t.cursor.add(k)
	}
	if !known { // the first records of the log may be those that wait
		t.cursor.since = max(since, min(t.cursor.since, t.limit))
	}
	t.dirty = true
	return nil
}
