package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Account is the proof that no delivery was lost.
type Account struct {
	Total    Counts
	Triggers map[string]Counts
}

// Account counts the accepted pairs of alert and trigger by their states. It returns an error if the sums do not add up or do not match the rows.
func (s *Store) Account(ctx context.Context) (Account, error) {
	var a Account
	err := s.read(ctx, "account", func(c *core) error {
		a = Account{Triggers: make(map[string]Counts)}
		// A read transaction gives one consistent view while other processes write.
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		err := c.count(&a)
		_, end := c.exec("COMMIT")
		return errors.Join(err, end)
	})
	if err != nil {
		return a, err
	}
	for _, name := range slices.Sorted(maps.Keys(a.Triggers)) {
		n := a.Triggers[name]
		if sum := n.Delivered + n.Pending + n.Dead + n.Dropped + n.Removed + n.Held; sum != n.Accepted {
			err = errors.Join(err, fmt.Errorf("store: trigger %q: accepted %d, but delivered, pending, dead, dropped, removed and held sum to %d",
				name, n.Accepted, sum))
		}
	}
	return a, err
}

func (c *core) count(a *Account) error {
	err := c.each("SELECT name, accepted, delivered, pending, dead, dropped, removed, held FROM triggers", nil, func(rows *sql.Rows) error {
		var name string
		var n Counts
		if err := rows.Scan(&name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed, &n.Held); err != nil {
			return err
		}
		a.Triggers[name] = n
		a.Total.add(n)
		return nil
	})
	if err != nil {
		return err
	}
	var wrong error
	err = c.each(`SELECT t.name, t.pending, t.dead, count(CASE d.state WHEN 'pending' THEN 1 END), count(CASE d.state WHEN 'dead' THEN 1 END)
		FROM triggers t LEFT JOIN deliveries d ON d.trigger = t.id GROUP BY t.id`, nil, func(rows *sql.Rows) error {
		var name string
		var pending, dead, pendingRows, deadRows int64
		if err := rows.Scan(&name, &pending, &dead, &pendingRows, &deadRows); err != nil {
			return err
		}
		if pending != pendingRows || dead != deadRows {
			wrong = errors.Join(wrong, fmt.Errorf("trigger %q: counted %d pending and %d dead, found %d and %d",
				name, pending, dead, pendingRows, deadRows))
		}
		return nil
	})
	return errors.Join(err, wrong)
}

func (n *Counts) add(m Counts) {
	n.Accepted += m.Accepted
	n.Delivered += m.Delivered
	n.Pending += m.Pending
	n.Dead += m.Dead
	n.Dropped += m.Dropped
	n.Removed += m.Removed
	n.Held += m.Held
}

// tx is one write transaction. It collects changes of counts and writes them once, at its end.
type tx struct {
	*core
	now     int64
	deltas  map[int64]*Counts
	written map[string]Counts
	dropped map[string]int64 // by a bound, by trigger
}

// Counts are the counts of one trigger. Accepted is the sum of all others.
type Counts struct {
	Accepted  int64
	Delivered int64
	Pending   int64
	Dead      int64
	Dropped   int64 // by a bound: rows, age, size, or a damaged file
	Removed   int64 // by an operator
	Held      int64 // because another node of the fleet alerted
}

// delta returns the changes of a trigger's counts in this transaction, for adding to them.
func (t *tx) delta(trigger int64) *Counts {
	d := t.deltas[trigger]
	if d == nil {
		d = new(Counts)
		t.deltas[trigger] = d
	}
	return d
}

// writeCounts writes the changed counts.
func (t *tx) writeCounts() error {
	t.written = make(map[string]Counts, len(t.deltas))
	for id, d := range t.deltas {
		var name string
		var n Counts
		err := t.row(`UPDATE triggers SET accepted = accepted + ?, delivered = delivered + ?, pending = pending + ?, dead = dead + ?,
			dropped = dropped + ?, removed = removed + ?, held = held + ? WHERE id = ?
			RETURNING name, accepted, delivered, pending, dead, dropped, removed, held`,
			d.Accepted, d.Delivered, d.Pending, d.Dead, d.Dropped, d.Removed, d.Held, id,
		).Scan(&name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed, &n.Held)
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
