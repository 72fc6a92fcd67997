package delivery

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// latencyBounds are the upper bounds of the latency buckets; a last bucket has none.
var latencyBounds = [...]time.Duration{
	10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second,
}

// counters counts since New.
type counters struct {
	accepted, duplicates, lost                 atomic.Int64
	delivered, retried, held, refused, expired atomic.Int64
	dropped, panics                            atomic.Int64
	latency                                    [len(latencyBounds) + 1]atomic.Int64
	latencySum                                 atomic.Int64
}

func (c *counters) addDropped(numbers map[string]int64) {
	for _, n := range numbers {
		c.dropped.Add(n)
	}
}

func (c *counters) observe(took time.Duration) {
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	c.latency[i].Add(1)
	c.latencySum.Add(int64(max(took, 0)))
}

// Stats is a snapshot. The counts are of alerts, or of pairs of alert and target, since New; those of Targets are since the store began.
type Stats struct {
	Accepted   int64 // alerts kept
	Duplicates int64 // alerts whose id was known
	Lost       int64 // alerts that neither store nor memory had room for
	Backlog    int64 // alerts that wait in memory for the store

	Delivered int64
	Retried   int64 // attempts that failed and are made again
	Held      int64 // attempts that put their target on hold
	Refused   int64 // dead letters at once
	Expired   int64 // dead letters by age
	Dropped   int64 // by a bound
	InFlight  int64 // leased, under way or about to be
	Panics    int64

	// Latency counts attempts by how long they took; Latency[i] is those up to LatencyBounds()[i], the last one those above.
	Latency []int64
	Store   store.Health
	// LatencySum is how long all attempts took together.
	LatencySum time.Duration
	Targets    []TargetStats
}

// TargetStats is one target, configured or only known to the store.
type TargetStats struct {
	store.TargetInfo
	Configured bool
}

// LatencyBounds returns the upper bounds of Stats.Latency, which has one more element.
func LatencyBounds() []time.Duration { return append([]time.Duration(nil), latencyBounds[:]...) }

// Stats returns a snapshot. Targets is empty when the store cannot be read before ctx ends.
func (d *Dispatcher) Stats(ctx context.Context) Stats {
	c := &d.count
	s := Stats{
		Accepted: c.accepted.Load(), Duplicates: c.duplicates.Load(), Lost: c.lost.Load(), Backlog: int64(d.backlog.size()),
		Delivered: c.delivered.Load(), Retried: c.retried.Load(), Held: c.held.Load(), Refused: c.refused.Load(), Expired: c.expired.Load(),
		Dropped: c.dropped.Load(), InFlight: d.inFlight.Load(), Panics: c.panics.Load(),
		Latency: make([]int64, len(c.latency)), Store: d.opt.Store.Health(), LatencySum: time.Duration(c.latencySum.Load()),
	}
	for i := range c.latency {
		s.Latency[i] = c.latency[i].Load()
	}
	known, err := d.opt.Store.Targets(ctx)
	if err != nil {
		return s
	}
	d.mu.Lock()
	targets := d.targets
	d.mu.Unlock()
	for _, info := range known {
		_, configured := targets[info.Name]
		s.Targets = append(s.Targets, TargetStats{TargetInfo: info, Configured: configured})
	}
	return s
}
