package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

const (
	// storeRetry is how long a worker waits after the store failed.
	storeRetry = time.Second
	// prefetch bounds the messages leased beyond those under way, so that fast receivers do not cost one transaction for each.
	prefetch = 16
	// forever stands for a wait that only a wake ends. It is finite, so that a lost wake costs minutes, not alerts.
	forever = 5 * time.Minute
)

// worker delivers to one trigger.
type worker struct {
	d         *Dispatcher
	name      string
	wake      chan struct{}
	durations prometheus.Histogram
	end       context.CancelFunc // ends the loop and cancels attempts; set when the loop starts, guarded by the dispatcher

	mu       sync.Mutex
	settings Trigger
	ref      *senderRef
	state    store.TriggerState
	rate     window
	inFlight int
	queue    []store.Message // leased, not begun
}

func newWorker(d *Dispatcher, t Trigger, state store.TriggerState) *worker {
	w := &worker{
		d: d, name: t.Name, wake: make(chan struct{}, 1), end: func() {}, settings: t, ref: newSenderRef(t.Sender), state: state,
		durations: newDurations(),
	}
	w.rate.set(t.Rate)
	return w
}

// update changes the settings while attempts go on under the old ones.
func (w *worker) update(t Trigger, state store.TriggerState, known bool) {
	w.mu.Lock()
	old := w.ref
	if t.Revision != w.settings.Revision && known {
		w.state = state
	}
	w.settings = t
	w.rate.set(t.Rate)
	changed := !old.is(t.Sender)
	if changed {
		w.ref = newSenderRef(t.Sender)
	}
	w.mu.Unlock()
	if changed {
		old.release()
	}
	w.notify()
}

// retire ends the loop. Attempts under way are cancelled and their messages given back. The caller holds the dispatcher's mutex.
func (w *worker) retire() {
	w.end()
	w.sender().release()
}

func (w *worker) sender() *senderRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ref
}

// notify makes the loop look again. It never blocks.
func (w *worker) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.returnLeases()
			return
		case <-w.wake:
		case <-timer.C:
		}
		timer.Reset(w.round(ctx))
	}
}

// round begins what may begin now, and returns how long nothing else can, unless the worker is woken.
func (w *worker) round(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		slots, wait := w.allowed()
		if slots <= 0 {
			return wait
		}
		message, ok := w.pop()
		if !ok {
			more, wait := w.fetch(ctx, slots)
			if !more {
				return wait
			}
			continue
		}
		if wait := w.begin(ctx, message); wait > 0 {
			return wait
		}
	}
	return forever
}

// allowed returns how many attempts may begin now, and when none may, how long until that can change without a wake. After a failure one
// attempt at a time is made until one succeeds.
func (w *worker) allowed() (slots int, wait time.Duration) {
	w.mu.Lock()
	now := w.d.opt.Now()
	defer w.mu.Unlock()
	if w.state.Hold == store.HoldDisabled {
		w.returnQueue()
		return 0, forever
	}
	if wait := w.state.NotBefore.Sub(now); wait > 0 {
		w.returnQueue()
		return 0, wait
	}
	slots = w.settings.Concurrency - w.inFlight
	if w.state.Failures > 0 || w.state.Hold != store.HoldNone {
		slots = 1 - w.inFlight
	}
	return slots, forever
}

// pop takes the next leased message.
func (w *worker) pop() (store.Message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return store.Message{}, false
	}
	m := w.queue[0]
	w.queue[0] = store.Message{}
	w.queue = w.queue[1:]
	return m, true
}

// fetch leases messages. more is false when there is nothing to begin for wait.
func (w *worker) fetch(ctx context.Context, slots int) (more bool, wait time.Duration) {
	w.mu.Lock()
	limit := slots
	if w.state.Failures == 0 && w.state.Hold == store.HoldNone && w.rate.rate.Count == 0 {
		limit += prefetch
	}
	w.mu.Unlock()
	now := w.d.opt.Now()
	messages, next, err := w.d.opt.Store.Lease(ctx, w.d.owner, now, w.name, limit)
	if err != nil {
		return false, storeRetry
	}
	if len(messages) == 0 {
		if next.IsZero() {
			return false, forever
		}
		if wait = next.Sub(now); wait <= 0 { // somebody else took it between the two looks
			wait = storeRetry
		}
		return false, min(forever, wait)
	}
	w.d.renewed.Store(now.UnixNano())
	w.d.inFlight.Add(int64(len(messages)))
	w.mu.Lock()
	w.queue = messages
	w.mu.Unlock()
	return true, 0
}

// begin starts an attempt, or puts the message back and returns how long the rate forbids it.
func (w *worker) begin(ctx context.Context, message store.Message) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.opt.Now()
	if wait := w.rate.wait(now); wait > 0 {
		w.queue = append([]store.Message{message}, w.queue...)
		return wait
	}
	w.rate.add(now)
	w.inFlight++
	ref := w.ref
	ref.acquire()
	w.d.tasks.Add(1)
	go func() {
		defer w.d.tasks.Done()
		w.run(ctx, ref, &message)
	}()
	return 0
}

// returnLeases returns what was leased and not begun.
func (w *worker) returnLeases() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returnQueue()
}

// returnQueue gives leases back. The caller holds w.mu.
func (w *worker) returnQueue() {
	for i := range w.queue {
		w.d.returnLease(&w.queue[i])
	}
	w.queue = nil
}
