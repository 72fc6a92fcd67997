package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"
)

// Complete gives alerts that were accepted with a time before which they are not due their final payloads, and makes those of their
// deliveries that nobody has begun due as if they were accepted now; all of them or, when it returns an error, none. An alert that is not
// known any more, and a delivery that has left, stay as they are: Complete loses nothing and doubles nothing, however late it comes.
func (s *Store) Complete(ctx context.Context, now time.Time, items []Item) error {
	err := s.write(ctx, "complete", now, func(t *tx) error {
		for _, item := range items {
			if err := t.complete(item); err != nil {
				return err
			}
		}
		return t.measure()
	})
	if err != nil {
		return err
	}
	s.core.changes.Add(1)
	return nil
}

func (t *tx) complete(item Item) error {
	hash := sha256.Sum256([]byte(item.ID))
	var seq int64
	err := t.row("SELECT seq FROM ids WHERE hash = ?", hash[:16]).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := t.exec("UPDATE alerts SET payload = ? WHERE seq = ?", item.Payload, seq); err != nil {
		return err
	}
	for _, r := range item.Routes {
		if err := t.release(seq, r); err != nil {
			return err
		}
	}
	return nil
}

// release makes a delivery that nobody has begun due.
func (t *tx) release(seq int64, r Route) error {
	trigger, err := t.triggerID(r.Trigger)
	if err != nil {
		return err
	}
	row := seq<<triggerBits | trigger
	var waits bool
	err = t.row("SELECT EXISTS (SELECT 1 FROM deliveries WHERE seq = ? AND state = 'pending' AND attempts = 0 AND owner = 0 AND message = '' AND due > ?)",
		row, t.now).Scan(&waits)
	if err != nil || !waits {
		return err
	}
	due := t.now
	if len(r.Group) > 0 {
		if due, err = t.flushTime(trigger, r); err != nil {
			return err
		}
	}
	_, err = t.exec("UPDATE deliveries SET due = ? WHERE seq = ?", due, row)
	return err
}
