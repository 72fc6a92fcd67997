package delivery

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// finishBatch bounds the results recorded in one transaction.
const finishBatch = 64

// finished is a result on its way to the store.
type finished struct{ store.Result }

// returned gives a lease back without waiting: by way of the finisher when that keeps up, else the keeper sees to it.
func (d *Dispatcher) returnLease(m *store.Message) {
	copied := *m
	select {
	case d.results <- finished{store.Result{Message: &copied, Outcome: store.Returned}}:
	default:
		d.returnsMu.Lock()
		d.returns = append(d.returns, store.Result{Message: &copied, Outcome: store.Returned})
		d.returnsMu.Unlock()
	}
}

// returnLeases returns the leases that the finisher had no room for. Their number is bounded by what workers lease in advance.
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

// finisher records results, as many as have come together, until the channel is closed.
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

// record tries until the store takes the results. Once Stop began it tries only once more: what is not recorded is sent again, by the same
// id, at the next start.
func (d *Dispatcher) record(batch []store.Result) {
	for {
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
			d.opt.Log.Warn("outcomes could not be recorded; these alerts will be sent again", "number", len(batch), "error", err)
		}
		break
	}
	d.finishUp(batch)
}

// settled counts messages that are not under way any more, and wakes the workers of those that may be sent again.
func (d *Dispatcher) finishUp(batch []store.Result) {
	d.inFlight.Add(-int64(len(batch)))
	for _, r := range batch {
		if r.Outcome == store.Returned || r.Outcome == store.Retry || r.Outcome == store.Split {
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
