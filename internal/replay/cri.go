package replay

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// criLines reads the form of the Container Runtime Interface, which Kubernetes uses for its logs: TIME STREAM TAGS TEXT. If a line comes in
// parts, all parts but the last have the tag P.
type criLines struct {
	*state
	parts [3]criPart // by stream
}

// criPart is the beginning of a line whose last part is still missing.
type criPart struct {
	held   bool
	cut    bool
	time   int64
	number Place
	text   []byte
}

// criRecord is one line of the file.
type criRecord struct {
	time    int64
	stream  engine.Stream
	partial bool
	text    []byte
}

func criEntry(c *timestamp.Clock, line []byte) (r criRecord, ok bool) {
	ns, rest, ok := c.ISOPrefix(line)
	if !ok || len(rest) < len(" stdout F") || rest[0] != ' ' {
		return r, false
	}
	r.time, r.stream = ns, streamOf(string(rest[1:7]))
	if rest = rest[7:]; r.stream == engine.StreamUnknown || rest[0] != ' ' {
		return r, false
	}
	tags, text, _ := bytes.Cut(rest[1:], []byte(" "))
	first, _, _ := bytes.Cut(tags, []byte(":"))
	r.partial, r.text = string(first) == "P", text
	return r, r.partial || string(first) == "F"
}

func (c *criLines) piece(b *Block, in *piece) {
	in.each(func(line []byte, number Place, cut bool) {
		if len(safetext.TrimEnd(line)) == 0 {
			return
		}
		r, ok := criEntry(&c.clock, line)
		switch {
		case cut:
			c.problem(number, true, "longer than %d MiB", maxObject>>20)
			return
		case !ok:
			c.problem(number, false, "not of the form TIME stdout|stderr F|P TEXT")
			return
		}
		r.time = c.at(r.time, true, number)
		p := &c.parts[r.stream]
		if !p.held && !r.partial && len(r.text) <= docker.MaxLine {
			b.add(engine.Record{Time: r.time, Text: c.plain(r.text), Stream: r.stream, Source: c.source}, number)
			return
		}
		if !p.held {
			*p = criPart{held: true, time: r.time, number: number, text: p.text[:0]}
		}
		if room := docker.MaxLine - len(p.text); len(r.text) > room {
			r.text, p.cut = r.text[:room], true
		}
		p.text = append(p.text, r.text...)
		if !r.partial {
			c.flush(b, r.stream)
		}
	})
}

func (c *criLines) flush(b *Block, s engine.Stream) {
	p := &c.parts[s]
	b.add(engine.Record{Time: p.time, Text: c.plain(b.keep(p.text)), Stream: s, Truncated: p.cut, Source: c.source}, p.number)
	*p = criPart{text: p.text[:0]}
}

func (c *criLines) end(b *Block) {
	for s := range c.parts {
		if c.parts[s].held {
			c.parts[s].cut = true
			c.flush(b, engine.Stream(s))
		}
	}
}
