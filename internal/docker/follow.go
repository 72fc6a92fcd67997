package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The reasons for ending a stream.
var (
	errBehind  = errors.New("more of the log has to be read")
	errNoBytes = errors.New("the engine sends nothing")
	errStalled = errors.New("the engine does not say whether it has records that it did not send")
	errUnseen  = errors.New("the engine has records that it did not send")
)

// tails are how many records are asked for, one after the other, until the first is known.
var tails = [...]int{1000, 10_000, 100_000, 0}

// follow opens the log where the cursor stands and hands over what is new, until the stream ends. The error is never nil. A record that
// the stream ended in is returned.
func (t *tail) follow(ctx context.Context) (remnant *record, err error) {
	t.is(CatchingUp)
	t.place.Lock()
	known, set := t.cursor.known(), t.cursor.stepped > 0
	since := max(t.cursor.evicted+1, t.cursor.since)
	options := t.first
	if !known && t.rewound {
		options = LogOptions{Follow: true, Since: t.cursor.since}
	}
	t.place.Unlock()
	if !known {
		t.replay = nil
		return t.stream(ctx, options, true)
	}
	if set {
		since = 0
		found, err := t.contains(ctx)
		if err != nil {
			return nil, err
		}
		if !found {
			t.gap()
			return t.stream(ctx, LogOptions{Follow: true}, true)
		}
	}
	for i, n := range tails {
		if set && n > 0 {
			continue // only the whole log is sure to hold what is known
		}
		remnant, err = t.stream(ctx, LogOptions{Follow: true, Tail: n}, i == len(tails)-1)
		switch {
		case errors.Is(err, errBehind):
			continue
		case errors.Is(err, errNoBytes):
			return t.stream(ctx, LogOptions{Follow: true, Since: since}, true)
		}
		return remnant, err
	}
	return remnant, err
}

// stream opens the log and hands over what is new. last says that no other part of the log can be had: when its first record is unknown, a
// part is missing.
func (t *tail) stream(ctx context.Context, o LogOptions, last bool) (*record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	t.place.Lock()
	t.replay = nil
	if t.cursor.known() {
		t.replay = t.cursor.replay(t.join.held)
	}
	t.place.Unlock()
	t.mu.Unlock()

	idle := t.watch(ctx, cancel)
	defer idle.end()
	if t.replay != nil && !(last && o.Since > 0) {
		first := time.AfterFunc(t.m.timing.firstByte, func() { cancel(errNoBytes) })
		defer first.Stop()
		idle.first = first
	}
	idle.begin()
	body, err := t.m.opt.API.Logs(ctx, t.id, o)
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
			if t.replay == nil || t.replay.met {
				t.is(Live)
			}
			idle.begin()
		}
		r, err := in.next()
		idle.end()
		if err != nil {
			return t.ending(ctx, in, reason(ctx, err))
		}
		if n == 0 {
			if err := t.begins(&r, last); err != nil {
				return nil, err
			}
		}
		if err := t.take(ctx, &r); err != nil {
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

// begins looks at the first record of a stream: whether what comes before it is known.
func (t *tail) begins(r *record, last bool) error {
	k := r.key()
	if t.expected != nil && *t.expected != k {
		return errMoved
	}
	if t.replay == nil {
		return nil
	}
	if t.replay.remaining[k] > 0 || t.replay.bySet || k.time <= t.replay.evicted {
		return nil
	}
	if !last {
		return errBehind
	}
	t.gap()
	return nil
}

// gap notes that records were lost before they could be read, and begins anew.
func (t *tail) gap() {
	t.m.counters.gaps.Add(1)
	t.mu.Lock()
	t.join.flushAll(true)
	t.mu.Unlock()
	t.replay = nil
	t.place.Lock()
	newest := t.cursor.newest().time
	t.cursor.forget(0)
	t.dirty = true
	t.place.Unlock()
	t.m.notify(Notice{Kind: NoticeGap, Source: t.source.Load(), Text: fmt.Sprintf("lines of container %s are lost: those behind %s were "+
		"removed from its log before they could be read, or its engine cannot read them", t.info.Name, time.Unix(0, newest).UTC().Format(time.RFC3339Nano))})
}

// take joins a record to lines, unless it was handed over before.
func (t *tail) take(ctx context.Context, r *record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := r.key()
	if t.replay != nil {
		done, over := t.replay.done(k)
		if over {
			t.replay = nil
		}
		if done {
			t.m.counters.replayed.Add(1)
			t.newest = max(t.newest, k.time)
			return nil
		}
	}
	n := t.ordinal(k)
	if n > 0 && t.again(r) {
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
	t.place.Lock()
	defer t.place.Unlock()
	return n + uint64(t.cursor.count[k])
}

// again reports whether a record of a stream that is followed, which agrees in everything with one that came before, is that one: engines read
// a part of a file twice when they rotate it. The parts of a long line are told apart from that by being parts, whose time is that of the line;
// lines, by a time that is over, or by an engine that is known to do it and gives no time to two lines. The caller holds t.mu.
func (t *tail) again(r *record) bool {
	if p := &t.join.partials[r.stream]; len(p.keys) > 0 && p.time == r.time {
		return false
	}
	return r.time < t.newest || t.doubles
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
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		t.place.Lock()
		known := t.cursor.count[r.key()] > 0
		t.place.Unlock()
		if known {
			return true, nil
		}
	}
}
