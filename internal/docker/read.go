package docker

import (
	"bytes"
	"io"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// SourceOf returns the source of a container's lines.
func SourceOf(c *Container, host string, anyWorkload bool) *engine.Source {
	s, _ := source(c, host, anyWorkload)
	return s
}

// MaxLine bounds a line: a longer one is cut into lines of at most this size, marked as truncated.
const MaxLine = maxLine

// Joiner joins the records of one log to lines, for logs that are not followed. It belongs to one goroutine.
type Joiner struct {
	j joiner
}

// NewJoiner returns a joiner that calls emit for each line. A line's text is valid during that call.
func NewJoiner(emit func(Line)) *Joiner {
	return &Joiner{j: joiner{budget: &budget{}, emit: func(l Line, _ []key) { emit(l) }}}
}

// Add adds a record: its time in ns, its stream, and its data with the line end, if any.
func (j *Joiner) Add(time int64, stream engine.Stream, data []byte) {
	text := safetext.TrimEnd(data)
	if p := &j.j.partials[stream]; bytes.HasSuffix(data, newline) && len(p.keys) == 0 && !p.cut && len(text) <= maxLine {
		j.j.emit(Line{Time: time, Stream: stream, Text: text}, nil) // as add does, without the keys, which only a cursor needs
		return
	}
	j.j.add(&logstream.Record{Time: time, Stream: stream, Data: data}, key{}, 0)
}

// Holds reports whether there is a line without an end.
func (j *Joiner) Holds() bool { return j.j.holds() }

// End emits the lines without an end.
func (j *Joiner) End() { j.j.flushAll(false) }

// LogReader reads one log of an engine from beginning to end.
type LogReader struct {
	in      logstream.Reader
	join    *Joiner
	invalid int64
}

// NewLogReader returns a reader of a stream of API.Logs, which calls emit for each line.
func NewLogReader(body io.Reader, c *Container, emit func(Line)) *LogReader {
	r := &LogReader{join: NewJoiner(emit)}
	r.join.j.lineEnds = c.LineEnds
	r.in = logstream.New(body, logstream.Options{Terminal: c.TTY, Slots: make(chan struct{}, 1), Invalid: func() { r.invalid++ }})
	return r
}

// Next reads one record and emits the lines that it ends. At the end of the log it emits the remaining lines and returns io.EOF.
func (r *LogReader) Next() error {
	rec, err := r.in.Next()
	if err == nil {
		r.join.j.add(&rec, key{}, 0)
		return nil
	}
	// No record follows, so an unfinished one of a terminal counts.
	if rec, ok := r.in.Remnant(); ok {
		r.join.j.add(&rec, key{}, 0)
	}
	r.join.End()
	return err
}

// Invalid returns the number of records without a valid timestamp. Each has the time of the record before it.
func (r *LogReader) Invalid() int64 { return r.invalid }
