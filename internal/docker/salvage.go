package docker

import (
	"context"
	"errors"
	"io"
)

// The bounds of a search behind a record that an engine cannot read.
const (
	maxSalvage   = 1 << 22 // records behind it
	salvageTries = 12      // on a log that grows all the while, with longer and longer waits in between: half a minute in all
)

// salvage follows the log from behind the last record that the engine cannot read: there, it ends every stream that comes by as if the log
// were over, or passes over what it read of the records behind it, while the last records can be had when fewer are asked for. known says of a record
// that it and all before it were handed over.
func (t *tail) salvage(ctx context.Context, p part, known func(key) bool) (remnant *record, err error) {
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

// readable finds out how many of the last records can be read, or as many of them as reach back to those that were handed over, and which the
// first of them is. With causeMoved, more can be read by now.
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
		return 0, key{}, io.EOF // the last record is the one: more has to come
	}
	// One more could not be read at some time. Only if that is so after the others were, is there nothing between them and the broken record.
	if _, all, err := t.reads(ctx, bad, bad); err != nil || !all {
		return good, first, err
	}
	return good, first, causeMoved
}

// reads asks for the last n records and reads the first so many of them. It reports whether they can be read, and which is the first.
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
		r, err := in.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errDaemon) {
			if tty, ok := in.(*terminal); ok && i == many-1 {
				_, all = tty.remnant()
			}
			return first, all, nil
		}
		if err != nil {
			return key{}, false, err
		}
		if i == 0 {
			first = r.key()
		}
	}
	return first, true, nil
}

// knows reports whether a record was handed over, or is older than what is of interest.
func (t *tail) knows(k key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	done, _ := t.cursor.replay(t.info.Seconds, t.join.held).done(k)
	return done
}
