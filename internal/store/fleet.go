package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// FleetRow makes an alert one of a fleet of nodes. Its texts are opaque to the store.
type FleetRow struct {
	// Instance separates the instances that share a file.
	Instance string
	// Key is the incident that the alert is about, for the order of the outbox.
	Key string
	// Taken marks an alert that this node took from the fleet. Others are candidates: Decide says what becomes of them.
	Taken bool
	// About is returned with the row, Gift with the row of the outbox that a candidate becomes when it is held.
	About, Gift []byte
	// Hits are those of the gift, or those that an alert that was taken reports.
	Hits int64
}

// FleetAlert is a row as it is stored.
type FleetAlert struct {
	FleetRow
	ID    string
	Until time.Time // when the deliveries of a candidate are due without a decision
	Alone bool      // it left without an answer
	// Payload is the alert's, of a candidate.
	Payload []byte
	Ended   bool // no delivery is pending
}

// FleetOutcome is what becomes of a candidate.
type FleetOutcome uint8

// The outcomes.
const (
	FleetLeads FleetOutcome = iota + 1 // its deliveries are due now; the row stays
	FleetAlone                         // the same, without an answer
	FleetHeld                          // its deliveries are withdrawn, and its gift goes to the outbox
	FleetKnown                         // its deliveries are withdrawn
)

// FleetDecision is the outcome of one candidate. Payload, if set, returns the payload of a lead whose deliveries have not begun. Forget says that no alert will
// report the hits of one that is known.
type FleetDecision struct {
	ID      string
	Outcome FleetOutcome
	Payload func([]byte) []byte
	Forget  bool
}

// Gift is a row of the outbox: hits that no alert of this node reports. Seq grows without gaps from 1 for each instance.
type Gift struct {
	Seq  int64
	Key  string
	Hits int64
	Gift []byte
	At   time.Time
}

// FleetTotals are the totals of an instance since its part of the store was made, of which Run is a random id.
type FleetTotals struct {
	Run       string
	Seq       int64 // of the last gift
	Given     int64 // hits that the fleet acknowledged
	Reported  int64 // hits that alerts taken from the fleet reported
	Forgotten int64 // hits that no alert will report
	Outbox    int64 // hits in the outbox
}

// The states of a row.
const (
	fleetAsked = "asked"
	fleetLead  = "lead"
	fleetAlone = "alone"
	fleetTaken = "taken"
)

// begun is the condition that a delivery of the alert ?1 was leased or attempted, or is part of a message.
const begun = `SELECT EXISTS (SELECT 1 FROM deliveries WHERE seq BETWEEN ?1 << 16 AND ?1 << 16 | 65535
	AND (owner <> 0 OR attempts > 0 OR message <> '' OR state = 'delivered' OR state = 'dead'))`

// insertFleet adds the row of an alert that was accepted.
func (t *tx) insertFleet(seq int64, item *Item) error {
	f, state := item.Fleet, fleetAsked
	if f.Taken {
		state = fleetTaken
	}
	until := t.now
	if !item.NotBefore.IsZero() {
		until = max(until, item.NotBefore.UnixNano())
	}
	_, err := t.exec(`INSERT INTO fleet (instance, id, seq, key, state, until, hits, about, gift) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (instance, id) DO NOTHING`, f.Instance, item.ID, seq, f.Key, state, until, f.Hits, blob(f.About), blob(f.Gift))
	return err
}

// blob returns a value for a column that is not null.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// FleetAsked returns the candidates of an instance without a decision, and makes those of their deliveries that have not begun due at a time.
func (s *Store) FleetAsked(ctx context.Context, now time.Time, instance string, due time.Time) ([]FleetAlert, error) {
	var all []FleetAlert
	err := s.write(ctx, "candidates", now, func(t *tx) (err error) {
		if _, err := t.exec(`UPDATE deliveries SET due = ?1 WHERE state = 'pending' AND owner = 0 AND attempts = 0 AND message = ''
			AND seq >> 16 IN (SELECT seq FROM fleet WHERE instance = ?2 AND state = 'asked')`, due.UnixNano(), instance); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE fleet SET until = ?1 WHERE instance = ?2 AND state = 'asked'", due.UnixNano(), instance); err != nil {
			return err
		}
		all, err = t.fleetRows(`SELECT id, key, state, until, hits, about, gift, 0,
				(SELECT payload FROM alerts WHERE alerts.seq = fleet.seq) FROM fleet WHERE instance = ?1 AND state = 'asked' ORDER BY seq`, instance)
		return err
	})
	return all, err
}

// FleetLeaving returns the alerts of an instance that leave or left and are not settled, those that ended first.
func (s *Store) FleetLeaving(ctx context.Context, instance string, limit int) (all []FleetAlert, err error) {
	err = s.read(ctx, "leaving alerts", func(c *core) (err error) {
		all, err = c.fleetRows(`SELECT id, key, state, until, hits, about, gift, NOT EXISTS (
				SELECT 1 FROM deliveries WHERE seq BETWEEN fleet.seq << 16 AND fleet.seq << 16 | 65535 AND state = 'pending') AS ended, NULL
			FROM fleet WHERE instance = ?1 AND state <> 'asked' ORDER BY ended DESC, fleet.seq LIMIT ?2`, instance, limit)
		return err
	})
	return all, err
}

// FleetWaiting returns those alerts of FleetLeaving that have not ended, in the order of their ids, from the first behind after on.
func (s *Store) FleetWaiting(ctx context.Context, instance, after string, limit int) (all []FleetAlert, err error) {
	err = s.read(ctx, "waiting alerts", func(c *core) (err error) {
		all, err = c.fleetRows(`SELECT id, key, state, until, hits, about, gift, 0, NULL FROM fleet WHERE instance = ?1 AND id > ?2 AND state <> 'asked' AND EXISTS (
				SELECT 1 FROM deliveries WHERE seq BETWEEN fleet.seq << 16 AND fleet.seq << 16 | 65535 AND state = 'pending') ORDER BY id LIMIT ?3`,
			instance, after, limit)
		return err
	})
	return all, err
}

// fleetRows runs a constant query for rows of the table fleet.
func (c *core) fleetRows(query, instance string, args ...any) (all []FleetAlert, err error) {
	err = c.each(query, append([]any{instance}, args...), func(rows *sql.Rows) error {
		a := FleetAlert{FleetRow: FleetRow{Instance: instance}}
		var state string
		var until int64
		if err := rows.Scan(&a.ID, &a.Key, &state, &until, &a.Hits, &a.About, &a.Gift, &a.Ended, &a.Payload); err != nil {
			return err
		}
		a.Until, a.Taken, a.Alone = timeOf(until), state == fleetTaken, state == fleetAlone
		all = append(all, a)
		return nil
	})
	return all, err
}

// FleetDecide records outcomes of candidates, all of them or none, and returns what became of each: a candidate that was to be withdrawn, but of which a
// delivery has begun, leaves alone. 0 is one that is no candidate any more; it stays as it is. group returns the times of a trigger's groups.
func (s *Store) FleetDecide(ctx context.Context, now time.Time, instance string, list []FleetDecision, group func(trigger string) (wait, interval time.Duration)) (
	became []FleetOutcome, err error,
) {
	err = s.write(ctx, "decide", now, func(t *tx) error {
		became = make([]FleetOutcome, len(list))
		for i := range list {
			var err error
			if became[i], err = t.decide(instance, &list[i], group); err != nil {
				return err
			}
		}
		return t.measure()
	})
	if err != nil {
		return nil, err
	}
	s.core.changes.Add(1)
	return became, nil
}

func (t *tx) decide(instance string, d *FleetDecision, group func(string) (wait, interval time.Duration)) (FleetOutcome, error) {
	var seq, hits int64
	var key string
	var gift []byte
	err := t.row("SELECT seq, key, hits, gift FROM fleet WHERE instance = ? AND id = ? AND state = 'asked'", instance, d.ID).Scan(&seq, &key, &hits, &gift)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var late bool
	if err := t.row(begun, seq).Scan(&late); err != nil {
		return 0, err
	}
	outcome := d.Outcome
	switch outcome {
	case FleetLeads, FleetAlone:
	case FleetHeld, FleetKnown:
		if late {
			outcome = FleetAlone
		}
	default:
		return 0, fmt.Errorf("candidate %q: unknown outcome %d", d.ID, outcome)
	}
	if outcome == FleetHeld || outcome == FleetKnown {
		if err := t.withdraw(seq); err != nil {
			return 0, err
		}
		if _, err := t.exec("DELETE FROM fleet WHERE instance = ? AND id = ?", instance, d.ID); err != nil {
			return 0, err
		}
		if outcome == FleetHeld && hits > 0 {
			return outcome, t.post(instance, key, hits, gift)
		}
		if outcome == FleetKnown && d.Forget {
			if err := t.fleetOf(instance); err != nil {
				return 0, err
			}
			_, err = t.exec("UPDATE fleets SET forgotten = forgotten + ? WHERE instance = ?", hits, instance)
		}
		return outcome, err
	}
	state := fleetLead
	if outcome == FleetAlone {
		state = fleetAlone
	}
	// The gift is not needed any more.
	if _, err := t.exec("UPDATE fleet SET state = ?, gift = x'' WHERE instance = ? AND id = ?", state, instance, d.ID); err != nil || late {
		return outcome, err
	}
	if outcome == FleetLeads && d.Payload != nil {
		if err := t.rewrite(seq, d.Payload); err != nil {
			return 0, err
		}
	}
	return outcome, t.hurry(seq, group)
}

// rewrite changes the payload of an alert.
func (t *tx) rewrite(seq int64, change func([]byte) []byte) error {
	var payload []byte
	err := t.row("SELECT payload FROM alerts WHERE seq = ?", seq).Scan(&payload)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE alerts SET payload = ? WHERE seq = ?", change(payload), seq)
	return err
}

// hurry makes the deliveries of an alert due, none of which has begun.
func (t *tx) hurry(seq int64, group func(string) (wait, interval time.Duration)) error {
	type waiting struct {
		row, trigger int64
		group        []byte
	}
	var all []waiting
	err := t.each("SELECT seq, trigger, grp FROM deliveries WHERE seq BETWEEN ?1 << 16 AND ?1 << 16 | 65535 AND state = 'pending' AND due > ?2",
		[]any{seq, t.now}, func(rows *sql.Rows) error {
			var w waiting
			if err := rows.Scan(&w.row, &w.trigger, &w.group); err != nil {
				return err
			}
			all = append(all, w)
			return nil
		})
	if err != nil {
		return err
	}
	for _, w := range all {
		due := t.now
		if len(w.group) > 0 {
			name, err := t.triggerName(w.trigger)
			if err != nil {
				return err
			}
			r := Route{Trigger: name, Group: w.group}
			r.Wait, r.Interval = group(name)
			if due, err = t.flushTime(w.trigger, r); err != nil {
				return err
			}
		}
		if _, err := t.exec("UPDATE deliveries SET due = ? WHERE seq = ?", due, w.row); err != nil {
			return err
		}
	}
	return nil
}

// withdraw ends the pending deliveries of an alert as held.
func (t *tx) withdraw(seq int64) error {
	rows, err := t.numbers(`UPDATE deliveries SET state = 'held', at = ?2 WHERE seq BETWEEN ?1 << 16 AND ?1 << 16 | 65535
		AND state = 'pending' RETURNING seq`, seq, t.now)
	if err != nil {
		return err
	}
	for _, row := range rows {
		d := t.delta(row & maxTriggers)
		d.Pending, d.Held = d.Pending-1, d.Held+1
	}
	return t.forgetOf(rows)
}

// post adds a row to the outbox.
func (t *tx) post(instance, key string, hits int64, gift []byte) error {
	if err := t.fleetOf(instance); err != nil {
		return err
	}
	var seq int64
	if err := t.row("UPDATE fleets SET seq = seq + 1 WHERE instance = ? RETURNING seq", instance).Scan(&seq); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO outbox (instance, seq, key, at, hits, gift) VALUES (?, ?, ?, ?, ?, ?)", instance, seq, key, t.now, hits, blob(gift))
	return err
}

// fleetOf makes the totals of an instance.
func (t *tx) fleetOf(instance string) error {
	var id [8]byte
	_, _ = rand.Read(id[:]) // it never fails
	_, err := t.exec("INSERT INTO fleets (instance, run) VALUES (?, ?) ON CONFLICT (instance) DO NOTHING", instance, hex.EncodeToString(id[:]))
	return err
}

// FleetOutbox returns the oldest row of each key in the outbox of an instance, the oldest first.
func (s *Store) FleetOutbox(ctx context.Context, instance string, limit int) (all []Gift, err error) {
	err = s.read(ctx, "outbox", func(c *core) error {
		all = nil
		return c.each(`SELECT seq, key, hits, gift, at FROM outbox WHERE instance = ?1 AND seq IN (
				SELECT min(seq) FROM outbox WHERE instance = ?1 GROUP BY key) ORDER BY seq LIMIT ?2`, []any{instance, limit}, func(rows *sql.Rows) error {
			var g Gift
			var at int64
			if err := rows.Scan(&g.Seq, &g.Key, &g.Hits, &g.Gift, &at); err != nil {
				return err
			}
			g.At = timeOf(at)
			all = append(all, g)
			return nil
		})
	})
	return all, err
}

// FleetGiven removes rows of the outbox that the fleet acknowledged, and counts their hits as given.
func (s *Store) FleetGiven(ctx context.Context, now time.Time, instance string, seqs []int64) error {
	return s.write(ctx, "given", now, func(t *tx) error {
		hits, err := t.unpost(instance, seqs)
		if err != nil || hits == 0 {
			return err
		}
		_, err = t.exec("UPDATE fleets SET given = given + ? WHERE instance = ?", hits, instance)
		return err
	})
}

// FleetForget removes rows of the outbox whose hits no alert will report.
func (s *Store) FleetForget(ctx context.Context, now time.Time, instance string, seqs []int64) error {
	return s.write(ctx, "forget gifts", now, func(t *tx) error {
		hits, err := t.unpost(instance, seqs)
		if err != nil || hits == 0 {
			return err
		}
		_, err = t.exec("UPDATE fleets SET forgotten = forgotten + ? WHERE instance = ?", hits, instance)
		return err
	})
}

// unpost removes rows of the outbox and returns their hits.
func (t *tx) unpost(instance string, seqs []int64) (hits int64, err error) {
	for _, seq := range seqs {
		n, err := t.numbers("DELETE FROM outbox WHERE instance = ? AND seq = ? RETURNING hits", instance, seq)
		if err != nil {
			return 0, err
		}
		for _, one := range n {
			hits += one
		}
	}
	return hits, nil
}

// FleetSettled removes rows. mine lists those whose hits count as reported by this instance.
func (s *Store) FleetSettled(ctx context.Context, now time.Time, instance string, ids []string, mine map[string]bool) error {
	return s.write(ctx, "settled", now, func(t *tx) error {
		var reported int64
		for _, id := range ids {
			n, err := t.numbers("DELETE FROM fleet WHERE instance = ? AND id = ? AND state <> 'asked' RETURNING CASE state WHEN 'taken' THEN hits ELSE 0 END", instance, id)
			if err != nil {
				return err
			}
			for _, hits := range n {
				if mine[id] {
					reported += hits
				}
			}
		}
		if reported == 0 {
			return nil
		}
		if err := t.fleetOf(instance); err != nil {
			return err
		}
		_, err := t.exec("UPDATE fleets SET reported = reported + ? WHERE instance = ?", reported, instance)
		return err
	})
}

// FleetYield withdraws the deliveries that have not begun of alerts that another node has, and removes their rows.
func (s *Store) FleetYield(ctx context.Context, now time.Time, instance string, ids []string) error {
	return s.write(ctx, "yield", now, func(t *tx) error {
		for _, id := range ids {
			seqs, err := t.numbers("DELETE FROM fleet WHERE instance = ? AND id = ? AND state <> 'asked' RETURNING seq", instance, id)
			if err != nil {
				return err
			}
			for _, seq := range seqs {
				var late bool
				if err := t.row(begun, seq).Scan(&late); err != nil {
					return err
				}
				if late {
					continue
				}
				if err := t.withdraw(seq); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// FleetForgetTaken stores that work was taken from the fleet for which this node makes no alert: its hits are forgotten.
func (s *Store) FleetForgetTaken(ctx context.Context, now time.Time, id string, row FleetRow) error {
	return s.write(ctx, "forget work", now, func(t *tx) error {
		if err := t.fleetOf(row.Instance); err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO fleet (instance, id, seq, key, state, until, hits, about, gift) VALUES (?, ?, 0, ?, 'taken', ?, ?, ?, x'')
			ON CONFLICT (instance, id) DO NOTHING`, row.Instance, id, row.Key, t.now, row.Hits, blob(row.About))
		if err != nil || n == 0 {
			return err
		}
		_, err = t.exec("UPDATE fleets SET forgotten = forgotten + ? WHERE instance = ?", row.Hits, row.Instance)
		return err
	})
}

// FleetTotals returns the totals of an instance, and makes them if there are none.
func (s *Store) FleetTotals(ctx context.Context, now time.Time, instance string) (n FleetTotals, err error) {
	query := func(c *core) error {
		return c.row(`SELECT run, seq, given, reported, forgotten, coalesce((SELECT sum(hits) FROM outbox WHERE instance = ?1), 0)
			FROM fleets WHERE instance = ?1`, instance).Scan(&n.Run, &n.Seq, &n.Given, &n.Reported, &n.Forgotten, &n.Outbox)
	}
	err = s.read(ctx, "totals of the fleet", query)
	if !errors.Is(err, sql.ErrNoRows) {
		return n, err
	}
	err = s.write(ctx, "totals of the fleet", now, func(t *tx) error {
		if err := t.fleetOf(instance); err != nil {
			return err
		}
		return query(t.core)
	})
	return n, err
}
