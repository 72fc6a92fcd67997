package delivery

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// counter is a sender that accepts everything at once and reports when it has all.
type counter struct {
	n, all atomic.Int64
	done   chan struct{}
}

var _ Sender = (*counter)(nil)

func (c *counter) Send(_ context.Context, _ string, alerts []trigger.Alert) trigger.Result {
	if c.n.Add(int64(len(alerts))) == c.all.Load() {
		close(c.done)
	}
	return trigger.Result{Outcome: trigger.Delivered}
}

func benchDispatcher(b *testing.B, c *counter) *Dispatcher {
	b.Helper()
	registry := new(store.Registry)
	set := store.DefaultSettings()
	set.Path, set.MaxPending = filepath.Join(b.TempDir(), "a.db"), 1_000_000
	s, err := registry.Open(b.Context(), store.Options{Settings: set})
	must(b, err)
	d, err := New(Options{Store: s, Settings: DefaultSettings()})
	must(b, err)
	one := newTrigger("a", c)
	one.Concurrency = 4
	must(b, d.SetTriggers([]Trigger{one}))
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		must(b, d.Stop(ctx))
		must(b, registry.Close())
	})
	return d
}

// BenchmarkAccept takes chunks of alerts until they are on disk; nothing is delivered meanwhile.
func BenchmarkAccept(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("alerts=", n), func(b *testing.B) {
			d := benchDispatcher(b, &counter{})
			next := 0
			for b.Loop() {
				must(b, d.Accept(context.Background(), alerts(next, n, "a")))
				next += n
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// BenchmarkDrain delivers 10,000 alerts that wait in the store to a receiver that takes no time.
func BenchmarkDrain(b *testing.B) {
	const total = 10_000
	for b.Loop() {
		b.StopTimer()
		c := &counter{done: make(chan struct{})}
		c.all.Store(total)
		d := benchDispatcher(b, c)
		for n := 0; n < total; n += 250 {
			must(b, d.Accept(context.Background(), alerts(n, 250, "a")))
		}
		b.StartTimer()
		d.Start()
		<-c.done
	}
	b.ReportMetric(float64(total*b.N)/b.Elapsed().Seconds(), "alerts/s")
}
