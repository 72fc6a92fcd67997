package chunk

import (
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// TestRecordsWithoutSequences decodes a record whose line, fields and level hold colours, as by default and with keep_ansi.
func TestRecordsWithoutSequences(t *testing.T) {
	body := ct.M("log", "\x1b[31mERROR\x1b[0m: disk full\r", "level", "\x1b[31merror\x1b[0m", "http", ct.M("path", "/\x1b[1ma\x1b[0m"), "n", 5)
	for keep, want := range map[bool][3]string{
		false: {"ERROR: disk full", "error", "/a"},
		true:  {"\x1b[31mERROR\x1b[0m: disk full", "\x1b[31merror\x1b[0m", "/\x1b[1ma\x1b[0m"},
	} {
		s := DefaultSettings()
		s.KeepANSI = keep
		d, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		check := func(text string, fields engine.Fields, severity engine.Severity) {
			t.Helper()
			lines++
			level, _ := fields.AppendField([]byte("\x1b>"), "level")
			path, ok := fields.AppendField(nil, "http.path")
			if got := [3]string{text, string(level[2:]), string(path)}; got != want || !ok || string(level[:2]) != "\x1b>" {
				t.Errorf("keep_ansi = %v: got %q, want %q", keep, got, want)
			}
			if severity != engine.SeverityError {
				t.Errorf("keep_ansi = %v: severity %v", keep, severity)
			}
		}
		d.Decode(one(body), "t", testNow, func(rec *engine.Record, raw []byte) {
			check(string(rec.Text), rec.Fields, rec.Severity)
			check(string(rec.Text), d.FieldsOf(raw), rec.Severity)
		})
		given := s.FieldsOf(map[string]string{"level": "\x1b[31merror\x1b[0m", "http.path": "/\x1b[1ma\x1b[0m"})
		check(want[0], given, engine.SeverityError)
		if lines != 3 {
			t.Fatalf("%d checks", lines)
		}
	}
}

// TestRecordsOfJSONWithoutSequences decodes a record that has no key for the line, and one whose line is JSON.
func TestRecordsOfJSONWithoutSequences(t *testing.T) {
	for _, body := range []any{ct.M("m", "\x1b[31mred\x1b[0m"), ct.M("log", `{"m":"\u001b[31mred\u001b[0m"}`)} {
		if l := only(t, one(body), "t"); l.Text != `{"m":"red"}` {
			t.Errorf("got %q", l.Text)
		}
	}
}

// TestSequencesCostNoAllocation decodes a chunk of coloured lines again and again.
func TestSequencesCostNoAllocation(t *testing.T) {
	d := newDecoder(t)
	lines := []string{"\x1b[31mERROR\x1b[0m: disk full\r", "plain", `{"m":"\u001b[31mred\u001b[0m"}`}
	chunk := ct.Docker(ct.Lines(slices.Repeat(lines, 100)...)...)
	fn := func(*engine.Record, []byte) {}
	d.Decode(chunk, "t", testNow, fn)
	// A garbage collection empties the pool, and the race detector does so now and then on purpose: that costs a few for a whole chunk.
	if n := testing.AllocsPerRun(100, func() { d.Decode(chunk, "t", testNow, fn) }); n > 10 {
		t.Errorf("%v allocations for %d records", n, 100*len(lines))
	}
}
