package store

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// probeRelief is how many rows a call that finds the file nearly full removes at least.
const probeRelief = 64

// pages counts the pages of the file that hold something.
type pages struct{ atomic.Int64 }

// Of the pages that the bound on the size allows, the last eighth is headroom: deletes and updates need pages, too. From three quarters on,
// what is least worth keeping makes room.
func (c *core) hardPages() int64  { return int64(c.set.MaxSize) / pageSize }
func (c *core) fullPages() int64  { return c.hardPages() / 8 * 7 }
func (c *core) tightPages() int64 { return c.hardPages() / 4 * 3 }

// measure learns how much of the file is used.
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

// barrenTime is how long a search for rows to remove is not repeated after it found none: it looks at the whole event log.
const barrenTime = time.Second

// relieve removes up to n rows when the file is nearly full: the oldest of the event log first, then the oldest dead letters of the target
// that has most of them. Pending deliveries are never touched: when only they are left, the store is full.
func (t *tx) relieve(n int) error {
	if err := t.measure(); err != nil {
		return err
	}
	if t.used.Load() < t.tightPages() || t.now < t.barren {
		return nil
	}
	gone, err := t.relieveLog(n)
	if err != nil || gone > 0 {
		return err
	}
	var target int64
	err = t.row("SELECT id FROM targets WHERE dead > 0 ORDER BY dead DESC LIMIT 1").Scan(&target)
	if errors.Is(err, sql.ErrNoRows) {
		t.barren = t.now + int64(barrenTime)
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.dropDead(target, int64(n), "the store was full"); err != nil {
		return err
	}
	return t.measure()
}

// relieveLog forgets up to n alerts of the event log that nothing refers to.
func (t *tx) relieveLog(n int) (int, error) {
	tip, err := t.tip()
	if err != nil {
		return 0, err
	}
	seqs, err := t.numbers(`SELECT seq FROM alerts WHERE seq > ? AND NOT EXISTS (
			SELECT 1 FROM deliveries d WHERE d.seq BETWEEN alerts.seq << 16 AND alerts.seq << 16 | 65535 AND d.state IN (0, 2)
		) ORDER BY seq LIMIT ?`, tip-int64(t.set.Events), n)
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

// boundPending drops the deliveries of a target that have waited longest when it has too many. One that is being sent is spared.
func (t *tx) boundPending(target int64) error {
	var pending int64
	if err := t.row("SELECT pending FROM targets WHERE id = ?", target).Scan(&pending); err != nil {
		return err
	}
	over := pending + t.delta(target).Pending - int64(t.set.MaxPending)
	if over <= 0 {
		return nil
	}
	seqs, err := t.numbers(`UPDATE deliveries SET state = 3, at = ?2, owner = 0, reason = 'too many were pending' WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY pending_expires WHERE state = 0 AND target = ?1
				AND (owner = 0 OR owner NOT IN (SELECT id FROM owners WHERE until > ?2)) ORDER BY expires LIMIT ?3
		) RETURNING seq`, target, t.now, over)
	if err != nil {
		return err
	}
	t.delta(target).Pending -= int64(len(seqs))
	if err := t.drop(target, int64(len(seqs))); err != nil {
		return err
	}
	return t.forgetOf(seqs)
}

// boundDead drops the oldest dead letters of a target when it has too many.
func (t *tx) boundDead(target int64) error {
	var dead int64
	if err := t.row("SELECT dead FROM targets WHERE id = ?", target).Scan(&dead); err != nil {
		return err
	}
	over := dead + t.delta(target).Dead - int64(t.set.MaxDead)
	if over <= 0 {
		return nil
	}
	return t.dropDead(target, over, "too many dead letters")
}

// dropDead drops the oldest n dead letters of a target.
func (t *tx) dropDead(target, n int64, reason string) error {
	seqs, err := t.numbers(`UPDATE deliveries SET state = 3, at = ?, reason = ? || ' (' || reason || ')' WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY dead_expires WHERE state = 2 AND target = ? ORDER BY expires LIMIT ?
		) RETURNING seq`, t.now, reason, target, n)
	if err != nil {
		return err
	}
	t.delta(target).Dead -= int64(len(seqs))
	if err := t.drop(target, int64(len(seqs))); err != nil {
		return err
	}
	return t.forgetOf(seqs)
}

// forgetOf forgets the alerts of deliveries that were finished, as far as they left the event log.
func (t *tx) forgetOf(deliveries []int64) error {
	if len(deliveries) == 0 {
		return nil
	}
	tip, err := t.tip()
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		seq := d >> targetBits
		if seq <= tip-int64(t.set.Events) {
			if err := t.forgetRange(seq, seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetRange removes the finished deliveries of the alerts from first to last, and of these alerts those that have no other.
func (t *tx) forgetRange(first, last int64) error {
	if first > last || last <= 0 {
		return nil
	}
	if _, err := t.exec("DELETE FROM deliveries WHERE seq BETWEEN ? AND ? AND state IN (1, 3, 4)",
		max(first, 0)<<targetBits, last<<targetBits|maxTargets); err != nil {
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

// trim applies the windows to a file that was written under larger ones.
func (c *core) trim() error {
	t := &tx{core: c, now: c.now().UnixNano(), deltas: make(map[int64]*Counts)}
	tip, err := t.tip()
	if err != nil {
		return err
	}
	if err := t.forgetRange(0, tip-int64(c.set.Events)); err != nil {
		return err
	}
	return t.forgetIDs(0, tip-int64(c.set.IDs))
}

// numbers runs a constant statement that gives one number for each row.
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

// Swept says what became of deliveries by age.
type Swept struct {
	Expired map[string]int64 // deliveries that became dead letters, by target
	Dropped map[string]int64 // dead letters dropped, by target
	More    bool             // there is more to do
}

// sweepBatch bounds how long one Sweep holds the store.
const sweepBatch = 500

// Sweep turns deliveries that waited for too long into dead letters, drops dead letters that were kept for long enough, and removes what
// else has expired. It does a bounded part of the work; More asks for another call.
func (s *Store) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var done Swept
	err := s.write(ctx, "sweep", now, func(t *tx) error {
		done = Swept{Expired: make(map[string]int64)}
		if _, err := t.exec("DELETE FROM owners WHERE until <= ?", t.now); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM groups WHERE (target, key) IN (SELECT target, key FROM groups WHERE keep <= ? LIMIT ?)",
			t.now, sweepBatch); err != nil {
			return err
		}
		targets, err := t.numbers("SELECT id FROM targets WHERE pending > 0 OR dead > 0")
		if err != nil {
			return err
		}
		for _, target := range targets {
			if err := t.sweepTarget(target, &done); err != nil {
				return err
			}
		}
		done.Dropped = t.dropped
		return t.measure()
	})
	return done, err
}

func (t *tx) sweepTarget(target int64, done *Swept) error {
	expired, err := t.numbers(`UPDATE deliveries SET state = 2, at = ?2, owner = 0, expires = ?2 + ?3,
			reason = CASE reason WHEN '' THEN 'expired' ELSE 'expired: ' || reason END WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY pending_expires WHERE state = 0 AND target = ?1 AND expires <= ?2
				AND (owner = 0 OR owner NOT IN (SELECT id FROM owners WHERE until > ?2)) ORDER BY expires LIMIT ?4
		) RETURNING seq`, target, t.now, int64(t.set.DeadMaxAge), sweepBatch)
	if err != nil {
		return err
	}
	if n := int64(len(expired)); n > 0 {
		name, err := t.nameOf(target)
		if err != nil {
			return err
		}
		done.Expired[name] += n
		d := t.delta(target)
		d.Pending -= n
		d.Dead += n
		if err := t.boundDead(target); err != nil {
			return err
		}
	}
	var old int64
	if err := t.row(`SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY dead_expires WHERE state = 2 AND target = ? AND expires <= ?
		LIMIT ?)`, target, t.now, sweepBatch).Scan(&old); err != nil {
		return err
	}
	done.More = done.More || len(expired) == sweepBatch || old == sweepBatch
	if old == 0 {
		return nil
	}
	return t.dropDead(target, old, "kept for long enough")
}
