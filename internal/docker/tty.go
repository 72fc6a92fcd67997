package docker

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// terminal reads the raw form, that of containers with a terminal: records are "timestamp, space, text, line end", all on stdout. A part of a long
// line has no line end: the next part's timestamp follows directly. It is recognized because it equals the part's own timestamp and is at the exact
// position where engines split.
type terminal struct {
	in      *bufio.Reader // its buffer has room for at least terminalNeed bytes
	used    int           // bytes of the last record in the buffer
	last    int64
	inside  bool // the next bytes belong to a record whose timestamp was already read
	invalid func()
}

var _ records = (*terminal)(nil)

// daemonError is the prefix of an error of the engine, which has no frame either.
var daemonError = []byte("Error grabbing logs: ")

// terminalNeed is the number of bytes needed to find the end of a record without a line end.
const terminalNeed = splitSize + 2*(maxStamp+1)

func (t *terminal) ready() bool {
	buffered, err := t.in.Peek(t.in.Buffered())
	return err == nil && bytes.IndexByte(buffered[t.used:], '\n') >= 0
}

func (t *terminal) next() (record, error) {
	_, _ = t.in.Discard(t.used) // it is in the buffer
	t.used = 0
	for want := 1; ; want++ {
		_, err := t.in.Peek(want)
		want = t.in.Buffered()
		b, _ := t.in.Peek(want) // all of it is in the buffer
		if end := bytes.IndexByte(b, '\n') + 1; end > 0 {
			if !t.inside && bytes.HasPrefix(b, daemonError) { // a record begins with a timestamp
				return record{}, fmt.Errorf("%w: %.200q", errDaemon, bytes.TrimSpace(b[:end]))
			}
			return t.cut(b[:end]), nil
		}
		if want >= terminalNeed {
			return t.cut(b), nil
		}
		if err != nil {
			return record{}, ended(err)
		}
	}
}

// remnant returns the text after the last line end of a stream that ended. It is a complete record only if the container has ended.
func (t *terminal) remnant() (record, bool) {
	_, _ = t.in.Discard(t.used)
	t.used = 0
	b, _ := t.in.Peek(t.in.Buffered())
	if len(b) == 0 {
		return record{}, false
	}
	return t.cut(b), true
}

// cut returns the first record of raw, which ends with a line end or is longer than one record.
func (t *terminal) cut(raw []byte) record {
	text := raw
	if ns, rest, ok := stamp(raw); ok && !t.inside {
		t.last, text = ns, rest
	} else if !t.inside {
		t.invalid()
	}
	start := len(raw) - len(text)
	if len(text) > splitSize {
		if next, _, ok := stamp(text[splitSize:]); ok && next == t.last {
			text, t.inside = text[:splitSize], false
			t.used = start + len(text)
			return record{time: t.last, stream: engine.Stdout, data: text}
		}
	}
	t.inside = len(text) > 0 && text[len(text)-1] != '\n'
	t.used = start + len(text)
	return record{time: t.last, stream: engine.Stdout, data: text}
}
