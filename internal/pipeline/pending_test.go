package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// around is a rule whose alerts carry lines around their hit.
func around(before, after int) string {
	return rule("boom", "^boom") + fmt.Sprintf("context = { before = %d, after = %d }\n", before, after)
}

// linesAround returns what an alert says of the lines around it.
func linesAround(a *trigger.Alert) string {
	c := a.Context
	if c == nil {
		c = &trigger.Context{}
	}
	return strings.Join(c.Before, ",") + " [" + a.Message + "] " + strings.Join(c.After, ",")
}

// expectContext waits until so many alerts arrived and compares what they say of the lines around them, in any order.
func (b *bench) expectContext(want ...string) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%d alerts arrive", len(want)), func() bool { return len(b.alerts()) >= len(want) })
	var got []string
	for _, a := range b.alerts() {
		got = append(got, linesAround(&a))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("alerts %q, want %q", got, want)
	}
}

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// TestContextWithinAChunkAndAcross: the lines after a hit come in its own chunk, or in a later one.
func TestContextWithinAChunkAndAcross(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(around(2, 1))))
	p.Flush(lines("a", "b", "c", "boom 1", "d", "e", "boom 2"), "docker.web")
	if s := p.Stats(t.Context()).Engine; s.PendingContext != 1 || s.Rules["boom"].Pending != 1 {
		t.Errorf("%d wait, %+v", s.PendingContext, s.Rules["boom"])
	}
	if n := p.Stats(t.Context()).Delivery.Accepted; n != 2 {
		t.Errorf("%d alerts are kept when the chunk is acknowledged, want both", n)
	}
	p.Flush(lines("f", "g"), "docker.web")
	b.expectContext("b,c [boom 1] d", "d,e [boom 2] f")
	if c := p.Stats(t.Context()).Engine.Rules["boom"]; c.Hits != 2 || c.Alerts != 2 || c.Pending != 0 {
		t.Errorf("%+v", c)
	}
}

// TestTheWaitEndsAtItsDeadline, with the lines that came.
func TestTheWaitEndsAtItsDeadline(t *testing.T) {
	b := newBench(t)
	c := newClock()
	o := b.options(b.document(around(0, 5)))
	o.Now = c.now
	p := b.start(o)
	p.Flush(lines("boom", "a"), "docker.web")
	c.pass(5 * time.Second)
	b.expectContext(" [boom] a")
}

// TestStopReleasesWhatWaits: it is in the store, complete, and leaves after the next start.
func TestStopReleasesWhatWaits(t *testing.T) {
	b := newBench(t)
	document := b.document(around(1, 5))
	first, err := New(b.options(document))
	if err != nil {
		t.Fatal(err)
	}
	first.Start()
	first.Flush(lines("a", "boom", "b"), "docker.web")
	b.stop(first)
	b.start(b.options(document))
	b.expectContext("a [boom] b")
}

// TestAKillLosesNothing: what waits when the process dies is in the store, leaves without the lines after it when its time has come, and the
// chunk that comes again adds nothing.
func TestAKillLosesNothing(t *testing.T) {
	b := newBench(t)
	c := newClock()
	document := b.document(around(1, 3))
	o := b.options(document)
	o.Now = c.now
	killed, err := New(o) // it is not started: it sends nothing, like a process that is dead
	if err != nil {
		t.Fatal(err)
	}
	batch := killed.newBatch()
	chunk := lines("a", "boom 1", "b")
	batch.run(func() { killed.decoder.Load().Decode(chunk, "docker.web", batch.now, batch.line) })
	if s := killed.engine.Stats(); s.PendingContext != 1 {
		t.Fatalf("%d alerts wait", s.PendingContext)
	}
	o.Stores = &store.Registry{} // another process
	p := b.start(o)
	p.Flush(chunk, "docker.web") // the host did not hear that the chunk was accepted
	if s := p.Stats(t.Context()); s.Delivery.Duplicates != 1 {
		t.Errorf("%d alerts are known already, want 1", s.Delivery.Duplicates)
	}
	p.Flush(lines("c", "d"), "docker.web")
	b.expectContext("a [boom 1] b,c,d")
	c.pass(time.Minute)
	p.Flush(lines("boom 2", "e", "f", "g"), "docker.web")
	b.expectContext("a [boom 1] b,c,d", "d [boom 2] e,f,g")
}

// TestAKillInTheWait: nobody has the lines after the hit, and the alert leaves without.
func TestAKillInTheWait(t *testing.T) {
	b := newBench(t)
	c := newClock()
	o := b.options(b.document(around(1, 3)))
	o.Now = c.now
	killed, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	batch := killed.newBatch()
	batch.run(func() { killed.decoder.Load().Decode(lines("a", "boom", "b"), "docker.web", batch.now, batch.line) })
	o.Stores = &store.Registry{}
	c.pass(pendingTime)
	b.start(o)
	b.expectContext("a [boom] ")
}

// TestWaitingConcurrently: chunks of one container are evaluated at once; every alert arrives once, and none waits in the end.
func TestWaitingConcurrently(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(around(1, 2))))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 25 {
				p.Flush(lines("calm", fmt.Sprintf("boom %d-%d", g, i), "calm"), "docker.web")
			}
		})
	}
	wg.Wait()
	p.Flush(lines("the", "end"), "docker.web")
	b.eventually("100 alerts arrive", func() bool { return len(b.alerts()) >= 100 })
	ids := map[string]bool{}
	for _, a := range b.alerts() {
		if ids[a.ID] || a.Context == nil || len(a.Context.After) != 2 {
			t.Errorf("alert %s: %q", a.ID, linesAround(&a))
		}
		ids[a.ID] = true
	}
	p.pending.mu.Lock()
	defer p.pending.mu.Unlock()
	if len(p.pending.byTicket) != 0 || len(ids) != 100 {
		t.Errorf("%d alerts arrived, %d are still waited for", len(ids), len(p.pending.byTicket))
	}
}

// TestAWaitingAlertWhileTheStoreIsInMemory takes the same way.
func TestAWaitingAlertWhileTheStoreIsInMemory(t *testing.T) {
	b := newBench(t)
	document := strings.Replace(b.document(around(1, 1)), fmt.Sprintf("%q", filepath.Join(b.dir, "store.db")), `"memory"`, 1)
	p := b.start(b.options(document))
	p.Flush(lines("a", "boom"), "docker.web")
	p.Flush(lines("b"), "docker.web")
	b.expectContext("a [boom] b")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if a, err := p.store.Account(ctx); err != nil || a.Total.Accepted != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}
