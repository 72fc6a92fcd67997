package store

import (
	"context"
	"database/sql"
	"time"
)

// Alert is one alert of the alert log, with its deliveries.
type Alert struct {
	Seq        int64 // grows with every alert
	ID         string
	Accepted   time.Time
	Payload    []byte
	Deliveries []Delivery // by trigger; none if no trigger selected it
}

// Delivery is the delivery of one alert to one trigger.
type Delivery struct {
	Trigger  string
	State    string // pending, delivered, dead, dropped, removed or held
	Attempts int
	At       time.Time // of the last change; zero before the first attempt
	Due      time.Time // of the next attempt, when pending
	Reason   string    // of the last failure
	Message  string    // the id of the group's message, if the alert was sent in one
}

// States returns the values of Delivery.State.
func States() []string {
	return []string{statePending, stateDelivered, stateDead, stateDropped, stateRemoved, stateHeld}
}

// Alerts lists up to limit alerts with a number below before (0: from the newest), the newest first.
func (s *Store) Alerts(ctx context.Context, before int64, limit int) ([]Alert, error) {
	var all []Alert
	err := s.read(ctx, "alerts", func(c *core) error {
		all = nil
		if before <= 0 {
			before = 1<<(63-triggerBits) - 1
		}
		err := c.each("SELECT seq, id, at, payload FROM alerts WHERE seq < ? ORDER BY seq DESC LIMIT ?", []any{before, limit}, appendAlert(&all))
		for i := range all {
			if err == nil {
				err = c.deliveriesOf(&all[i])
			}
		}
		return err
	})
	return all, err
}

// AlertsAfter lists up to limit alerts with a number above after, the oldest first, without their deliveries.
func (s *Store) AlertsAfter(ctx context.Context, after int64, limit int) ([]Alert, error) {
	var all []Alert
	err := s.read(ctx, "alerts after", func(c *core) error {
		all = nil
		return c.each("SELECT seq, id, at, payload FROM alerts WHERE seq > ? ORDER BY seq LIMIT ?", []any{after, limit}, appendAlert(&all))
	})
	return all, err
}

// Alert returns the newest alert with an id; ok is false if it is not stored.
func (s *Store) Alert(ctx context.Context, id string) (a Alert, ok bool, err error) {
	var all []Alert
	err = s.read(ctx, "alert", func(c *core) error {
		all = nil
		err := c.each("SELECT seq, id, at, payload FROM alerts WHERE id = ? ORDER BY seq DESC LIMIT 1", []any{id}, appendAlert(&all))
		if err == nil && len(all) > 0 {
			err = c.deliveriesOf(&all[0])
		}
		return err
	})
	if err != nil || len(all) == 0 {
		return Alert{}, false, err
	}
	return all[0], true, nil
}

// appendAlert returns a function that appends the alert of a row, without its deliveries.
func appendAlert(all *[]Alert) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var e Alert
		var at int64
		if err := rows.Scan(&e.Seq, &e.ID, &at, &e.Payload); err != nil {
			return err
		}
		e.Accepted = timeOf(at)
		*all = append(*all, e)
		return nil
	}
}

func (c *core) deliveriesOf(e *Alert) error {
	return c.each(`SELECT t.name, d.state, d.attempts, d.at, d.due, d.reason, d.message FROM deliveries d JOIN triggers t ON t.id = d.trigger
		WHERE d.seq BETWEEN ? AND ? ORDER BY t.name`, []any{e.Seq << triggerBits, e.Seq<<triggerBits | maxTriggers}, func(rows *sql.Rows) error {
		var d Delivery
		var at, due int64
		if err := rows.Scan(&d.Trigger, &d.State, &d.Attempts, &at, &due, &d.Reason, &d.Message); err != nil {
			return err
		}
		d.At = timeOf(at)
		if d.State == statePending {
			d.Due = timeOf(due)
		}
		e.Deliveries = append(e.Deliveries, d)
		return nil
	})
}
