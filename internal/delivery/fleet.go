package delivery

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// FleetDecide records what becomes of candidates of a fleet, all of them or none, and returns it: see store.FleetDecide.
func (d *Dispatcher) FleetDecide(ctx context.Context, instance string, list []store.FleetDecision) ([]store.FleetOutcome, error) {
	d.mu.Lock()
	triggers := d.triggers // replaced, never changed
	d.mu.Unlock()
	became, err := d.opt.Store.FleetDecide(ctx, d.opt.Now(), instance, list, func(name string) (wait, interval time.Duration) {
		t := triggers[name]
		return t.GroupWait, t.GroupInterval
	})
	if err != nil {
		return nil, err
	}
	d.notifyAll()
	return became, nil
}

// AcceptNow stores one alert and starts its deliveries. Unlike Accept, it keeps nothing in memory: after an error nothing is stored.
func (d *Dispatcher) AcceptNow(ctx context.Context, item Item) error {
	rows, err := d.rows([]Item{item})
	if err != nil {
		return err
	}
	return d.save(ctx, rows)
}

// alone makes candidates alerts that leave without a decision, for the backlog: what is not on disk nobody may be asked about.
func alone(rows []store.Item) {
	for i := range rows {
		if f := rows[i].Fleet; f != nil && !f.Taken {
			rows[i].Fleet = nil
		}
	}
}
