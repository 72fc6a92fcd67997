package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// finishBatch bounds the results that are recorded in one transaction.
const finishBatch = 64

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
		batch := []store.Result{first.Result}
		for len(batch) < finishBatch {
			select {
			case next, ok := <-d.results:
				if ok {
					batch = append(batch, next.Result)
					continue
				}
			default:
			}
			break
		}
		d.record(batch)
	}
	close(d.finishes)
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
		if r.Message.Ordered || r.Outcome == store.Returned || r.Outcome == store.Retry || r.Outcome == store.Split {
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
