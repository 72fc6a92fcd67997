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
}

// latency counts the attempts of one trigger by how long they took.
type latency struct {
	counts [len(latencyBounds) + 1]atomic.Int64
	sum    atomic.Int64
}

func (c *counters) addDropped(numbers map[string]int64) {
	for _, n := range numbers {
		c.dropped.Add(n)
	}
}

func (l *latency) observe(took time.Duration) {
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	l.counts[i].Add(1)
	l.sum.Add(int64(max(took, 0)))
}

func (l *latency) load() Latency {
	out := Latency{Counts: make([]int64, len(l.counts)), Sum: time.Duration(l.sum.Load())}
	for i := range l.counts {
		out.Counts[i] = l.counts[i].Load()
	}
	return out
}

// Latency counts attempts by how long they took: Counts[i] is those up to LatencyBounds()[i], the last one those above. Sum is how long all of them
// took together.
type Latency struct {
	Counts []int64
	Sum    time.Duration
}

// Add adds the attempts of another trigger.
func (l *Latency) Add(more *Latency) {
	if l.Counts == nil {
		l.Counts = make([]int64, len(latencyBounds)+1)
	}
	for i, n := range more.Counts {
		l.Counts[i] += n
	}
	l.Sum += more.Sum
}

// Stats is a snapshot. The counts are of alerts, or of pairs of alert and trigger, since New; those of Triggers are since the store began.
type Stats struct {
	Accepted   int64 // alerts kept
	Duplicates int64 // alerts whose id was known
	Lost       int64 // alerts that neither store nor memory had room for
	Backlog    int64 // alerts that wait in memory for the store

	Delivered int64
	Retried   int64 // attempts that failed and are made again
	Held      int64 // attempts that put their trigger on hold
	Refused   int64 // dead letters at once
	Expired   int64 // dead letters by age
	Dropped   int64 // by a bound
	InFlight  int64 // leased, under way or about to be
	Panics    int64
	Sent      Sent // of Delivered, what it was about

	Store    store.Health
	Triggers []TriggerStats
}

// TriggerStats is one trigger, configured or only known to the store.
type TriggerStats struct {
	store.TriggerInfo
	Configured bool
	// Latency is of the attempts since the trigger is configured; it is empty for one that is not.
	Latency Latency
}

// LatencyBounds returns the upper bounds of Latency.Counts, which has one more element.
func LatencyBounds() []time.Duration { return append([]time.Duration(nil), latencyBounds[:]...) }

// Stats returns a snapshot. Triggers is empty when the store cannot be read before ctx ends.
func (d *Dispatcher) Stats(ctx context.Context) Stats {
	c := &d.count
	s := Stats{
		Accepted: c.accepted.Load(), Duplicates: c.duplicates.Load(), Lost: c.lost.Load(), Backlog: int64(d.backlog.size()),
		Delivered: c.delivered.Load(), Retried: c.retried.Load(), Held: c.held.Load(), Refused: c.refused.Load(), Expired: c.expired.Load(),
		Dropped: c.dropped.Load(), InFlight: d.inFlight.Load(), Panics: c.panics.Load(),
		Store: d.opt.Store.Health(), Sent: d.sent.copy(),
	}
	known, err := d.opt.Store.Triggers(ctx)
	if err != nil {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, info := range known {
		_, configured := d.triggers[info.Name]
		t := TriggerStats{TriggerInfo: info, Configured: configured}
		if w := d.workers[info.Name]; w != nil {
			t.Latency = w.latency.load()
		}
		s.Triggers = append(s.Triggers, t)
	}
	return s
}
