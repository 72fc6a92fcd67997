package pipeline

import (
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// holdTime is how long the store holds an alert that waits for the lines after it. The engine lets it go sooner, so only those of a process that
// died are held for so long: then they leave without these lines.
const holdTime = 10 * time.Second

// pendingAlerts are the alerts that wait in the engine for the lines after them. Each is kept with its chunk, before the chunk is acknowledged, as it
// was when it began to wait, and completed under the same id when the engine lets it go.
type pendingAlerts struct {
	mu       sync.Mutex
	byTicket map[uint64]*pendingAlert
}

// pendingAlert is one of them. What it holds is guarded by the mutex of waits.
type pendingAlert struct {
	item     delivery.Item
	accepted bool // it is kept: what comes now completes it
}

func newPendingAlerts() *pendingAlerts { return &pendingAlerts{byTicket: map[uint64]*pendingAlert{}} }

// complete gives a waiting alert the lines around it. ready says that it is kept already, and item is to complete it; otherwise the batch in
// which it began keeps it complete. ok is false when nobody told that it waits.
func (w *pendingAlerts) complete(a *engine.Alert) (item delivery.Item, ready, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.byTicket[a.Ticket]
	if one == nil {
		return item, false, false
	}
	delete(w.byTicket, a.Ticket)
	one.item.Alert.Context, one.item.NotBefore = contextOf(a), time.Time{}
	return one.item, one.accepted, true
}

// begin notes an alert that begins to wait. It is an engine.Worker.OnWait.
func (b *batch) begin(a *engine.Alert) {
	e := NewAlert(a, b.id(a))
	one := &pendingAlert{item: delivery.Item{
		Alert: e, Triggers: b.p.triggers.Load().of(&e), NotBefore: time.Unix(0, b.now).Add(holdTime),
	}}
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	b.p.pending.byTicket[a.Ticket] = one
	b.begun = append(b.begun, one)
}

// release has an alert that waited completed, or kept complete where it is not kept yet.
func (b *batch) release(a *engine.Alert) (ok bool) {
	item, ready, ok := b.p.pending.complete(a)
	if ready {
		b.completed = append(b.completed, item)
	}
	return ok
}

// addBegun adds the alerts that began to wait to those that are to be kept, as complete as they are by now.
func (b *batch) addBegun() {
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	for _, one := range b.begun {
		b.items = append(b.items, one.item)
	}
}

// markAccepted notes that they are kept, and adds those that were completed meanwhile to those that are to be completed.
func (b *batch) markAccepted() {
	b.p.pending.mu.Lock()
	defer b.p.pending.mu.Unlock()
	kept := b.items[len(b.items)-len(b.begun):]
	for i, one := range b.begun {
		one.accepted = true
		if one.item.NotBefore.IsZero() && !kept[i].NotBefore.IsZero() {
			b.completed = append(b.completed, one.item)
		}
	}
	clear(b.begun)
	b.begun = b.begun[:0]
}

// sendCompleted completes what is kept.
func (b *batch) sendCompleted() {
	if len(b.completed) == 0 {
		return
	}
	if err := b.p.delivery.Complete(b.p.ctx, b.completed); err != nil {
		b.p.log.Warn("alerts leave without the lines after them", "alerts", len(b.completed), "error", err)
	}
	clear(b.completed)
	b.completed = b.completed[:0]
}

// releaseWaiting lets all alerts go that wait for lines: no more will come.
func (p *Pipeline) releaseWaiting(b *batch) {
	b.run(func() {
		b.alerts = p.engine.ReleaseWaiting(b.alerts[:0])
		b.route(func(a *engine.Alert) string { return b.ids.next(a, nil) })
	})
}

// contextOf returns the lines around an alert's own, or nil.
func contextOf(a *engine.Alert) *trigger.Context {
	if len(a.Before)+len(a.After) == 0 {
		return nil
	}
	return &trigger.Context{Before: a.Before, After: a.After}
}
