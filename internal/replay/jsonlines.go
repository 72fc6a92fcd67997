package replay

import (
	"slices"
	"sort"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
)

// maxObject bounds a line that has to be read as a whole.
const maxObject = 8 << 20

// jsonLines reads lines of JSON. Each becomes an event as Fluent Bit hands it over, which internal/chunk's decoder reads: so text, stream,
// severity, identity and fields are those of production, and parts of lines are joined as there. A line that is no object is a text, such as
// the stack traces that stand between the objects of many programs.
type jsonLines struct {
	*state
	decoder *chunk.Decoder
	starts  []int // of the events of a block
	lines   []int // their lines' numbers
	named   map[*engine.Source]*engine.Source
}

func newJSONLines(s *state) *jsonLines {
	return &jsonLines{state: s, decoder: s.set.newDecoder(), named: map[*engine.Source]*engine.Source{}}
}

func (j *jsonLines) piece(b *Block, in *piece) {
	j.starts, j.lines = j.starts[:0], j.lines[:0]
	in.each(func(line []byte, number int, cut bool) {
		if !cut {
			line = j.plain(line)
		}
		var object gjson.Result
		switch {
		case len(line) == 0:
			return
		case cut:
			j.problem(number, true, "longer than %d MiB", maxObject>>20)
			return
		case line[0] == '{' && gjson.ValidBytes(line):
			object = gjson.ParseBytes(line)
		case line[0] == '{':
			j.problem(number, false, "not JSON: taken as a text")
		}
		ns, ok := int64(0), false
		if object.IsObject() {
			ns, ok = jsonTime(&j.clock, line)
		} else {
			ns, ok = j.clock.read(line)
		}
		j.starts, j.lines = append(j.starts, len(b.event)), append(j.lines, number)
		b.event = appendHead(b.event, j.at(ns, ok, number))
		if object.IsObject() {
			b.event = appendNested(b.event, object, 0)
		} else {
			b.event = append(b.event, 0x81)
			b.event = appendText(appendText(b.event, "log"), string(line))
		}
	})
	j.decode(b)
}

// decode turns the block's events into records.
func (j *jsonLines) decode(b *Block) {
	whole := cap(b.event)
	j.decoder.Decode(b.event, j.tag, j.last, func(rec *engine.Record, raw []byte) {
		start := whole - cap(raw)
		if start < 0 || start >= len(b.event) || &b.event[start] != &raw[0] {
			j.own(b, rec, raw) // a line of several events
			return
		}
		j.record(b, rec, raw, j.lines[sort.SearchInts(j.starts, start)])
	})
}

// own appends a record whose event goes with the call.
func (j *jsonLines) own(b *Block, rec *engine.Record, raw []byte) {
	j.record(b, rec, slices.Clone(raw), 0)
}

func (j *jsonLines) record(b *Block, rec *engine.Record, raw []byte, number int) {
	r := *rec
	r.Text, r.Fields, r.Source = b.keep(rec.Text), j.decoder.FieldsOf(raw), j.name(rec.Source)
	if r.Stream == engine.StreamUnknown {
		r.Stream = j.stream
	}
	b.add(r, number)
}

// maxNamed bounds how many sources are remembered. Beyond it, all are forgotten and made anew.
const maxNamed = 10_000

// name gives a source of no container the name that was given for such.
func (j *jsonLines) name(s *engine.Source) *engine.Source {
	if j.set.opt.Container == "" || s.Container != (engine.Container{}) {
		return s
	}
	named := j.named[s]
	if named == nil {
		if len(j.named) >= maxNamed {
			clear(j.named)
		}
		with := *s
		with.Container.Name = j.set.opt.Container
		named = &with
		j.named[s] = named
	}
	return named
}

func (j *jsonLines) end(b *Block) {
	j.decoder.Drain(func(rec *engine.Record, raw []byte) { j.own(b, rec, raw) })
}
