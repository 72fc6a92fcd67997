package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"
)

// Item is one alert to store.
type Item struct {
	ID      string
	Payload []byte
	Routes  []Route // none: the alert is only kept in the alert log
	// NotBefore, if set, is when the deliveries become due, unless Complete is called before.
	NotBefore time.Time
	// Fleet, if set, makes it an alert of a fleet. A candidate needs a NotBefore.
	Fleet *FleetRow
}

// Route sends an alert to one trigger.
type Route struct {
	Trigger string
	// MaxAge is how long the delivery may be pending before it becomes a dead letter.
	MaxAge time.Duration
	// Group, if set, is a hash of the values that the alerts of one message share, 16 bytes. The first alert waits for Wait; a message is sent
	// at least Interval after the one before it.
	Group    []byte
	Wait     time.Duration
	Interval time.Duration
	// Order, if set, is 16 bytes: the trigger sends the alerts that share it one after another, in the order in which they were accepted. One that fails
	// holds back the later ones until it is delivered or a dead letter. Those of one message of a group need not wait for each other.
	Order []byte
}

// Accepted is the result of Accept.
type Accepted struct {
	New       int              // alerts stored
	Duplicate int              // alerts whose id was known
	Dropped   map[string]int64 // deliveries, of these or earlier alerts, that a bound dropped, by trigger
}

// Accept stores all items, or none if it returns an error. When it returns nil, they are on disk.
func (s *Store) Accept(ctx context.Context, now time.Time, items []Item) (Accepted, error) {
	var done Accepted
	err := s.write(ctx, "accept", now, func(t *tx) error {
		done = Accepted{}
		if err := t.relieve(2*len(items) + probeRelief); err != nil {
			return err
		}
		first, err := t.tip()
		if err != nil {
			return err
		}
		seq := first
		for _, item := range items {
			hash := sha256.Sum256([]byte(item.ID))
			n, err := t.exec("INSERT INTO ids (seq, hash) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", seq+1, hash[:16])
			if err != nil {
				return err
			}
			if n == 0 {
				done.Duplicate++
				continue
			}
			if _, err := t.exec("INSERT INTO alerts (seq, id, at, payload) VALUES (?, ?, ?, ?)", seq+1, item.ID, t.now, item.Payload); err != nil {
				return err
			}
			seq++
			done.New++
			for _, route := range item.Routes {
				if err := t.route(seq, route, item); err != nil {
					return err
				}
			}
			if item.Fleet != nil {
				if err := t.insertFleet(seq, &item); err != nil {
					return err
				}
			}
		}
		// After all alerts of the call, so that each trigger is bounded once.
		for id := range t.deltas {
			if err := t.boundPending(id); err != nil {
				return err
			}
		}
		if err := t.forgetRange(first-int64(t.set.Alerts)+1, seq-int64(t.set.Alerts)); err != nil {
			return err
		}
		if err := t.forgetIDs(first-int64(t.set.IDs)+1, seq-int64(t.set.IDs)); err != nil {
			return err
		}
		if err := t.measure(); err != nil {
			return err
		}
		done.Dropped = t.dropped
		return nil
	})
	if err != nil {
		return Accepted{}, err
	}
	s.core.changes.Add(1)
	return done, nil
}

// tip returns the number of the newest alert. The numbers of a new file start at its time of creation, so a delivery that was leased from a
// damaged file never names a row of the file that replaced it. (2^47 numbers: 16 for each millisecond until the year 2248.)
func (t *tx) tip() (int64, error) {
	var seq sql.NullInt64
	if err := t.row("SELECT max(seq) FROM ids").Scan(&seq); err != nil {
		return 0, err
	}
	if !seq.Valid {
		return t.now / int64(time.Millisecond) << 4, nil
	}
	return seq.Int64, nil
}

// route adds one delivery. A delivery with a NotBefore joins its group only once it is complete.
func (t *tx) route(seq int64, r Route, item Item) error {
	trigger, err := t.triggerID(r.Trigger)
	if err != nil {
		return err
	}
	due := t.now
	if !item.NotBefore.IsZero() {
		due = max(due, item.NotBefore.UnixNano())
	}
	var group, order any
	if len(r.Order) > 0 {
		order = r.Order
	}
	if len(r.Group) > 0 {
		group = r.Group
		if due == t.now {
			if due, err = t.flushTime(trigger, r); err != nil {
				return err
			}
		}
	}
	n, err := t.exec("INSERT INTO deliveries (seq, trigger, state, due, expires, grp, ord) VALUES (?, ?, 'pending', ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING",
		seq<<triggerBits|trigger, trigger, due, t.now+int64(r.MaxAge), group, order)
	if err != nil {
		return err
	}
	d := t.delta(trigger)
	d.Accepted += n
	d.Pending += n
	return nil
}

// flushTime returns when the message that this delivery joins is sent: at the time already set for its group, or else after Wait and at least
// Interval after the last message of the group.
func (t *tx) flushTime(trigger int64, r Route) (int64, error) {
	var flush, sent int64
	err := t.row("SELECT flush, sent FROM groups WHERE trigger = ? AND key = ?", trigger, r.Group).Scan(&flush, &sent)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	// The group has a message that is not sent yet: this delivery joins it.
	if flush > t.now {
		return flush, nil
	}
	flush = t.now + int64(r.Wait)
	if sent != 0 {
		flush = max(flush, sent+int64(r.Interval))
	}
	_, err = t.exec(`INSERT INTO groups (trigger, key, flush, keep) VALUES (?, ?, ?, ?)
		ON CONFLICT (trigger, key) DO UPDATE SET flush = excluded.flush, keep = excluded.keep`,
		trigger, r.Group, flush, flush+int64(r.Interval)+int64(time.Hour))
	return flush, err
}

// Complete sets the final payloads of alerts that were accepted with a NotBefore, and makes their deliveries due as if they were accepted now;
// all of them, or none if it returns an error. It skips alerts that were forgotten and deliveries that were leased or sent, so a late call
// neither loses nor duplicates an alert. Candidates of a fleet get their payloads alone.
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
	if item.Fleet != nil { // it waits for its decision from now on
		return nil
	}
	for _, r := range item.Routes {
		if err := t.release(seq, r); err != nil {
			return err
		}
	}
	return nil
}

// release makes a delivery due, unless it was leased or attempted already.
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
