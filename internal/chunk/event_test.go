package chunk

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

func array(format byte, values ...any) ct.Raw {
	var out []byte
	switch format {
	case msgpack.Array16:
		out = []byte{msgpack.Array16, 0, byte(len(values))}
	case msgpack.Array32:
		out = []byte{msgpack.Array32, 0, 0, 0, byte(len(values))}
	}
	for _, v := range values {
		out = ct.Append(out, v)
	}
	return out
}

func TestEventForms(t *testing.T) {
	const at = int64(1795370400_000000007)
	body := ct.M("log", "line")
	ext8 := append(ct.Raw{msgpack.Ext8, 8, 0}, ct.EventTime(at)[2:]...)
	map16 := ct.Raw(append([]byte{msgpack.Map16, 0, 1}, ct.Append(ct.Append(nil, "log"), "line")...))
	str16key := ct.Raw(append([]byte{msgpack.Fixmap | 1, msgpack.Str16, 0, 3, 'l', 'o', 'g', msgpack.Str32, 0, 0, 0, 4}, "line"...))
	for _, tc := range []struct {
		name string
		raw  []byte
		time int64
	}{
		{"present", ct.Event(nil, at, ct.M(), body), at},
		{"metadata nil", ct.Event(nil, at, nil, body), at},
		{"metadata wide", ct.Event(nil, at, ct.WideMap{}, ct.WideMap(body)), at},
		{"ext8", ct.Append(nil, []any{[]any{ext8, ct.M()}, body}), at},
		{"integer inside", ct.Append(nil, []any{[]any{7, ct.M()}, body}), 7e9},
		{"array16", ct.Append(nil, array(msgpack.Array16, array(msgpack.Array16, ct.EventTime(at), ct.M()), body)), at},
		{"array32", ct.Append(nil, array(msgpack.Array32, array(msgpack.Array32, ct.EventTime(at), ct.M()), body)), at},
		{"map16", ct.Event(nil, at, ct.M(), map16), at},
		{"long forms of strings", ct.Event(nil, at, ct.M(), str16key), at},
		{"bin", ct.Event(nil, at, ct.M(), ct.M("log", ct.Bin("line"))), at},
		{"old, ext", ct.OldEvent(nil, ct.EventTime(at), body), at},
		{"old, ext8", ct.OldEvent(nil, ext8, body), at},
		{"old, uint32", ct.OldEvent(nil, 1795370400, body), 1795370400e9},
		{"old, uint64", ct.OldEvent(nil, ct.Raw{msgpack.Uint64, 0, 0, 0, 0, 0, 0, 0, 9}, body), 9e9},
		{"old, int64", ct.OldEvent(nil, ct.Raw{msgpack.Int64, 0, 0, 0, 0, 0, 0, 0, 9}, body), 9e9},
		{"old, small", ct.OldEvent(nil, 5, body), 5e9},
		{"old, float64", ct.OldEvent(nil, 1795370400.5, body), 1795370400_500000000},
		{"old, float32", ct.OldEvent(nil, float32(16.25), body), 16_250000000},
		{"negative", ct.OldEvent(nil, -5, body), testNow},
		{"far future", ct.OldEvent(nil, uint64(math.MaxUint64), body), testNow},
		{"not a number", ct.OldEvent(nil, math.NaN(), body), testNow},
		{"infinite", ct.OldEvent(nil, math.Inf(1), body), testNow},
		{"text as body", ct.Event(nil, at, ct.M(), "line"), at},
		{"old, text as body", ct.OldEvent(nil, 7, "line"), 7e9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			line := only(t, tc.raw, "t")
			if line.Text != "line" || line.Time != tc.time || line.Raw != string(tc.raw) {
				t.Errorf("got %q at %d, want at %d", line.Text, line.Time, tc.time)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, tc := range []struct {
		name string
		body any
		want string
	}{
		{"message", ct.M("message", "a"), "a"},
		{"MESSAGE", ct.M("MESSAGE", "a"), "a"},
		{"msg", ct.M("msg", "a"), "a"},
		{"the first of the keys, whatever the order", ct.M("msg", "a", "message", "b", "log", "c"), "c"},
		{"the first that holds a text", ct.M("log", 5, "message", "b"), "b"},
		{"empty", ct.M("log", "", "message", "b"), ""},
		{"line feed", ct.M("log", "a\n"), "a"},
		{"carriage return", ct.M("log", "a\r\n"), "a"},
		{"one line end only", ct.M("log", "a\n\n"), "a\n"},
		{"line feed alone", ct.M("log", "\n"), ""},
		{"carriage return inside", ct.M("log", "a\rb\r"), "a\rb"},
		{"carriage return alone", ct.M("log", "a\r"), "a"},
		{"structured", ct.M("event", "login", "n", -5, "ok", true, "list", []any{1, nil, 1.5}, "deep", ct.M("k", "v")),
			`{"event":"login","n":-5,"ok":true,"list":[1,null,1.5],"deep":{"k":"v"}}`},
		{"structured, escapes", ct.M("a\"b", "\\\n\t\r\x01\x1f\xffé"), "{\"a\\\"b\":\"\\\\\\n\\t\\r\\u0001\\u001f\ufffdé\"}"},
		{"structured, oddities", ct.M("e", ct.Ext{Type: 5, Data: []byte("x")}, "nan", math.NaN(), "b", ct.Bin("x")), `{"e":null,"nan":null,"b":"x"}`},
		{"structured, keys that are no text", ct.Raw{msgpack.Fixmap | 2, 5, 1, msgpack.True, 2}, `{"5":1,"true":2}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := only(t, one(tc.body), "t").Text; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTextless(t *testing.T) {
	d := newDecoder(t)
	for _, body := range []any{nil, ct.M(), ct.WideMap{}} {
		if lines := decodeAll(d, one(body), "t"); len(lines) != 0 {
			t.Errorf("%v gives %q", body, lines[0].Text)
		}
	}
	if s := d.Stats(); s.Textless != 3 || s.Events != 3 || s.Broken != 0 {
		t.Errorf("%+v", s)
	}
}

func TestGroups(t *testing.T) {
	d := newDecoder(t)
	chunk := one(ct.M("log", "before"))
	chunk = ct.GroupStart(chunk, ct.M("service.name", "a"))
	chunk = append(chunk, one(ct.M("log", "in a"))...)
	chunk = ct.GroupStart(chunk, ct.M("service.name", "b")) // no end before it
	chunk = append(chunk, one(ct.M("log", "in b"))...)
	chunk = ct.GroupEnd(chunk)
	chunk = append(chunk, one(ct.M("log", "after"))...)
	chunk = ct.OldEvent(chunk, ct.Raw{msgpack.Fixext8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, nil) // a start without context
	chunk = append(chunk, one(ct.M("log", "in nothing"))...)
	var got []string
	for _, l := range decodeAll(d, chunk, "t") {
		got = append(got, l.Text+": "+l.Source.Workload)
	}
	want := []string{"before: t", "in a: a", "in b: b", "after: t", "in nothing: t"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := d.Stats(); s.Markers != 4 || s.Events != 9 {
		t.Errorf("%+v", s)
	}
}

// TestBroken puts bytes that are no event between, before and behind events: those are counted, and the events are read.
func TestBroken(t *testing.T) {
	a, b := one(ct.M("log", "a")), ct.OldEvent(nil, ct.EventTime(ct.FirstTime), ct.M("log", "b"))
	deep := append(bytes.Repeat([]byte{msgpack.Fixarray | 1}, 100_000), msgpack.Nil)
	for _, tc := range []struct {
		name    string
		garbage []byte
		broken  int64
	}{
		{"nil", []byte{msgpack.Nil}, 1},
		{"bytes that are no msgpack", []byte{0xc1, 0xc1, 0xc1}, 1},
		{"text", []byte("hello, this is no msgpack \x92 at all \x92\x92, ever"), 1},
		{"zeros", make([]byte, 1000), 1},
		{"a map", ct.Append(nil, ct.M("log", "no event")), 1},
		{"two maps", ct.Append(ct.Append(nil, ct.M("k", 1)), ct.M("k", 2)), 2},
		{"an array of three", ct.Append(nil, []any{1, ct.M(), ct.M()}), 1},
		{"an array that swallows the next", []byte{msgpack.Fixarray | 3}, 1},
		{"an empty array", []byte{msgpack.Fixarray}, 1},
		{"a time that is none", ct.Append(nil, []any{"now", ct.M("log", "x")}), 1},
		{"metadata that is none", ct.Append(nil, []any{[]any{ct.EventTime(1), "x"}, ct.M("log", "x")}), 1},
		{"a time of another type", ct.Append(nil, []any{ct.Ext{Type: 1, Data: make([]byte, 8)}, ct.M()}), 1},
		{"a promise of a huge map", []byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, msgpack.Map32, 0xff, 0xff, 0xff, 0xff}, 1},
		{"a promise of a huge text", append(ct.Event(nil, 1, ct.M(), ct.M())[:12], 0x80, msgpack.Fixmap|1, msgpack.Str32, 0xff, 0xff, 0xff, 0xf0), 1},
		{"a deep nest", deep, 1},
		{"a body that is a number", one(5), 1},
		{"a body that is an array", one([]any{1}), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDecoder(t)
			chunk := slices.Concat(a, tc.garbage, b, tc.garbage, a, b)
			var texts []string
			for _, l := range decodeAll(d, chunk, "t") {
				texts = append(texts, l.Text)
			}
			if !slices.Equal(texts, []string{"a", "b", "a", "b"}) {
				t.Errorf("got %q", texts)
			}
			s := d.Stats()
			if s.Broken != 2*tc.broken || s.LostBytes != int64(2*len(tc.garbage)) {
				t.Errorf("broken %d, lost %d bytes of %d", s.Broken, s.LostBytes, 2*len(tc.garbage))
			}
		})
	}
}

// TestBrokenBeforeNumbers finds events whose time is a number behind bytes that are not an event, but takes no Greek text for one.
func TestBrokenBeforeNumbers(t *testing.T) {
	event := ct.OldEvent(nil, 1795370400, ct.M("log", "a"))
	chunk := slices.Concat([]byte("Βασίλειος Βαπτιστής"), event, event, []byte{0xc1}, event)
	d := newDecoder(t)
	if lines := decodeAll(d, chunk, "t"); len(lines) != 3 || d.Stats().Broken != 2 || d.Stats().Events != 3 {
		t.Errorf("%d lines, %+v", len(lines), d.Stats())
	}
}

// TestCutBetween cuts an event short in the middle of a chunk. It takes the missing bytes from the next event, which is lost with it; the one after that is
// read again.
func TestCutBetween(t *testing.T) {
	whole := one(ct.M("log", "whole"))
	for n := range len(whole) {
		lines := decodeAll(newDecoder(t), slices.Concat(whole, whole[:n], whole, whole), "t")
		if len(lines) < 3 || lines[0].Text != "whole" || lines[len(lines)-1].Text != "whole" || lines[len(lines)-1].Raw != string(whole) {
			t.Errorf("cut at %d: %d lines", n, len(lines))
		}
	}
}

// TestHostileChunks are made to be slow: every few bytes begin an event that fails only at the end of the chunk. The work is bounded, which
// the test's time-out would show.
func TestHostileChunks(t *testing.T) {
	const size = 4 << 20
	var nested []byte
	for len(nested) < size {
		nested = append(nested, 0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, msgpack.Array32)
		nested = binary.BigEndian.AppendUint32(nested, uint32(size/2))
	}
	keys := append([]byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, msgpack.Map32, 0, 0x10, 0, 0}, bytes.Repeat([]byte{0xa1, 'k', 1}, 1<<20)...)
	spans := ct.M("log", "x")
	for range 5000 {
		spans = append(spans, ct.M("container_id", fullID, "kubernetes", ct.M("labels", ct.M("app", "x")))...)
	}
	for name, chunk := range map[string][]byte{
		"nested": nested, "keys": keys, "arrays": bytes.Repeat([]byte{msgpack.Fixarray | 1}, size), "spans": one(spans),
		"heads": bytes.Repeat([]byte{0x92}, size), "deep body": append(one(ct.Raw(bytes.Repeat([]byte{msgpack.Fixmap | 1, 0xa1, 'k'}, size/3))), msgpack.Nil),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(t)
			lines := decodeAll(d, chunk, "t")
			if name != "keys" && name != "spans" && name != "deep body" && d.Stats().Broken == 0 {
				t.Errorf("%d lines, %+v", len(lines), d.Stats())
			}
			for _, l := range lines {
				if strings.Count(l.Text, "{") > maxJSONDepth+1 {
					t.Errorf("a text %d deep", strings.Count(l.Text, "{"))
				}
			}
		})
	}
}
