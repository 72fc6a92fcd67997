package store

import (
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

// barrenTime is how long a search for rows to remove is not repeated after it found none: it looks at the whole alert log.
const barrenTime = time.Second

// relieve removes up to n rows when the file is nearly full: the oldest of the alert log first, then the oldest dead letters of the trigger
// that has most of them. Pending deliveries are never touched: when only they are left, the store is full.
func (t *tx) relieve(n int) error {
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

// relieveLog forgets up to n alerts of the alert log that nothing refers to.
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

// boundPending drops the deliveries of a trigger that have waited longest when it has too many. One that is being sent is spared.
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
	if err := t.drop(trigger, int64(len(seqs))); err != nil {
		return err
	}
	return t.forgetOf(seqs)
}

// boundDead drops the oldest dead letters of a trigger when it has too many.
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

// forgetOf forgets the alerts of deliveries that were finished, as far as they left the alert log.
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

// forgetRange removes the finished deliveries of the alerts from first to last, and of these alerts those that have no other.
func (t *tx) forgetRange(first, last int64) error {
	if first > last || last <= 0 {
		return nil
	}
	if _, err := t.exec("DELETE FROM deliveries WHERE seq BETWEEN ? AND ? AND state IN ('delivered', 'dropped', 'removed')",
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

// trim applies the windows to a file that was written under larger ones.
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
