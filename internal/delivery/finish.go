package delivery

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// finishBatch bounds the results recorded in one transaction.
const finishBatch = 64

// finished is a result on its way to the store.
type finished struct {
	store.Result
	at time.Time
}

// returned passes a lease back when there is room to; otherwise it runs out by itself.
func (d *Dispatcher) returned(m *store.Message) {
	d.inFlight.Add(-1)
	copied := *m
	select {
	case d.results <- finished{Result: store.Result{Message: &copied, Outcome: store.Returned}}:
		d.inFlight.Add(1)
	default:
	}
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
			d.notes.addAll(noteDropped, dropped)
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
	d.inFlight.Add(-int64(len(batch)))
	for _, r := range batch {
		if r.Outcome == store.Returned || r.Outcome == store.Retry {
			d.nudge(r.Message.Target)
		}
	}
}

func (d *Dispatcher) nudge(target string) {
	d.mu.Lock()
	w := d.workers[target]
	d.mu.Unlock()
	if w != nil {
		w.nudge()
	}
}
