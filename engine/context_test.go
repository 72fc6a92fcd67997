package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
)

func around(before, after int) Settings {
	return Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom", Context: Context{Before: before, After: after}}, {Name: "other", Pattern: "other"}}}
}

// reported is what an alert says of the lines around it.
func reported(a Alert) string {
	return strings.Join(a.Before, ",") + " [" + a.Message + "] " + strings.Join(a.After, ",")
}

func (r *run) tick() []Alert { return r.e.Tick(r.now, nil) }

func TestContextLines(t *testing.T) {
	r := newRun(t, around(2, 2))
	for i := range 4 {
		if got := r.line(fmt.Sprint("before ", i)); len(got) != 0 {
			t.Fatalf("%d alerts", len(got))
		}
	}
	r.record(Record{Text: []byte("another stream"), Stream: Stderr})
	r.record(Record{Text: []byte("another container"), Source: web("c2")})
	if got := r.line("boom"); len(got) != 0 {
		t.Fatalf("the alert does not wait: %v", got)
	}
	if c := r.counts()["r"]; c.Hits != 1 || c.Pending != 1 || c.Alerts != 0 {
		t.Errorf("%+v", c)
	}
	r.record(Record{Text: []byte("another stream"), Stream: Stderr})
	r.line("after 0")
	got := r.line("after 1")
	if len(got) != 1 || reported(got[0]) != "before 2,before 3 [boom] after 0,after 1" {
		t.Fatalf("%v", got)
	}
	if c := r.counts()["r"]; c.Pending != 0 || c.Alerts != 1 {
		t.Errorf("%+v", c)
	}
	if more := append(r.tick(), r.e.ReleaseWaiting(nil)...); len(more) != 0 {
		t.Errorf("the alert comes again: %v", more)
	}
}

func TestFewerLinesThanAsked(t *testing.T) {
	r := newRun(t, around(5, 0))
	if got := r.line("boom 1"); len(got) != 1 || reported(got[0]) != " [boom 1] " {
		t.Errorf("the first line of a container: %v", got)
	}
	if got := r.line("boom 2"); len(got) != 1 || reported(got[0]) != "boom 1 [boom 2] " {
		t.Errorf("the second line: %v", got)
	}
}

// TestTheWaitEnds at its deadline, whoever notices it, with the lines that came before.
func TestTheWaitEnds(t *testing.T) {
	r := newRun(t, around(0, 3))
	r.line("boom")
	r.pass(4 * time.Second)
	r.line("in time")
	if at, ok := r.e.NextDue(); !ok || at != t0+int64(5*time.Second) {
		t.Errorf("due at %d, %v", at-t0, ok)
	}
	r.pass(time.Second - 1)
	if got := r.tick(); len(got) != 0 {
		t.Fatalf("released before the deadline: %v", got)
	}
	r.pass(1)
	if got := r.tick(); len(got) != 1 || reported(got[0]) != " [boom] in time" {
		t.Errorf("%v", got)
	}
	if _, ok := r.e.NextDue(); ok {
		t.Error("something is due, and nothing waits")
	}
	r.line("boom")
	r.pass(time.Minute)
	if got := r.line("far too late"); len(got) != 1 || reported(got[0]) != " [boom] " {
		t.Errorf("a line after the deadline: %v", got)
	}
	r.line("boom")
	r.pass(-time.Hour)
	if got := r.tick(); len(got) != 1 {
		t.Errorf("the clock stepped back, and %d alerts came", len(got))
	}
	r.counts()
}

func TestReleaseWaiting(t *testing.T) {
	r := newRun(t, around(1, 3))
	r.line("boom 1")
	r.line("boom 2")
	got := r.e.ReleaseWaiting(nil)
	if len(got) != 2 || reported(got[0]) != " [boom 1] boom 2" || reported(got[1]) != "boom 1 [boom 2] " {
		t.Fatalf("%v", got)
	}
	if c := r.counts()["r"]; c.Alerts != 2 || c.Pending != 0 {
		t.Errorf("%+v", c)
	}
}

// TestOnWait: who keeps alerts hears of one that waits before it can come out, and knows it again.
func TestOnWait(t *testing.T) {
	r := newRun(t, around(1, 1))
	r.line("calm")
	w := r.e.Worker()
	var begun []Alert
	w.OnWait = func(a *Alert) { begun = append(begun, *a) }
	rec := Record{Text: []byte("boom"), Source: web("c1")}
	if got := w.Process(&rec, r.now, nil); len(got) != 0 || len(begun) != 1 || reported(begun[0]) != "calm [boom] " || begun[0].Ticket == 0 {
		t.Fatalf("%v, %v", got, begun)
	}
	w.Release()
	if got := r.line("after"); len(got) != 1 || got[0].Ticket != begun[0].Ticket {
		t.Errorf("%v", got)
	}
	r.line("boom")
	if len(begun) != 1 {
		t.Error("a released worker still reports")
	}
}

func TestContextOfOverridesAndReloads(t *testing.T) {
	s := around(1, 0)
	s.Workloads = []WorkloadSettings{{Match: "shop/*", Overrides: []Override{{
		Rule: "r", Keys: []string{"context"}, Settings: RuleSettings{Context: Context{Before: 3}},
	}}}}
	r := newRun(t, s)
	for i := range 4 {
		r.line(fmt.Sprint(i))
	}
	if got := r.line("boom"); len(got) != 1 || reported(got[0]) != "1,2,3 [boom] " {
		t.Errorf("%v", got)
	}
	// A reload that asks for more lines keeps those that are there.
	r.apply(around(5, 0))
	if got := r.line("boom again"); len(got) != 1 || reported(got[0]) != "1,2,3,boom [boom again] " {
		t.Errorf("%v", got)
	}
}

func TestContextLinesAreValidAndBounded(t *testing.T) {
	r := newRun(t, around(3, 0))
	r.line("a\xffb")
	r.line(strings.Repeat("é", 5000))
	r.line("")
	got := r.line("boom")
	if len(got) != 1 || len(got[0].Before) != 3 {
		t.Fatalf("%v", got)
	}
	before := got[0].Before
	if before[0] != "a\uFFFDb" || before[2] != "" {
		t.Errorf("%q", before)
	}
	if !utf8.ValidString(before[1]) || len(before[1]) > lines.MaxContextLine+len("…") || !strings.HasSuffix(before[1], "é…") {
		t.Errorf("a long line: %d bytes, ends in %q", len(before[1]), before[1][len(before[1])-9:])
	}
}

// TestTooManyWait: the alert that finds no place goes at once, and is counted.
func TestTooManyWait(t *testing.T) {
	r := newRun(t, around(1, 1))
	for i := range lines.MaxPending {
		if got := r.record(Record{Text: []byte("boom"), Source: web(fmt.Sprint(i))}); len(got) != 0 {
			t.Fatalf("alert %d does not wait", i)
		}
	}
	r.record(Record{Text: []byte("calm"), Source: web("late")})
	if got := r.record(Record{Text: []byte("boom"), Source: web("late")}); len(got) != 1 || reported(got[0]) != "calm [boom] " {
		t.Fatalf("%v", got)
	}
	if s := r.e.Stats(); s.PendingContext != lines.MaxPending || s.SentWithoutAfter != 1 {
		t.Errorf("%d wait, %d hurried", s.PendingContext, s.SentWithoutAfter)
	}
	r.pass(5 * time.Second)
	if got := r.record(Record{Text: []byte("boom"), Source: web("later")}); len(got) != lines.MaxPending {
		t.Errorf("%d alerts: those whose wait is over make room", len(got))
	}
	if s := r.e.Stats(); s.PendingContext != 1 || s.SentWithoutAfter != 1 {
		t.Errorf("%d wait, %d hurried", s.PendingContext, s.SentWithoutAfter)
	}
	r.counts()
}

// TestContextMemoryIsBounded: streams unused for longest are forgotten, those that alerts wait at are not.
func TestContextMemoryIsBounded(t *testing.T) {
	r := newRun(t, around(50, 1))
	r.record(Record{Text: []byte("boom"), Source: web("waits")})
	long := []byte(strings.Repeat("x", 2000))
	for i := range 1000 {
		r.pass(time.Millisecond)
		for range 51 {
			r.record(Record{Text: long, Source: web(fmt.Sprint(i))})
		}
	}
	s := r.e.Stats()
	if s.LineBuffersForgotten == 0 || s.LineBufferBytes > lines.MaxContextBytes {
		t.Errorf("%d bytes, %d forgotten", s.LineBufferBytes, s.LineBuffersForgotten)
	}
	var held int64
	for _, ring := range r.e.lines.Buffers {
		held += int64(lines.BufferOverhead + 2*len(ring.Key) + lines.SlotOverhead*len(ring.Slots))
		for _, slot := range ring.Slots {
			held += int64(cap(slot))
		}
	}
	if held != s.LineBufferBytes {
		t.Errorf("%d bytes are held, %d counted", held, s.LineBufferBytes)
	}
	if got := r.record(Record{Text: []byte("after"), Source: web("waits")}); len(got) != 1 || reported(got[0]) != " [boom] after" {
		t.Errorf("%v", got)
	}
	if got := r.record(Record{Text: []byte("boom"), Source: web("999")}); len(got) != 0 {
		t.Fatal("does not wait")
	}
	if got := r.e.ReleaseWaiting(nil); len(got) != 1 || len(got[0].Before) != 50 {
		t.Errorf("the stream used last lost its lines: %v", got)
	}
}

// TestManyStreamsWithoutLines: streams of which no line is kept are bounded as well.
func TestManyStreamsWithoutLines(t *testing.T) {
	r := newRun(t, around(0, 1))
	for i := range 100_000 {
		r.record(Record{Text: []byte("calm"), Source: web(fmt.Sprint(i))})
	}
	if s := r.e.Stats(); s.LineBufferBytes > lines.MaxContextBytes || s.LineBuffersForgotten == 0 {
		t.Errorf("%d bytes, %d forgotten", s.LineBufferBytes, s.LineBuffersForgotten)
	}
}

func TestContextCostsNothingElsewhere(t *testing.T) {
	s := around(5, 5)
	s.Rules[0].Workloads = []string{"ops/*"}
	r := newRun(t, s)
	w := r.e.Worker()
	defer w.Release()
	calm, loud := Record{Text: []byte("GET / 200 12ms"), Source: web("1")}, Record{Text: []byte("GET / 200 12ms"), Source: &Source{Workload: "ops/db"}}
	var dst []Alert
	for _, rec := range []*Record{&calm, &loud} {
		for range 10 {
			dst = w.Process(rec, t0, dst[:0])
		}
		if n := testing.AllocsPerRun(100, func() { dst = w.Process(rec, t0, dst[:0]) }); n != 0 {
			t.Errorf("%v allocations for a record of %s that matches nothing", n, rec.Source.Workload)
		}
	}
	if rings := len(r.e.lines.Buffers); rings != 1 {
		t.Errorf("%d streams are kept, want the one whose rules ask for it", rings)
	}
}

// TestEvaluateWithoutSee: callers that find and evaluate hits without See get alerts at once, without context.
func TestEvaluateWithoutSee(t *testing.T) {
	r := newRun(t, around(2, 2))
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Text: []byte("boom"), Source: web("1")}
	hits := w.Find(&rec, nil)
	if got := w.Evaluate(&hits[0], t0, nil); len(got) != 1 || got[0].Before != nil || got[0].After != nil {
		t.Errorf("%v", got)
	}
	w.See(&rec, t0, nil)
	if got := w.Evaluate(&hits[0], t0, nil); len(got) != 0 {
		t.Errorf("the alert of a record that was seen does not wait: %v", got)
	}
	r.e.ReleaseWaiting(nil)
	r.counts()
}

// TestContextsConcurrently: workers share streams, and each alert comes out exactly once.
func TestContextsConcurrently(t *testing.T) {
	r := newRun(t, around(3, 3))
	var mu sync.Mutex
	waiting, out := map[uint64]bool{}, map[uint64]int{}
	collect := func(alerts []Alert) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range alerts {
			if a.Ticket != 0 {
				if !waiting[a.Ticket] {
					t.Errorf("ticket %d comes out before it began", a.Ticket)
				}
				out[a.Ticket]++
			}
		}
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 300 {
				w := r.e.Worker()
				w.OnWait = func(a *Alert) {
					mu.Lock()
					defer mu.Unlock()
					waiting[a.Ticket] = true
				}
				text := []string{"calm", "boom", "calm"}[(i+g)%3]
				rec := Record{Text: []byte(text), Source: web(fmt.Sprint(i % 3))}
				collect(w.Process(&rec, t0+int64(i)*int64(10*time.Millisecond), nil))
				w.Release()
			}
		})
	}
	wg.Go(func() {
		for i := range 300 {
			collect(r.e.Tick(t0+int64(i)*int64(20*time.Millisecond), nil))
			r.e.lines.Evict()
		}
	})
	wg.Wait()
	collect(r.e.ReleaseWaiting(nil))
	for ticket := range waiting {
		if out[ticket] != 1 {
			t.Errorf("ticket %d came out %d times", ticket, out[ticket])
		}
	}
	r.counts()
}

func TestContextBounds(t *testing.T) {
	for _, c := range []Context{{Before: -1}, {After: 51}, {Before: 51, After: -2}} {
		rule := RuleSettings{Name: "r", Pattern: "x", Context: c}
		var fields []string
		for _, e := range rule.Validate() {
			fields = append(fields, e.Field)
		}
		if len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool { return !strings.HasPrefix(f, "context.") }) {
			t.Errorf("%+v: %q", c, fields)
		}
	}
}
