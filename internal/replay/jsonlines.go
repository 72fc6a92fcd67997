package replay

import (
	"bytes"
	"slices"
	"sort"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
)

// maxObject bounds a line that must be parsed as a whole.
const maxObject = 8 << 20

// jsonLines reads lines of JSON. It encodes each as an event of Fluent Bit for internal/chunk's decoder: so text, stream, severity, identity
// and fields are the same as in production, and so is the joining of partial lines. A line that is not an object is plain text: many programs
// write stack traces between their objects.
type jsonLines struct {
	*state
	decoder *chunk.Decoder
	starts  []int   // offsets of the block's events
	lines   []Place // places of the events
	named   map[*engine.Source]*engine.Source

	begun     map[string]Place // places of the records that wait, by their events
	continued int64            // lines that became a part of a record, as counted in Joined
}

func newJSONLines(s *state) *jsonLines {
	return &jsonLines{state: s, decoder: s.set.newDecoder(), named: map[*engine.Source]*engine.Source{}}
}

func (j *jsonLines) piece(b *Block, in *piece) {
	j.starts, j.lines = j.starts[:0], j.lines[:0]
	in.each(func(line []byte, number Place, cut bool) {
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
			ns, ok = j.clock.JSON(line)
		} else {
			ns, ok = j.clock.Read(line)
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
	defer j.remember(b)
	defer func() {
		for continued := j.decoder.Stats().Continued; j.continued < continued; j.continued++ {
			j.joined = append(j.joined, j.last)
		}
	}()
	j.decoder.Decode(b.event, j.tag, j.last, func(rec *engine.Record, raw []byte) {
		start := whole - cap(raw)
		if start < 0 || start >= len(b.event) || &b.event[start] != &raw[0] {
			j.own(b, rec, raw) // a record joined from several events
			return
		}
		j.record(b, rec, raw, j.lines[sort.SearchInts(j.starts, start)])
	})
}

// own appends a record whose event is valid only during the call.
func (j *jsonLines) own(b *Block, rec *engine.Record, raw []byte) {
	number, ok := j.begun[string(raw)]
	if !ok {
		number = j.numberOf(b, raw)
	}
	j.record(b, rec, slices.Clone(raw), number)
}

// numberOf returns the place of the line that was encoded as the event, 0 if the block does not have it.
func (j *jsonLines) numberOf(b *Block, raw []byte) Place {
	at := bytes.Index(b.event, raw)
	if n := sort.SearchInts(j.starts, at); at >= 0 && n < len(j.lines) && j.starts[n] == at {
		return j.lines[n]
	}
	return 0
}

// remember keeps the places of the records that wait for the next block.
func (j *jsonLines) remember(b *Block) {
	before := j.begun
	j.begun = nil
	j.decoder.Waiting(func(raw []byte) {
		if j.begun == nil {
			j.begun = map[string]Place{}
		}
		if number, ok := before[string(raw)]; ok {
			j.begun[string(raw)] = number
		} else {
			j.begun[string(raw)] = j.numberOf(b, raw)
		}
	})
}

func (j *jsonLines) record(b *Block, rec *engine.Record, raw []byte, number Place) {
	r := *rec
	r.Text, r.Fields, r.Source = b.keep(rec.Text), j.decoder.FieldsOf(raw), j.name(rec.Source)
	if r.Stream == engine.StreamUnknown {
		r.Stream = j.stream
	}
	b.add(r, number)
}

// maxNamed bounds the cache of sources. A full cache is cleared.
const maxNamed = 10_000

// name returns the source with Options.Container as its name if the source has no container.
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
