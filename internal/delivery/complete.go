package delivery

import (
	"context"
	"errors"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// Complete replaces alerts that were accepted with a NotBefore by their final form, under the same ids, and sends them now, but for those of a fleet. After an error they
// are sent at their NotBefore as they were accepted; none is lost. ctx bounds the wait for the store.
func (d *Dispatcher) Complete(ctx context.Context, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	rows, err := d.rows(items)
	if err != nil {
		return err
	}
	stored := d.completeBacklog(rows)
	if len(stored) == 0 {
		return nil
	}
	err = d.opt.Store.Complete(ctx, d.opt.Now(), stored)
	if err == nil || dberr.IsTemporary(err) {
		d.notifyFor(stored)
		return err
	}
	var errs []error
	for i := range stored { // so that one bad alert costs no other
		errs = append(errs, d.opt.Store.Complete(ctx, d.opt.Now(), stored[i:i+1]))
	}
	d.notifyFor(stored)
	return errors.Join(errs...)
}

// completeBacklog completes the rows that are in the backlog and returns the others. It holds draining, so no row is between the backlog and the
// store meanwhile.
func (d *Dispatcher) completeBacklog(rows []store.Item) (stored []store.Item) {
	if d.backlog.size() == 0 {
		return rows
	}
	d.backlog.draining.Lock()
	defer d.backlog.draining.Unlock()
	for _, row := range rows {
		if !d.backlog.replace(row) {
			stored = append(stored, row)
		}
	}
	return stored
}
