package chunk

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// got is a record as it was handed over, copied.
type got struct {
	Time      int64
	Text      string
	Stream    engine.Stream
	Severity  engine.Severity
	Truncated bool
	Source    *engine.Source
	Raw       string
}

// collector keeps what a decoder hands over.
type collector struct{ lines []got }

func (c *collector) take(rec *engine.Record, raw []byte) {
	c.lines = append(c.lines, got{rec.Time, string(rec.Text), rec.Stream, rec.Severity, rec.Truncated, rec.Source, string(raw)})
}

func (c *collector) texts() []string {
	out := []string{}
	for _, l := range c.lines {
		text := l.Text
		if l.Truncated {
			text += " [truncated]"
		}
		out = append(out, text)
	}
	return out
}

func decodeAll(d *Decoder, chunk []byte, tag string) []got {
	var c collector
	d.Decode(chunk, tag, testNow, c.take)
	return c.lines
}

// one is a chunk with one event of the present form.
func one(body any) []byte { return ct.Event(nil, ct.FirstTime, ct.M(), body) }

// only decodes a chunk that holds one line.
func only(t *testing.T, chunk []byte, tag string) got {
	t.Helper()
	lines := decodeAll(newDecoder(t), chunk, tag)
	if len(lines) != 1 {
		t.Fatalf("got %d lines, want 1", len(lines))
	}
	return lines[0]
}

// checkAccounts fails when an event is accounted for nowhere, or twice.
func checkAccounts(t *testing.T, s Stats) {
	t.Helper()
	if s.Events+s.Joined+s.Cut+s.Split != s.Markers+s.Textless+s.Excluded+s.Parts+s.Continued+s.Records {
		t.Errorf("events do not add up: %+v", s)
	}
}
