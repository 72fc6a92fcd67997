package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// idle watches a stream while it waits for the engine: it ends partial lines that wait too long, and checks whether the engine failed to send a
// record. Between begin and end its timer runs; there is no goroutine.
type idle struct {
	t      *tail
	cancel context.CancelCauseFunc
	timer  *time.Timer
	first  *time.Timer // ends a stream without a first byte

	doubted bool // the engine was, or will be, checked early; guarded by the tail's lock

	on   bool   // the stream waits; guarded by the tail's lock
	wait uint64 // counts the waits; guarded by the tail's lock
}

// watch returns the idle of the stream with the given context.
func (t *tail) watch(ctx context.Context, cancel context.CancelCauseFunc) *idle {
	i := &idle{t: t, cancel: cancel}
	i.timer = time.AfterFunc(time.Hour, func() { i.due(ctx) })
	i.timer.Stop()
	return i
}

// begin is called when the stream starts to wait.
func (i *idle) begin() {
	i.t.mu.Lock()
	defer i.t.mu.Unlock()
	i.on = true
	i.wait++
	i.arm()
}

// arm sets the timer. The caller holds the tail's lock.
func (i *idle) arm() {
	if at, ok := i.t.waitsUntil(); ok {
		i.timer.Reset(max(at.Sub(i.t.m.opt.Now()), time.Millisecond))
		return
	}
	if i.t.join.holds() {
		i.timer.Reset(i.t.m.timing.partial)
		return
	}
	if i.t.replay != nil && !i.doubted { // the engine has known records that it does not send
		i.doubted = true
		i.timer.Reset(min(i.t.m.timing.firstByte, i.t.m.timing.probe))
		return
	}
	i.timer.Reset(jitter(i.t.m.timing.probe))
}

// end is called when something came, or the stream ended.
func (i *idle) end() {
	// A call of due that has begun already finds the stream not waiting.
	i.timer.Stop()
	if i.first != nil {
		i.first.Stop()
		i.first = nil
	}
	i.t.mu.Lock()
	i.on = false
	i.t.mu.Unlock()
}

// due runs in the timer's goroutine.
func (i *idle) due(ctx context.Context) {
	t := i.t
	defer guard.Recover(t.log, &t.m.counters.panics, "checking an idle log")
	wait, ask := i.expire(ctx)
	if !ask {
		return
	}
	// Without the lock: the engine may take long, and lines must be evaluated meanwhile.
	err := t.probe(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	// The stream went on meanwhile, so the answer is about a wait that is over.
	case !i.on || i.wait != wait || ctx.Err() != nil:
	case err != nil:
		t.m.counters.stalls.Add(1)
		i.cancel(err)
	default:
		i.arm()
	}
}

// expire ends the partial lines, if there are any. Otherwise ask is true if the stream still waits: the engine must be checked.
func (i *idle) expire(ctx context.Context) (wait uint64, ask bool) {
	i.t.mu.Lock()
	defer i.t.mu.Unlock()
	if !i.on || ctx.Err() != nil {
		return 0, false
	}
	_, waits := i.t.waitsUntil()
	switch {
	case waits: // deliver ends the records whose time is over
	case i.t.join.holds():
		i.t.join.flushAll(true)
	default:
		return i.wait, true
	}
	if err := i.t.deliver(ctx); err != nil {
		i.cancel(err)
	}
	i.arm()
	return 0, false
}

// probe asks for the last record of the log. It fails if that record was not evaluated, or does not come.
func (t *tail) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.m.timing.probeWithin)
	defer cancel()
	body, err := t.m.opt.API.Logs(ctx, t.id, LogOptions{Tail: 1})
	if err != nil {
		return fmt.Errorf("%w: %w", errStalled, err)
	}
	defer func() { _ = body.Close() }()
	r, err := t.reader(body).Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil // the log is empty
	case err != nil:
		return fmt.Errorf("%w: %w", errStalled, err)
	}
	if !t.knows(keyOf(&r)) {
		return causeUnseen
	}
	return nil
}
