package chunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

var traceLines = []string{"ERROR cannot pay", "java.io.IOException: closed", "\tat shop.Pay.run(Pay.java:3)", "Caused by: shop.Declined: no", "\t... 3 more"}

func joiningDecoder(t testing.TB) *Decoder {
	t.Helper()
	s := DefaultSettings()
	s.Join = JoinOn
	d, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// said is a line of a container, as Docker's fluentd driver hands it over.
func said(container, stream, text string) ct.Map {
	return ct.M("container_id", strings.Repeat(container, 32), "container_name", "/"+container, "source", stream, "log", text)
}

// TestTraces decodes each row as one chunk and as one chunk for each line: the records must be the same.
func TestTraces(t *testing.T) {
	t.Parallel()
	whole := strings.Join(traceLines, "\n")
	var alone, mixed []ct.Map
	for _, line := range traceLines {
		alone = append(alone, said("ab", "stderr", line))
		mixed = append(mixed, said("ab", "stderr", line), said("ab", "stdout", "order"), said("cd", "stderr", line))
	}
	on := said("ab", "stderr", "on")
	for _, c := range []struct {
		name   string
		events []ct.Map
		want   []string // in any order, where streams are mixed
	}{
		{"a trace", append(slices.Clone(alone), on), []string{whole, "on"}},
		{"the trace is the last", alone, []string{whole}},
		{"two streams and two containers", mixed, []string{whole, whole, "order", "order", "order", "order", "order"}},
		{"nothing of a trace", []ct.Map{on, said("ab", "stderr", "  indented"), on}, []string{"on", "  indented", "on"}},
		{"an error alone", []ct.Map{said("ab", "stderr", "ERROR a"), on}, []string{"ERROR a", "on"}},
		{"a long line between", []ct.Map{said("ab", "stderr", "panic: a"), said("ab", "stderr", strings.Repeat("x", dockerPart)+"\n"), on},
			[]string{"panic: a", strings.Repeat("x", dockerPart), "on"}},
		{"no container", []ct.Map{ct.M("log", "panic: a"), ct.M("log", "goroutine 1 [running]:")}, []string{"panic: a", "goroutine 1 [running]:"}},
		{"colours", []ct.Map{said("ab", "stderr", "\x1b[31mpanic: a\x1b[0m"), said("ab", "stderr", "\x1b[31mgoroutine 1 [running]:\x1b[0m"), said("ab", "stderr", "\x1b[1mon\x1b[0m")},
			[]string{"panic: a\ngoroutine 1 [running]:", "on"}},
	} {
		for _, single := range []bool{false, true} {
			d := joiningDecoder(t)
			var got collector
			var chunk []byte
			for i, e := range c.events {
				chunk = ct.Event(chunk, ct.FirstTime+int64(i)*1e6, ct.M(), e)
				if single {
					d.Decode(chunk, "t", testNow, got.take)
					chunk = nil
				}
			}
			d.Decode(chunk, "t", testNow, got.take)
			d.Drain(got.take)
			texts := got.texts()
			if strings.Contains(c.name, "two streams") {
				slices.Sort(texts)
				slices.Sort(c.want)
			}
			if !slices.Equal(texts, c.want) {
				t.Errorf("%s, single %t: %.200q, want %.200q", c.name, single, texts, c.want)
			}
			checkAccounts(t, d.Stats())
			if s := d.Stats(); s.WaitingRecords != 0 || s.WaitingBytes != 0 {
				t.Errorf("%s: %d records of %d bytes wait", c.name, s.WaitingRecords, s.WaitingBytes)
			}
		}
	}
}

// TestATraceHasTheFieldsOfItsFirstLine: time, raw event and fields, with the text of all lines.
func TestATraceHasTheFieldsOfItsFirstLine(t *testing.T) {
	t.Parallel()
	d := joiningDecoder(t)
	var chunk []byte
	for i, line := range traceLines {
		chunk = ct.Event(chunk, ct.FirstTime+int64(i)*1e6, ct.M(), append(said("ab", "stderr", line), ct.M("line", fmt.Sprint(i))...))
	}
	first := ct.Event(nil, ct.FirstTime, ct.M(), append(said("ab", "stderr", traceLines[0]), ct.M("line", "0")...))
	d.Decode(chunk, "t", testNow, func(*engine.Record, []byte) { t.Error("the trace is complete before its time") })
	n := 0
	d.Drain(func(rec *engine.Record, raw []byte) {
		n++
		text, _ := rec.Fields.AppendField(nil, "log")
		line, _ := rec.Fields.AppendField(nil, "line")
		if rec.Time != ct.FirstTime || string(raw) != string(first) || string(text) != strings.Join(traceLines, "\n") || string(line) != "0" || rec.Truncated {
			t.Errorf("record at %d, log %q, line %q, raw %q", rec.Time, text, line, raw)
		}
	})
	if n != 1 {
		t.Errorf("%d records, want 1", n)
	}
	if s := d.Stats(); s.JoinedRecords != 1 || s.JoinedLines != int64(len(traceLines)) || s.Continued != int64(len(traceLines)-1) || s.CutRecords != 0 {
		t.Errorf("%+v", s)
	}
}

// TestATraceEndsByArrival: two seconds after its last line, and at once where a clock was set back.
func TestATraceEndsByArrival(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after int64
		ends  bool
	}{{0, false}, {maxTraceWait - 1, false}, {maxTraceWait, true}, {-maxTraceWait, false}, {-maxTraceWait - 1, true}} {
		d := joiningDecoder(t)
		var got collector
		d.Decode(one(said("ab", "stderr", "panic: a")), "t", testNow, got.take)
		d.Expire(testNow+c.after, got.take)
		if ended := len(got.lines) == 1; ended != c.ends {
			t.Errorf("after %d ns: ended %t, want %t", c.after, ended, c.ends)
		}
		d.Decode(one(said("ab", "stderr", "goroutine 1 [running]:")), "t", testNow+c.after, got.take)
		d.Drain(got.take)
		want := []string{"panic: a\ngoroutine 1 [running]:"}
		if c.ends {
			want = []string{"panic: a", "goroutine 1 [running]:"}
		}
		if !slices.Equal(got.texts(), want) {
			t.Errorf("after %d ns: %q, want %q", c.after, got.texts(), want)
		}
	}
}

// TestTracesAreBounded: when more bytes wait than may, the ones that wait longest end first, and are counted.
func TestTracesAreBounded(t *testing.T) {
	t.Parallel()
	d := joiningDecoder(t)
	d.traces.limitBytes = 64 << 10
	var got collector
	for i := range 200 {
		d.Decode(one(ct.M("container_id", fmt.Sprintf("%064x", i+1), "source", "stderr", "log", fmt.Sprint("panic: ", i))), "t", testNow+int64(i), got.take)
		if s := d.Stats(); s.WaitingBytes > 64<<10 {
			t.Fatalf("%d bytes wait", s.WaitingBytes)
		}
	}
	ended := len(got.lines)
	for i, text := range got.texts() {
		if text != fmt.Sprint("panic: ", i) {
			t.Fatalf("record %d is %q: the oldest must end first", i, text)
		}
	}
	if s := d.Stats(); ended == 0 || s.CutRecords != int64(ended) {
		t.Errorf("%d records ended, %d counted", ended, s.CutRecords)
	}
	d.Drain(got.take)
	if len(got.lines) != 200 {
		t.Errorf("%d records, want 200", len(got.lines))
	}
	checkAccounts(t, d.Stats())
}

// TestLinesWithoutTracesAreNotCopied: joining allocates nothing for them.
func TestLinesWithoutTracesAreNotCopied(t *testing.T) {
	d := joiningDecoder(t)
	var chunk []byte
	for i := range 100 {
		chunk = ct.Event(chunk, ct.FirstTime+int64(i), ct.M(), said("ab", []string{"stdout", "stderr"}[i/10%2], fmt.Sprint("order ", i, " received")))
	}
	n := 0
	fn := func(*engine.Record, []byte) { n++ }
	d.Decode(chunk, "t", testNow, fn)
	// The pool may be emptied at any time: what is allowed is less than one allocation for each line.
	if allocs := testing.AllocsPerRun(20, func() { d.Decode(chunk, "t", testNow, fn) }); allocs > 20 {
		t.Errorf("100 lines allocate %v times", allocs)
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}
