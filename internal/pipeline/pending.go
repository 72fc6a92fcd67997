package pipeline

import (
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// pendingTime is how long the store keeps back an alert that waits for the lines after its hit. The engine releases it sooner; only after a crash does it
// wait that long, and is then sent without those lines.
const pendingTime = 10 * time.Second

// pendingAlerts holds the alerts that wait in the engine for the lines after their hit. Each is stored with its chunk, before the chunk is acknowledged,
// without these lines, and completed under the same id when the engine releases it.
type pendingAlerts struct {
	mu       sync.Mutex
	byTicket map[uint64]*pendingAlert
}

// pendingAlert is one of them. The mutex of pendingAlerts guards it.
type pendingAlert struct {
	item     delivery.Item
	asks     *fleet.Candidate // the fleet is asked about it once its lines have come; nil: it is not asked
	accepted bool             // it is stored: Complete must update it
	complete bool             // its lines have come
	whole    bool             // it was stored with them
}

func newPendingAlerts() *pendingAlerts { return &pendingAlerts{byTicket: map[uint64]*pendingAlert{}} }

// complete adds the lines around its hit to a waiting alert. ready means that it is stored already, and item must update it; otherwise its own batch
// stores it complete. one is nil for an alert that was not waiting.
func (w *pendingAlerts) complete(a *engine.Alert) (one *pendingAlert, ready bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one = w.byTicket[a.Ticket]; one == nil {
		return nil, false
	}
	delete(w.byTicket, a.Ticket)
	one.item.Alert.Context, one.complete = contextOf(a), true
	if one.asks == nil {
		one.item.NotBefore = time.Time{}
	}
	return one, one.accepted
}

// update queues the update of a stored alert whose lines have come, and the question about it. The caller holds the mutex of pendingAlerts, or has the alert
// for itself.
func (b *batch) update(one *pendingAlert) {
	if !one.whole {
		b.completed = append(b.completed, one.item)
	}
	if one.asks != nil {
		b.asked = append(b.asked, b.p.fleet.Again(one.asks, &one.item.Alert))
	}
}

// begin adds an alert that begins to wait. It is an engine.Worker.OnWait.
func (b *batch) begin(a *engine.Alert) {
	e := NewAlert(a, b.id(a))
	one := &pendingAlert{item: delivery.Item{
		Alert: e, Triggers: b.triggersOf(a, &e), NotBefore: time.Unix(0, b.now).Add(pendingTime),
	}}
	if a.Candidate != 0 {
		if c, waits := b.p.fleet.Ask(a, &one.item); waits { // after the lines, so it waits for both
			one.asks, one.item.NotBefore = &c, one.item.NotBefore.Add(pendingTime)
		}
	}
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	b.p.pending.byTicket[a.Ticket] = one
	b.begun = append(b.begun, one)
}

// release completes an alert that waited. ok is false for one that did not.
func (b *batch) release(a *engine.Alert) (ok bool) {
	one, ready := b.p.pending.complete(a)
	if ready {
		b.update(one)
	}
	return one != nil
}

// addBegun adds the alerts that began to wait to those to store, with the lines that have come so far.
func (b *batch) addBegun() {
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	for _, one := range b.begun {
		one.whole = one.complete
		b.items = append(b.items, one.item)
	}
}

// markAccepted marks these alerts as stored, and queues the updates of those that were completed meanwhile.
func (b *batch) markAccepted() {
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	for _, one := range b.begun {
		one.accepted = true
		if one.complete && (!one.whole || one.asks != nil) { // after its copy went to the store, only an update adds the lines
			b.update(one)
		}
	}
	clear(b.begun)
	b.begun = b.begun[:0]
}

// sendCompleted updates stored alerts that are complete now.
func (b *batch) sendCompleted() {
	if len(b.completed) == 0 {
		return
	}
	// An error costs only the lines: the store sends the alert without them once pendingTime is over.
	if err := b.p.delivery.Complete(b.p.ctx, b.completed); err != nil {
		b.p.log.Warn("sending alerts without the lines after them", "alerts", len(b.completed), "error", err)
	}
	clear(b.completed)
	b.completed = b.completed[:0]
}

// releaseWaiting releases all alerts that wait for lines: no more lines will come.
func (p *Pipeline) releaseWaiting(b *batch) {
	b.run(func() {
		b.alerts = p.engine.ReleaseWaiting(b.alerts[:0])
		b.route()
	})
}

// contextOf returns the lines around the hit, or nil.
func contextOf(a *engine.Alert) *trigger.Context {
	if len(a.Before)+len(a.After) == 0 {
		return nil
	}
	return &trigger.Context{Before: a.Before, After: a.After}
}
