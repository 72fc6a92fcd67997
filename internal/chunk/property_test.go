package chunk

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// generator makes random values whose text forms it knows.
type generator struct{ *rand.Rand }

func (g generator) text(n int) string {
	out := make([]byte, g.IntN(n))
	for i := range out {
		out[i] = byte(g.IntN(256))
	}
	return string(out)
}

// value returns a value and what AppendField must say of it; ok is false for what counts as absent.
func (g generator) value(depth int) (v any, want string, ok bool) {
	switch kind := g.IntN(12); {
	case kind == 0:
		return nil, "", false
	case kind == 1:
		b := g.IntN(2) == 0
		return b, strconv.FormatBool(b), true
	case kind < 5:
		n := int64(g.Uint64()) >> g.IntN(64)
		return n, strconv.FormatInt(n, 10), true
	case kind == 5:
		n := g.Uint64()
		return n, strconv.FormatUint(n, 10), true
	case kind == 6:
		f := math.Float64frombits(g.Uint64())
		return f, strconv.FormatFloat(f, 'f', -1, 64), true
	case kind == 7 && depth < 4:
		list := make([]any, g.IntN(40/(1+depth)))
		for i := range list {
			list[i], _, _ = g.value(depth + 1)
		}
		return list, "", false
	case kind == 8 && depth < 4:
		m, _ := g.fields(depth+1, "x")
		return ct.WideMap(m), "", false
	case kind == 9:
		s := g.text(300)
		return ct.Bin(s), s, true
	}
	s := g.text([]int{5, 40, 40, 300, 300, 300, 70_000}[min(g.IntN(300), 6)*g.IntN(2)])
	return s, s, true
}

func (g generator) fields(depth int, prefix string) (m ct.Map, want map[string]string) {
	want = map[string]string{}
	for i := range g.IntN(20 / (1 + depth)) {
		key := fmt.Sprintf("%s%d%s", prefix, i, strings.Repeat("k", g.IntN(40)))
		v, text, ok := g.value(depth)
		m = append(m, ct.Pair{Key: key, Value: v})
		if ok {
			want[key] = text
		}
	}
	return m, want
}

type expected struct {
	time   int64
	text   string
	raw    []byte
	fields map[string]string
}

// withoutSequences returns the texts as a decoder that takes terminal sequences out must give them.
func (e expected) withoutSequences() expected {
	e.text = string(safetext.Strip(nil, []byte(e.text)))
	fields := map[string]string{}
	for path, value := range e.fields {
		fields[path] = string(safetext.Strip(nil, []byte(value)))
	}
	e.fields = fields
	return e
}

// events makes a chunk of random events, and says what must come out of it.
func (g generator) events(n int) (chunk []byte, want []expected) {
	for range n {
		m, fields := g.fields(0, "f")
		text := g.text(200) + "."
		at := g.IntN(len(m) + 1)
		body := slices.Insert(slices.Clone(m), at, ct.Pair{Key: "log", Value: text})
		fields["log"] = text
		e := expected{time: g.Int64N(4_000_000_000_000_000_000), text: text, fields: fields}
		start := len(chunk)
		switch g.IntN(3) {
		case 0:
			chunk = ct.Event(chunk, e.time, ct.M(), body)
		case 1:
			chunk = ct.Event(chunk, e.time, ct.WideMap(m), ct.WideMap(body))
		default:
			e.time -= e.time % 1e9
			chunk = ct.OldEvent(chunk, e.time/1e9, ct.WideMap(body))
		}
		e.raw = chunk[start:]
		want = append(want, e)
	}
	return chunk, want
}

// TestRandomEvents checks that what an encoder of its own put in comes out: text, time, bytes and every field; and of a chunk that is cut
// anywhere, the events before the cut.
func TestRandomEvents(t *testing.T) {
	for seed := range uint64(60) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		chunk, want := g.events(1 + g.IntN(12))
		settings := DefaultSettings()
		settings.KeepANSI = seed%2 == 0
		d, err := New(settings)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		d.Decode(chunk, "t", testNow, func(rec *engine.Record, raw []byte) {
			w := want[n]
			n++
			if !settings.KeepANSI {
				w = w.withoutSequences()
			}
			if string(rec.Text) != w.text || rec.Time != w.time || !bytes.Equal(raw, w.raw) {
				t.Fatalf("seed %d, event %d: got %.100q at %d, want %.100q at %d", seed, n, rec.Text, rec.Time, w.text, w.time)
			}
			for path, value := range w.fields {
				if got, ok := rec.Fields.AppendField(nil, path); !ok || string(got) != value {
					t.Fatalf("seed %d, event %d, %s: got %.100q, want %.100q", seed, n, path, got, value)
				}
			}
		})
		if n != len(want) || d.Stats().Broken != 0 {
			t.Fatalf("seed %d: %d lines of %d", seed, n, len(want))
		}
		cut := g.IntN(len(chunk) + 1)
		lines := decodeAll(d, slices.Clone(chunk[:cut]), "t")
		whole, end := 0, 0
		for whole < len(want) && end+len(want[whole].raw) <= cut {
			end += len(want[whole].raw)
			whole++
		}
		if len(lines) != whole {
			t.Fatalf("seed %d, cut at %d of %d: %d lines, want %d", seed, cut, len(chunk), len(lines), whole)
		}
		for i, l := range lines {
			w := want[i]
			if !settings.KeepANSI {
				w = w.withoutSequences()
			}
			if l.Text != w.text || l.Raw != string(want[i].raw) {
				t.Fatalf("seed %d, cut at %d: line %d is %.100q", seed, cut, i, l.Text)
			}
		}
	}
}

// FuzzDecode feeds any bytes, alone and behind good events: no panic, every text and event lies within the chunk (or is a joined or a
// structured one), the events before are read, and the accounts add up.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/chunks/*.msgpack")
	if err != nil || len(files) == 0 {
		f.Fatal("no chunks", err)
	}
	for _, file := range files {
		chunk, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(chunk)
	}
	for _, shape := range ct.Shapes() {
		chunk := shape.Make(ct.Line{Text: "part", More: true}, ct.Line{Text: "end"}, ct.Line{Text: "line"})
		f.Add(chunk)
		f.Add(chunk[:len(chunk)-3])
		f.Add(chunk[3:])
	}
	f.Add(one(ct.M("message", happens("web", "die", "")+happens("web", "create", "")[:99])))
	good := ct.Docker(ct.Lines("one", "two")...)
	paths := []string{"log", "a.b", "kubernetes.labels.app", "otlp.severity_number", "resource.service.name"}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDecoder(t)
		chunk := append(slices.Clone(good), data...)
		n := 0
		var dst []byte
		check := func(rec *engine.Record, raw []byte) {
			n++
			if rec.Source == nil || rec.Source.Workload == "" || rec.Fields == nil || len(raw) == 0 {
				t.Fatalf("an incomplete record: %+v", rec)
			}
			for _, path := range paths {
				dst, _ = rec.Fields.AppendField(dst[:0], path)
			}
			if len(dst) > len(chunk)+400 {
				t.Fatal("a field that is longer than the chunk")
			}
			if !rec.Truncated && !bytes.HasPrefix(rec.Text, []byte("{")) && len(rec.Text) > len(chunk) {
				t.Fatal("a text that is longer than the chunk")
			}
			if n <= 2 && string(rec.Text) != []string{"one", "two"}[n-1] {
				t.Fatalf("line %d is %q", n, rec.Text)
			}
		}
		d.Decode(chunk, "tag", 100e9, check)
		d.Decode(data, "tag", 105e9, check)
		d.Decode(data, eventTag, 106e9, check)
		d.Expire(112e9, check)
		d.Drain(check)
		if n < 2 {
			t.Fatalf("%d lines", n)
		}
		checkAccounts(t, d.Stats())
		if s := d.Stats(); s.HeldLines != 0 || s.HeldBytes != 0 {
			t.Fatalf("still held: %+v", s)
		}
	})
}

// TestNoAllocations: a record that nobody keeps costs no allocation, whatever its shape.
func TestNoAllocations(t *testing.T) {
	structured := ct.Shape{Name: "structured", Tag: "t", Make: func(lines ...ct.Line) (chunk []byte) {
		for _, l := range lines {
			chunk = append(chunk, one(ct.M("event", l.Text, "n", 5))...)
		}
		return chunk
	}}
	for _, shape := range append(ct.Shapes(), structured) {
		t.Run(shape.Name, func(t *testing.T) {
			chunk := shape.Make(ct.Lines(slices.Repeat([]string{benchLine}, 200)...)...)
			d := newDecoder(t)
			var dst []byte
			n := 0
			fn := func(rec *engine.Record, _ []byte) {
				n++
				dst, _ = rec.Fields.AppendField(dst[:0], "kubernetes.labels.app.kubernetes.io/name")
			}
			// A garbage collection empties the pool, and the race detector does so now and then on purpose: that costs a few for a whole chunk.
			if allocs := testing.AllocsPerRun(200, func() { d.Decode(chunk, shape.Tag, testNow, fn) }); allocs > 10 {
				t.Errorf("%v allocations for 200 records", allocs)
			}
			if n == 0 {
				t.Error("no lines")
			}
		})
	}
}

// TestConcurrentDecode decodes from several goroutines, partial lines and expiry included; run with -race.
func TestConcurrentDecode(t *testing.T) {
	s := DefaultSettings()
	s.MaxOrigins = 50 // fewer than there are, so that origins come and go
	d, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	const workers, rounds = 4, 40
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				name := "own-" + strconv.Itoa(w)
				chunk := ct.DockerOf(fullID, name, "", "", ct.Line{Text: "a", More: true}, ct.Line{Text: "b"})
				chunk = append(chunk, interleaved(ct.Lines(slices.Repeat([]string{"x"}, 40)...)...)...)
				chunk = append(chunk, ct.DockerOf(fullID, "shared", "", "", ct.Line{Text: "p", More: true})...)
				chunk = append(chunk, ct.DockerOf(fullID, "once-"+strconv.Itoa(w*rounds+i), "", "", ct.Line{Text: "y"})...)
				own, single := 0, 0
				d.Decode(chunk, "t", int64(i), func(rec *engine.Record, _ []byte) {
					switch {
					case rec.Source.Container.Name == name && string(rec.Text) == "ab":
						own++
					case string(rec.Text) == "x" || string(rec.Text) == "y":
						single++
					}
				})
				if own != 1 || single != 41 {
					t.Errorf("worker %d, round %d: %d joined, %d single lines", w, i, own, single)
				}
				d.Expire(int64(i), func(*engine.Record, []byte) {})
				_ = d.Stats()
			}
		})
	}
	wg.Wait()
	d.Drain(func(*engine.Record, []byte) {})
	checkAccounts(t, d.Stats())
}

// TestPanicOfTheCaller leaves the decoder usable, and what was counted counted.
func TestPanicOfTheCaller(t *testing.T) {
	d := newDecoder(t)
	func() {
		defer func() { _ = recover() }()
		d.Decode(one(ct.M("log", "x")), "t", testNow, func(*engine.Record, []byte) { panic("boom") })
	}()
	if lines := decodeAll(d, one(ct.M("log", "x")), "t"); len(lines) != 1 || d.Stats().Records != 2 {
		t.Errorf("%d lines, %+v", len(lines), d.Stats())
	}
}
