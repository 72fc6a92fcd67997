package delivery

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// newDurations returns a histogram of the attempts of one trigger. Whoever collects it gives it its name and labels.
func newDurations() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "delivery_duration_seconds", Help: "Duration of delivery attempts.", Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 15},
	})
}

// counters are the counts since New.
type counters struct {
	accepted, duplicates, lost                 atomic.Int64
	delivered, retried, held, refused, expired atomic.Int64
	dropped, panics                            atomic.Int64
}

func (c *counters) addDropped(numbers map[string]int64) {
	for _, n := range numbers {
		c.dropped.Add(n)
	}
}

// Stats is a snapshot. The counts are of alerts, or of pairs of alert and trigger, since New; those of Triggers are since the store began.
type Stats struct {
	Accepted   int64 // alerts kept
	Duplicates int64 // alerts whose id was known
	Lost       int64 // alerts that fit neither into the store nor into memory
	Backlog    int64 // alerts in memory that wait for the store

	Delivered int64
	Retried   int64 // failed attempts that are retried
	Held      int64 // attempts that put their trigger on hold
	Refused   int64 // dead letters at once
	Expired   int64 // dead letters by age
	Dropped   int64 // by a bound
	InFlight  int64 // leased messages
	Panics    int64
	Sent      Sent // Delivered by rule, workload and trigger

	Store    store.Health
	Triggers []TriggerStats
}

// TriggerStats describes one trigger, configured or only known to the store.
type TriggerStats struct {
	store.TriggerInfo
	Configured bool
	// Durations covers the attempts since the trigger was configured; it is nil if the trigger is not.
	Durations prometheus.Metric
}

// Stats returns a snapshot. Triggers is empty if the store cannot be read before ctx ends.
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
			t.Durations = w.durations
		}
		s.Triggers = append(s.Triggers, t)
	}
	return s
}
