package chunk

import (
	"bytes"
	"slices"

	"github.com/tidwall/gjson"
	"github.com/tidwall/match"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// isDockerEvents reports whether the records of a tag are those of Fluent Bit's input docker_events.
func (d *Decoder) isDockerEvents(tag string) bool {
	return slices.ContainsFunc(d.events, func(glob string) bool { return match.Match(tag, glob) })
}

// eventPart tells whether a record of docker_events ends within an event. The input makes a record of what it reads from the engine at once,
// 8 KiB at most, whether that is one event, several, or a part of one; each event ends in a line feed. Text that does not begin as an event
// does, and is no part of one, does not wait.
func (r *reading) eventPart() part {
	text := r.text()
	if r.hasJSON || len(text) == 0 { // taken apart by a parser of the input
		return part{}
	}
	p := part{form: formEvents}
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	p.more = len(last) > 0 && (last[0] == '{' || r.origin.held.Load() != 0) && !gjson.ValidBytes(last)
	return p
}

// The two ways in which engines begin an event. In the text of a label they would have backslashes.
var eventBegins = [...][]byte{[]byte(`{"status":"`), []byte(`{"Type":"`)}

// eachEvent hands on what the record, whose text is that of docker_events, holds: events of containers as such, and any other line as a line.
// An event whose beginning is lost, or whose end, is a line that is marked as truncated.
func (r *reading) eachEvent(raw []byte) {
	text, cut := r.rec.Text, r.rec.Truncated
	source := r.rec.Source
	r.stats.Split--
	for more := true; more; {
		var line []byte
		line, text, more = bytes.Cut(text, []byte{'\n'})
		for _, begin := range eventBegins { // behind one that was never ended
			if at := bytes.LastIndex(line, begin); at > 0 && line[0] == '{' && !gjson.ValidBytes(line) {
				r.eventOrLine(line[:at], true, source, raw)
				line = line[at:]
			}
		}
		r.eventOrLine(line, cut && !more, source, raw)
	}
}

// eventOrLine hands on one line of docker_events.
func (r *reading) eventOrLine(line []byte, truncated bool, source *engine.Source, raw []byte) {
	r.stats.Split++
	line = safetext.TrimEnd(line)
	e, ok := docker.ParseEvent(line)
	if ok && !e.Enabled() {
		r.stats.Excluded++
		return
	}
	r.stats.Records++
	if ok {
		o := e.ContainerEvent(source.Host, r.d.origins.anyWorkload)
		r.d.stops.Mark(o, "")
		o.Source.Tag = source.Tag
		rec := o.Record()
		r.fn(&rec, raw)
		return
	}
	r.rec.Text, r.rec.Truncated, r.rec.Source = line, truncated, source
	if r.fields.textKey != "" {
		r.fields.text = line
	}
	r.fn(&r.rec, raw)
}
