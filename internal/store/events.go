package store

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// Event is one alert of the log of the last alerts, with what became of it.
type Event struct {
	Seq        int64 // grows with every alert
	AlertID    string
	Accepted   time.Time
	Payload    []byte
	Deliveries []Delivery // by target; none when no target wanted it
}

// Delivery is the way of one alert to one target.
type Delivery struct {
	Target   string
	State    string // pending, delivered, dead, dropped or removed
	Attempts int
	At       time.Time // of the last change; zero when nothing was attempted yet
	Due      time.Time // of the next attempt, when pending
	Reason   string    // of the last failure
	Message  string    // the id of the message of a group, when the alert left in one
}

// States returns the states of deliveries, as Delivery.State has them.
func States() []string { return slices.Clone(stateNames[:]) }

var stateNames = [...]string{"pending", "delivered", "dead", "dropped", "removed"}

// Events lists up to limit alerts with a number below before (0: from the newest), the newest first.
func (s *Store) Events(ctx context.Context, before int64, limit int) ([]Event, error) {
	var all []Event
	err := s.read(ctx, "events", func(c *core) error {
		all = nil
		if before <= 0 {
			before = 1<<(63-targetBits) - 1
		}
		err := c.each("SELECT seq, id, at, payload FROM alerts WHERE seq < ? ORDER BY seq DESC LIMIT ?",
			[]any{before, limit}, func(rows *sql.Rows) error {
				var e Event
				var at int64
				if err := rows.Scan(&e.Seq, &e.AlertID, &at, &e.Payload); err != nil {
					return err
				}
				e.Accepted = timeOf(at)
				all = append(all, e)
				return nil
			})
		for i := range all {
			if err == nil {
				err = c.deliveriesOf(&all[i])
			}
		}
		return err
	})
	return all, err
}

// EventsAfter lists up to limit alerts with a number above after, the oldest first, without their deliveries.
func (s *Store) EventsAfter(ctx context.Context, after int64, limit int) ([]Event, error) {
	var all []Event
	err := s.read(ctx, "events", func(c *core) error {
		all = nil
		return c.each("SELECT seq, id, at, payload FROM alerts WHERE seq > ? ORDER BY seq LIMIT ?", []any{after, limit}, func(rows *sql.Rows) error {
			var e Event
			var at int64
			if err := rows.Scan(&e.Seq, &e.AlertID, &at, &e.Payload); err != nil {
				return err
			}
			e.Accepted = timeOf(at)
			all = append(all, e)
			return nil
		})
	})
	return all, err
}

func (c *core) deliveriesOf(e *Event) error {
	return c.each(`SELECT t.name, d.state, d.attempts, d.at, d.due, d.reason, d.message FROM deliveries d JOIN targets t ON t.id = d.target
		WHERE d.seq BETWEEN ? AND ? ORDER BY t.name`, []any{e.Seq << targetBits, e.Seq<<targetBits | maxTargets}, func(rows *sql.Rows) error {
		var d Delivery
		var state int
		var at, due int64
		if err := rows.Scan(&d.Target, &state, &d.Attempts, &at, &due, &d.Reason, &d.Message); err != nil {
			return err
		}
		d.At = timeOf(at)
		if state == statePending {
			d.Due = timeOf(due)
		}
		if state >= 0 && state < len(stateNames) {
			d.State = stateNames[state]
		}
		e.Deliveries = append(e.Deliveries, d)
		return nil
	})
}
