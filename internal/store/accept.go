package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"
)

// Item is one alert to be kept.
type Item struct {
	ID      string
	Payload []byte
	Routes  []Route // none: the alert only enters the alert log
	// NotBefore, when set, is when the deliveries become due unless Complete is called before.
	NotBefore time.Time
}

// Route sends an alert to one trigger.
type Route struct {
	Trigger string
	// MaxAge is how long the delivery may be pending before it becomes a dead letter.
	MaxAge time.Duration
	// Group, when set, is a hash of what the alerts of one message have in common, 16 bytes. The first waits for Wait; a message follows
	// the one before it no sooner than after Interval.
	Group    []byte
	Wait     time.Duration
	Interval time.Duration
}

// Accepted says what became of the items of an Accept.
type Accepted struct {
	New       int              // alerts kept
	Duplicate int              // alerts whose id was known
	Dropped   map[string]int64 // deliveries, of these or earlier alerts, that a bound dropped, by trigger
}

// Accept keeps all items, or none of them when it returns an error. Once it returned nil, they are on disk.
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
				if err := t.route(seq, route, item.NotBefore); err != nil {
					return err
				}
			}
		}
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

// tip returns the number of the newest alert. Numbers of a fresh file begin with its time of birth, so that a delivery leased from a file
// that was lost since never names a row of the file in its place. (2^47 numbers: 16 for each millisecond until the year 2248.)
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

// route adds one delivery. One that is not due before a time joins its group only when it is complete.
func (t *tx) route(seq int64, r Route, notBefore time.Time) error {
	trigger, err := t.triggerID(r.Trigger)
	if err != nil {
		return err
	}
	due := t.now
	if !notBefore.IsZero() {
		due = max(due, notBefore.UnixNano())
	}
	var group any
	if len(r.Group) > 0 {
		group = r.Group
		if due == t.now {
			if due, err = t.flushTime(trigger, r); err != nil {
				return err
			}
		}
	}
	n, err := t.exec("INSERT INTO deliveries (seq, trigger, state, due, expires, grp) VALUES (?, ?, 'pending', ?, ?, ?) ON CONFLICT (seq) DO NOTHING",
		seq<<triggerBits|trigger, trigger, due, t.now+int64(r.MaxAge), group)
	if err != nil {
		return err
	}
	d := t.delta(trigger)
	d.Accepted += n
	d.Pending += n
	return nil
}

// flushTime returns when the message that this delivery joins may leave: at the time already set for its group, else after Wait, and at
// least Interval after the last message of the group.
func (t *tx) flushTime(trigger int64, r Route) (int64, error) {
	var flush, sent int64
	err := t.row("SELECT flush, sent FROM groups WHERE trigger = ? AND key = ?", trigger, r.Group).Scan(&flush, &sent)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
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
