package delivery

import (
	"context"
	"time"
)

const (
	// maintainEvery is the interval of maintenance.
	maintainEvery = time.Second
	// watchEvery is how often maintenance checks whether another process changed the store.
	watchEvery = 2 * time.Second
	// sweepEvery is how often maintenance removes rows that are too old.
	sweepEvery = 15 * time.Second
	// renewEvery is a third of store.LeaseTime.
	renewEvery = 5 * time.Second
)

// maintain does the work that belongs to no trigger: it moves the backlog to the store, renews leases, removes rows that are too old, wakes the
// workers when the command line changed the store, and reports losses.
func (d *Dispatcher) maintain(ctx context.Context) {
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	var watched, swept time.Time
	var changes uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := d.opt.Now()
		if !d.revive(ctx) {
			continue
		}
		d.returnLeases(ctx)
		d.renew(ctx, now)
		if now.Sub(watched) >= watchEvery {
			watched = now
			if latest, err := d.opt.Store.Changes(ctx); err == nil && latest != changes {
				changes = latest
				d.notifyAll()
			}
		}
		if now.Sub(swept) >= sweepEvery {
			swept = now
			d.sweep(ctx, now)
		}
		d.reportLosses(ctx, now)
	}
}

// revive tries to use a store that failed or is full, and reports whether it works.
func (d *Dispatcher) revive(ctx context.Context) bool {
	if d.backlog.size() > 0 {
		if err := d.drainBacklog(ctx); err != nil {
			return false
		}
		d.opt.Log.Info("store works again: wrote the alerts that were in memory")
	}
	if d.opt.Store.Room() == nil {
		return true
	}
	return d.opt.Store.Probe(ctx, d.opt.Now()) == nil
}

// renew renews the leases while messages are leased.
func (d *Dispatcher) renew(ctx context.Context, now time.Time) {
	if d.inFlight.Load() == 0 || now.UnixNano()-d.renewed.Load() < int64(renewEvery) {
		return
	}
	if err := d.opt.Store.Renew(ctx, d.owner, now); err == nil {
		d.renewed.Store(now.UnixNano())
	}
}

func (d *Dispatcher) sweep(ctx context.Context, now time.Time) {
	for ctx.Err() == nil {
		done, err := d.opt.Store.Sweep(ctx, now)
		if err != nil {
			return
		}
		for name, n := range done.Expired {
			d.count.expired.Add(n)
			d.losses.add(name, lossExpired, n)
			d.opt.Log.Warn("alerts reached max_age: they are dead letters now", "trigger", name, "number", n)
		}
		d.count.addDropped(done.Dropped)
		d.losses.addAll(lossDropped, done.Dropped)
		if !done.More {
			return
		}
	}
}

func (d *Dispatcher) notifyAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		w.notify()
	}
}
