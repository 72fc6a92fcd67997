package pipeline

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/taps"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
)

// counters are the pipeline's own counters.
type counters struct {
	chunks, refused, own, panics, nanos atomic.Int64
}

// Stats is a copy of all counters.
type Stats struct {
	Chunks  int64 // accepted
	Refused int64 // chunks
	Own     int64 // own lines, which are not evaluated
	Panics  int64 // recovered
	Nanos   int64 // spent on decoding and evaluation
	// TapDropped counts records that taps missed.
	TapDropped int64
	Records    chunk.Stats
	Engine     engine.Stats
	Delivery   delivery.Stats
	Sent       Sent
	Heartbeat  heartbeat.Status
	Fleet      fleetnode.Status
	// OutsideHours counts the alerts that arrived outside the hours of a trigger that would send them otherwise, by the name of the trigger.
	OutsideHours map[string]int64
	// Hours are the times in which during lets triggers send, as Filter.Hours returns them, by the name of the trigger.
	Hours map[string]hours.Period
}

// Sent counts the alerts that receivers accepted, of all kinds: an alert to two triggers counts twice.
type Sent struct {
	Total     int64
	Rules     map[string]int64 // by rule id; includes removed rules and this program's own alerts
	Workloads map[string]int64
	Triggers  map[string]int64
}

// Sent returns the counts of sent alerts.
func (p *Pipeline) Sent() Sent {
	of := p.delivery.Sent()
	return sentOf(&of, p.engine.Stats().Rules)
}

// sentOf assigns the sent alerts to rules. An alert has its rule's name and workload: if rules of several workloads share the name, it belongs to the one
// whose glob matches.
func sentOf(of *delivery.Sent, rules map[string]engine.RuleCounts) Sent {
	own := map[string][]string{} // by the rule's name, globs
	for id := range rules {
		if name, workloads, found := strings.Cut(id, "@"); found {
			own[name] = append(own[name], workloads)
		}
	}
	out := Sent{Rules: map[string]int64{}, Workloads: map[string]int64{}, Triggers: of.To}
	for about, n := range of.By {
		out.Total += n
		out.Workloads[about.Workload] += n
		id := about.Rule
		for _, workloads := range own[about.Rule] {
			if glob.Match(workloads, about.Workload) {
				id += "@" + workloads
				break
			}
		}
		out.Rules[id] += n
	}
	return out
}

// Stats returns a copy of all counters. ctx bounds the query of the store.
func (p *Pipeline) Stats(ctx context.Context) Stats {
	s := Stats{
		Chunks: p.counters.chunks.Load(), Refused: p.counters.refused.Load(), Own: p.counters.own.Load(), Panics: p.counters.panics.Load(),
		TapDropped: p.taps.Dropped(), Nanos: p.counters.nanos.Load(), Engine: p.engine.Stats(), Delivery: p.delivery.Stats(ctx),
	}
	if d := p.decoder.Load(); d != nil {
		s.Records = d.Stats()
	}
	s.Sent = sentOf(&s.Delivery.Sent, s.Engine.Rules)
	s.Heartbeat = p.Heartbeat()
	s.Fleet = p.fleet.Status(ctx)
	s.OutsideHours, s.Hours = p.outside.counts(), p.triggers.Load().hours(p.now())
	return s
}

// Workloads returns all workloads by name, and the counts of those that the table has no room for.
func (p *Pipeline) Workloads() (all []workload.Stats, other workload.Counts) {
	return p.workloads.List()
}

// Taps returns the taps on evaluated records.
func (p *Pipeline) Taps() *taps.Set { return &p.taps }

// SubscribeAlerts returns a channel with a value after new alerts were stored, and a function that ends the subscription. It is a hint: alerts that the
// delivery itself makes do not wake subscribers.
func (p *Pipeline) SubscribeAlerts() (news <-chan struct{}, unsubscribe func()) {
	return p.subscribers.Subscribe()
}

// logTotals logs the final counters. Over all rules, removed ones included, hits = alerts + suppressed + pending.
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
	}{{"events", e.Events}, {"rollups", sum.Rollups}, {"absences", sum.Absences}, {"resolved", sum.Resolved}, {"forgotten", sum.Forgotten}, {"template_overflow", e.Overflow}} {
		if more.n > 0 {
			args = append(args, more.name, more.n)
		}
	}
	records := p.decoder.Load().Stats()
	p.log.Info("stopped", append(args, "broken_events", records.Broken, "refused_chunks", p.counters.refused.Load(),
		"panics", p.counters.panics.Load())...)
}
