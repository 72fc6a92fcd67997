package suggest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// The bounds of the state.
const (
	maxTemplates = 50_000
	maxLooked    = 2 << 10 // of a line
	maxSamples   = 8       // different ones, of a template
	maxWorkloads = 5       // of a template
	blockSize    = 256 << 10
)

// found has the counts and samples of a template.
type found struct {
	template    string
	count       int64
	first, last int64
	samples     []sample
	workloads   []string
}

type sample struct {
	text     string
	severity engine.Severity
	time     int64
	file     string
	number   int
}

// add adds the counts and samples of one block, or one line.
func (f *found) add(o *found) {
	if f.count == 0 {
		f.first, f.last = o.first, o.last
	}
	f.count += o.count
	f.first, f.last = min(f.first, o.first), max(f.last, o.last)
	for _, s := range o.samples {
		if len(f.samples) < maxSamples && !slices.ContainsFunc(f.samples, func(has sample) bool { return has.text == s.text }) {
			f.samples = append(f.samples, s)
		}
	}
	for _, w := range o.workloads {
		if len(f.workloads) < maxWorkloads && !slices.Contains(f.workloads, w) {
			f.workloads = append(f.workloads, w)
		}
	}
}

// counts is the templates of a log, or of a block of it.
type counts struct {
	all     map[string]*found
	lines   int64
	dropped int64 // lines of templates that were evicted
	key     []byte
}

// block counts the templates of a block.
func (c *counts) block(b *replay.Block) {
	c.all, c.lines = map[string]*found{}, 0
	for i := range b.Records {
		rec := &b.Records[i]
		text := rec.Text[:min(len(rec.Text), maxLooked)]
		if len(text) == 0 || own.Is(rec) {
			continue
		}
		c.lines++
		c.key = template.Append(c.key[:0], text)
		f := c.all[string(c.key)]
		if f == nil {
			f = &found{template: string(c.key), first: rec.Time, last: rec.Time}
			c.all[f.template] = f
		}
		f.count++
		f.first, f.last = min(f.first, rec.Time), max(f.last, rec.Time)
		if n := len(f.samples); n < maxSamples && !slices.ContainsFunc(f.samples, func(has sample) bool { return has.text == string(text) }) {
			file, number := b.Place(i)
			f.samples = append(f.samples, sample{string(text), rec.Severity, rec.Time, file, number})
		}
		if w := rec.Source.Workload; len(f.workloads) < maxWorkloads && !slices.Contains(f.workloads, w) {
			f.workloads = append(f.workloads, w)
		}
	}
}

// take adds the templates of a block, in an order that is always the same.
func (c *counts) take(o *counts) {
	c.lines += o.lines
	for _, f := range o.sorted() {
		has := c.all[f.template]
		if has == nil {
			if len(c.all) >= maxTemplates {
				c.forget()
			}
			has = &found{template: f.template}
			c.all[f.template] = has
		}
		has.add(f)
	}
}

// forget makes room: half of the templates go, those with the fewest lines.
func (c *counts) forget() {
	for _, f := range c.sorted()[len(c.all)/2:] {
		c.dropped += f.count
		delete(c.all, f.template)
	}
}

// sorted returns the templates, those with the most lines first.
func (c *counts) sorted() []*found {
	out := make([]*found, 0, len(c.all))
	for _, f := range c.all {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.template, b.template))
	})
	return out
}

// Options selects the lines and bounds the result.
type Options struct {
	Logs    *replay.Set
	Top     int           // templates that are reported
	Min     int64         // lines that a template has at least
	Workers int           // that count; 0: as many as there are processors
	Lines   *atomic.Int64 // counts lines while it goes on; may be nil
}

// task is a block on its way.
type task struct {
	block  replay.Block
	counts counts
	done   chan struct{}
}

// count counts the templates of all logs.
func count(ctx context.Context, o Options) (*counts, error) {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	start := func(fn func() error) {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := guard.Do(fn); err != nil {
				fail(err)
			}
		}()
	}
	defer func() {
		fail(nil)
		running.Wait()
	}()
	free, work, queue := make(chan *task, 2*workers), make(chan *task, 2*workers), make(chan *task, 2*workers)
	for range cap(free) {
		free <- &task{}
	}
	for range workers {
		start(func() error {
			for {
				select {
				case t := <-work:
					t.counts.block(&t.block)
					close(t.done)
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	start(func() error { return read(ctx, o.Logs, free, work, queue) })
	total := &counts{all: map[string]*found{}}
	for {
		select {
		case t, open := <-queue:
			if !open {
				return total, nil
			}
			select {
			case <-t.done:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			total.take(&t.counts)
			if o.Lines != nil {
				o.Lines.Add(t.counts.lines)
			}
			free <- t // there is room for all of them
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// read reads one log after the other. It closes queue when all were handed over.
func read(ctx context.Context, logs *replay.Set, free <-chan *task, work, queue chan<- *task) error {
	for _, s := range logs.Series() {
		for {
			var t *task
			select {
			case t = <-free:
			case <-ctx.Done():
				return nil
			}
			err := s.Next(ctx, &t.block, blockSize)
			if errors.Is(err, io.EOF) {
				queueBack(t, queue)
				break
			}
			if err != nil {
				return err
			}
			t.done = make(chan struct{})
			queue <- t // there is room for all of them
			select {
			case work <- t:
			case <-ctx.Done():
				return nil
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	close(queue)
	return nil
}

// queueBack hands a task back that held nothing.
func queueBack(t *task, queue chan<- *task) {
	t.counts.all, t.counts.lines = nil, 0
	t.done = make(chan struct{})
	close(t.done)
	queue <- t
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
