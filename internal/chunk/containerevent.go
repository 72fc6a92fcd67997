package chunk

import (
	"bytes"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// isDockerEvents reports whether a tag is one of Fluent Bit's input docker_events.
func (d *Decoder) isDockerEvents(tag string) bool {
	return glob.MatchAny(d.events, tag)
}

// eventPart returns whether a record of docker_events ends inside an event. The input makes a record of each read from the engine, at most 8 KiB: one
// event, several, or a part of one; each event ends in a line feed. Other text does not wait for a next part.
func (r *reading) eventPart() part {
	text := r.text()
	if r.hasJSON || len(text) == 0 { // a parser of the input split the record into fields
		return part{}
	}
	p := part{form: formEvents}
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	p.more = len(last) > 0 && (last[0] == '{' || r.origin.held.Load() != 0) && !gjson.ValidBytes(last)
	return p
}

// The two beginnings of events. Inside the text of a label their quotes would be escaped.
var eventBegins = [...][]byte{[]byte(`{"status":"`), []byte(`{"Type":"`)}

// eachEvent emits the container events of a record of docker_events, and other lines as lines. An event without its beginning or end is a line marked as
// truncated.
func (r *reading) eachEvent(raw []byte) {
	text, cut := r.rec.Text, r.rec.Truncated
	source := r.rec.Source
	r.stats.Split--
	for more := true; more; {
		var line []byte
		line, text, more = bytes.Cut(text, []byte{'\n'})
		for _, begin := range eventBegins { // behind an unfinished one
			if at := bytes.LastIndex(line, begin); at > 0 && line[0] == '{' && !gjson.ValidBytes(line) {
				r.eventOrLine(line[:at], true, source, raw)
				line = line[at:]
			}
		}
		r.eventOrLine(line, cut && !more, source, raw)
	}
}

// eventOrLine emits one line of docker_events.
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
