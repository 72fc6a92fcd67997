package docker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// records reads the records of one log stream.
type records interface {
	// next returns the next record. It is valid until the next call.
	next() (record, error)
	// ready reports whether the next record is in memory, so that next does not block.
	ready() bool
}

// headerSize is the size of a frame's header: the stream, three zeros, the length of the payload.
const headerSize = 8

// frames reads the multiplexed form, that of containers without a terminal.
type frames struct {
	in      *bufio.Reader
	slots   chan struct{} // holds a value while a frame above maxLine is read, which bounds their number
	buf     []byte
	last    int64 // the time of the last record with a valid timestamp
	invalid func()
}

var _ records = (*frames)(nil)

func (f *frames) ready() bool {
	if f.in.Buffered() < headerSize {
		return false
	}
	header, err := f.in.Peek(headerSize)
	return err == nil && int64(f.in.Buffered()-headerSize) >= int64(binary.BigEndian.Uint32(header[4:]))
}

func (f *frames) next() (record, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(f.in, header[:]); err != nil {
		return record{}, ended(err)
	}
	size := binary.BigEndian.Uint32(header[4:])
	if header[0] > 3 || header[1]|header[2]|header[3] != 0 || size > maxFrame {
		return record{}, fmt.Errorf("%w: header % x", errFrame, header)
	}
	payload, err := f.payload(int(size))
	if err != nil {
		return record{}, err
	}
	if header[0] == 3 {
		return record{}, fmt.Errorf("%w: %.200q", errDaemon, bytes.TrimSpace(payload))
	}
	r := record{stream: engine.Stdout}
	if header[0] == 2 {
		r.stream = engine.Stderr
	}
	ns, rest, ok := stamp(payload)
	if !ok {
		f.invalid()
		ns, rest = f.last, payload
	}
	f.last = ns
	r.time, r.data = ns, rest
	return r, nil
}

// payload reads a payload. It allocates as bytes arrive, not as the header announces.
func (f *frames) payload(size int) ([]byte, error) {
	if size > maxLine+maxStamp+1 {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
	}
	if cap(f.buf) > 4*splitSize && size <= 2*splitSize {
		f.buf = nil // drop the memory of a large frame
	}
	f.buf = f.buf[:0]
	for len(f.buf) < size {
		n := len(f.buf)
		step := min(size-n, max(64<<10, n))
		if cap(f.buf)-n < step {
			f.buf = append(make([]byte, 0, n+step), f.buf...)
		}
		f.buf = f.buf[:n+step]
		if _, err := io.ReadFull(f.in, f.buf[n:]); err != nil {
			return nil, ended(err)
		}
	}
	return f.buf, nil
}

// ended returns io.EOF for every end of a stream, between two records or inside one.
func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

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
