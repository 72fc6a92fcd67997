package chunk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// kilo16 is a part as Docker cuts them.
var kilo16 = strings.Repeat("x", dockerPart)

// TestPartialLines decodes each row as one chunk and as one chunk for each event: the lines must be the same.
func TestPartialLines(t *testing.T) {
	fluentd := func(text, id, ordinal, last string) ct.Map {
		return ct.M("container_id", fullID, "source", "stdout", "log", text,
			"partial_message", "true", "partial_id", id, "partial_ordinal", ordinal, "partial_last", last)
	}
	cri := func(stream, tag, text string) ct.Map { return ct.M("stream", stream, "logtag", tag, "message", text) }
	multi := func(tag, text string) ct.Map { return ct.M("stream", "stdout", "_p", tag, "log", text) }
	file := func(stream, text string) ct.Map { return ct.M("log", text, "stream", stream) }
	journal := func(text string, more ...any) ct.Map {
		return append(ct.M("MESSAGE", text, "PRIORITY", "6", "CONTAINER_NAME", "web"), ct.M(more...)...)
	}
	for _, tc := range []struct {
		name   string
		events []ct.Map
		want   []string // what Decode hands over
		rest   []string // what Drain hands over
	}{
		{"fluentd", []ct.Map{fluentd("a", "1", "1", "false"), fluentd("b", "1", "2", "false"), fluentd("c", "1", "3", "true")}, []string{"abc"}, nil},
		{"fluentd, whole lines between other streams", []ct.Map{fluentd("a", "1", "1", "false"),
			ct.M("container_id", fullID, "source", "stderr", "log", "err"), fluentd("b", "1", "2", "true")}, []string{"err", "ab"}, nil},
		{"fluentd, the end is lost", []ct.Map{fluentd("a", "1", "1", "false"), fluentd("b", "2", "1", "false"), fluentd("c", "2", "2", "true")},
			[]string{"bc"}, []string{"a [truncated]"}},
		{"fluentd, the beginning is lost", []ct.Map{fluentd("b", "1", "2", "true")}, nil, []string{"b [truncated]"}},
		{"fluentd, the beginning of more is lost", []ct.Map{fluentd("b", "1", "2", "false"), fluentd("c", "1", "3", "true")}, nil, []string{"bc [truncated]"}},
		{"fluentd, a part between is lost", []ct.Map{fluentd("a", "1", "1", "false"), fluentd("c", "1", "3", "true")}, nil, []string{"ac [truncated]"}},
		{"fluentd, a whole line follows", []ct.Map{fluentd("a", "1", "1", "false"), ct.M("container_id", fullID, "source", "stdout", "log", "whole")},
			[]string{"whole"}, []string{"a [truncated]"}},
		{"fluentd, out of order", []ct.Map{fluentd("c", "1", "3", "true"), fluentd("a", "1", "1", "false"), fluentd("b", "1", "2", "false")}, []string{"abc"}, nil},
		{"fluentd, two lines interleaved", []ct.Map{fluentd("a", "1", "1", "false"), fluentd("x", "2", "1", "false"), fluentd("b", "1", "2", "true"),
			fluentd("y", "2", "2", "true")}, []string{"ab", "xy"}, nil},
		{"fluentd, two lines interleaved, out of order, a whole line between", []ct.Map{fluentd("y", "2", "2", "true"), fluentd("b", "1", "2", "false"),
			ct.M("container_id", fullID, "source", "stdout", "log", "whole"), fluentd("c", "1", "3", "true"), fluentd("x", "2", "1", "false"),
			fluentd("a", "1", "1", "false")}, []string{"whole", "xy", "abc"}, nil},
		{"fluentd, parts that come twice", []ct.Map{fluentd("a", "1", "1", "false"), fluentd("c", "1", "3", "true"), fluentd("a", "1", "1", "false"),
			fluentd("c", "1", "3", "true"), fluentd("b", "1", "2", "false")}, []string{"abc"}, nil},
		{"fluentd, a line of one part", []ct.Map{fluentd("a", "1", "1", "true"), fluentd("b", "2", "1", "true")}, []string{"a", "b"}, nil},
		{"fluentd, no numbers", []ct.Map{fluentd("a", "1", "", "false"), fluentd("b", "1", "x", "false"), fluentd("c", "1", "-3", "true")}, []string{"abc"}, nil},
		{"fluentd, numbers that are too great", []ct.Map{fluentd("b", "1", "999999", "true"), fluentd("a", "1", "1", "false")}, nil,
			[]string{"ab [truncated]"}},
		{"fluentd, never ends", []ct.Map{fluentd("a", "1", "1", "false")}, nil, []string{"a [truncated]"}},
		{"fluentd, two containers", []ct.Map{fluentd("a", "1", "1", "false"), append(fluentd("x", "1", "1", "false"), ct.M("container_name", "/other")...),
			fluentd("b", "1", "2", "true"), append(fluentd("y", "1", "2", "true"), ct.M("container_name", "/other")...)}, []string{"ab", "xy"}, nil},
		{"fluentd, not partial", []ct.Map{ct.M("log", "a", "partial_message", "false", "partial_last", "false")}, []string{"a"}, nil},
		{"fluentd, booleans", []ct.Map{ct.M("log", "a", "partial_message", true, "partial_last", false), ct.M("log", "b", "partial_message", true, "partial_last", true)},
			[]string{"ab"}, nil},
		{"cri", []ct.Map{cri("stdout", "P", "a"), cri("stdout", "P", "b"), cri("stdout", "F", "c"), cri("stdout", "F", "d")}, []string{"abc", "d"}, nil},
		{"cri, streams", []ct.Map{cri("stdout", "P", "a"), cri("stderr", "P", "1"), cri("stderr", "F", "2"), cri("stdout", "F", "b")}, []string{"12", "ab"}, nil},
		{"cri, more tags", []ct.Map{cri("stdout", "P:x", "a"), cri("stdout", "F:y", "b")}, []string{"ab"}, nil},
		{"a logtag of another kind", []ct.Map{cri("stdout", "Paris", "a"), cri("stdout", "", "b")}, []string{"a", "b"}, nil},
		{"multiline cri has joined already", []ct.Map{multi("P", "first half second half"), multi("F", "next")}, []string{"first half second half", "next"}, nil},
		{"multiline cri, cut by its timer", []ct.Map{multi("P", kilo16), multi("F", "rest"), multi("F", "next")}, []string{kilo16 + "rest", "next"}, nil},
		{"multiline cri, cut by its timer twice", []ct.Map{multi("P", kilo16), multi("P", kilo16+"rest"), multi("F", "next")}, []string{kilo16 + kilo16 + "rest", "next"}, nil},
		{"json-file", []ct.Map{file("stdout", kilo16), file("stdout", kilo16), file("stdout", "end\n"), file("stdout", "next\n")}, []string{kilo16 + kilo16 + "end", "next"}, nil},
		{"json-file, carriage return", []ct.Map{file("stdout", kilo16), file("stdout", "end\r\n")}, []string{kilo16 + "end"}, nil},
		{"json-file, last words without a line feed", []ct.Map{file("stderr", "panic: boom")}, []string{"panic: boom"}, nil},
		{"json-file, last words of a long line", []ct.Map{file("stderr", kilo16), file("stderr", "end")}, []string{kilo16 + "end"}, nil},
		{"json-file, a long whole line", []ct.Map{file("stderr", kilo16+"\n"), file("stderr", "end\n")}, []string{kilo16, "end"}, nil},
		{"no source of parts", []ct.Map{ct.M("log", kilo16), ct.M("log", "a")}, []string{kilo16, "a"}, nil},
		{"a message is not from json-file", []ct.Map{ct.M("message", kilo16, "stream", "stdout"), ct.M("message", "a")}, []string{kilo16, "a"}, nil},
		{"longer than any part", []ct.Map{file("stdout", kilo16+kilo16+kilo16+"x")}, []string{kilo16 + kilo16 + kilo16 + "x"}, nil},
		{"journald", []ct.Map{journal("a", "CONTAINER_PARTIAL_MESSAGE", "true"), journal("b", "CONTAINER_PARTIAL_MESSAGE", "true"), journal("c"), journal("d")},
			[]string{"abc", "d"}, nil},
		{"journald, numbered, out of order", []ct.Map{
			journal("b", "CONTAINER_PARTIAL_MESSAGE", "true", "CONTAINER_PARTIAL_ID", "1", "CONTAINER_PARTIAL_ORDINAL", "2", "CONTAINER_PARTIAL_LAST", "false"),
			journal("c", "CONTAINER_PARTIAL_ID", "1", "CONTAINER_PARTIAL_ORDINAL", "3", "CONTAINER_PARTIAL_LAST", "true"), journal("d"),
			journal("a", "CONTAINER_PARTIAL_MESSAGE", "true", "CONTAINER_PARTIAL_ID", "1", "CONTAINER_PARTIAL_ORDINAL", "1", "CONTAINER_PARTIAL_LAST", "false")},
			[]string{"d", "abc"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, split := range []bool{false, true} {
				d := newDecoder(t)
				var chunk []byte
				var c, rest collector
				for i, body := range tc.events {
					event := ct.Event(nil, ct.FirstTime+int64(i), ct.M(), body)
					if chunk = append(chunk, event...); split {
						d.Decode(event, "t", testNow, c.take)
					}
				}
				if !split {
					d.Decode(chunk, "t", testNow, c.take)
				}
				if got := c.texts(); !slices.Equal(got, tc.want) {
					t.Errorf("split %v: got %.200q, want %.200q", split, got, tc.want)
				}
				d.Drain(rest.take)
				if got := rest.texts(); !slices.Equal(got, tc.rest) {
					t.Errorf("split %v: drained %.200q, want %.200q", split, got, tc.rest)
				}
				s := d.Stats()
				checkAccounts(t, s)
				if s.HeldLines != 0 || s.HeldBytes != 0 {
					t.Errorf("still held: %+v", s)
				}
			}
		})
	}
}

// TestJoinedLine checks that a joined line has the time, the fields and the event of its first part.
func TestJoinedLine(t *testing.T) {
	d := newDecoder(t)
	chunk := ct.Docker(ct.Line{Text: "a", More: true, Time: 1e9, Extra: ct.M("n", 1)}, ct.Line{Text: "b", Time: 2e9, Extra: ct.M("n", 2)})
	calls := 0
	d.Decode(chunk, "t", testNow, func(rec *engine.Record, raw []byte) {
		calls++
		n, _ := rec.Fields.AppendField(nil, "n")
		log, _ := rec.Fields.AppendField(nil, "log")
		if rec.Time != 1e9 || string(n) != "1" || string(log) != "ab" || string(rec.Text) != "ab" {
			t.Errorf("time %d, n %s, log %q, text %q", rec.Time, n, log, rec.Text)
		}
		if !strings.HasPrefix(string(chunk), string(raw)) {
			t.Error("the event is not that of the first part")
		}
	})
	if calls != 1 {
		t.Errorf("%d lines", calls)
	}
}

// TestNumberedPartsInAnyOrder deals out the parts of several lines in random order, over random chunks: each line comes once and whole, with the time and
// the fields of its first part.
func TestNumberedPartsInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		g := rand.New(rand.NewPCG(seed, 9))
		want := map[string]int64{}
		var events [][]byte
		for id := range 1 + g.IntN(maxNumbered) {
			parts, text := 2+g.IntN(20), ""
			for n := range parts {
				piece := fmt.Sprintf("<%d.%d>", id, n)
				text += piece
				events = append(events, ct.Event(nil, int64(1000*id+n+1), ct.M(), ct.M("container_id", fullID, "source", "stdout", "log", piece, "n", n,
					"partial_message", "true", "partial_id", strconv.Itoa(id), "partial_ordinal", strconv.Itoa(n+1), "partial_last", strconv.FormatBool(n == parts-1))))
			}
			want[text] = int64(1000*id + 1)
		}
		g.Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
		d := newDecoder(t)
		got := map[string]int64{}
		var chunk []byte
		for i, event := range events {
			if chunk = append(chunk, event...); i < len(events)-1 && g.IntN(3) > 0 {
				continue
			}
			d.Decode(chunk, "t", testNow, func(rec *engine.Record, _ []byte) {
				if n, _ := rec.Fields.AppendField(nil, "n"); string(n) != "0" || rec.Truncated {
					t.Errorf("seed %d: n %s, truncated %v", seed, n, rec.Truncated)
				}
				got[string(rec.Text)] = rec.Time
			})
			clear(chunk) // as the host does
			chunk = chunk[:0]
		}
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
		if s := d.Stats(); s.HeldLines != 0 || s.HeldBytes != 0 || s.DroppedBytes != 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

// TestNumberedPartsAreBounded: a container that begins lines and ends none holds few of them, and none of another container.
func TestNumberedPartsAreBounded(t *testing.T) {
	d := newDecoder(t)
	var c collector
	d.Decode(ct.DockerOf(otherID, "other", "", "", ct.Line{Text: "other", More: true}), "t", testNow, c.take)
	begin := func(id, ordinal int, text string) []byte {
		return one(ct.M("container_id", fullID, "source", "stdout", "log", text, "partial_message", "true", "partial_id", strconv.Itoa(id),
			"partial_ordinal", strconv.Itoa(ordinal), "partial_last", "false"))
	}
	for id := range 100 {
		d.Decode(begin(id, 1, "x"), "t", testNow, c.take)
	}
	if s := d.Stats(); s.HeldLines != maxNumbered+1 || len(c.lines) != 100-maxNumbered {
		t.Errorf("%d lines, %+v", len(c.lines), s)
	}
	for ordinal := 3 * maxPending; ordinal > 1; ordinal-- { // the first never comes
		d.Decode(begin(1000, ordinal, strings.Repeat("y", 2000)), "t", testNow, c.take)
	}
	if s := d.Stats(); s.HeldBytes > 2*maxLineBytes || s.DroppedBytes == 0 {
		t.Errorf("%+v", s)
	}
	before := len(c.lines)
	d.Decode(ct.DockerOf(otherID, "other", "", "", ct.Line{Text: "whole"}), "t", testNow, c.take)
	if len(c.lines) != before+1 {
		t.Errorf("%q", c.texts()[before:])
	}
	d.Drain(c.take)
	checkAccounts(t, d.Stats())
	if s := d.Stats(); s.HeldLines != 0 || s.HeldBytes != 0 {
		t.Errorf("still held: %+v", s)
	}
}

func TestExpire(t *testing.T) {
	d := newDecoder(t)
	var c collector
	d.Decode(ct.Docker(ct.Line{Text: "old", More: true}), "t", 100e9, c.take)
	d.Decode(ct.Docker(ct.Line{Text: "young", More: true, Stream: "stderr"}), "t", 105e9, c.take)
	d.Expire(109e9, c.take)
	if len(c.lines) != 0 {
		t.Fatalf("handed over too early: %q", c.texts())
	}
	d.Expire(110e9, c.take)
	if got := c.texts(); !slices.Equal(got, []string{"old [truncated]"}) {
		t.Fatalf("got %q", got)
	}
	d.Decode(ct.Docker(ct.Line{Text: "whole"}), "t", 111e9, c.take)
	d.Expire(10e9, c.take) // the clock was set back
	if got := c.texts(); !slices.Equal(got, []string{"old [truncated]", "whole", "young [truncated]"}) {
		t.Fatalf("got %q", got)
	}
	checkAccounts(t, d.Stats())
}

// TestNextExpiry: what waits leaves at the moment that NextExpiry names, and not before, whichever of the two kinds it is.
func TestNextExpiry(t *testing.T) {
	t.Parallel()
	d := joiningDecoder(t)
	var c collector
	if at, waits := d.NextExpiry(); waits {
		t.Errorf("nothing waits, and it names %d", at)
	}
	d.Decode(ct.Docker(ct.Line{Text: "part", More: true}), "t", 100e9, c.take)
	d.Decode(ct.DockerOf(otherID, "other", "", "", ct.Line{Text: "panic: first"}), "t", 101e9, c.take)
	d.Decode(ct.DockerOf(ct.ContainerID, "third", "", "", ct.Line{Text: "panic: second", Stream: "stderr"}), "t", 104e9, c.take)
	for i, want := range []struct {
		at   int64
		text string
	}{{103e9, "panic: first"}, {106e9, "panic: second"}, {110e9, "part [truncated]"}} {
		at, waits := d.NextExpiry()
		if !waits || at != want.at {
			t.Fatalf("%d: %d, %t; want %d", i, at, waits, want.at)
		}
		if d.Expire(at-1, c.take); len(c.lines) != i {
			t.Errorf("%d: left too early: %q", i, c.texts())
		}
		if d.Expire(at, c.take); len(c.lines) != i+1 || c.texts()[i] != want.text {
			t.Errorf("%d: got %q, want %q", i, c.texts(), want.text)
		}
	}
	if at, waits := d.NextExpiry(); waits {
		t.Errorf("everything left, and it names %d", at)
	}
}

// TestOverlongLine sends a line of 3 MiB, then a short one.
func TestOverlongLine(t *testing.T) {
	d := newDecoder(t)
	lines := make([]ct.Line, 3*64)
	for i := range lines {
		lines[i] = ct.Line{Text: kilo16, More: i < len(lines)-1}
	}
	got := decodeAll(d, ct.Docker(append(lines, ct.Line{Text: "next"})...), "t")
	if len(got) != 2 || len(got[0].Text) != maxLineBytes || !got[0].Truncated || got[1].Text != "next" || got[1].Truncated {
		t.Fatalf("%d lines, the first of %d bytes", len(got), len(got[0].Text))
	}
	s := d.Stats()
	if s.Overlong != 1 || s.DroppedBytes != 2<<20 {
		t.Errorf("%+v", s)
	}
	checkAccounts(t, s)
}

// TestLineOfExactlyTheBound is a whole line: its line feed needs no room.
func TestLineOfExactlyTheBound(t *testing.T) {
	d := newDecoder(t)
	lines := make([]ct.Line, 64)
	for i := range lines {
		lines[i] = ct.Line{Text: kilo16, More: i < len(lines)-1}
	}
	got := decodeAll(d, ct.JSONFile(lines...), "t")
	if len(got) != 1 || len(got[0].Text) != maxLineBytes || got[0].Truncated {
		t.Fatalf("%d lines, %d bytes, truncated %v", len(got), len(got[0].Text), got[0].Truncated)
	}
}

// TestHeldLinesAreBounded fills the joiner: the oldest line is handed over, cut, and nothing is lost unseen.
func TestHeldLinesAreBounded(t *testing.T) {
	for _, limit := range []struct{ lines, bytes int }{{8, maxHeldBytes}, {1000, 20_000}} {
		d := newDecoder(t)
		d.joiner.limitLines, d.joiner.limitBytes = limit.lines, limit.bytes
		var c collector
		for i := range 100 {
			name := string(rune('a'+i%26)) + string(rune('a'+i/26))
			d.Decode(ct.DockerOf(fullID, name, "", "", ct.Line{Text: name, More: true}), "t", testNow, c.take)
			if s := d.Stats(); s.HeldLines > int64(limit.lines) || s.HeldBytes > int64(limit.bytes) {
				t.Fatalf("beyond the bound: %+v", s)
			}
		}
		if c.lines[0].Text != "aa" || !c.lines[0].Truncated {
			t.Errorf("the oldest line was not the first to go: %+v", c.lines[0])
		}
		held := d.Stats().HeldLines
		d.Drain(c.take)
		if len(c.lines) != 100 || held == 0 {
			t.Errorf("%d lines of 100, %d were held", len(c.lines), held)
		}
		checkAccounts(t, d.Stats())
	}
}

// TestHeldLineOutlivesTheChunk overwrites the chunk between the parts, as the host does.
func TestHeldLineOutlivesTheChunk(t *testing.T) {
	d := newDecoder(t)
	var c collector
	first := ct.Docker(ct.Line{Text: "first ", More: true})
	whole := ct.Docker(ct.Line{Text: "first ", More: true}, ct.Line{Text: "last"})
	second := whole[len(first):]
	d.Decode(first, "t", testNow, c.take)
	clear(first)
	d.Decode(second, "t", testNow, c.take)
	if got := c.texts(); !slices.Equal(got, []string{"first last"}) {
		t.Errorf("got %q", got)
	}
}
