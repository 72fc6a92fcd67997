package docker

import (
	"bufio"
	"bytes"
	"io"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// SourceOf describes a container as lines that are followed live have it.
func SourceOf(c *Container, host string, anyWorkload bool) *engine.Source {
	s, _ := source(c, host, anyWorkload)
	return s
}

// MaxLine bounds a line: a longer one is cut into lines of at most this size, which are marked as truncated.
const MaxLine = maxLine

// Joiner joins the records of one log to lines as the follower does, for logs that are read elsewhere. It belongs to one goroutine.
type Joiner struct {
	j joiner
}

// NewJoiner returns a joiner that hands each line to emit. A line's text is valid during that call.
func NewJoiner(emit func(Line)) *Joiner {
	return &Joiner{j: joiner{budget: &budget{}, emit: func(l Line, _ []key) { emit(l) }}}
}

// Add takes a record: its time in ns, its stream, and its data with the line end, if it has one.
func (j *Joiner) Add(time int64, stream engine.Stream, data []byte) {
	text := safetext.TrimEnd(data)
	if p := &j.j.partials[stream]; bytes.HasSuffix(data, newline) && len(p.keys) == 0 && !p.cut && len(text) <= maxLine {
		j.j.emit(Line{Time: time, Stream: stream, Text: text}, nil) // as add does, without the keys that only a cursor needs
		return
	}
	j.j.add(&record{time: time, stream: stream, data: data}, key{}, 0)
}

// Holds reports whether there is a line whose end did not come yet.
func (j *Joiner) Holds() bool { return j.j.holds() }

// End hands over the lines whose end did not come.
func (j *Joiner) End() { j.j.flushAll(false) }

// LogReader reads one log that an engine sends, from its beginning to its end.
type LogReader struct {
	in      records
	join    *Joiner
	invalid int64
}

// NewLogReader returns a reader of what API.Logs opened for a container; each line goes to emit.
func NewLogReader(body io.Reader, c *Container, emit func(Line)) *LogReader {
	r := &LogReader{join: NewJoiner(emit)}
	r.join.j.lineEnds = c.LineEnds
	invalid := func() { r.invalid++ }
	if c.TTY {
		r.in = &terminal{in: bufio.NewReaderSize(body, 2*readBuffer), invalid: invalid}
	} else {
		r.in = &frames{in: bufio.NewReaderSize(body, readBuffer), slots: make(chan struct{}, 1), invalid: invalid}
	}
	return r
}

// Next reads one record, and hands over the lines that end with it. At the end of the log it hands over what is left, and returns io.EOF.
func (r *LogReader) Next() error {
	rec, err := r.in.next()
	if err == nil {
		r.join.j.add(&rec, key{}, 0)
		return nil
	}
	if t, ok := r.in.(*terminal); ok {
		if rec, ok := t.remnant(); ok {
			r.join.j.add(&rec, key{}, 0)
		}
	}
	r.join.End()
	return err
}

// Invalid counts the records without a time that can be read. Each has the time of the one before it.
func (r *LogReader) Invalid() int64 { return r.invalid }
