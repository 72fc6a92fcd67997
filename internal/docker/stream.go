package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
)

// cause is why a tail ends a stream itself, so that it goes on in another way.
type cause uint8

const (
	causeBehind  cause = iota // the first record is unknown: a longer part of the log must be read
	causeNoBytes              // the engine sends nothing
	causeUnseen               // the engine has records that it did not send
	causePassed               // the engine passed over records that it cannot read
	causeMoved                // the log grew while it was searched
)

var _ error = causeBehind

// Error describes the cause.
func (c cause) Error() string {
	return [...]string{
		"more of the log has to be read", "the engine sends nothing", "the engine has records that it did not send", "the engine passed over records",
		"the log grew meanwhile",
	}[c]
}

var errStalled = errors.New("the engine does not return the last record of the log")

// tails are the numbers of records that follow asks for, one after the other, until the first record is a known one.
var tails = [...]int{1000, 10_000, 100_000, 0}

// part is a part of a log to open a stream for.
type part struct {
	LogOptions
	last      bool // there is no longer part: if its first record is unknown, records before it are lost
	backfills bool // it begins with records that an earlier stream skipped; all before it are known
	expected  *key // the record that it must begin with; nil: any
}

// follow opens the log at the cursor and evaluates new lines until the stream ends. The error is never nil. If the stream ended inside a record,
// follow returns it.
func (t *tail) follow(ctx context.Context) (remnant *logstream.Record, err error) {
	t.setState(CatchingUp)
	t.cursorMu.Lock()
	known, set := t.cursor.known(), t.cursor.stepped > 0
	since := max(t.cursor.evicted+1, t.cursor.since)
	options := t.first
	if !known && t.restored {
		options = LogOptions{Follow: true, Since: t.cursor.since}
	}
	t.cursorMu.Unlock()
	if !known {
		t.replay = nil
		return t.stream(ctx, part{LogOptions: options, last: true})
	}
	if set {
		since = 0
		found, err := t.contains(ctx)
		if err != nil {
			return nil, err
		}
		if !found {
			t.gap()
			return t.stream(ctx, part{LogOptions: LogOptions{Follow: true}, last: true})
		}
	}
	if t.info.Seconds && !set {
		// Podman reads the whole log for the last records as well. Behind the time before the second, all of the second comes.
		return t.stream(ctx, part{LogOptions: LogOptions{Follow: true, Since: since - since%1e9 - 1}, last: true})
	}
	for i, n := range tails {
		if set && n > 0 {
			continue // only the whole log is certain to contain known records
		}
		remnant, err = t.stream(ctx, part{LogOptions: LogOptions{Follow: true, Tail: n}, last: i == len(tails)-1})
		switch {
		case errors.Is(err, causeBehind):
			continue
		case errors.Is(err, causeNoBytes):
			return t.stream(ctx, part{LogOptions: LogOptions{Follow: true, Since: since}, last: true})
		}
		return remnant, err
	}
	return remnant, err
}

// stream opens a part of the log and evaluates its new lines. Results are as for follow.
func (t *tail) stream(ctx context.Context, p part) (*logstream.Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The order of the locks is the same everywhere: mu, then cursorMu.
	t.mu.Lock()
	t.cursorMu.Lock()
	t.replay = nil
	checks := 0 // of whether the new records directly follow the known ones
	if t.cursor.known() {
		t.replay = t.cursor.replay(t.info.Seconds, t.held)
		if p.backfills {
			t.replay.behind(t.anchor)
		} else {
			t.anchor = t.cursor.newest()
			if !t.replay.clockSet && !t.info.Seconds { // Podman's logs hold no record that it cannot read
				checks = maxChecks
			}
		}
	}
	t.cursorMu.Unlock()
	t.mu.Unlock()

	idle := t.watch(ctx, cancel)
	defer idle.end()
	if t.replay != nil && !(p.last && p.Since > 0) {
		first := time.AfterFunc(t.m.timing.firstByte, func() { cancel(causeNoBytes) })
		defer first.Stop()
		idle.first = first
	}
	idle.begin()
	body, err := t.m.opt.API.Logs(ctx, t.id, p.LogOptions)
	if err != nil {
		return nil, reason(ctx, err)
	}
	defer func() { _ = body.Close() }() // it was only read
	in := t.reader(body)
	for n := 0; ; n++ {
		// Nothing more is buffered: lines are evaluated before the stream waits, however few they are.
		if !in.Ready() {
			t.mu.Lock()
			err := t.deliver(ctx)
			t.mu.Unlock()
			if err != nil {
				return nil, err
			}
			if checks > 0 && t.fresh > 0 {
				checks--
				certain, err := t.adjoins(ctx)
				if err != nil {
					return nil, err
				}
				if certain {
					checks = 0
				}
			}
			if t.replay == nil || t.replay.reached {
				t.setState(Live)
			}
			idle.begin()
		}
		r, err := in.Next()
		idle.end()
		if err != nil {
			return t.ending(ctx, in, reason(ctx, err))
		}
		if n == 0 {
			if err := t.checkFirst(&r, &p); err != nil {
				return nil, err
			}
		}
		t.last = keyOf(&r)
		if err := t.accept(ctx, &r); err != nil {
			return nil, err
		}
	}
}

// ending evaluates the lines that were read before a stream ended, and returns a copy of an unfinished record of a terminal.
func (t *tail) ending(ctx context.Context, in logstream.Reader, why error) (*logstream.Record, error) {
	if errors.Is(why, logstream.ErrDaemon) || errors.Is(why, logstream.ErrFrame) {
		t.m.counters.broken.Add(1)
		t.log.Warn("log stream is broken, opening it again", "error", why)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.deliver(ctx); err != nil {
		return nil, errors.Join(why, err)
	}
	if r, ok := in.Remnant(); ok {
		r.Data = append([]byte(nil), r.Data...)
		return &r, why
	}
	return nil, why
}

// reader returns the reader of a stream.
func (t *tail) reader(body io.Reader) logstream.Reader {
	return logstream.New(body, logstream.Options{
		Terminal: t.info.TTY, Last: t.m.opt.Now().UnixNano(), Slots: t.m.slots, Invalid: func() { t.m.counters.invalid.Add(1) },
	})
}

// reason adds the cause of a cancelled context to the error that a stream ended with.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// checkFirst checks the first record of a stream: all records before it must be known.
func (t *tail) checkFirst(r *logstream.Record, p *part) error {
	k := keyOf(r)
	if p.expected != nil && *p.expected != k {
		return causeMoved
	}
	if t.replay == nil {
		return nil
	}
	if t.replay.remaining[k] > 0 || t.replay.clockSet || k.time <= t.replay.evicted {
		return nil
	}
	switch {
	case !p.last:
		return causeBehind
	case p.backfills:
		t.renew()
	default:
		t.gap()
	}
	return nil
}

// maxChecks bounds the calls of adjoins for one stream, on a log that keeps growing.
const maxChecks = 8

// adjoins fails if the new records of a stream do not directly follow the known ones: an engine that hits a broken record drops the records that it had
// buffered behind it, and goes on with later ones. The result is not certain if the log grew meanwhile, or the engine is busy.
func (t *tail) adjoins(ctx context.Context) (certain bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.m.timing.firstByte) // lines wait meanwhile, so not for long
	defer cancel()
	first, found, err := t.reads(ctx, t.fresh+1, 1)
	switch {
	case err != nil:
		return false, nil // no reason for doubt: the engine sent the new records
	case !found || first.time <= t.anchor.time: // the broken record itself, or a known one
		return true, nil
	case first.time < t.last.time && !t.knows(first): // it lies before the records that came, not behind them
		return true, causePassed
	}
	return false, nil
}

// endedEarly reports whether a stream ended after it reached the known records but before the newest of them.
func (t *tail) endedEarly() bool {
	if t.replay == nil || !t.replay.reached {
		return false
	}
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	return t.replay.remaining[t.cursor.newest()] > 0
}

// gap reports lost records and resets the cursor.
func (t *tail) gap() {
	t.mu.Lock()
	// Lines that wait end here, because no record behind the gap can continue them.
	t.join.flushAll(true)
	t.endRecords()
	t.mu.Unlock()
	t.replay = nil
	t.cursorMu.Lock()
	newest := t.cursor.newest()
	t.cursor.forget(0)
	t.dirty = true
	t.cursorMu.Unlock()
	t.reportGap(newest)
}

// renew rebuilds the cursor from the skipped records on, so that it has the order of the log. Known records stay known.
func (t *tail) renew() {
	t.cursorMu.Lock()
	t.cursor.forget(0)
	t.dirty = true
	t.cursorMu.Unlock()
	t.replay.renews = true
	t.reportGap(t.anchor)
}

// reportGap reports that lines behind a record are lost.
func (t *tail) reportGap(behind key) {
	t.m.notify(Notice{Kind: NoticeGap, Source: t.source.Load(), Text: fmt.Sprintf("lines of container %s after %s are lost: they "+
		"were removed from its log before they could be read, or its engine cannot read them", t.info.Name, time.Unix(0, behind.time).UTC().Format(time.RFC3339Nano))})
}

// accept adds a record to the lines, unless it was evaluated before.
func (t *tail) accept(ctx context.Context, r *logstream.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := keyOf(r)
	if t.replay != nil {
		done, over := t.replay.done(k)
		// Read before the replay ends with its last record.
		renews := t.replay.renews
		if over {
			t.replay = nil
		}
		if done {
			if renews {
				if err := t.addAgain(ctx, k); err != nil {
					return err
				}
			}
			t.m.counters.replayed.Add(1)
			t.newest = max(t.newest, k.time)
			return nil
		}
	}
	n := t.ordinal(k)
	if n > 0 && t.repeats(r) {
		t.m.counters.replayed.Add(1)
		return nil
	}
	t.fresh++
	t.join.add(r, k, n)
	if t.batch.full() {
		if err := t.deliver(ctx); err != nil {
			return err
		}
	}
	return t.relieve(ctx)
}

// addAgain adds a known record to a rebuilt cursor, in the order of the log. The caller holds t.mu.
func (t *tail) addAgain(ctx context.Context, k key) error {
	// The batch comes first, because its records lie before this one in the log.
	if err := t.deliver(ctx); err != nil {
		return err
	}
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	t.cursor.add(k)
	return nil
}

// ordinal returns the number of earlier records with the same key. The caller holds t.mu.
func (t *tail) ordinal(k key) uint64 {
	if k.time > t.newest {
		t.newest = k.time
		return 0
	}
	n := t.batch.count(k)
	t.held(func(other key) {
		if other == k {
			n++
		}
	})
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	return n + uint64(t.cursor.count[k])
}

// repeats reports whether a record that equals an earlier one is that record, sent again: engines read a part of a file twice when they rotate it. Parts
// of a long line are never repeats: they share the line's time. Other records are if newer ones came in between, or if the engine is older than
// version 23, which repeats lines and gives no two lines the same time. The caller holds t.mu.
func (t *tail) repeats(r *logstream.Record) bool {
	if p := &t.join.partials[r.Stream]; len(p.keys) > 0 && p.time == r.Time {
		return false
	}
	return r.Time < t.newest || t.rotates && t.m.before23.Load()
}

// contains reports whether the log contains any record of the cursor. It reads all of it.
func (t *tail) contains(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := t.m.opt.API.Logs(ctx, t.id, LogOptions{})
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	for in := t.reader(body); ; {
		r, err := in.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, logstream.ErrDaemon) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		t.cursorMu.Lock()
		known := t.cursor.count[keyOf(&r)] > 0
		t.cursorMu.Unlock()
		if known {
			return true, nil
		}
	}
}
