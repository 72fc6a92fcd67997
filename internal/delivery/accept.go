package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Item is one alert and the names of its triggers.
type Item struct {
	Alert    trigger.Alert
	Triggers []string
	// NotBefore, if set, is when the alert is sent as it is, unless Complete is called before.
	NotBefore time.Time
	// Fleet, if set, makes it an alert of a fleet: see store.Item.
	Fleet *store.FleetRow
}

// ErrBacklog is returned if the store fails and the backlog in memory is full.
var ErrBacklog = errors.New("the backlog in memory is full")

// unknownMaxAge is for deliveries to a trigger that is not configured.
const unknownMaxAge = 24 * time.Hour

// Room returns nil if a new chunk may be evaluated, and the reason otherwise. It uses neither the file nor the network.
func (d *Dispatcher) Room() error {
	if d.hasStopped() {
		return fmt.Errorf("delivery: %w", ErrStopped)
	}
	if err := d.opt.Store.Room(); err != nil {
		return err
	}
	// The alerts of another chunk would have to wait behind these, in memory that is bounded.
	if n := d.backlog.size(); n > 0 {
		return fmt.Errorf("delivery: %d alerts in memory are waiting for the store", n)
	}
	return nil
}

func (d *Dispatcher) hasStopped() bool {
	select {
	case <-d.quit:
		return true
	default:
		return false
	}
}

// Accept takes responsibility for alerts. When it returns nil, all of them are on disk, written in one transaction; or, if the store failed,
// they are in the backlog, in order, and are written once it works again. An alert whose id is known is dropped and counted. ctx bounds the
// wait for the store. An error means that alerts were lost: the backlog was full, or the store failed after Stop.
func (d *Dispatcher) Accept(ctx context.Context, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	rows, err := d.rows(items)
	if err != nil {
		return err
	}
	// In the store these alerts would overtake those that are in the backlog.
	if d.backlog.size() > 0 {
		return d.postpone(rows, nil)
	}
	err = d.save(ctx, rows)
	switch {
	case err == nil:
		return nil
	case dberr.IsTemporary(err):
		return d.postpone(rows, err)
	}
	return d.saveEach(ctx, rows)
}

// saveEach saves the alerts of a chunk one by one, after the store refused all of them with a permanent error. So one bad alert costs no other.
func (d *Dispatcher) saveEach(ctx context.Context, rows []store.Item) error {
	var errs []error
	for i := range rows {
		err := d.save(ctx, rows[i:i+1])
		switch {
		case err == nil:
		case dberr.IsTemporary(err):
			return errors.Join(append(errs, d.postpone(rows[i:], err))...)
		default:
			d.count.lost.Add(1)
			d.losses.add("", lossUnstored, 1)
			errs = append(errs, fmt.Errorf("delivery: lost alert %q: %w", rows[i].ID, err))
		}
	}
	return errors.Join(errs...)
}

// rows converts alerts to rows of the store.
func (d *Dispatcher) rows(items []Item) ([]store.Item, error) {
	d.mu.Lock()
	// The map is replaced and never changed, so reading it needs no lock.
	triggers := d.triggers
	d.mu.Unlock()
	rows := make([]store.Item, len(items))
	for i := range items {
		alert := &items[i].Alert
		payload, err := json.Marshal(alert)
		if err != nil {
			return nil, fmt.Errorf("delivery: alert %q: %w", alert.ID, err)
		}
		row := store.Item{ID: alert.ID, Payload: payload, Routes: make([]store.Route, 0, len(items[i].Triggers)), NotBefore: items[i].NotBefore, Fleet: items[i].Fleet}
		for _, name := range items[i].Triggers {
			row.Routes = append(row.Routes, route(name, triggers, alert))
		}
		rows[i] = row
	}
	return rows, nil
}

// orderOf returns the order of the alerts that open or close an incident: an end that overtook its beginning would leave it open. Where messages are edited
// all alerts of a key have one, since none may be edited to an older state. Nil for other alerts.
func orderOf(a *trigger.Alert, edits bool) []byte {
	if a.Key == "" || !edits && !a.Resolves && a.Kind != trigger.KindResolved {
		return nil
	}
	sum := sha256.Sum256([]byte(a.Key))
	return sum[:16]
}

func route(name string, triggers map[string]Trigger, alert *trigger.Alert) store.Route {
	t, known := triggers[name]
	if !known {
		return store.Route{Trigger: name, MaxAge: unknownMaxAge, Order: orderOf(alert, false)}
	}
	r := store.Route{Trigger: name, MaxAge: t.MaxAge, Order: orderOf(alert, destinationOf(t.Sender) != "")}
	if len(t.GroupBy) > 0 && alert.Kind != trigger.KindDigest { // a digest is a message of its own
		key := sha256.Sum256([]byte(trigger.GroupKey(t.GroupBy, alert)))
		r.Group, r.Wait, r.Interval = key[:16], t.GroupWait, t.GroupInterval
	}
	return r
}

// save writes rows to the store and wakes the workers of their triggers.
func (d *Dispatcher) save(ctx context.Context, rows []store.Item) error {
	done, err := d.opt.Store.Accept(ctx, d.opt.Now(), rows)
	if err != nil {
		return err
	}
	d.count.accepted.Add(int64(done.New))
	d.count.duplicates.Add(int64(done.Duplicate))
	d.count.addDropped(done.Dropped)
	d.losses.addAll(lossDropped, done.Dropped)
	d.notifyFor(rows)
	return nil
}

// notifyFor wakes the workers of the triggers of rows.
func (d *Dispatcher) notifyFor(rows []store.Item) {
	woken := make(map[string]bool)
	for _, row := range rows {
		for _, r := range row.Routes {
			if !woken[r.Trigger] {
				woken[r.Trigger] = true
				d.notify(r.Trigger)
			}
		}
	}
}

// postpone adds rows to the backlog, either because the store failed with cause or because earlier rows are still in the backlog.
func (d *Dispatcher) postpone(rows []store.Item, cause error) error {
	// After Stop nothing drains the backlog any more.
	if cause != nil && d.hasStopped() {
		d.count.lost.Add(int64(len(rows)))
		return fmt.Errorf("delivery: lost %d alerts: %w: %w", len(rows), ErrStopped, cause)
	}
	if cause != nil {
		d.opt.Log.Error("store failed: keeping alerts in memory and refusing new chunks until it works again",
			"alerts", len(rows), "error", cause)
	}
	alone(rows)
	if lost := d.backlog.push(rows); lost > 0 {
		d.count.lost.Add(int64(lost))
		d.losses.add("", lossUnstored, int64(lost))
		return errors.Join(fmt.Errorf("delivery: lost %d of %d alerts: %w", lost, len(rows), ErrBacklog), cause)
	}
	return nil
}

// drainBacklog moves the backlog to the store, in order, until it is empty or the store fails.
func (d *Dispatcher) drainBacklog(ctx context.Context) error {
	// Two drains at once would save the same rows and then drop others.
	d.backlog.draining.Lock()
	defer d.backlog.draining.Unlock()
	for {
		rows := d.backlog.peek()
		if len(rows) == 0 {
			return nil
		}
		err := d.save(ctx, rows)
		// One bad alert fails the transaction of all: alone, it fails only itself.
		if err != nil && !dberr.IsTemporary(err) && len(rows) > 1 {
			rows = rows[:1]
			err = d.save(ctx, rows)
		}
		switch {
		case err == nil:
		case dberr.IsTemporary(err), d.hasStopped():
			return err
		default:
			d.count.lost.Add(1)
			d.losses.add("", lossUnstored, 1)
			d.opt.Log.Error("lost an alert that the store refused", "alert", rows[0].ID, "error", err)
		}
		d.backlog.drop(len(rows))
	}
}

// backlogChunk is how many rows are written to the store at once.
const backlogChunk = 256

// maxBacklogBytes bounds the payloads of the backlog; Settings.Backlog bounds its rows.
const maxBacklogBytes = 32 << 20

// backlog holds the rows that could not be written to the store yet, oldest first.
type backlog struct {
	max      int
	draining sync.Mutex

	mu    sync.Mutex
	rows  []store.Item
	bytes int
}

func (b *backlog) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.rows)
}

// push appends rows and returns how many of them did not fit.
func (b *backlog) push(rows []store.Item) (lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, row := range rows {
		// The rest is dropped even if a later alert would fit, because alerts keep their order.
		if len(b.rows) >= b.max || b.bytes+len(row.Payload) > maxBacklogBytes {
			return len(rows) - i
		}
		b.rows = append(b.rows, row)
		b.bytes += len(row.Payload)
	}
	return 0
}

// take empties the backlog.
func (b *backlog) take() []store.Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := b.rows
	b.rows, b.bytes = nil, 0
	return rows
}

// replace replaces the row with the same id and reports whether there was one. The caller holds draining.
func (b *backlog) replace(row store.Item) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.rows {
		if b.rows[i].ID == row.ID {
			b.bytes += len(row.Payload) - len(b.rows[i].Payload)
			b.rows[i] = row
			return true
		}
	}
	return false
}

func (b *backlog) peek() []store.Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]store.Item(nil), b.rows[:min(len(b.rows), backlogChunk)]...)
}

func (b *backlog) drop(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.rows)) // fewer, if Stop took them meanwhile
	for _, row := range b.rows[:n] {
		b.bytes -= len(row.Payload)
	}
	if b.rows = b.rows[n:]; len(b.rows) == 0 {
		b.rows = nil
	}
}
