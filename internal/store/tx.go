package store

import (
	"database/sql"
	"errors"
	"fmt"
)

// tx is one write transaction. Changes of counts are gathered and written once, at its end.
type tx struct {
	*core
	now     int64
	deltas  map[int64]*Counts
	written map[string]Counts
	dropped map[string]int64 // by a bound, by trigger
}

// Counts is the account of one trigger. Accepted is the sum of all others.
type Counts struct {
	Accepted  int64
	Delivered int64
	Pending   int64
	Dead      int64
	Dropped   int64 // by a bound: rows, age, size, or a damaged file
	Removed   int64 // by an operator
}

// delta returns the changes of a trigger's counts, to be added to.
func (t *tx) delta(trigger int64) *Counts {
	d := t.deltas[trigger]
	if d == nil {
		d = new(Counts)
		t.deltas[trigger] = d
	}
	return d
}

// settle writes the changed counts.
func (t *tx) writeCounts() error {
	t.written = make(map[string]Counts, len(t.deltas))
	for id, d := range t.deltas {
		var name string
		var n Counts
		err := t.row(`UPDATE triggers SET accepted = accepted + ?, delivered = delivered + ?, pending = pending + ?, dead = dead + ?,
			dropped = dropped + ?, removed = removed + ? WHERE id = ?
			RETURNING name, accepted, delivered, pending, dead, dropped, removed`,
			d.Accepted, d.Delivered, d.Pending, d.Dead, d.Dropped, d.Removed, id,
		).Scan(&name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed)
		if err != nil {
			return fmt.Errorf("counting: %w", err)
		}
		t.written[name] = n
	}
	return nil
}

// drop counts deliveries of a trigger that a bound dropped.
func (t *tx) drop(trigger, n int64) error {
	if n == 0 {
		return nil
	}
	name, err := t.triggerName(trigger)
	if err != nil {
		return err
	}
	if t.dropped == nil {
		t.dropped = make(map[string]int64)
	}
	t.dropped[name] += n
	t.delta(trigger).Dropped += n
	return nil
}

// trigger returns the id of a trigger, making it known when it is new.
func (c *core) triggerID(name string) (int64, error) {
	if id, ok := c.ids[name]; ok {
		return id, nil
	}
	var id int64
	err := c.row("SELECT id FROM triggers WHERE name = ?", name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = c.row("INSERT INTO triggers (name) VALUES (?) RETURNING id", name).Scan(&id)
	}
	if err != nil {
		return 0, err
	}
	if id < 1 || id > maxTriggers {
		return 0, fmt.Errorf("trigger %q: more than %d triggers were ever known", name, maxTriggers)
	}
	c.ids[name] = id
	return id, nil
}

func (c *core) triggerName(id int64) (string, error) {
	for name, known := range c.ids {
		if known == id {
			return name, nil
		}
	}
	var name string
	err := c.row("SELECT name FROM triggers WHERE id = ?", id).Scan(&name)
	if err == nil {
		c.ids[name] = id
	}
	return name, err
}

// loadTargets reads the ids and counts of all triggers.
func (c *core) loadTriggers() error {
	clear(c.ids)
	last := make(map[string]Counts)
	err := c.each("SELECT id, name, accepted, delivered, pending, dead, dropped, removed FROM triggers", nil, func(rows *sql.Rows) error {
		var id int64
		var name string
		var n Counts
		if err := rows.Scan(&id, &name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed); err != nil {
			return err
		}
		c.ids[name], last[name] = id, n
		return nil
	})
	if err == nil {
		c.last = last
	}
	return err
}
