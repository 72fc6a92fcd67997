package docker

import (
	"context"

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
	ends  []int // end of each line in text
	text  []byte
	keys  []key // of the lines' records
}

func (b *batch) add(l Line, keys []key) {
	b.text = append(b.text, l.Text...)
	b.ends = append(b.ends, len(b.text))
	l.Text = nil // set by settle: text moves while it grows
	b.lines = append(b.lines, l)
	b.keys = append(b.keys, keys...)
}

func (b *batch) full() bool { return len(b.lines) >= maxBatchLines || len(b.text) >= maxBatchBytes }

// settle sets the texts of the lines.
func (b *batch) settle() []Line {
	start := 0
	for i, end := range b.ends {
		b.lines[i].Text = b.text[start:end:end]
		start = end
	}
	return b.lines
}

func (b *batch) reset() {
	if cap(b.text) > 2*maxBatchBytes {
		b.text = nil
	}
	b.lines, b.ends, b.text, b.keys = b.lines[:0], b.ends[:0], b.text[:0], b.keys[:0]
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
	if len(t.batch.lines) == 0 {
		return nil
	}
	defer t.batch.reset()
	lines := t.batch.settle()
	b := &Batch{Source: t.source.Load(), Lines: lines}
	if err := t.m.opt.Sink(ctx, b); err != nil {
		return err
	}
	t.lines.Add(int64(len(lines)))
	t.hits.Add(b.Hits)
	t.lastLine.Store(max(t.lastLine.Load(), lines[len(lines)-1].Time))
	t.m.counters.lines.Add(int64(len(lines)))
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	for _, k := range t.batch.keys {
		t.cursor.add(k)
	}
	t.limit = noLimit
	t.join.held(func(k key) { t.limit = min(t.limit, k.time-1) })
	t.dirty = true
	return nil
}
