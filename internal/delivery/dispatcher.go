package delivery

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Options are the dependencies and settings of a dispatcher.
type Options struct {
	// Store stores the alerts. The dispatcher does not close it.
	Store    *store.Store
	Settings Settings
	// Route returns the triggers of an alert of kind system; nil stands for all triggers. The trigger that the alert is about is left out.
	Route func(*trigger.Alert) []string
	// Host is the source host of alerts of kind system.
	Host string
	// Ended is called when deliveries ended: they were delivered or became dead letters. It must not block. nil: nobody is interested.
	Ended func()
	// Now is the clock; nil is time.Now. Timers follow the runtime's clock.
	Now func() time.Time
	// Random returns numbers in [0,1) for the jitter; nil is math/rand.
	Random func() float64
	Log    *slog.Logger
}

// Dispatcher accepts alerts and delivers them. Its methods are safe for concurrent use.
type Dispatcher struct {
	opt   Options
	owner store.Owner

	mu             sync.Mutex
	workers        map[string]*worker
	triggers       map[string]Trigger // replaced, never changed
	started        bool
	stopping       bool
	endMaintenance context.CancelFunc

	quit     chan struct{} // closed when Stop begins
	results  chan finished
	finishes chan struct{} // closed once the last result is recorded
	tasks    sync.WaitGroup
	stopOnce sync.Once
	stopped  error

	returnsMu sync.Mutex
	returns   []store.Result // leases to return that did not fit into results
	backlog   backlog
	losses    losses
	inFlight  atomic.Int64
	renewed   atomic.Int64 // when the leases were last renewed
	count     counters
	sent      sentCounts
}

// ErrStopped is returned after Stop was called.
var ErrStopped = errors.New("delivery has stopped")

// New checks the options and starts nothing.
func New(o Options) (*Dispatcher, error) {
	if o.Store == nil {
		return nil, errors.New("delivery: a store must be set")
	}
	if err := setting.Join(o.Settings.Validate()); err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var seed [8]byte
	if _, err := cryptorand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	return &Dispatcher{
		// The owner is positive and odd, so it is never 0, which stands for no owner.
		opt: o, owner: store.Owner(binary.LittleEndian.Uint64(seed[:])>>1 | 1),
		workers: make(map[string]*worker), triggers: make(map[string]Trigger),
		quit: make(chan struct{}), results: make(chan finished, finishBatch), finishes: make(chan struct{}),
		backlog: backlog{max: o.Settings.Backlog}, losses: newLosses(),
	}, nil
}

// Start starts the deliveries, beginning with those pending in the store. A second call, or one after Stop, does nothing.
func (d *Dispatcher) Start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.started || d.stopping {
		return
	}
	d.started = true
	// Before any chunk is accepted: while these alerts are in the backlog, Room refuses chunks, so no newer alert overtakes them.
	d.resume()
	go d.guard("finisher", d.finisher)
	ctx, cancel := context.WithCancel(context.Background())
	d.endMaintenance = cancel
	d.tasks.Add(1)
	go func() {
		defer d.tasks.Done()
		d.guard("maintenance", func() { d.maintain(ctx) })
	}()
	for _, w := range d.workers {
		d.launch(w)
	}
}

// resume takes over the alerts that an earlier instance of this process could not write to the store.
func (d *Dispatcher) resume() {
	rows := d.opt.Store.TakeOver()
	if lost := d.backlog.push(rows); lost > 0 {
		d.count.lost.Add(int64(lost))
		d.losses.add("", lossUnstored, int64(lost))
	}
	if len(rows) > 0 {
		d.opt.Log.Info("taking over alerts that were only in memory before the reload", "alerts", len(rows))
	}
}

// launch starts a worker. The caller holds d.mu.
func (d *Dispatcher) launch(w *worker) {
	ctx, cancel := context.WithCancel(context.Background())
	w.end = cancel
	d.tasks.Add(1)
	go func() {
		defer d.tasks.Done()
		d.guard("worker of "+w.name, func() { w.loop(ctx) })
	}()
}

// guard runs a loop and restarts it one second after a panic, so a defect neither ends the host nor stops deliveries.
func (d *Dispatcher) guard(what string, loop func()) {
	for d.survives(what, loop) {
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-d.quit:
			timer.Stop()
		}
	}
}

// survives runs fn and reports whether it panicked.
func (d *Dispatcher) survives(what string, fn func()) (panicked bool) {
	panicked = true // unless fn returns
	defer guard.Recover(d.opt.Log, &d.count.panics, what)
	fn()
	return false
}

// Stop ends all deliveries: it cancels attempts, returns their messages and releases the leases. It returns when that is done or when ctx ends,
// and may be called more than once. Alerts in the store stay there for the next start.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { d.stopped = d.stop(ctx) })
	return d.stopped
}

func (d *Dispatcher) stop(ctx context.Context) error {
	d.mu.Lock()
	d.stopping = true
	started := d.started
	// Closed first, so that nothing waits for a retry any more: not the finisher for the store, not a loop after its panic.
	close(d.quit)
	if started {
		d.endMaintenance()
	}
	for _, w := range d.workers {
		w.retire()
	}
	d.mu.Unlock()
	var errs []error
	if started {
		go func() {
			// Workers and attempts send to this channel, so it is closed after the last of them.
			d.tasks.Wait()
			close(d.results)
		}()
		select {
		case <-d.finishes:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("delivery: stop: %d messages are still being sent: %w", d.inFlight.Load(), ctx.Err()))
		}
	}
	if err := d.drainBacklog(ctx); err != nil {
		rows := d.backlog.take()
		d.opt.Store.HandOver(rows)
		errs = append(errs, fmt.Errorf("delivery: stop: %d alerts are only in memory: a hot reload keeps them, the end of the process loses them: %w",
			len(rows), err))
	}
	// Last, because the store records results only for the owner of a lease.
	if err := d.opt.Store.Release(ctx, d.owner, d.opt.Now()); err != nil {
		errs = append(errs, fmt.Errorf("delivery: stop: %w", err))
	}
	return errors.Join(errs...)
}

// Test sends an alert to a trigger at once, through its sender, and returns the result. It stores nothing.
func (d *Dispatcher) Test(ctx context.Context, name string, alert trigger.Alert) (trigger.Result, error) {
	d.mu.Lock()
	w := d.workers[name]
	d.mu.Unlock()
	if w == nil {
		return trigger.Result{}, fmt.Errorf("delivery: no trigger %q", name)
	}
	// A reload during the test must not close the sender.
	ref := w.sender()
	if !ref.acquire() {
		return trigger.Result{}, fmt.Errorf("delivery: trigger %q: %w", name, ErrStopped)
	}
	defer ref.release()
	result, panicked := safely(func() trigger.Result { return ref.Send(ctx, alert.ID, []trigger.Alert{alert}) })
	if panicked {
		d.count.panics.Add(1)
	}
	return result, nil
}
