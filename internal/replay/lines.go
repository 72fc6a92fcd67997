package replay

import (
	"bytes"
	"errors"
	"io"
)

// piece is a part of a file that holds whole lines, or a part of one line that is too long to be held.
type piece struct {
	data      []byte // in the memory of the block that it was read for; without a line end at its end
	first     int    // number of its first line
	continued bool   // its first line is the rest of one that was handed over in part
	open      bool   // it is one line, or the rest of one, whose end is still to come
}

// pieces reads a file in pieces. Nothing of it is held beyond what a line may be long.
type pieces struct {
	in        io.Reader
	limit     int // of a line; a longer one comes in parts of this size
	rest      []byte
	line      int // lines that were handed over
	continued bool
	err       error // of the reader, told once all before it was handed over
}

// next reads the next piece into the block's buffer, of size bytes unless a line needs more. At the end it returns io.EOF, or what ended the
// reading before it.
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
	looked := 0 // bytes without a line end
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
			p.line += bytes.Count(out.data, newline) + 1
			p.continued = false
			return out, nil
		}
		switch {
		case p.err != nil && n == 0:
			return piece{}, p.err
		case p.err != nil: // the last line has no end
			out.data = buf[:n]
			p.line++
			p.continued = false
			return out, nil
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

// each calls fn for every line of a piece, without its line feed. cut marks one that is not whole.
func (p *piece) each(fn func(line []byte, number int, cut bool)) {
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

// failed reports whether an error of a reader is more than its end.
func failed(err error) bool { return err != nil && !errors.Is(err, io.EOF) }
