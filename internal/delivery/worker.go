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
	// prefetch is how many messages are leased in advance, so that a fast receiver does not cost one transaction per message; of one that took them
	// within shortly, twice as many as before, up to maxPrefetch.
	prefetch    = 16
	maxPrefetch = 128
	shortly     = 250 * time.Millisecond
	// forever stands for a wait that only notify ends. It is finite, so a lost notification delays alerts by minutes but loses none.
	forever = 5 * time.Minute
)

// worker sends the alerts of one trigger.
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
	queue    []store.Message // leased, but not being sent yet
	ahead    int             // messages that were leased in advance at last
	fetched  time.Time       // when that was
}

func newWorker(d *Dispatcher, t Trigger, state store.TriggerState) *worker {
	w := &worker{
		d: d, name: t.Name, wake: make(chan struct{}, 1), end: func() {}, settings: t, ref: newSenderRef(t.Sender), state: state,
		durations: newDurations(),
	}
	w.rate.set(t.Rate)
	return w
}

// update changes the settings. Attempts that are under way finish with the old ones.
func (w *worker) update(t Trigger, state store.TriggerState, known bool) {
	w.mu.Lock()
	old := w.ref
	// Another destination or other credentials: the hold and the failures were those of the old ones.
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
	// Without the lock, because the last release closes the sender, and that may take a while.
	if changed {
		old.release()
	}
	w.notify()
}

// retire ends the loop, cancels attempts and returns their messages. The caller holds the dispatcher's mutex.
func (w *worker) retire() {
	w.end()
	w.sender().release()
}

func (w *worker) sender() *senderRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ref
}

// notify makes the loop check for work. It never blocks.
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
			// Otherwise these messages would stay leased as long as this process runs.
			w.returnLeases()
			return
		case <-w.wake:
		case <-timer.C:
		}
		timer.Reset(w.round(ctx))
	}
}

// round starts all attempts that may start now, and returns how long to wait for the next one, unless notify is called before.
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

// allowed returns how many attempts may start now; if none may, wait is when to check again. After a failure it allows one attempt at a time
// until one succeeds.
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
	// One message is enough to find out whether the receiver works again.
	if w.state.Failures > 0 || w.state.Hold != store.HoldNone {
		slots = 1 - w.inFlight
	}
	return slots, forever
}

// pop removes and returns the next leased message.
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

// fetch leases messages. If it leased none, more is false and wait is when to try again.
func (w *worker) fetch(ctx context.Context, slots int) (more bool, wait time.Duration) {
	now := w.d.opt.Now()
	w.mu.Lock()
	limit := slots
	// A failing or limited trigger leases nothing in advance: other processes that use the store could send it meanwhile.
	if w.state.Failures == 0 && w.state.Hold == store.HoldNone && w.rate.rate.Count == 0 {
		if since := now.Sub(w.fetched); since >= 0 && since < shortly {
			w.ahead = min(2*w.ahead, maxPrefetch)
		} else {
			w.ahead = prefetch
		}
		limit += w.ahead
	}
	w.mu.Unlock()
	messages, next, err := w.d.opt.Store.Lease(ctx, w.d.owner, now, w.name, limit)
	if err != nil {
		return false, storeRetry
	}
	if len(messages) == 0 {
		if next.IsZero() {
			return false, forever
		}
		if wait = next.Sub(now); wait <= 0 { // another process leased it in the meantime
			wait = storeRetry
		}
		return false, min(forever, wait)
	}
	w.d.renewed.Store(now.UnixNano())
	w.d.inFlight.Add(int64(len(messages)))
	w.mu.Lock()
	w.queue, w.fetched = messages, now
	w.mu.Unlock()
	return true, 0
}

// begin starts an attempt. If the rate limit forbids it, begin puts the message back and returns how long to wait.
func (w *worker) begin(ctx context.Context, message store.Message) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.opt.Now()
	if wait := w.rate.wait(now); wait > 0 {
		w.queue = append([]store.Message{message}, w.queue...)
		return wait
	}
	// Counted before the attempt, because a failed attempt counts at the receiver too.
	w.rate.add(now)
	w.inFlight++
	// Acquired under the lock, so that update cannot release the last reference in between.
	ref := w.ref
	ref.acquire()
	w.d.tasks.Add(1)
	go func() {
		defer w.d.tasks.Done()
		w.run(ctx, ref, &message)
	}()
	return 0
}

// returnLeases returns the leases of messages that are not being sent yet.
func (w *worker) returnLeases() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returnQueue()
}

// returnQueue returns the leases of the queue. The caller holds w.mu.
func (w *worker) returnQueue() {
	for i := range w.queue {
		w.d.returnLease(&w.queue[i])
	}
	w.queue = nil
}
