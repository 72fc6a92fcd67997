package pipeline

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/fault"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
)

// Verdict is the answer to a chunk.
type Verdict uint8

// The verdicts.
const (
	// Accepted: every line was evaluated, and every alert is kept. The chunk must not come again.
	Accepted Verdict = iota
	// Refused: no line was evaluated, because there is no room for alerts. The chunk is to come again later.
	Refused
)

// String returns the verdict's word.
func (v Verdict) String() string {
	if v == Refused {
		return "refused"
	}
	return "accepted"
}

// job is a number of lines on their way to an evaluator.
type job struct {
	lines func(b *batch) // hands each to b.line
	done  chan struct{}
}

// Flush evaluates a chunk of Fluent Bit's and keeps its alerts. The chunk's memory is not used after it returns. It never waits for the
// network; it may be called concurrently. The work is done on another goroutine, because Fluent Bit calls on the small stack of a
// coroutine, which code that the Go runtime runs on the caller's stack would overflow.
func (p *Pipeline) Flush(chunk []byte, tag string) Verdict {
	v := p.submit(func(b *batch) { p.decoder.Load().Decode(chunk, tag, b.now, b.line) })
	if v == Accepted {
		p.counters.chunks.Add(1)
	}
	return v
}

// submit has an evaluator evaluate lines, and returns when their alerts are kept, or at once when there is no room for alerts.
func (p *Pipeline) submit(lines func(*batch)) Verdict {
	if err := p.delivery.Room(); err != nil {
		p.counters.refused.Add(1)
		p.log.Warn("chunk refused until there is room for alerts", "error", err)
		return Refused
	}
	j := job{lines: lines, done: make(chan struct{})}
	select {
	case p.jobs <- j:
	case <-p.stopping:
		p.counters.refused.Add(1)
		return Refused
	}
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

// evaluate does one job. A panic costs the lines that were not evaluated by then; the alerts made so far are kept.
func (p *Pipeline) evaluate(b *batch, j job) {
	defer close(j.done)
	b.run(func() { j.lines(b) })
}

// expire evaluates the partial lines that waited for too long, or all of them.
func (p *Pipeline) expire(b *batch, all bool) {
	b.run(func() {
		if d := p.decoder.Load(); all {
			d.Drain(b.line)
		} else {
			d.Expire(b.now, b.line)
		}
	})
}

// batch evaluates lines and keeps their alerts in one transaction. It belongs to one goroutine.
type batch struct {
	p      *Pipeline
	worker *engine.Worker
	now    int64
	ids    identity
	id     func(*engine.Alert) string // names an alert of the line that is evaluated
	plain  []byte                     // a container's line without terminal sequences
	alerts []engine.Alert
	items  []delivery.Item

	begun     []*pendingAlert // alerts that began to wait for lines
	completed []delivery.Item // alerts kept before that have all their lines now
	tally     workload.Tally
	hits      int64 // of the records that were evaluated since it was set to 0
}

func (p *Pipeline) newBatch() *batch {
	return &batch{p: p, ids: identity{instance: p.id, ordinals: &p.ordinals}}
}

// run evaluates the lines that decode hands to b.line, with the rules in force at its start, and then keeps the alerts.
func (b *batch) run(decode func()) {
	b.now = b.p.arrival.read()
	b.worker = b.p.engine.Worker()
	b.worker.OnWait = b.begin
	begun := time.Now()
	defer func() {
		b.worker.Release()
		b.tally.Flush(&b.p.workloads, b.now)
		b.p.counters.nanos.Add(int64(time.Since(begun)))
		b.keep()
	}()
	defer guard.Recover(b.p.log, &b.p.counters.panics, "evaluating a chunk")
	fault.Inject("goroutine")
	decode()
}

// line evaluates one line, or one event of a container. A panic costs this one alone.
func (b *batch) line(rec *engine.Record, raw []byte) {
	if o, ok := rec.Fields.(*docker.ContainerEvent); ok {
		b.event(rec, o)
		return
	}
	b.identified(rec, func(a *engine.Alert) string { return b.ids.next(a, raw) })
}

// identified evaluates one line, whose alerts get their ids from id.
func (b *batch) identified(rec *engine.Record, id func(*engine.Alert) string) {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "evaluating a line")
	if IsOwn(rec) {
		b.p.counters.own.Add(1)
		return
	}
	b.id = id
	b.alerts = b.worker.Process(rec, b.now, b.alerts[:0])
	hits := b.worker.Hits()
	b.hits += int64(len(hits))
	b.tally.Count(&b.p.workloads, rec.Source, b.now, hits)
	if b.p.taps.Active() {
		b.offer(rec, hits)
	}
	b.route(id)
}

// offer shows a record to the open taps. A panic in their filters costs nothing else.
func (b *batch) offer(rec *engine.Record, hits []engine.Hit) {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "copying a record for taps")
	b.p.taps.Offer(rec, hits, b.now)
}

// route adds the alerts to those that are to be kept, each with the triggers that want it. Those that a record made get their ids from id.
func (b *batch) route(id func(*engine.Alert) string) {
	for i := range b.alerts {
		made := &b.alerts[i]
		if made.Ticket != 0 && b.release(made) {
			continue
		}
		var name string
		if made.Due != 0 {
			name = b.ids.ofTime(made)
		} else {
			name = id(made)
		}
		a := NewAlert(made, name)
		b.items = append(b.items, delivery.Item{Alert: a, Triggers: b.p.triggers.Load().of(&a)})
	}
}

// keep hands the alerts to delivery, which holds them in memory when the store does not take them.
func (b *batch) keep() {
	defer guard.Recover(b.p.log, &b.p.counters.panics, "keeping alerts")
	b.addBegun()
	if len(b.items) > 0 {
		if err := b.p.delivery.Accept(b.p.ctx, b.items); err != nil {
			b.p.log.Error("alerts are not on disk yet", "alerts", len(b.items), "error", err)
		}
	}
	if len(b.items) > 0 {
		b.p.subscribers.notify()
	}
	b.markAccepted()
	b.sendCompleted()
	clear(b.items)
	b.items = b.items[:0]
}

// expireEvery is how often partial lines are looked at.
const expireEvery = time.Second

// expireLoop hands over partial lines that waited for too long, until the pipeline stops. It also logs labels that were ignored.
func (p *Pipeline) expireLoop() {
	b := p.newBatch()
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.expire(b, false)
			p.logIgnoredLabels()
		case <-p.stopping:
			return
		}
	}
}

// logIgnoredLabels logs that labels were ignored since it was called last. It belongs to one goroutine.
func (p *Pipeline) logIgnoredLabels() {
	n := p.decoder.Load().Stats().LabelsIgnored
	if n > p.ignoredLabels {
		p.log.Warn("labels ignored: fluentbit-trigger.workload names workloads outside of the containers' own projects or namespaces; "+
			"labels.workload = \"any\" allows it", "containers", n-p.ignoredLabels)
	}
	p.ignoredLabels = n // a reload makes another decoder, which begins at zero
}
