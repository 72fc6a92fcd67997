package docker

import (
	"bytes"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Line is one line of a container's log. Text is valid during the call that it is passed to.
type Line struct {
	Time      int64 // ns, by the engine's clock; time of the line's first record
	Stream    engine.Stream
	Text      []byte // without its line end
	Truncated bool   // the line is a part of a longer one
	// Lines is how many lines a record has that was joined from several; 0: it is one line. First is the length of the first of them, 0: all of Text.
	Lines, First int
	// Ordinal is the number of earlier lines with the same stream, time and text. It stays the same when the line is read again.
	Ordinal uint64
}

// The bounds of lines.
const (
	maxLine     = 1 << 20  // of one line; a longer one is cut into lines marked as truncated
	maxPartials = 64 << 20 // of all partial lines together
)

// budget bounds the bytes of all partial lines.
type budget struct{ used atomic.Int64 }

// reserve reserves n bytes, and reports whether it could.
func (b *budget) reserve(n int) bool {
	// Added before the check, so that two streams cannot both take the last bytes.
	if b.used.Add(int64(n)) > maxPartials {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *budget) release(n int) { b.used.Add(int64(-n)) }

// partial is a line whose end has not been read.
type partial struct {
	time    int64
	text    []byte
	keys    []key // of the records in text
	ordinal uint64
	cut     bool // parts of the line were emitted already
}

// joiner joins the records of one container to lines. The rules are those of the log drivers: a record that ends in a line end ends a line.
// One without is a part of a longer line if it has the size at which engines split; a record of another time then begins a new line.
// Where line ends are complete (Container.LineEnds), a record without one is a part of a longer line whatever its size and time.
type joiner struct {
	lineEnds bool
	budget   *budget
	partials [3]partial // by stream
	emit     func(l Line, keys []key)
}

// add adds a record. Lines and keys are emitted in the order in which lines end.
func (j *joiner) add(r *logstream.Record, k key, ordinal uint64) {
	p := &j.partials[r.Stream]
	if len(p.keys) > 0 && r.Time != p.time && !j.lineEnds {
		j.flush(r.Stream, false)
	}
	text := r.Data
	whole := bytes.HasSuffix(text, newline) || len(text) < logstream.SplitSize && !j.lineEnds
	if whole {
		text = safetext.TrimEnd(text)
	}
	if len(p.keys) == 0 && whole && len(text) <= maxLine { // the usual case
		one := [1]key{k}
		j.emit(Line{Time: r.Time, Stream: r.Stream, Text: text, Truncated: p.cut, Ordinal: ordinal}, one[:])
		p.cut = false
		return
	}
	if len(p.keys) == 0 {
		p.time, p.ordinal = r.Time, ordinal
	}
	for len(text) > 0 {
		n := min(len(text), maxLine-len(p.text))
		if n == 0 || !j.budget.reserve(n) {
			j.piece(r.Stream)
			if n == 0 {
				continue
			}
			n = min(len(text), logstream.SplitSize)
			if !j.budget.reserve(n) { // other lines use all of it
				j.emit(Line{Time: r.Time, Stream: r.Stream, Text: text[:n], Truncated: true, Ordinal: ordinal}, nil)
				text, p.cut = text[n:], true
				continue
			}
		}
		p.text = append(p.text, text[:n]...)
		text = text[n:]
	}
	p.keys = append(p.keys, k)
	if whole {
		j.flush(r.Stream, false)
	}
}

// piece emits the text so far of a line that goes on.
func (j *joiner) piece(s engine.Stream) {
	p := &j.partials[s]
	if len(p.text) == 0 {
		return
	}
	j.emit(Line{Time: p.time, Stream: s, Text: p.text, Truncated: true, Ordinal: p.ordinal}, p.keys)
	j.budget.release(len(p.text))
	p.text, p.keys, p.cut = p.text[:0], p.keys[:0], true
}

// flush ends the line of a stream. unfinished marks it as truncated.
func (j *joiner) flush(s engine.Stream, unfinished bool) {
	p := &j.partials[s]
	if len(p.keys) > 0 {
		text := safetext.TrimEnd(p.text) // engines may split within a line end
		j.emit(Line{Time: p.time, Stream: s, Text: text, Truncated: p.cut || unfinished, Ordinal: p.ordinal}, p.keys)
	}
	j.budget.release(len(p.text))
	*p = partial{}
}

// flushAll ends the lines of all streams.
func (j *joiner) flushAll(unfinished bool) {
	for s := range j.partials {
		j.flush(engine.Stream(s), unfinished)
	}
}

// holds reports whether there is a partial line.
func (j *joiner) holds() bool {
	for s := range j.partials {
		if len(j.partials[s].keys) > 0 {
			return true
		}
	}
	return false
}

// held calls fn with the key of every record in a partial line.
func (j *joiner) held(fn func(key)) {
	for s := range j.partials {
		for _, k := range j.partials[s].keys {
			fn(k)
		}
	}
}

var newline = []byte{'\n'}
