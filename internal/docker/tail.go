package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// State is the state of a container's tail.
type State int32

// The states, in the order in which a container goes through them.
const (
	Discovered State = iota // not inspected yet
	CatchingUp              // reading what the log contains, without the lines that were evaluated before
	Live                    // waiting for new lines
	Backoff                 // the engine refused, or ended the stream: waiting to try again
	Parked                  // the container does not run, and its log is read to the end
	Unreadable              // its log driver stores no logs
	Gone                    // removed, or no longer followed
	states
)

// String returns the state's word.
func (s State) String() string {
	return [...]string{"discovered", "catching up", "live", "backoff", "parked", "unreadable", "gone"}[s]
}

// maxStalls bounds how often a tail asks again for the last record of an ended container. The engine may be busy, or may never answer, for example
// when the log file was truncated by another program.
const maxStalls = 3

// noLimit is the limit of a cursor without records in partial lines.
const noLimit = math.MaxInt64

// tail follows one container. Fields without a lock are changed by its goroutine only.
type tail struct {
	m             *Manager
	id            string
	log           *slog.Logger
	wake          chan struct{} // capacity 1: a pending wake-up
	end           context.CancelFunc
	state         atomic.Int32
	positioned    atomic.Bool // the cursor has the position from which lines are evaluated
	dropped       atomic.Bool // the container is gone or not followed: its cursor can be removed
	reconsidering atomic.Bool // it is being inspected again because its name changed

	name    atomic.Pointer[string] // the container's name, as in the source of its lines
	refused atomic.Pointer[string] // the workload label that was refused and logged

	source             atomic.Pointer[engine.Source]
	info               Container
	first              LogOptions // for a log without a cursor
	replay             *replay    // nil: all records are new
	fresh              int        // new records of this attempt
	newest             int64      // the newest time of all records
	unreadableReported bool       // the notice was given
	since              int64      // the manager's since when the container was discovered
	last               key        // the last record of the stream
	anchor             key        // of causePassed: all records up to this one were evaluated
	rotates            bool       // its log driver rotates files
	early              bool       // the container was there when the manager started
	restored           bool       // the cursor was restored: the log must be read even if the container does not run
	failures           int        // consecutive attempts that failed

	traces, traceLines    atomic.Int64           // records joined of several lines, and these lines, since the start
	stopSignal            atomic.Pointer[string] // of the container's configuration
	lines, hits, lastLine atomic.Int64           // since the start; lastLine is a time in ns
	trouble               atomic.Pointer[string] // the last reason why the log could not be read

	health atomic.Pointer[string] // as last reported or inspected

	mu       sync.Mutex // held while records are joined and lines are evaluated
	join     joiner
	waiting  [3]waiting // by stream
	previous [3]int     // by stream: the number, from 1, of the batch's line that the next one may continue; 0: none
	batch    batch

	cursorMu sync.Mutex // guards the fields below; never held during a call of the engine or the sink
	cursor   cursor
	limit    int64
	dirty    bool
}

// wakeUp makes a resting tail look at its container.
func (t *tail) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

func (t *tail) setState(s State) { t.state.Store(int32(s)) }

// step is the next thing that a tail does.
type step uint8

const (
	stepRetry  step = iota // try again, after a backoff
	stepFollow             // read the log
	stepAgain              // look at the container again at once
	stepRest               // wait until woken
	stepEnd                // the container is gone or no longer wanted
)

// run follows the container until it is gone or ctx ends.
func (t *tail) run(ctx context.Context) {
	defer t.setState(Gone)
	defer t.endWaiting(ctx)
	for ctx.Err() == nil {
		next, err := t.attempt(ctx)
		if t.fresh > 0 && !errors.Is(err, errPanic) { // lines that make a sink panic come again with each attempt
			t.failures = 0
		}
		switch next {
		case stepEnd:
			t.dropped.Store(true)
			return
		case stepRest:
			t.failures = 0
			t.sleep(ctx, -1)
		case stepRetry:
			t.log.Debug("log stream ended", "error", err)
			why := err.Error()
			t.trouble.Store(&why)
			t.setState(Backoff)
			t.sleep(ctx, t.m.timing.backoff(t.failures))
			t.failures++
		}
	}
}

var errPanic = errors.New("panic")

// sleep waits until the tail is woken, and at most d unless d is negative.
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

// attempt identifies the container, if that is still to be done, and reads its log until the stream ends. The error is why it has to be tried again,
// with stepRetry only.
func (t *tail) attempt(ctx context.Context) (next step, err error) {
	next, err = stepRetry, errPanic // the results after a panic
	defer guard.Recover(t.log, &t.m.counters.panics, "following a container")
	t.fresh = 0
	if t.info.ID == "" {
		if next, err := t.identify(ctx); next != stepFollow {
			return next, err
		}
	}
	remnant, err := t.follow(ctx)
	ended := false
	if t.fresh == 0 && (errors.Is(err, io.EOF) || errors.Is(err, logstream.ErrDaemon)) { // from version 23 on, engines report why they end a log
		ended, err = t.atEnd(ctx, err)
	}
	switch {
	case errors.Is(err, causeUnseen):
		remnant, err = t.salvage(ctx, part{}, t.knows)
	case errors.Is(err, causePassed):
		remnant, err = t.salvage(ctx, part{backfills: true}, func(k key) bool { return k.time <= t.anchor.time })
	}
	switch {
	case errors.Is(err, ErrNotFound):
		t.finish(ctx)
		return stepEnd, nil
	case errors.Is(err, ErrUnreadable):
		return t.unreadable(err.Error()), nil
	case errors.Is(err, ErrDead): // it will be gone soon
		t.finish(ctx)
		t.setState(Parked)
		return stepRest, nil
	case !errors.Is(err, io.EOF):
		return stepRetry, err
	// The log may have more: only a stream without new lines proves that it is at its end.
	case t.fresh > 0:
		return stepAgain, nil
	case !ended:
		return stepRetry, err
	}
	// An unfinished record counts only now that nothing can continue it.
	if remnant != nil {
		if err := t.accept(ctx, remnant); err != nil {
			return stepRetry, err
		}
	}
	t.finish(ctx)
	t.setState(Parked)
	return stepRest, nil
}

// atEnd checks a stream that ended without new records: has the container ended, and did the engine send everything? The result is io.EOF, with
// the engine's reason, if it did, and a cause or an error of the engine otherwise.
func (t *tail) atEnd(ctx context.Context, end error) (ended bool, err error) {
	if errors.Is(end, logstream.ErrDaemon) {
		end = fmt.Errorf("%w: %w", io.EOF, end)
	}
	// The container comes first: after it has ended no record follows the one that the probe reads.
	now, err := t.inspect(ctx)
	if err != nil {
		return false, err
	}
	ended = !now.Running
	if unseen := t.probe(ctx); errors.Is(unseen, causeUnseen) || ended && unseen != nil && t.failures < maxStalls {
		return ended, unseen
	}
	if ended && t.endedEarly() {
		t.anchor = t.last
		return ended, causePassed
	}
	return ended, end
}

// finish ends the partial lines: no more records follow.
func (t *tail) finish(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.join.flushAll(false)
	t.endRecords()
	// An error leaves the cursor as it is, so a later run reads the lines again.
	if err := t.deliver(ctx); err != nil {
		t.log.Debug("lines were not evaluated", "error", err)
	}
}

// inspect inspects the container. Calls of all tails together are bounded.
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

// identify inspects the container and decides where its log begins. The next step is stepFollow if there may be something to read.
func (t *tail) identify(ctx context.Context) (next step, err error) {
	c, err := t.inspect(ctx)
	if errors.Is(err, ErrNotFound) {
		return stepEnd, nil
	}
	if err != nil {
		return stepRetry, err
	}
	if !t.m.follows(&c) {
		t.m.ignore(&c)
		return stepEnd, nil
	}
	t.info = c
	t.stopSignal.Store(&c.StopSignal)
	t.log = t.log.With("container", c.Name)
	t.source.Store(t.describe(&c))
	// The container's own rules are in force before its first line.
	if t.m.opt.OnContainer != nil {
		t.m.opt.OnContainer(ctx, &c, t.source.Load())
	}
	t.join.lineEnds = c.LineEnds
	t.rotates = c.Driver == "json-file" || c.Driver == "local"
	rest := !t.restored && !t.beginning(&c)
	t.m.warnCompressed(t)
	if c.Driver == "none" {
		return t.unreadable(fmt.Sprintf("its log driver %q does not store logs", c.Driver)), nil
	}
	if rest && !c.Running || !c.Started {
		t.setState(Parked)
		return stepRest, nil
	}
	return stepFollow, nil
}

// beginning sets the position of a log without a cursor, and reports whether the log may contain lines already.
func (t *tail) beginning(c *Container) bool {
	since, tail := t.start(c)
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	t.cursor.forget(since)
	t.first, t.dirty = LogOptions{Follow: true, Tail: tail, Since: since}, true
	t.positioned.Store(true)
	return tail > 0 || since == 0 || since < t.m.started()
}

// start returns where to begin a log without a cursor: for a container that is older than the first run, where the options say; for one created
// after the last list of containers, at its first line; for any other, at the time of that list.
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

// unreadable reports, once, that the log cannot be read, and why.
func (t *tail) unreadable(why string) step {
	t.trouble.Store(&why)
	t.setState(Unreadable)
	if !t.unreadableReported {
		t.unreadableReported = true
		t.m.notify(Notice{Kind: NoticeUnreadable, Source: t.source.Load(),
			Text: fmt.Sprintf("cannot read the log of container %s (log driver %q): %s", t.info.Name, t.info.Driver, why)})
	}
	return stepRest
}

// jitter returns d, changed at random by at most a quarter.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2+1))
}
