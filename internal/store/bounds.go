package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// probeRelief is the least number of rows that a call removes from a file that is nearly full.
const probeRelief = 64

// pages counts the used pages of the file.
type pages struct{ atomic.Int64 }

// MaxSize is a number of pages. The last eighth of them is reserve: deletes and updates need pages, too. From three quarters on, the least valuable
// rows are removed.
func (c *core) hardPages() int64  { return int64(c.set.MaxSize) / pageSize }
func (c *core) fullPages() int64  { return c.hardPages() / 8 * 7 }
func (c *core) tightPages() int64 { return c.hardPages() / 4 * 3 }

// measure updates the number of used pages.
func (c *core) measure() error {
	var total, free int64
	if err := c.row("PRAGMA page_count").Scan(&total); err != nil {
		return err
	}
	if err := c.row("PRAGMA freelist_count").Scan(&free); err != nil {
		return err
	}
	c.used.Store(total - free)
	c.refuse.Store(total-free >= c.fullPages())
	return nil
}

// barrenTime is the pause after a search for rows to remove found none. Such a search reads the whole alert log.
const barrenTime = time.Second

// relieve removes up to n rows if the file is nearly full: first the oldest of the alert log, then the oldest posts, then the oldest dead letters of the
// trigger that has most of them. It never removes pending deliveries: if only those are left, the store is full.
func (t *tx) relieve(n int) error {
	// The last figure is of the last transaction, and another process may have changed the file since.
	if err := t.measure(); err != nil {
		return err
	}
	if t.used.Load() < t.tightPages() || t.now < t.barren {
		return nil
	}
	gone, err := t.relieveAlerts(n)
	if err != nil || gone > 0 {
		return err
	}
	if posts, err := t.forgetPosts(n, math.MaxInt64); err != nil || posts > 0 {
		return errors.Join(err, t.measure())
	}
	var trigger int64
	err = t.row("SELECT id FROM triggers WHERE dead > 0 ORDER BY dead DESC LIMIT 1").Scan(&trigger)
	if errors.Is(err, sql.ErrNoRows) {
		t.barren = t.now + int64(barrenTime)
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.dropDead(trigger, int64(n), "the store was full"); err != nil {
		return err
	}
	return t.measure()
}

// relieveAlerts removes up to n alerts of the alert log without pending deliveries or dead letters.
func (t *tx) relieveAlerts(n int) (int, error) {
	tip, err := t.tip()
	if err != nil {
		return 0, err
	}
	seqs, err := t.numbers(`SELECT seq FROM alerts WHERE seq > ? AND NOT EXISTS (
			SELECT 1 FROM deliveries d WHERE d.seq BETWEEN alerts.seq << 16 AND alerts.seq << 16 | 65535 AND d.state IN ('pending', 'dead')
		) ORDER BY seq LIMIT ?`, tip-int64(t.set.Alerts), n)
	for _, seq := range seqs {
		if err := t.forgetRange(seq, seq); err != nil {
			return 0, err
		}
	}
	if len(seqs) > 0 && err == nil {
		err = t.measure()
	}
	return len(seqs), err
}

// boundPending drops the oldest pending deliveries of a trigger that has more than MaxPending. It skips deliveries that are being sent.
func (t *tx) boundPending(trigger int64) error {
	var pending int64
	if err := t.row("SELECT pending FROM triggers WHERE id = ?", trigger).Scan(&pending); err != nil {
		return err
	}
	over := pending + t.delta(trigger).Pending - int64(t.set.MaxPending)
	if over <= 0 {
		return nil
	}
	seqs, err := t.numbers(`UPDATE deliveries SET state = 'dropped', at = ?2, owner = 0, reason = 'too many were pending' WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY pending_expires WHERE state = 'pending' AND trigger = ?1
				AND (owner = 0 OR owner NOT IN (SELECT id FROM owners WHERE until > ?2)) ORDER BY expires LIMIT ?3
		) RETURNING seq`, trigger, t.now, over)
	if err != nil {
		return err
	}
	t.delta(trigger).Pending -= int64(len(seqs))
	if err := t.endPosts(trigger, seqs); err != nil {
		return err
	}
	if err := t.drop(trigger, int64(len(seqs))); err != nil {
		return err
	}
	return t.forgetOf(seqs)
}

// boundDead drops the oldest dead letters of a trigger that has more than MaxDead.
func (t *tx) boundDead(trigger int64) error {
	var dead int64
	if err := t.row("SELECT dead FROM triggers WHERE id = ?", trigger).Scan(&dead); err != nil {
		return err
	}
	over := dead + t.delta(trigger).Dead - int64(t.set.MaxDead)
	if over <= 0 {
		return nil
	}
	return t.dropDead(trigger, over, "too many dead letters")
}

// dropDead drops the oldest n dead letters of a trigger.
func (t *tx) dropDead(trigger, n int64, reason string) error {
	seqs, err := t.numbers(`UPDATE deliveries SET state = 'dropped', at = ?, reason = ? || ' (' || reason || ')' WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY dead_expires WHERE state = 'dead' AND trigger = ? ORDER BY expires LIMIT ?
		) RETURNING seq`, t.now, reason, trigger, n)
	if err != nil {
		return err
	}
	t.delta(trigger).Dead -= int64(len(seqs))
	if err := t.drop(trigger, int64(len(seqs))); err != nil {
		return err
	}
	return t.forgetOf(seqs)
}

// forgetOf removes the alerts of finished deliveries that are older than the alert log.
func (t *tx) forgetOf(deliveries []int64) error {
	if len(deliveries) == 0 {
		return nil
	}
	tip, err := t.tip()
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		seq := d >> triggerBits
		if seq <= tip-int64(t.set.Alerts) {
			if err := t.forgetRange(seq, seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetRange removes the finished deliveries of the alerts from first to last, and then the alerts that have no other deliveries.
func (t *tx) forgetRange(first, last int64) error {
	if first > last || last <= 0 {
		return nil
	}
	if _, err := t.exec("DELETE FROM deliveries WHERE seq BETWEEN ? AND ? AND state IN ('delivered', 'dropped', 'removed', 'held')",
		max(first, 0)<<triggerBits, last<<triggerBits|maxTriggers); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM alerts WHERE seq BETWEEN ? AND ? AND NOT EXISTS (
		SELECT 1 FROM deliveries d WHERE d.seq BETWEEN alerts.seq << 16 AND alerts.seq << 16 | 65535)`, first, last)
	return err
}

// forgetIDs removes the ids of the alerts from first to last.
func (t *tx) forgetIDs(first, last int64) error {
	if first > last || last <= 0 {
		return nil
	}
	_, err := t.exec("DELETE FROM ids WHERE seq BETWEEN ? AND ?", first, last)
	return err
}

// trim applies the bounds on alerts and ids to a file that was written with larger ones.
func (c *core) trim() error {
	t := &tx{core: c, now: c.now().UnixNano(), deltas: make(map[int64]*Counts)}
	tip, err := t.tip()
	if err != nil {
		return err
	}
	if err := t.forgetRange(0, tip-int64(c.set.Alerts)); err != nil {
		return err
	}
	return t.forgetIDs(0, tip-int64(c.set.IDs))
}

// numbers runs a constant statement that returns one number per row.
func (t *tx) numbers(query string, args ...any) ([]int64, error) {
	var all []int64
	err := t.each(query, args, func(rows *sql.Rows) error {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		all = append(all, n)
		return nil
	})
	return all, err
}

// Swept is the result of Sweep.
type Swept struct {
	Expired map[string]int64 // deliveries that became dead letters, by trigger
	Dropped map[string]int64 // dead letters dropped, by trigger
	More    bool             // another call has more to do
}

// sweepBatch bounds the rows of one Sweep, and so the time for which it blocks the store.
const sweepBatch = 500

const anythingOld = `SELECT EXISTS (SELECT 1 FROM owners WHERE until <= ?1 AND id <> 0) OR EXISTS (SELECT 1 FROM groups WHERE keep <= ?1)
	OR EXISTS (SELECT 1 FROM posts WHERE keep <= ?1)
	OR EXISTS (SELECT 1 FROM triggers WHERE EXISTS (
		SELECT 1 FROM deliveries INDEXED BY pending_expires WHERE state = 'pending' AND trigger = triggers.id AND expires <= ?1
	) OR EXISTS (
		SELECT 1 FROM deliveries INDEXED BY dead_expires WHERE state = 'dead' AND trigger = triggers.id AND expires <= ?1
	))`

// Sweep makes dead letters of pending deliveries older than their MaxAge, drops dead letters older than DeadMaxAge, and removes expired leases,
// groups and posts. One call does a bounded part of the work; More asks for another.
func (s *Store) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var done Swept
	var old bool
	err := s.read(ctx, "sweep", func(c *core) error { return c.row(anythingOld, now.UnixNano()).Scan(&old) })
	if err != nil || !old { // without expired rows nothing is written, so an idle disk can sleep
		return done, err
	}
	err = s.write(ctx, "sweep", now, func(t *tx) error {
		done = Swept{Expired: make(map[string]int64)}
		if _, err := t.exec("DELETE FROM owners WHERE until <= ?", t.now); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM groups WHERE (trigger, key) IN (SELECT trigger, key FROM groups WHERE keep <= ? LIMIT ?)",
			t.now, sweepBatch); err != nil {
			return err
		}
		posts, err := t.forgetPosts(sweepBatch, t.now)
		if err != nil {
			return err
		}
		done.More = posts == sweepBatch
		triggers, err := t.numbers("SELECT id FROM triggers WHERE pending > 0 OR dead > 0")
		if err != nil {
			return err
		}
		for _, trigger := range triggers {
			if err := t.sweepTrigger(trigger, &done); err != nil {
				return err
			}
		}
		done.Dropped = t.dropped
		return t.measure()
	})
	return done, err
}

func (t *tx) sweepTrigger(trigger int64, done *Swept) error {
	expired, err := t.numbers(`UPDATE deliveries SET state = 'dead', at = ?2, owner = 0, expires = ?2 + ?3,
			reason = CASE reason WHEN '' THEN 'expired' ELSE 'expired: ' || reason END WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY pending_expires WHERE state = 'pending' AND trigger = ?1 AND expires <= ?2
				AND (owner = 0 OR owner NOT IN (SELECT id FROM owners WHERE until > ?2)) ORDER BY expires LIMIT ?4
		) RETURNING seq`, trigger, t.now, int64(t.set.DeadMaxAge), sweepBatch)
	if err != nil {
		return err
	}
	if n := int64(len(expired)); n > 0 {
		if err := t.endPosts(trigger, expired); err != nil {
			return err
		}
		name, err := t.triggerName(trigger)
		if err != nil {
			return err
		}
		done.Expired[name] += n
		d := t.delta(trigger)
		d.Pending -= n
		d.Dead += n
		if err := t.boundDead(trigger); err != nil {
			return err
		}
	}
	var old int64
	if err := t.row(`SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY dead_expires WHERE state = 'dead' AND trigger = ? AND expires <= ?
		LIMIT ?)`, trigger, t.now, sweepBatch).Scan(&old); err != nil {
		return err
	}
	done.More = done.More || len(expired) == sweepBatch || old == sweepBatch
	if old == 0 {
		return nil
	}
	return t.dropDead(trigger, old, "kept for long enough")
}
