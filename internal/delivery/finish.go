package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

const (
	// finishBatch bounds the results that are recorded in one transaction.
	finishBatch = 128
	// finishWait is how long a result may wait for others that share its transaction, while attempts are under way. A kill of the process repeats the alerts
	// whose results are not recorded, so it is no longer than the sync of a disk takes anyway.
	finishWait = 2 * time.Millisecond
)

// finished is a result on its way to the store.
type finished struct{ store.Result }

// returnLease returns a lease without blocking: through the finisher, or, if that is behind, through maintenance.
func (d *Dispatcher) returnLease(m *store.Message) {
	copied := *m
	select {
	case d.results <- finished{store.Result{Message: &copied, Outcome: store.Returned}}:
	default: // the caller holds its worker's lock, and the finisher may wait for the store
		d.returnsMu.Lock()
		d.returns = append(d.returns, store.Result{Message: &copied, Outcome: store.Returned})
		d.returnsMu.Unlock()
	}
}

// returnLeases returns the leases that did not fit into results. Workers bound their number: they lease only few messages in advance.
func (d *Dispatcher) returnLeases(ctx context.Context) {
	d.returnsMu.Lock()
	batch := d.returns
	d.returns = nil
	d.returnsMu.Unlock()
	if len(batch) == 0 {
		return
	}
	if _, err := d.opt.Store.Finish(ctx, d.owner, d.opt.Now(), batch); err != nil {
		d.returnsMu.Lock()
		d.returns = append(batch, d.returns...)
		d.returnsMu.Unlock()
		return
	}
	d.finishUp(batch)
}

// finisher records results in batches until the channel is closed.
func (d *Dispatcher) finisher() {
	for first := range d.results {
		d.record(d.gather(first.Result))
	}
	close(d.finishes)
}

// gather returns a result with those that come until finishWait has passed, as long as others are to come and nobody waits for one of them.
func (d *Dispatcher) gather(first store.Result) []store.Result {
	batch := []store.Result{first}
	urgent := wakes(&first)
	timer := time.NewTimer(finishWait)
	defer timer.Stop()
	for len(batch) < finishBatch {
		select {
		case next, ok := <-d.results:
			if !ok {
				return batch
			}
			batch, urgent = append(batch, next.Result), urgent || wakes(&next.Result)
			continue
		default:
		}
		if urgent || d.inFlight.Load() <= int64(len(batch)) {
			return batch
		}
		select {
		case next, ok := <-d.results:
			if !ok {
				return batch
			}
			batch, urgent = append(batch, next.Result), wakes(&next.Result)
		case <-timer.C:
			return batch
		case <-d.quit:
			urgent = true
		}
	}
	return batch
}

// wakes reports whether a worker waits for a result: it sends the message again, or others that wait for it.
func wakes(r *store.Result) bool {
	return r.Message.Ordered || r.Outcome == store.Returned || r.Outcome == store.Retry || r.Outcome == store.Split
}

// record retries until the store accepts the results. After Stop it retries only once: messages without a recorded result are sent again, under
// the same id, after the next start.
func (d *Dispatcher) record(batch []store.Result) {
	for {
		// Not the context of Stop: an alert whose outcome is not recorded is sent again.
		dropped, err := d.opt.Store.Finish(context.Background(), d.owner, d.opt.Now(), batch)
		if err == nil {
			d.losses.addAll(lossDropped, dropped)
			d.count.addDropped(dropped)
			break
		}
		timer := time.NewTimer(storeRetry)
		select {
		case <-timer.C:
			continue
		case <-d.quit:
			timer.Stop()
			_, err = d.opt.Store.Finish(context.Background(), d.owner, d.opt.Now(), batch)
		}
		if err != nil {
			d.opt.Log.Warn("cannot record outcomes: these alerts will be sent again", "number", len(batch), "error", err)
		}
		break
	}
	d.finishUp(batch)
}

// finishUp counts messages as finished and wakes the workers of those that can be sent again, or that others waited for.
func (d *Dispatcher) finishUp(batch []store.Result) {
	d.inFlight.Add(-int64(len(batch)))
	if d.opt.Ended != nil && slices.ContainsFunc(batch, func(r store.Result) bool { return r.Outcome == store.Delivered || r.Outcome == store.Dead }) {
		d.opt.Ended()
	}
	for _, r := range batch {
		if wakes(&r) {
			d.notify(r.Message.Trigger)
		}
	}
}

func (d *Dispatcher) notify(name string) {
	d.mu.Lock()
	w := d.workers[name]
	d.mu.Unlock()
	if w != nil {
		w.notify()
	}
}
