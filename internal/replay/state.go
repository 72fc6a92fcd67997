package replay

import (
	"math"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
)

// state is what the parsers of one series share, from its first file to its last.
type state struct {
	set    *Set
	clock  clock
	stream engine.Stream // of lines that tell none
	last   int64         // the time of the last line
	max    int64         // the latest so far
	begun  bool          // a record was read
	file   string        // as it is called in problems
	source *engine.Source
	tag    string // what names the workload when a record of JSON tells none
	broken bool   // the line that goes on was told already
	times  times
}

// parser makes records of a file's pieces.
type parser interface {
	// piece appends the records of a piece to the block.
	piece(b *Block, p *piece)
	// end appends what is held of lines that have no end.
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

// at notes the time of a line, and returns it: that of the line before when it has none, or one that cannot be, since it is to come yet.
func (s *state) at(ns int64, ok bool, number int) int64 {
	switch {
	case !ok:
		s.times.none(s.clock.why, s.file, number)
		return s.last
	case ns > s.set.latest:
		s.times.none(whyFuture, s.file, number)
		return s.last
	}
	s.times.known()
	s.last, s.clock.before = ns, ns
	return ns
}

// plain returns the text of a line as rules see it, in the line's own memory.
func (s *state) plain(line []byte) []byte {
	line, _ = s.set.opt.Records.Line(line[:0], line)
	return line
}

// problem tells that a line was left out. A line that comes in parts is told once.
func (s *state) problem(number int, cut bool, format string, args ...any) {
	if cut && s.broken {
		return
	}
	s.broken = cut
	s.set.problems.add(s.file, number, format, args...)
}

// seen brings the latest time up to date with a block.
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

// plainLines takes every line as it is.
type plainLines struct{ *state }

func (p *plainLines) piece(b *Block, in *piece) {
	in.each(func(line []byte, number int, cut bool) {
		line = p.plain(line)
		at := p.last
		if !in.continued || number > in.first {
			ns, ok := p.clock.read(line)
			at = p.at(ns, ok, number)
		}
		b.add(engine.Record{Time: at, Text: line, Stream: p.stream, Truncated: cut, Source: p.source}, number)
	})
}

func (*plainLines) end(*Block) {}

// sourceOfPath returns what a path tells about the container whose log it is, with the tag as the workload when it tells nothing; as production
// does for records of Fluent Bit that have the path in a key.
func sourceOfPath(d *chunk.Decoder, path, tag string) *engine.Source {
	event := appendHead(nil, 0)
	event = append(event, 0x82)
	event = appendText(appendText(event, "log"), "")
	event = appendText(appendText(event, "filename"), path)
	source := &engine.Source{Kind: "log", Workload: tag}
	d.Decode(event, tag, 0, func(rec *engine.Record, _ []byte) { source = rec.Source })
	return source
}
