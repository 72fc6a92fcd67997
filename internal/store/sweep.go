package store

import (
	"context"
	"time"
)

// Swept says what became of deliveries by age.
type Swept struct {
	Expired map[string]int64 // deliveries that became dead letters, by trigger
	Dropped map[string]int64 // dead letters dropped, by trigger
	More    bool             // there is more to do
}

// sweepBatch bounds how long one Sweep holds the store.
const sweepBatch = 500

const anythingOld = `SELECT EXISTS (SELECT 1 FROM owners WHERE until <= ?1 AND id <> 0) OR EXISTS (SELECT 1 FROM groups WHERE keep <= ?1)
	OR EXISTS (SELECT 1 FROM triggers WHERE EXISTS (
		SELECT 1 FROM deliveries INDEXED BY pending_expires WHERE state = 'pending' AND trigger = triggers.id AND expires <= ?1
	) OR EXISTS (
		SELECT 1 FROM deliveries INDEXED BY dead_expires WHERE state = 'dead' AND trigger = triggers.id AND expires <= ?1
	))`

// Sweep turns deliveries that waited for too long into dead letters, drops dead letters that were kept for long enough, and removes what
// else has expired. It does a bounded part of the work; More asks for another call.
func (s *Store) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var done Swept
	var old bool
	err := s.read(ctx, "sweep", func(c *core) error { return c.row(anythingOld, now.UnixNano()).Scan(&old) })
	if err != nil || !old { // nothing is written, and no disk woken, while nothing is to be done
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
