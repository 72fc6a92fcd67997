package replay

import (
	"bytes"
	"errors"
	"io"
)

// piece is a part of a file: either whole lines, or a part of one line that exceeds the limit.
type piece struct {
	data      []byte // in the block's memory, without the last line feed
	first     Place  // of its first line
	continued bool   // its first line is the rest of a line in the piece before
	open      bool   // it is part of one line that continues in the next piece
}

// pieces reads a file in pieces. It buffers no more than one line of the maximum length.
type pieces struct {
	in        io.Reader
	limit     int // of a line; longer lines are split into parts of this size
	rest      []byte
	line      Place // of the last line that was returned
	continued bool
	err       error // of the reader, returned after all data before it
}

// next reads the next piece into the block's buffer, of size bytes unless a line needs more. At the end it returns io.EOF, or the error that
// ended the reading earlier.
func (p *pieces) next(b *Block, size int) (piece, error) {
	if cap(b.buf) < size {
		b.buf = make([]byte, size)
	}
	buf := b.buf[:cap(b.buf)]
	if len(buf) < len(p.rest)+1 {
		buf = make([]byte, len(p.rest)+size)
	}
	n := copy(buf, p.rest)
	p.rest = p.rest[:0]
	looked := 0 // bytes known to contain no line feed
	for {
		for n < len(buf) && p.err == nil {
			var got int
			got, p.err = p.in.Read(buf[n:])
			n += got
		}
		b.buf = buf
		out := piece{first: p.line + 1, continued: p.continued}
		if end := bytes.LastIndexByte(buf[looked:n], '\n'); end >= 0 {
			end += looked
			out.data = buf[:end]
			p.rest = append(p.rest, buf[end+1:n]...)
			p.line += Place(bytes.Count(out.data, newline)) + 1
			p.continued = false
			return out, nil
		}
		switch {
		case p.err != nil && n == 0:
			return piece{}, p.err
		case p.err != nil: // the last line has no line feed
			out.data = buf[:n]
			p.line++
			p.continued = false
			return out, nil //nolint:nilerr // the next call returns it
		case n >= p.limit:
			out.data, out.open = buf[:p.limit], true
			p.rest = append(p.rest, buf[p.limit:n]...)
			p.continued = true
			return out, nil
		}
		looked = n
		larger := make([]byte, min(2*len(buf), p.limit+size))
		copy(larger, buf[:n])
		buf = larger
	}
}

var newline = []byte{'\n'}

// each calls fn with every line of a piece, without its line feed. cut marks an incomplete line.
func (p *piece) each(fn func(line []byte, number Place, cut bool)) {
	data, number, cut := p.data, p.first, p.continued || p.open
	for {
		line := data
		end := bytes.IndexByte(data, '\n')
		if end >= 0 {
			line = data[:end]
		}
		fn(line[:len(line):len(line)], number, cut)
		if end < 0 {
			return
		}
		data, cut = data[end+1:], false
		number++
	}
}

// failed reports whether a reader's error is something other than io.EOF.
func failed(err error) bool { return err != nil && !errors.Is(err, io.EOF) }
