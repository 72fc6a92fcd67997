package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Account is the proof that nothing went missing.
type Account struct {
	Total    Counts
	Triggers map[string]Counts
}

// Account counts what became of every accepted pair of alert and trigger. It returns an error when the sums do not hold, or when they do not
// agree with the rows.
func (s *Store) Account(ctx context.Context) (Account, error) {
	var a Account
	err := s.read(ctx, "account", func(c *core) error {
		a = Account{Triggers: make(map[string]Counts)}
		// A read transaction, so that all that is counted is of one moment, whatever another process writes.
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
		if sum := n.Delivered + n.Pending + n.Dead + n.Dropped + n.Removed; sum != n.Accepted {
			err = errors.Join(err, fmt.Errorf("store: trigger %q: accepted %d, but delivered, pending, dead, dropped and removed sum to %d",
				name, n.Accepted, sum))
		}
	}
	return a, err
}

func (c *core) count(a *Account) error {
	err := c.each("SELECT name, accepted, delivered, pending, dead, dropped, removed FROM triggers", nil, func(rows *sql.Rows) error {
		var name string
		var n Counts
		if err := rows.Scan(&name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed); err != nil {
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
}
