package pipeline

import (
	"context"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
)

// counters counts what the pipeline itself does.
type counters struct {
	chunks, refused, own, panics, nanos atomic.Int64
}

// Stats is a copy of all counters.
type Stats struct {
	Chunks  int64 // accepted
	Refused int64 // chunks
	Own     int64 // lines of this program's own, not evaluated
	Panics  int64 // recovered
	Nanos   int64 // spent on lines, from decoding to judging
	// TapDropped counts tapped records that there was no room or time for.
	TapDropped int64
	Records    chunk.Stats
	Engine     engine.Stats
	Delivery   delivery.Stats
}

// Stats copies the counters. ctx bounds the look into the store.
func (p *Pipeline) Stats(ctx context.Context) Stats {
	s := Stats{
		Chunks: p.counters.chunks.Load(), Refused: p.counters.refused.Load(), Own: p.counters.own.Load(), Panics: p.counters.panics.Load(),
		TapDropped: p.taps.dropped.Load(), Nanos: p.counters.nanos.Load(), Engine: p.engine.Stats(), Delivery: p.delivery.Stats(ctx),
	}
	if d := p.decoder.Load(); d != nil {
		s.Records = d.Stats()
	}
	return s
}

// logTotals tells at the end what was done. The sums over all rules, those that are gone included, hold hits = alerts + suppressed + pending.
func (p *Pipeline) logTotals() {
	e := p.engine.Stats()
	sum := e.Total()
	args := []any{"lines", e.Lines, "hits", sum.Hits, "alerts", sum.Alerts, "pending", sum.Pending}
	for i, n := range sum.Suppressed {
		if n > 0 {
			args = append(args, "suppressed_"+engine.Reason(i).String(), n)
		}
	}
	for _, more := range []struct {
		name string
		n    int64
	}{{"events", e.Events}, {"rollups", sum.Rollups}, {"absences", sum.Absences}, {"forgotten", sum.Forgotten}, {"template_overflow", e.Overflow}} {
		if more.n > 0 {
			args = append(args, more.name, more.n)
		}
	}
	records := p.decoder.Load().Stats()
	p.log.Info("stopped", append(args, "broken_events", records.Broken, "refused_chunks", p.counters.refused.Load(),
		"panics", p.counters.panics.Load())...)
}
