// Package logstream reads the log of a container as an engine streams it: records with the engine's time stamps, in frames, or bare where the container
// has a terminal. Its memory is bounded whatever the stream contains.
package logstream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Reader reads the records of one log stream. It belongs to one goroutine.
type Reader interface {
	// Next returns the next record. It is valid until the next call. At the end of the stream the error is io.EOF, also inside a record.
	Next() (Record, error)
	// Ready reports whether the next record is in memory, so that Next does not block.
	Ready() bool
	// Remnant returns the text after the last line end of a stream of a terminal that ended. It is a complete record only if the container has ended.
	Remnant() (Record, bool)
}

// Options are the options of New.
type Options struct {
	Terminal bool          // the container has a terminal: its log has no frames
	Last     int64         // ns; the time of records without a valid timestamp before the first valid one
	Slots    chan struct{} // shared by streams: holds a value while one of them reads a large frame, which bounds their number
	Invalid  func()        // called for each record without a valid timestamp; it has the time of the record before it
}

// New returns a reader of a stream.
func New(body io.Reader, o Options) Reader {
	if o.Terminal {
		return &terminal{in: bufio.NewReaderSize(body, 2*readBuffer), last: o.Last, invalid: o.Invalid}
	}
	return &frames{in: bufio.NewReaderSize(body, readBuffer), slots: o.Slots, last: o.Last, invalid: o.Invalid}
}

// headerSize is the size of a frame's header: the stream, three zeros, the length of the payload.
const headerSize = 8

// frames reads the multiplexed form, that of containers without a terminal.
type frames struct {
	in      *bufio.Reader
	slots   chan struct{} // holds a value while a frame above largeFrame is read, which bounds their number
	buf     []byte
	last    int64 // the time of the last record with a valid timestamp
	invalid func()
}

var _ Reader = (*frames)(nil)

// Ready implements Reader.
func (f *frames) Ready() bool {
	if f.in.Buffered() < headerSize {
		return false
	}
	header, err := f.in.Peek(headerSize)
	return err == nil && int64(f.in.Buffered()-headerSize) >= int64(binary.BigEndian.Uint32(header[4:]))
}

// Next implements Reader.
func (f *frames) Next() (Record, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(f.in, header[:]); err != nil {
		return Record{}, ended(err)
	}
	size := binary.BigEndian.Uint32(header[4:])
	if header[0] > 3 || header[1]|header[2]|header[3] != 0 || size > maxFrame {
		return Record{}, fmt.Errorf("%w: header % x", ErrFrame, header)
	}
	payload, err := f.payload(int(size))
	if err != nil {
		return Record{}, err
	}
	if header[0] == 3 {
		return Record{}, fmt.Errorf("%w: %.200q", ErrDaemon, bytes.TrimSpace(payload))
	}
	r := Record{Stream: engine.Stdout}
	if header[0] == 2 {
		r.Stream = engine.Stderr
	}
	ns, rest, ok := stamp(payload)
	if !ok {
		f.invalid()
		// The time of the record before keeps the order of the log.
		ns, rest = f.last, payload
	}
	f.last = ns
	r.Time, r.Data = ns, rest
	return r, nil
}

// Remnant implements Reader: frames have none.
func (f *frames) Remnant() (Record, bool) { return Record{}, false }

// payload reads a payload. It allocates as bytes arrive, not as the header announces.
func (f *frames) payload(size int) ([]byte, error) {
	if size > largeFrame+maxStamp+1 {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
	}
	if cap(f.buf) > 4*SplitSize && size <= 2*SplitSize {
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

var _ Reader = (*terminal)(nil)

// daemonError is the prefix of an error of the engine, which has no frame either.
var daemonError = []byte("Error grabbing logs: ")

// terminalNeed is the number of bytes needed to find the end of a record without a line end.
const terminalNeed = SplitSize + 2*(maxStamp+1)

// Ready implements Reader.
func (t *terminal) Ready() bool {
	buffered, err := t.in.Peek(t.in.Buffered())
	return err == nil && bytes.IndexByte(buffered[t.used:], '\n') >= 0
}

// Next implements Reader.
func (t *terminal) Next() (Record, error) {
	_, _ = t.in.Discard(t.used) // it is in the buffer
	t.used = 0
	for want := 1; ; want++ {
		_, err := t.in.Peek(want)
		want = t.in.Buffered()
		b, _ := t.in.Peek(want) // all of it is in the buffer
		if end := bytes.IndexByte(b, '\n') + 1; end > 0 {
			if !t.inside && bytes.HasPrefix(b, daemonError) { // a record begins with a timestamp
				return Record{}, fmt.Errorf("%w: %.200q", ErrDaemon, bytes.TrimSpace(b[:end]))
			}
			return t.cut(b[:end]), nil
		}
		if want >= terminalNeed {
			return t.cut(b), nil
		}
		if err != nil {
			return Record{}, ended(err)
		}
	}
}

// Remnant implements Reader.
func (t *terminal) Remnant() (Record, bool) {
	_, _ = t.in.Discard(t.used)
	t.used = 0
	b, _ := t.in.Peek(t.in.Buffered())
	if len(b) == 0 {
		return Record{}, false
	}
	return t.cut(b), true
}

// cut returns the first record of raw, which ends with a line end or is longer than one record.
func (t *terminal) cut(raw []byte) Record {
	text := raw
	if ns, rest, ok := stamp(raw); ok && !t.inside {
		t.last, text = ns, rest
	} else if !t.inside {
		t.invalid()
	}
	start := len(raw) - len(text)
	if len(text) > SplitSize {
		if next, _, ok := stamp(text[SplitSize:]); ok && next == t.last {
			text, t.inside = text[:SplitSize], false
			t.used = start + len(text)
			return Record{Time: t.last, Stream: engine.Stdout, Data: text}
		}
	}
	t.inside = len(text) > 0 && text[len(text)-1] != '\n'
	t.used = start + len(text)
	return Record{Time: t.last, Stream: engine.Stdout, Data: text}
}
