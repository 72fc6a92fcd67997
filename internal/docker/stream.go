package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
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

// tails are how many records are asked for, one after the other, until the first is known.
var tails = [...]int{1000, 10_000, 100_000, 0}

// part is a part of a log that a stream is opened for.
type part struct {
	LogOptions
	last      bool // no other part can be had: when its first record is unknown, records before it are missing
	backfills bool // it begins with what an earlier stream passed over; what stands before it is known
	expected  *key // the record that it has to begin with; nil: any
}

// follow opens the log where the cursor stands and hands over what is new, until the stream ends. The error is never nil. A record that
// the stream ended in is returned.
func (t *tail) follow(ctx context.Context) (remnant *record, err error) {
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
			continue // only the whole log is sure to hold what is known
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

// stream opens a part of the log and hands over what is new.
func (t *tail) stream(ctx context.Context, p part) (*record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	t.cursorMu.Lock()
	t.replay = nil
	checks := 0 // of whether the new records follow at once on those that are known
	if t.cursor.known() {
		t.replay = t.cursor.replay(t.info.Seconds, t.join.held)
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
	defer func() { _ = body.Close() }() // it was read only
	in := t.reader(body)
	for n := 0; ; n++ {
		if !in.ready() {
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
		r, err := in.next()
		idle.end()
		if err != nil {
			return t.ending(ctx, in, reason(ctx, err))
		}
		if n == 0 {
			if err := t.checkFirst(&r, &p); err != nil {
				return nil, err
			}
		}
		t.last = r.key()
		if err := t.accept(ctx, &r); err != nil {
			return nil, err
		}
	}
}

// ending hands over what was read before a stream ended. What a terminal's stream ended in is copied.
func (t *tail) ending(ctx context.Context, in records, why error) (*record, error) {
	if errors.Is(why, errDaemon) || errors.Is(why, errFrame) {
		t.m.counters.broken.Add(1)
		t.log.Warn("log stream broken", "error", why)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.deliver(ctx); err != nil {
		return nil, errors.Join(why, err)
	}
	if tty, ok := in.(*terminal); ok {
		if r, ok := tty.remnant(); ok {
			r.data = append([]byte(nil), r.data...)
			return &r, why
		}
	}
	return nil, why
}

// reader makes the reader of a stream.
func (t *tail) reader(body io.Reader) records {
	invalid := func() { t.m.counters.invalid.Add(1) }
	now := t.m.opt.Now().UnixNano() // of a record without a valid time stamp, when none before it had one
	if t.info.TTY {
		return &terminal{in: bufio.NewReaderSize(body, 2*readBuffer), last: now, invalid: invalid}
	}
	return &frames{in: bufio.NewReaderSize(body, readBuffer), slots: t.m.slots, last: now, invalid: invalid}
}

// reason returns why a stream ended: the cause that its context was ended with, when it was.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// checkFirst looks at the first record of a stream: whether what comes before it is known.
func (t *tail) checkFirst(r *record, p *part) error {
	k := r.key()
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

// maxChecks bounds how often a stream is looked at by adjoins, on a log that grows all the while.
const maxChecks = 8

// adjoins fails when the new records of a stream do not follow at once on those that were known: an engine whose decoder stumbles over a broken record
// drops what it read of those behind it, and goes on with what is written later. It is not certain when the log grew meanwhile, or the engine is busy.
func (t *tail) adjoins(ctx context.Context) (certain bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.m.timing.firstByte) // lines wait meanwhile
	defer cancel()
	first, found, err := t.reads(ctx, t.fresh+1, 1)
	switch {
	case err != nil:
		return false, nil // the engine is not in doubt: it sent what is new
	case !found || first.time <= t.anchor.time: // the broken record itself, or one that is known
		return true, nil
	case first.time < t.last.time && !t.knows(first): // it stands before what came, not behind it
		return true, causePassed
	}
	return false, nil
}

// endedEarly reports whether a stream that ended had come to records that are known, and not to the newest of them.
func (t *tail) endedEarly() bool {
	if t.replay == nil || !t.replay.reached {
		return false
	}
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	return t.replay.remaining[t.cursor.newest()] > 0
}

// gap notes that records were lost before they could be read, and begins anew.
func (t *tail) gap() {
	t.mu.Lock()
	t.join.flushAll(true)
	t.mu.Unlock()
	t.replay = nil
	t.cursorMu.Lock()
	newest := t.cursor.newest()
	t.cursor.forget(0)
	t.dirty = true
	t.cursorMu.Unlock()
	t.reportGap(newest)
}

// renew has the cursor begin anew with what was passed over, so that it has the order of the log. What is known stays known.
func (t *tail) renew() {
	t.cursorMu.Lock()
	t.cursor.forget(0)
	t.dirty = true
	t.cursorMu.Unlock()
	t.replay.renews = true
	t.reportGap(t.anchor)
}

// reportGap tells that lines behind a record are lost.
func (t *tail) reportGap(behind key) {
	t.m.notify(Notice{Kind: NoticeGap, Source: t.source.Load(), Text: fmt.Sprintf("lines of container %s are lost: those behind %s were "+
		"removed from its log before they could be read, or its engine cannot read them", t.info.Name, time.Unix(0, behind.time).UTC().Format(time.RFC3339Nano))})
}

// accept joins a record to lines, unless it was handed over before.
func (t *tail) accept(ctx context.Context, r *record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := r.key()
	if t.replay != nil {
		done, over := t.replay.done(k)
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
		return t.deliver(ctx)
	}
	return nil
}

// addAgain notes a record in the cursor that was handed over before, behind those that come before it. The caller holds t.mu.
func (t *tail) addAgain(ctx context.Context, k key) error {
	if err := t.deliver(ctx); err != nil {
		return err
	}
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	t.cursor.add(k)
	return nil
}

// ordinal counts the records before this one that have the same key. The caller holds t.mu.
func (t *tail) ordinal(k key) uint64 {
	if k.time > t.newest {
		t.newest = k.time
		return 0
	}
	n := t.batch.count(k)
	t.join.held(func(other key) {
		if other == k {
			n++
		}
	})
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	return n + uint64(t.cursor.count[k])
}

// repeats reports whether a record of a stream that is followed, which agrees in everything with one that came before, is that one: engines read
// a part of a file twice when they rotate it. The parts of a long line are told apart from that by being parts, whose time is that of the line;
// lines, by a time that is over, or by an engine that is known to do it (before version 23) and gives no time to two lines. The caller holds t.mu.
func (t *tail) repeats(r *record) bool {
	if p := &t.join.partials[r.stream]; len(p.keys) > 0 && p.time == r.time {
		return false
	}
	return r.time < t.newest || t.rotates && t.m.before23.Load()
}

// contains reads the whole log for any record that the cursor knows.
func (t *tail) contains(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := t.m.opt.API.Logs(ctx, t.id, LogOptions{})
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	for in := t.reader(body); ; {
		r, err := in.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errDaemon) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		t.cursorMu.Lock()
		known := t.cursor.count[r.key()] > 0
		t.cursorMu.Unlock()
		if known {
			return true, nil
		}
	}
}
