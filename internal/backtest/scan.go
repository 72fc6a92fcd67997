package backtest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// The bounds of reading ahead of the evaluation.
const (
	aheadBytes = 48 << 20 // by all open logs
	aheadLeast = 8 << 10  // by a block, however many logs are open
	aheadMost  = 256 << 10
	depth      = 3 // blocks per log: one is read, one is matched, one is evaluated
)

// blockSize returns the size of a block if that many logs may be open.
func blockSize(logs int) int { return max(aheadLeast, min(aheadMost, aheadBytes/depth/max(1, logs))) }

// task is a block on its way through reading, matching and evaluation.
type task struct {
	block  replay.Block
	events []event
	hits   [2][]engine.Hit // by rule set; events refer to them
	tally  []tally
	lines  int64
	own    int64
	last   int64 // the latest time of the block
	found  chan struct{}
}

// event is a record that needs evaluation.
type event struct {
	at     int   // the record's index
	key    int64 // the latest time of its log up to it
	meet   bool  // the record is the block's first one of its source
	lines  int64 // of its source from the record on, before the source's next event
	lo, hi [2]int
}

// tally counts the lines of one second.
type tally struct {
	second int64
	lines  int64
}

// scanner reads and matches logs ahead of the evaluation. Its goroutines end with its context.
type scanner struct {
	ctx     context.Context // of the goroutines, which end before Run does
	fail    context.CancelCauseFunc
	engines []*engine.Engine
	see     bool // records without a hit become events as well, for the lines around hits
	size    int
	work    chan *task
	running sync.WaitGroup
}

func newScanner(ctx context.Context, engines []*engine.Engine, see bool, workers, logs int) *scanner {
	s := &scanner{engines: engines, see: see, size: blockSize(logs), work: make(chan *task, workers)}
	s.ctx, s.fail = context.WithCancelCause(ctx)
	for range workers {
		s.start(s.match)
	}
	return s
}

// stop ends all goroutines and waits for them.
func (s *scanner) stop() {
	s.fail(nil)
	s.running.Wait()
}

// start runs fn on a goroutine. If fn panics, the whole run ends with an error.
func (s *scanner) start(fn func()) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if err := guard.Do(func() error { fn(); return nil }); err != nil {
			s.fail(err)
		}
	}()
}

// match finds the hits of blocks until the run ends.
func (s *scanner) match() {
	workers := make([]*engine.Worker, len(s.engines))
	for i, e := range s.engines {
		workers[i] = e.Worker()
		defer workers[i].Release()
	}
	for {
		select {
		case t := <-s.work:
			t.find(workers, s.see)
			close(t.found)
		case <-s.ctx.Done():
			return
		}
	}
}

// find fills in the events and counts of the block. With see, the lines around hits become events as well.
func (t *task) find(workers []*engine.Worker, see bool) {
	t.events, t.tally, t.lines, t.own = t.events[:0], t.tally[:0], 0, 0
	for i := range t.hits {
		clear(t.hits[i])
		t.hits[i] = t.hits[i][:0]
	}
	for _, at := range t.block.Joined {
		t.count(at)
	}
	latest := t.block.Before
	var met sources
	counted := lineCounts{of: map[*engine.Source]*lineCount{}}
	for i := range t.block.Records {
		rec := &t.block.Records[i]
		latest = max(latest, rec.Time)
		t.count(rec.Time)
		if own.Is(rec) {
			t.own++
			continue
		}
		e := event{at: i, key: latest, meet: met.add(rec.Source)}
		count := counted.next(rec)
		hit := e.meet || count != nil && count.due(rec.Time)
		for side, w := range workers {
			e.lo[side] = len(t.hits[side])
			t.hits[side] = w.Find(rec, t.hits[side])
			e.hi[side] = len(t.hits[side])
			hit = hit || e.hi[side] > e.lo[side] || see && w.Sees(rec.Source)
		}
		if hit {
			t.events = append(t.events, e)
		}
		if count != nil {
			if hit {
				count.event, count.minute = len(t.events)-1, rec.Time/minute
			}
			t.events[count.event].lines++
		}
	}
	t.last = latest
}

const minute = int64(time.Minute)

// lineCounts counts the lines of sources that name an image. They are evaluated once a minute, with the first of them, so that most lines without a hit need no
// evaluation.
type lineCounts struct {
	of   map[*engine.Source]*lineCount
	last *lineCount
	from *engine.Source
}

// lineCount is the event that the lines of a source count for at the moment.
type lineCount struct {
	event  int
	minute int64
}

// next returns the count for a line; nil: it is not counted.
func (c *lineCounts) next(rec *engine.Record) *lineCount {
	if rec.Source == c.from {
		return c.last
	}
	c.from, c.last = rec.Source, nil
	if engine.CountsForImage(rec.Source) {
		if c.last = c.of[rec.Source]; c.last == nil {
			c.last = &lineCount{minute: -1}
			c.of[rec.Source] = c.last
		}
	}
	return c.last
}

// due reports whether a line needs an event of its own, because the last one was in another minute.
func (c *lineCount) due(at int64) bool { return at/minute != c.minute }

// count counts a line.
func (t *task) count(at int64) {
	if second := at / 1e9; len(t.tally) > 0 && t.tally[len(t.tally)-1].second == second {
		t.tally[len(t.tally)-1].lines++
	} else {
		t.tally = append(t.tally, tally{second, 1})
	}
	t.lines++
}

// sources is a bounded set of sources. It may report a source as new a second time after it forgot it, which is harmless.
type sources struct {
	last *engine.Source
	all  map[*engine.Source]struct{}
}

const maxSources = 10_000

// add reports whether the source is new.
func (s *sources) add(source *engine.Source) bool {
	if source == s.last {
		return false
	}
	s.last = source
	if _, ok := s.all[source]; ok {
		return false
	}
	if s.all == nil || len(s.all) >= maxSources {
		s.all = map[*engine.Source]struct{}{}
	}
	s.all[source] = struct{}{}
	return true
}

// stream is an open log. Its matched blocks arrive in order.
type stream struct {
	index  int // of the log, the order of logs with equal times
	series *replay.Series
	free   chan *task
	queue  chan *task
	task   *task // the task in evaluation
	next   int   // its next event
	met    sources
}

// open starts reading a log.
func (s *scanner) open(index int, series *replay.Series) *stream {
	st := &stream{index: index, series: series, free: make(chan *task, depth), queue: make(chan *task, depth)}
	for range depth {
		st.free <- &task{}
	}
	s.start(func() { s.read(st) })
	return st
}

// read reads a log to its end. It closes the queue only after it has queued every block.
func (s *scanner) read(st *stream) {
	for {
		select {
		case t := <-st.free:
			err := st.series.Next(s.ctx, &t.block, s.size)
			switch {
			case errors.Is(err, io.EOF):
				if err := st.series.Close(); err != nil {
					s.fail(err)
					return
				}
				close(st.queue)
				return
			case err != nil:
				s.fail(err)
				return
			}
			t.found = make(chan struct{})
			st.queue <- t // never blocks: the queue has room for all tasks of the log
			select {
			case s.work <- t:
			case <-s.ctx.Done():
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// advance moves to the next event and calls passed with each block that it enters. ok is false at the end of the log.
func (s *scanner) advance(st *stream, passed func(*task)) (ok bool, err error) {
	for {
		if st.task != nil && st.next < len(st.task.events) {
			return true, nil
		}
		if st.task != nil {
			st.free <- st.task // never blocks either
			st.task = nil
		}
		select {
		case t, open := <-st.queue:
			if !open {
				return false, nil
			}
			select {
			case <-t.found:
			case <-s.ctx.Done():
				return false, context.Cause(s.ctx)
			}
			st.task, st.next = t, 0
			passed(t)
		case <-s.ctx.Done():
			return false, context.Cause(s.ctx)
		}
	}
}

// key returns the time of the stream's next event, by which merge orders streams.
func (st *stream) key() int64 { return st.task.events[st.next].key }
