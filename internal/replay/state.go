package replay

import (
	"math"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
)

// state is shared by the parsers of one series, from its first file to its last.
type state struct {
	set    *Set
	clock  timestamp.Clock
	stream engine.Stream // of lines that do not name one
	last   int64         // the time of the last line
	max    int64         // the latest time so far
	begun  bool          // a record was read
	file   string        // the name in problems
	files  []string      // all files so far, which places refer to
	source *engine.Source
	tag    string // the workload's name for JSON records without one
	broken bool   // the current line, which comes in parts, was already reported
	times  times
	joined []int64 // times of the lines that became a part of a record, and were not reported yet
}

// parser turns the pieces of a file into records.
type parser interface {
	// piece appends the records of a piece to the block.
	piece(b *Block, p *piece)
	// end appends the lines whose last part never came.
	end(b *Block)
}

func (s *state) parser(f Form) parser {
	switch f {
	case FormJSON:
		return newJSONLines(s)
	case FormDocker:
		return newDockerLines(s)
	case FormCRI:
		return &criLines{state: s}
	case FormContainerLog:
		return &containerLines{state: s, containers: map[string]*engine.Source{}}
	}
	return &plainLines{s}
}

// at records the time of a line and returns it. If the line has no time, or one in the future, at returns the time of the line before.
func (s *state) at(ns int64, ok bool, number Place) int64 {
	switch {
	case !ok:
		s.times.none(s.clock.Why, s.file, number.line())
		return s.last
	case ns > s.set.latest:
		s.times.none(timestamp.Future, s.file, number.line())
		return s.last
	}
	s.times.known()
	s.last, s.clock.Before = ns, ns
	return ns
}

// begin makes a file the current one, and returns the place before its first line.
func (s *state) begin(file string) Place {
	s.file, s.files = file, append(s.files, file)
	return Place(len(s.files)-1) << lineBits
}

// plain cleans the text of a line for matching, in place.
func (s *state) plain(line []byte) []byte {
	line, _ = s.set.opt.Records.Line(line[:0], line)
	return line
}

// problem reports a skipped line. It reports a line that comes in parts only once.
func (s *state) problem(number Place, cut bool, format string, args ...any) {
	if cut && s.broken {
		return
	}
	s.broken = cut
	s.set.problems.add(s.file, number.line(), format, args...)
}

// seen sets the block's Before and updates the latest time.
func (s *state) seen(b *Block) {
	b.Before = math.MinInt64
	if s.begun {
		b.Before = s.max
	}
	for i := range b.Records {
		if t := b.Records[i].Time; !s.begun || t > s.max {
			s.max, s.begun = t, true
		}
	}
}

// plainLines takes every line as text.
type plainLines struct{ *state }

func (p *plainLines) piece(b *Block, in *piece) {
	in.each(func(line []byte, number Place, cut bool) {
		line = p.plain(line)
		at := p.last
		if !in.continued || number > in.first {
			ns, ok := p.clock.Read(line)
			at = p.at(ns, ok, number)
		}
		b.add(engine.Record{Time: at, Text: line, Stream: p.stream, Truncated: cut, Source: p.source}, number)
	})
}

func (*plainLines) end(*Block) {}

// sourceOfPath returns the container that a log's path names, or a source with the tag as the workload if it names none. It uses the decoder, like
// production for records of Fluent Bit that have the path in a key.
func sourceOfPath(d *chunk.Decoder, path, tag string) *engine.Source {
	event := appendHead(nil, 0)
	event = append(event, 0x82)
	event = appendText(appendText(event, "log"), "")
	event = appendText(appendText(event, "filename"), path)
	source := &engine.Source{Kind: "log", Workload: tag}
	d.Decode(event, tag, 0, func(rec *engine.Record, _ []byte) { source = rec.Source })
	return source
}
