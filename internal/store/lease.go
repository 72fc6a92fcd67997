package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"
)

// Owner identifies one dispatcher among all that use a file. It is not 0.
type Owner int64

// LeaseTime is how long a lease lasts without Renew. After it, other owners may lease the deliveries of an owner that died.
const LeaseTime = 15 * time.Second

// The bounds of one message of a group.
const (
	maxGroup      = 500
	maxGroupBytes = 1 << 20
)

// Message is sent as one request: one alert, or the alerts of a group.
type Message struct {
	// ID is the same at every attempt: the alert's id, or a hash over the ids of a group.
	ID       string
	Trigger  string
	Alerts   []Stored
	Attempts int    // so far
	Ordered  bool   // later alerts may wait for one of it: see Route.Order
	Post     *Post  // of its order; nil for none
	group    []byte // nil for an alert on its own
	order    []byte // that all its alerts share; nil for none
}

// Stored is one alert as it was accepted.
type Stored struct {
	ID       string
	Payload  []byte // nil if it is missing from the file
	Accepted time.Time
	row      int64
}

// Seq is the number of the alert. Alerts that were accepted later have higher numbers.
func (s *Stored) Seq() int64 { return s.row >> triggerBits }

// free is the condition that no owner holds a lease of a delivery. ?2 is the time.
const free = "(owner = 0 OR owner NOT IN (SELECT id FROM owners WHERE until > ?2))"

// inOrder is the condition that a delivery d waits for no other one of its order: neither for an earlier one, nor for one that is being sent, which may be
// a later one if d was a dead letter before. Those that leave in the same message are no reason to wait. A message of a group has to stay whole. It waits
// for deliveries that are earlier than all of its own, so two messages never wait for each other. ?2 is the time.
const inOrder = `CASE
	WHEN d.ord IS NULL THEN 1
	WHEN EXISTS (SELECT 1 FROM deliveries e INDEXED BY leased_order WHERE e.owner <> 0 AND e.trigger = d.trigger AND e.ord = d.ord
		AND e.state = 'pending' AND e.owner IN (SELECT id FROM owners WHERE until > ?2)) THEN 0
	WHEN d.message = '' THEN NOT EXISTS (SELECT 1 FROM deliveries e INDEXED BY pending_order
		WHERE e.state = 'pending' AND e.trigger = d.trigger AND e.ord = d.ord AND e.seq < d.seq
		AND (d.grp IS NULL OR e.grp IS NOT d.grp OR e.message <> '' OR e.due > ?2))
	ELSE NOT EXISTS (SELECT 1 FROM deliveries e INDEXED BY pending_order
		WHERE e.state = 'pending' AND e.trigger = d.trigger AND e.ord = d.ord AND e.message <> d.message
		AND e.seq < (SELECT min(f.seq) FROM deliveries f INDEXED BY pending_group
			WHERE f.state = 'pending' AND f.trigger = d.trigger AND f.grp = d.grp AND f.message = d.message))
	END`

const (
	nextFree = "SELECT due FROM deliveries d INDEXED BY pending_due WHERE state = 'pending' AND trigger = ?1 AND " + free + " AND " + inOrder +
		" ORDER BY due LIMIT 1"

	// The payload of an alert in a group is read once the group is known.
	dueRows = "SELECT r.seq, r.grp, r.message, r.attempts, r.ord, a.id, CASE WHEN r.grp IS NULL THEN a.payload END, a.at FROM (" +
		"SELECT seq, grp, message, attempts, ord, due FROM deliveries d INDEXED BY pending_due" +
		" WHERE state = 'pending' AND trigger = ?1 AND due <= ?2 AND " + free + " AND " + inOrder + " ORDER BY due, seq LIMIT ?3" +
		") r LEFT JOIN alerts a ON a.seq = r.seq >> 16 ORDER BY r.due, r.seq"

	groupRows = "SELECT d.seq, length(a.payload) FROM deliveries d INDEXED BY pending_group JOIN alerts a ON a.seq = d.seq >> 16" +
		" WHERE d.state = 'pending' AND d.trigger = ?1 AND d.grp = ?3 AND d.message = ?4 AND d.due <= ?2 AND " + free + " AND (d.message <> '' OR " + inOrder +
		") ORDER BY d.due, d.seq LIMIT ?5"
)

// Lease leases up to limit messages of a trigger that are due, in order of due time. No other owner can lease them until LeaseTime after the last
// Lease or Renew of the owner. next is when the first of the other deliveries becomes due; it is zero if there is none.
func (s *Store) Lease(ctx context.Context, owner Owner, now time.Time, trigger string, limit int) (messages []Message, next time.Time, err error) {
	var due int64
	var known bool
	// Read first: most calls find nothing due, and a write transaction costs a sync of the file.
	err = s.read(ctx, "lease", func(c *core) error {
		due, known, err = c.nextDue(trigger, owner, now.UnixNano())
		return err
	})
	if err != nil || !known || due > now.UnixNano() || limit < 1 {
		return nil, timeOf(due), err
	}
	err = s.write(ctx, "lease", now, func(t *tx) error {
		// write may call this function twice: see its comment.
		messages = nil
		// In the same transaction, so that a lease never belongs to an owner whose time is over.
		if err := t.renew(owner); err != nil {
			return err
		}
		id, err := t.triggerID(trigger)
		if err != nil {
			return err
		}
		if messages, err = t.lease(owner, id, limit); err != nil {
			return err
		}
		for i := range messages {
			messages[i].Trigger = trigger
			if err := t.load(&messages[i]); err != nil {
				return err
			}
		}
		due, _, err = t.nextDue(trigger, owner, t.now)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return messages, timeOf(due), nil
}

// nextDue returns when the next delivery of a trigger becomes due, or when the lease of another owner ends.
func (c *core) nextDue(trigger string, owner Owner, now int64) (due int64, known bool, err error) {
	id, known := c.ids[trigger]
	if !known {
		err := c.row("SELECT id FROM triggers WHERE name = ?", trigger).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
	err = c.row(nextFree, id, now).Scan(&due)
	if !errors.Is(err, sql.ErrNoRows) {
		return due, err == nil, err
	}
	var until sql.NullInt64
	err = c.row(`SELECT min(until) FROM owners WHERE until > ?2 AND id <> ?3 AND id IN (
		SELECT owner FROM deliveries INDEXED BY pending_due WHERE state = 'pending' AND trigger = ?1)`, id, now, int64(owner)).Scan(&until)
	return until.Int64, until.Valid, err
}

// lease marks messages as leased and returns them, those of groups without the payloads of their alerts.
func (t *tx) lease(owner Owner, trigger int64, limit int) ([]Message, error) {
	var due []Message
	err := t.each(dueRows, []any{trigger, t.now, limit}, func(r *sql.Rows) error {
		var m Message
		var a Stored
		var id sql.NullString
		var at sql.NullInt64
		if err := r.Scan(&a.row, &m.group, &m.ID, &m.Attempts, &m.order, &id, &a.Payload, &at); err != nil {
			return err
		}
		a.ID, a.Accepted = id.String, timeOf(at.Int64)
		m.Alerts, m.Ordered = []Stored{a}, m.order != nil
		due = append(due, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var messages []Message
	var single []int64
	for _, m := range due {
		if m.group == nil {
			if m.ID == "" { // that of its only alert
				m.ID = m.Alerts[0].ID
			}
			single = append(single, m.Alerts[0].row)
			messages = append(messages, m)
			continue
		}
		// An earlier message may already contain this row: it takes all rows of its group that are due.
		if taken(messages, m.Alerts[0].row) {
			continue
		}
		if err := t.leaseGroup(owner, trigger, &m); err != nil {
			return nil, err
		}
		if len(m.Alerts) > 0 {
			messages = append(messages, m)
		}
	}
	// Only the message of a group needs a stored id: that of a single alert follows from the alert.
	_, err = t.exec("UPDATE deliveries SET owner = ?1, message = '' WHERE seq IN (SELECT value FROM json_each(?2))", int64(owner), listOf(single))
	return messages, err
}

// leaseGroup completes a message that begins with an alert of a group, and marks it as leased.
func (t *tx) leaseGroup(owner Owner, trigger int64, m *Message) (err error) {
	if m.Alerts, err = t.groupRows(trigger, m.group, m.ID); err != nil || len(m.Alerts) == 0 {
		return err
	}
	if m.ID == "" {
		if m.ID, err = t.messageID(m.Alerts); err != nil {
			return err
		}
	}
	for _, a := range m.Alerts {
		if _, err := t.exec("UPDATE deliveries SET owner = ?, message = ? WHERE seq = ?", int64(owner), m.ID, a.row); err != nil {
			return err
		}
	}
	return nil
}

func taken(messages []Message, row int64) bool {
	for _, m := range messages {
		for _, a := range m.Alerts {
			if a.row == row {
				return true
			}
		}
	}
	return false
}

// groupRows returns the deliveries of one message: those of an existing message, or as many of the group as fit into a new one.
func (t *tx) groupRows(trigger int64, group []byte, message string) ([]Stored, error) {
	var alerts []Stored
	total := 0
	err := t.each(groupRows, []any{trigger, t.now, group, message, maxGroup}, func(r *sql.Rows) error {
		var row int64
		var size sql.NullInt64
		if err := r.Scan(&row, &size); err != nil {
			return err
		}
		total += int(size.Int64)
		if len(alerts) == 0 || message != "" || total <= maxGroupBytes {
			alerts = append(alerts, Stored{row: row})
		}
		return nil
	})
	return alerts, err
}

// messageID returns the id of a new message: the id of its only alert, or a hash over the ids of all its alerts.
func (t *tx) messageID(alerts []Stored) (string, error) {
	var ids bytes.Buffer
	for _, a := range alerts {
		var id string
		if err := t.row("SELECT id FROM alerts WHERE seq = ?", a.row>>triggerBits).Scan(&id); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", err
		}
		if len(alerts) == 1 {
			return id, nil
		}
		ids.WriteString(id)
		ids.WriteByte(0)
	}
	sum := sha256.Sum256(ids.Bytes())
	return "gr_" + hex.EncodeToString(sum[:16]), nil
}

// load completes a leased message: with the post of its order, and that of a group with its alerts.
func (t *tx) load(m *Message) (err error) {
	if m.group != nil {
		if err := t.loadGroup(m); err != nil {
			return err
		}
	}
	if m.order != nil {
		m.Post, err = t.postOf(m.Alerts[0].row&maxTriggers, m.order)
	}
	return err
}

// loadGroup fills in the alerts of a message of a group.
func (t *tx) loadGroup(m *Message) error {
	for i := range m.Alerts {
		a := &m.Alerts[i]
		var at int64
		err := t.row("SELECT id, payload, at FROM alerts WHERE seq = ?", a.row>>triggerBits).Scan(&a.ID, &a.Payload, &at)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		a.Accepted = timeOf(at)
	}
	for i, a := range m.Alerts {
		var attempts int
		var order []byte
		if err := t.row("SELECT attempts, ord FROM deliveries WHERE seq = ?", a.row).Scan(&attempts, &order); err != nil {
			return err
		}
		if i == 0 {
			m.Attempts, m.order = attempts, order
		}
		m.Ordered = m.Ordered || order != nil
		if !bytes.Equal(order, m.order) {
			m.order = nil
		}
	}
	return nil
}

// renew extends the leases of an owner.
func (t *tx) renew(owner Owner) error {
	_, err := t.exec("INSERT INTO owners (id, until) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until",
		int64(owner), t.now+int64(LeaseTime))
	return err
}

// Renew extends all leases of an owner to LeaseTime from now.
func (s *Store) Renew(ctx context.Context, owner Owner, now time.Time) error {
	return s.write(ctx, "renew leases", now, func(t *tx) error { return t.renew(owner) })
}

// Release ends all leases of an owner: others may lease its deliveries at once.
func (s *Store) Release(ctx context.Context, owner Owner, now time.Time) error {
	err := s.write(ctx, "release leases", now, func(t *tx) error {
		_, err := t.exec("DELETE FROM owners WHERE id = ?", int64(owner))
		return err
	})
	s.core.changes.Add(1)
	return err
}

// timeOf converts a column to a time; 0 is the zero time.
func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
