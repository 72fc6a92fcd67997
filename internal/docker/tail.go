package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// State is what the follower of a container does.
type State int32

// The states, in the order in which a container goes through them.
const (
	Discovered State = iota // not inspected yet
	CatchingUp              // what is in the log is read, and what was handed over before is left out
	Live                    // new lines are waited for
	Backoff                 // the engine refused, or ended the stream: it is tried again
	Parked                  // the container does not run, and its log was read to the end
	Unreadable              // its log driver keeps nothing to read
	Gone                    // removed, or not to be followed any more
	states
)

// String returns the state's word.
func (s State) String() string {
	return [...]string{"discovered", "catching up", "live", "backoff", "parked", "unreadable", "gone"}[s]
}

// maxStalls is how often an engine is asked again for the last record of a container that has ended. It may be busy, or never answer, as for a
// log that was truncated from outside.
const maxStalls = 3

// noLimit is the limit of a cursor when no record is held in a partial line.
const noLimit = math.MaxInt64

// tail follows one container. Its goroutine alone changes what has no lock.
type tail struct {
	m             *Manager
	id            string
	log           *slog.Logger
	wake          chan struct{} // holds one wish to look at the container now
	end           context.CancelFunc
	state         atomic.Int32
	positioned    atomic.Bool // the cursor says where the log is of interest from
	dropped       atomic.Bool // the container is gone, or not wanted: the cursor is of no use any more
	reconsidering atomic.Bool // it is being looked at again because it is listed under another name

	name    atomic.Pointer[string] // the engine's, as its lines' names were made of
	refused atomic.Pointer[string] // the value of a label that was refused, once it is logged

	source             atomic.Pointer[engine.Source]
	info               Container
	first              LogOptions // of a log that nothing is known of
	replay             *replay    // nil: all that comes is new
	fresh              int        // new records since the stream was opened
	newest             int64      // the newest time of all records
	unreadableReported bool       // that there is nothing to read
	since              int64      // the manager's since when the container was discovered
	last               key        // the last record of the stream
	anchor             key        // of errPassed: up to there, all was handed over
	rotates            bool       // its log driver keeps files that are rotated
	early              bool       // the container was there when the manager started
	restored           bool       // the cursor was restored: the log has to be looked at, even of a container that does not run
	failures           int        // attempts one after the other that failed

	stopSignal            atomic.Pointer[string] // as the container is configured
	lines, hits, lastLine atomic.Int64           // handed over since the start, and the time of the newest, ns
	trouble               atomic.Pointer[string] // why the log cannot be read, last

	health atomic.Pointer[string] // as it was told or seen last

	mu    sync.Mutex // held while records are joined and handed over
	join  joiner
	batch batch

	cursorMu sync.Mutex // guards the cursor and what belongs to it; never held while something is waited for
	cursor   cursor
	limit    int64
	dirty    bool
}

// wakeUp makes the tail look at its container now.
func (t *tail) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default: // there is a wish already
	}
}

func (t *tail) setState(s State) { t.state.Store(int32(s)) }

// run follows the container until it is gone or ctx ends.
func (t *tail) run(ctx context.Context) {
	defer t.setState(Gone)
	for ctx.Err() == nil {
		fresh, err := t.attempt(ctx)
		if fresh > 0 {
			t.failures = 0
		}
		switch {
		case errors.Is(err, errGone):
			t.dropped.Store(true)
			return
		case errors.Is(err, errRest):
			t.failures = 0
			t.sleep(ctx, -1)
		case errors.Is(err, errAgain):
		default:
			t.log.Debug("log stream ended", "error", err)
			why := err.Error()
			t.trouble.Store(&why)
			t.setState(Backoff)
			t.sleep(ctx, t.m.timing.backoff(t.failures))
			t.failures++
		}
	}
}

// The outcomes of an attempt that are no errors.
var (
	errGone  = errors.New("gone")
	errRest  = errors.New("nothing to do until woken")
	errAgain = errors.New("look again at once")
	errPanic = errors.New("panic")
)

// recovered ends a panic, counts it and logs where it came from. It is deferred.
func (t *tail) recovered(doing string) {
	if reason := recover(); reason != nil {
		t.m.counters.panics.Add(1)
		t.log.Error("panic", "while", doing, "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}
}

// sleep waits for a wish, and for d at most unless it is negative.
func (t *tail) sleep(ctx context.Context, d time.Duration) {
	var timeout <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-t.wake:
	case <-timeout:
	case <-ctx.Done():
	}
}

// attempt does the next step. A panic is an error of it.
func (t *tail) attempt(ctx context.Context) (fresh int, err error) {
	err = errPanic // unless something else is returned
	defer t.recovered("following a container")
	if t.info.ID == "" {
		if err := t.identify(ctx); err != nil {
			return 0, err
		}
	}
	t.fresh = 0
	ended := false
	remnant, err := t.follow(ctx)
	if errors.Is(err, errDaemon) && t.fresh == 0 { // from version 23 on, engines say why they end a log
		err = fmt.Errorf("%w: %w", io.EOF, err)
	}
	if errors.Is(err, io.EOF) && t.fresh == 0 {
		// The container is looked at first: nothing comes behind the last record of one that has ended.
		now, failed := t.inspect(ctx)
		ended = failed == nil && !now.Running
		if failed != nil {
			err = failed
		} else if unseen := t.probe(ctx); errors.Is(unseen, errUnseen) || ended && unseen != nil && t.failures < maxStalls {
			err = unseen
		} else if ended && t.endedEarly() {
			t.anchor, err = t.last, errPassed
		}
	}
	switch {
	case errors.Is(err, errUnseen):
		remnant, err = t.salvage(ctx, part{}, t.knows)
	case errors.Is(err, errPassed):
		remnant, err = t.salvage(ctx, part{backfills: true}, func(k key) bool { return k.time <= t.anchor.time })
	}
	switch {
	case errors.Is(err, ErrNotFound):
		t.finish(ctx)
		return t.fresh, errGone
	case errors.Is(err, ErrUnreadable):
		return t.fresh, t.unreadable(err.Error())
	case errors.Is(err, ErrDead): // until it is gone
		t.finish(ctx)
		t.setState(Parked)
		return t.fresh, errRest
	case !errors.Is(err, io.EOF):
		return t.fresh, err
	case t.fresh > 0:
		return t.fresh, errAgain
	case !ended:
		return 0, err
	}
	if remnant != nil {
		if err := t.accept(ctx, remnant); err != nil {
			return 0, err
		}
	}
	t.finish(ctx)
	t.setState(Parked)
	return 0, errRest
}

// finish ends partial lines: nothing follows.
func (t *tail) finish(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.join.flushAll(false)
	if err := t.deliver(ctx); err != nil {
		t.log.Debug("lines were not taken", "error", err)
	}
}

// inspect asks for the container, a bounded number of containers at a time.
func (t *tail) inspect(ctx context.Context) (Container, error) {
	select {
	case t.m.inspecting <- struct{}{}:
		defer func() { <-t.m.inspecting }()
	case <-ctx.Done():
		return Container{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, t.m.timing.call)
	defer cancel()
	return t.m.opt.API.Inspect(ctx, t.id)
}

// identify learns what the container is, and where its log is of interest from.
func (t *tail) identify(ctx context.Context) error {
	c, err := t.inspect(ctx)
	if errors.Is(err, ErrNotFound) {
		return errGone
	}
	if err != nil {
		return err
	}
	if !t.m.follows(&c) {
		t.m.ignore(&c)
		return errGone
	}
	t.info = c
	t.stopSignal.Store(&c.StopSignal)
	t.log = t.log.With("container", c.Name)
	t.source.Store(t.describe(&c))
	if t.m.opt.OnContainer != nil {
		t.m.opt.OnContainer(ctx, &c, t.source.Load())
	}
	t.join.lineEnds = c.LineEnds
	t.rotates = c.Driver == "json-file" || c.Driver == "local"
	rest := !t.restored && !t.beginning(&c)
	t.m.warnCompressed(t)
	if c.Driver == "none" {
		return t.unreadable(fmt.Sprintf("its log driver %q keeps nothing to read", c.Driver))
	}
	if rest && !c.Running || !c.Started {
		t.setState(Parked)
		return errRest
	}
	return nil
}

// beginning decides where a log begins that nothing is known of, and reports whether anything can be in it already.
func (t *tail) beginning(c *Container) bool {
	since, tail := t.start(c)
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	t.cursor.forget(since)
	t.first, t.dirty = LogOptions{Follow: true, Tail: tail, Since: since}, true
	t.positioned.Store(true)
	return tail > 0 || since == 0 || since < t.m.started()
}

// start returns where a log begins that nothing is known of: at what a first start is told, for containers that are older than this run; at
// the first line, for those that were created since all containers were known; else at the time when they were.
func (t *tail) start(c *Container) (since int64, tail int) {
	o, created := &t.m.opt, c.Created.UnixNano()
	switch {
	case t.early && t.m.first && o.Since > 0:
		return o.Since, 0
	case t.early && t.m.first && o.Tail > 0 && created <= t.m.started():
		return 0, o.Tail
	case created > t.since:
		return 0, 0
	}
	return t.since, 0
}

// unreadable notes that there is nothing to read, and why, once.
func (t *tail) unreadable(why string) error {
	t.trouble.Store(&why)
	t.setState(Unreadable)
	if !t.unreadableReported {
		t.unreadableReported = true
		t.m.notify(Notice{Kind: NoticeUnreadable, Source: t.source.Load(),
			Text: fmt.Sprintf("the log of container %s (log driver %q) cannot be read: %s", t.info.Name, t.info.Driver, why)})
	}
	return errRest
}

// jitter spreads waits by a quarter to either side.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2+1))
}
