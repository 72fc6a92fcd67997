package docker

import (
	"context"
	"errors"
	"io"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
)

// The bounds of a search for the records behind one that an engine cannot read.
const (
	maxSalvage   = 1 << 22 // records behind it
	salvageTries = 12      // on a log that keeps growing, with increasing waits in between: half a minute in all
)

// salvage follows the log from behind the last record that the engine cannot read. At such a record, engines end every stream as if the log were over,
// or skip a part of the records behind it; but they return the last n records if n is small enough. known reports whether a record and all before it
// were evaluated.
func (t *tail) salvage(ctx context.Context, p part, known func(key) bool) (remnant *logstream.Record, err error) {
	p.last, p.Follow = true, true
	t.cursorMu.Lock()
	if !t.cursor.known() {
		p.Since = t.cursor.since
	}
	t.cursorMu.Unlock()
	for try := 1; ; try++ {
		n, first, err := t.readable(ctx, known)
		last := try == salvageTries
		if err == nil || last && errors.Is(err, causeMoved) {
			if p.Tail, p.expected = n, &first; last {
				p.expected = nil
			}
			remnant, err = t.stream(ctx, p)
		}
		if !errors.Is(err, causeMoved) || !wait(ctx, t.m.timing.backoff(try-1)) {
			return remnant, err
		}
	}
}

// readable returns how many of the last records the engine can read, or as many as reach back to known ones, and the first of them. causeMoved means
// that the log grew during the search.
func (t *tail) readable(ctx context.Context, known func(key) bool) (n int, first key, err error) {
	good, bad := 0, 0
	for n := 1; bad == 0 || bad-good > 1; {
		begins, all, err := t.reads(ctx, n, n)
		switch {
		case err != nil:
			return 0, key{}, err
		case all && known(begins):
			return n, begins, nil
		case n > maxSalvage:
			return 0, key{}, io.EOF
		case all:
			good, first = n, begins
		default:
			bad = n
		}
		if n *= 2; bad > 0 {
			n = (good + bad) / 2
		}
	}
	if good == 0 {
		return 0, key{}, io.EOF // the last record is the unreadable one: nothing follows it yet
	}
	// One record more could not be read earlier. It must still be unreadable after the others were read: otherwise the log grew in between, and there
	// are records between them and the unreadable one.
	if _, all, err := t.reads(ctx, bad, bad); err != nil || !all {
		return good, first, err
	}
	return good, first, causeMoved
}

// reads asks for the last n records and reads the first many of them. It returns the first, and whether all could be read.
func (t *tail) reads(ctx context.Context, n, many int) (first key, all bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.m.timing.call)
	defer cancel()
	body, err := t.m.opt.API.Logs(ctx, t.id, LogOptions{Tail: n})
	if err != nil {
		return key{}, false, err
	}
	defer func() { _ = body.Close() }() // it was read only
	in := t.reader(body)
	for i := range many {
		r, err := in.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, logstream.ErrDaemon) {
			if i == many-1 {
				_, all = in.Remnant()
			}
			return first, all, nil
		}
		if err != nil {
			return key{}, false, err
		}
		if i == 0 {
			first = keyOf(&r)
		}
	}
	return first, true, nil
}

// knows reports whether a record was evaluated, or lies before the position where evaluation began.
func (t *tail) knows(k key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	done, _ := t.cursor.replay(t.info.Seconds, t.held).done(k)
	return done
}
