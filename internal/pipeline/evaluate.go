package pipeline

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/fault"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Verdict is the result of a chunk.
type Verdict uint8

// The verdicts.
const (
	// Accepted: every line was evaluated, and every alert is stored. The chunk must not come again.
	Accepted Verdict = iota
	// Refused: no line was evaluated, because there is no room for alerts. The chunk must come again later.
	Refused
)

// String returns "accepted" or "refused".
func (v Verdict) String() string {
	if v == Refused {
		return "refused"
	}
	return "accepted"
}

// job is lines on their way to an evaluating goroutine.
type job struct {
	lines func(b *batch) // calls b.line for each
	done  chan struct{}
}

// Flush evaluates a chunk of Fluent Bit and stores its alerts. It does not use the chunk's memory after it returns, and never waits for the network. It
// may be called concurrently. Another goroutine does the work: Fluent Bit calls on the small stack of a coroutine, which code that the Go runtime runs
// on the caller's stack would overflow.
func (p *Pipeline) Flush(chunk []byte, tag string) Verdict {
	v := p.submit(func(b *batch) { p.decoder.Load().Decode(chunk, tag, b.now, b.line) })
	if v == Accepted {
		p.counters.chunks.Add(1)
	}
	return v
}

// submit evaluates lines on another goroutine and returns when their alerts are stored, or immediately if there is no room for alerts.
func (p *Pipeline) submit(lines func(*batch)) Verdict {
	// Asked before any line counts: a refused chunk comes again, and no hit must count twice.
	if err := p.delivery.Room(); err != nil {
		p.counters.refused.Add(1)
		p.log.Warn("refusing chunks until there is room for alerts", "error", err)
		return Refused
	}
	j := job{lines: lines, done: make(chan struct{})}
	select {
	case p.jobs <- j:
	case <-p.stopping:
		p.counters.refused.Add(1)
		return Refused
	}
	// A job that was taken always ends: its lines count already, so the chunk must not come again.
	<-j.done
	return Accepted
}

// evaluateLoop evaluates jobs until the pipeline stops.
func (p *Pipeline) evaluateLoop() {
	b := p.newBatch()
	for {
		select {
		case j := <-p.jobs:
			p.evaluate(b, j)
		case <-p.stopping:
			return
		}
	}
}

// evaluate does one job. After a panic the remaining lines are lost; the alerts so far are stored.
func (p *Pipeline) evaluate(b *batch, j job) {
	defer close(j.done)
	b.run(func() { j.lines(b) })
}

// expire evaluates the partial lines that waited too long, or all of them.
func (p *Pipeline) expire(b *batch, all bool) {
	b.run(func() {
		if d := p.decoder.Load(); all {
			d.Drain(b.line)
		} else {
			d.Expire(b.now, b.line)
		}
	})
}

// batch evaluates lines and stores their alerts in one transaction. It belongs to one goroutine.
type batch struct {
	p      *Pipeline
	worker *engine.Worker
	now    int64
	ids    identity
	source recordSource // of the present record
	plain  []byte       // a container's line without terminal sequences
	alerts []engine.Alert
	items  []delivery.Item

	asked     []fleet.Candidate // alerts that a fleet is asked about, once they are stored
	begun     []*pendingAlert   // alerts that began to wait for lines after their hit
	completed []delivery.Item   // stored alerts whose lines have all come
	tally     workload.Tally
	hits      int64 // since it was last set to 0
	room      int   // for copies of lines among the recent ones; negative: none is kept
	skipped   int64 // lines for which there was none
}

func (p *Pipeline) newBatch() *batch {
	return &batch{p: p, ids: identity{instance: p.id, ordinals: &p.ordinals}}
}

// run evaluates the lines for which decode calls b.line, with the rules in force at its start, and then stores the alerts.
func (b *batch) run(decode func()) {
	b.now = b.p.arrival.Read()
	b.worker = b.p.engine.Worker()
	b.worker.OnWait = b.begin
	b.room = b.p.recent.Room(b.now)
	begun := time.Now()
	// This runs after the panic is recovered below, so the alerts made before it are stored.
	defer func() {
		b.source = recordSource{}
		b.worker.Release()
		b.tally.Flush(&b.p.workloads, b.now)
		b.countSkipped()
		b.p.counters.nanos.Add(int64(time.Since(begun)))
		b.keep()
	}()
	defer guard.Recover(b.p.log, &b.p.counters.panics, "evaluating a chunk")
	fault.Inject("goroutine")
	decode()
}

// line evaluates one line or container event. A panic costs only this one.
func (b *batch) line(rec *engine.Record, raw []byte) {
	if o, ok := rec.Fields.(*docker.ContainerEvent); ok {
		b.event(rec, o)
		return
	}
	b.source = recordSource{raw: raw}
	b.process(rec)
}

// remember copies a line to the recent ones, as far as there is room for lines of this second.
func (b *batch) remember(rec *engine.Record) {
	switch {
	case b.room > 0 && !rec.Source.IsEvent():
		b.room = b.p.recent.Add(rec, b.now)
	case b.room == 0:
		b.skipped++
	}
}

func (b *batch) countSkipped() {
	if b.skipped > 0 {
		b.p.recent.Skip(b.skipped)
		b.skipped = 0
	}
}

// process evaluates one record, from b.source.
func (b *batch) process(rec *engine.Record) {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "evaluating a line")
	// Own lines never reach the rules: an alert about one could cause the line of the next alert.
	if own.Is(rec) {
		b.p.counters.own.Add(1)
		return
	}
	b.alerts = b.worker.Process(rec, b.now, b.alerts[:0])
	hits := b.worker.Hits()
	b.hits += int64(len(hits))
	b.tally.Count(&b.p.workloads, rec.Source, b.now, hits)
	if b.p.taps.Active() {
		b.offer(rec, hits)
	}
	if b.room >= 0 {
		b.remember(rec)
	}
	b.route()
}

// offer shows a record to the open taps. A panic in their filters costs nothing else.
func (b *batch) offer(rec *engine.Record, hits []engine.Hit) {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "copying a record for taps")
	b.p.taps.Offer(rec, hits, b.now, b.worker.Redactor())
}

// route adds the alerts to those to store, each with the triggers whose filters match.
func (b *batch) route() {
	for i := range b.alerts {
		made := &b.alerts[i]
		// This alert was stored with its hit, and is completed under the same id.
		if made.Ticket != 0 && b.release(made) {
			continue
		}
		a := NewAlert(made, b.id(made))
		item := delivery.Item{Alert: a, Triggers: b.triggersOf(made, &a)}
		if made.Candidate == 0 {
			b.p.fleet.NameAlone(made, &item.Alert)
		} else {
			if c, waits := b.p.fleet.Ask(made, &item); waits {
				b.asked = append(b.asked, c)
			}
		}
		b.items = append(b.items, item)
	}
}

// triggersOf returns the names of the triggers that send an alert. The end of an incident goes to those that sent its alerts, whatever their filters say by
// then: otherwise what it opened at a receiver would stay open.
func (b *batch) triggersOf(made *engine.Alert, a *trigger.Alert) []string {
	t := b.p.triggers.Load()
	if made.Triggers != nil {
		return t.ofEnd(a, made.Triggers)
	}
	names := t.of(a, time.Unix(0, b.now))
	if made.Resolves {
		b.p.engine.Routed(made, names)
	}
	return names
}

// keep passes the alerts to the delivery, which keeps them in memory if the store fails.
func (b *batch) keep() {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "keeping alerts")
	// Last: a kill in between repeats an alert under its id, and loses none.
	defer b.keepHeld()
	// At the end of items, where markAccepted expects them.
	b.addBegun()
	if len(b.items) > 0 {
		// Only logged: the delivery keeps the alerts, and a chunk that came again would count its hits twice.
		if err := b.p.delivery.Accept(b.p.ctx, b.items); err != nil {
			b.p.log.Error("cannot store alerts, keeping them in memory", "alerts", len(b.items), "error", err)
		}
	}
	if len(b.items) > 0 {
		b.p.subscribers.Notify()
	}
	b.markAccepted()
	b.sendCompleted()
	b.p.fleet.Offer(b.asked) // those that have their lines are on disk with them
	clear(b.asked)
	b.asked = b.asked[:0]
	clear(b.items)
	b.items = b.items[:0]
}

// keepHeld saves the lines that wait for their rest.
func (b *batch) keepHeld() {
	if d := b.p.decoder.Load(); d != nil {
		b.p.saveHeld(d, b.now)
	}
}

// The interval between checks of what waits for its rest. It is shorter where something has waited long enough before.
const (
	expireEvery = time.Second
	expireLeast = 10 * time.Millisecond
)

// untilExpiry returns when to check next what waits for its rest: no alert waits longer for a line that never comes than it has to.
func untilExpiry(d *chunk.Decoder, now int64) time.Duration {
	at, waits := d.NextExpiry()
	if !waits {
		return expireEvery
	}
	return max(expireLeast, min(time.Duration(at-now), expireEvery))
}

// expireLoop evaluates partial lines that waited too long, until the pipeline stops. It also logs ignored labels.
func (p *Pipeline) expireLoop() {
	b := p.newBatch()
	timer := time.NewTimer(expireEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			p.expire(b, false)
			p.logIgnoredLabels()
			timer.Reset(untilExpiry(p.decoder.Load(), b.now))
		case <-p.stopping:
			return
		}
	}
}

// logIgnoredLabels logs that labels were ignored since the last call. It belongs to one goroutine.
func (p *Pipeline) logIgnoredLabels() {
	n := p.decoder.Load().Stats().LabelsIgnored
	if n > p.ignoredLabels {
		p.log.Warn("ignoring labels fluentbit-trigger.workload that name workloads outside of the containers' own projects or namespaces; "+
			"labels.workload = \"any\" allows it", "containers", n-p.ignoredLabels)
	}
	p.ignoredLabels = n // a reload may replace the decoder, which counts from 0
}
