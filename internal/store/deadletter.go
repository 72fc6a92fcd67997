package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// DeadLetter is a delivery that is not retried any more.
type DeadLetter struct {
	AlertID  string
	Trigger  string
	Reason   string
	Answer   string // the beginning of the receiver's answer to the last attempt; "" if there was none
	Attempts int
	Accepted time.Time
	Died     time.Time
	Expires  time.Time // when it is dropped
	Payload  []byte
	// Mark is the position in the list of dead letters.
	Mark DeadLetterMark
}

// DeadLetterMark is a position in the list of dead letters, newest first. The zero value is its beginning.
type DeadLetterMark struct{ Died, Row int64 }

// Select selects dead letters: those of an alert, of a trigger, or of both. The zero value selects all.
type Select struct {
	AlertID string
	Trigger string
}

const selectDead = ` FROM deliveries d JOIN triggers t ON t.id = d.trigger JOIN alerts a ON a.seq = d.seq >> 16
	WHERE d.state = 'dead' AND (?1 = '' OR a.id = ?1) AND (?2 = '' OR t.name = ?2)`

// deadLetterColumns are the columns that scanDeadLetter reads.
const deadLetterColumns = `SELECT a.id, t.name, d.reason, d.answer, d.attempts, a.at, d.at, d.expires, a.payload, d.seq`

func scanDeadLetter(scan func(...any) error) (DeadLetter, error) {
	var l DeadLetter
	var accepted, expires int64
	err := scan(&l.AlertID, &l.Trigger, &l.Reason, &l.Answer, &l.Attempts, &accepted, &l.Mark.Died, &expires, &l.Payload, &l.Mark.Row)
	l.Accepted, l.Died, l.Expires = timeOf(accepted), timeOf(l.Mark.Died), timeOf(expires)
	return l, err
}

// DeadLetters lists up to limit dead letters after a mark, the newest first.
func (s *Store) DeadLetters(ctx context.Context, which Select, behind DeadLetterMark, limit int) ([]DeadLetter, error) {
	var all []DeadLetter
	err := s.read(ctx, "dead letters", func(c *core) error {
		all = nil
		if behind == (DeadLetterMark{}) {
			behind.Died = 1<<63 - 1
		}
		return c.each(deadLetterColumns+selectDead+` AND (d.at, d.seq) < (?3, ?4) ORDER BY d.at DESC, d.seq DESC LIMIT ?5`,
			[]any{which.AlertID, which.Trigger, behind.Died, behind.Row, limit}, func(rows *sql.Rows) error {
				l, err := scanDeadLetter(rows.Scan)
				if err == nil {
					all = append(all, l)
				}
				return err
			})
	})
	return all, err
}

// DeadLetter returns one dead letter. ok is false if there is none.
func (s *Store) DeadLetter(ctx context.Context, alertID, trigger string) (letter DeadLetter, ok bool, err error) {
	err = s.read(ctx, "dead letter", func(c *core) error {
		var err error
		letter, err = scanDeadLetter(c.row(deadLetterColumns+selectDead, alertID, trigger).Scan)
		ok = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return letter, ok, err
}

// defaultMaxAge is the max_age of triggers that were never configured.
const defaultMaxAge = 24 * time.Hour

// Redeliver makes dead letters pending again: due at once, outside of their groups, and without attempts. It returns the oldest first, as many as
// MaxPending allows; left is how many stay dead.
func (s *Store) Redeliver(ctx context.Context, now time.Time, which Select) (back, left int, err error) {
	err = s.write(ctx, "redeliver", now, func(t *tx) error {
		back, left = 0, 0
		return t.ofSelect(which, func(trigger int64, rows []int64) error {
			var pending, maxAge int64
			if err := t.row("SELECT pending, max_age FROM triggers WHERE id = ?", trigger).Scan(&pending, &maxAge); err != nil {
				return err
			}
			if maxAge == 0 {
				maxAge = int64(defaultMaxAge)
			}
			room := min(len(rows), max(0, t.set.MaxPending-int(pending)))
			for _, row := range rows[:room] {
				if _, err := t.exec(`UPDATE deliveries SET state = 'pending', due = ?1, expires = ?1 + ?2, attempts = 0, answer = '', owner = 0, grp = NULL, message = ''
					WHERE seq = ?3`, t.now, maxAge, row); err != nil {
					return err
				}
			}
			d := t.delta(trigger)
			d.Dead -= int64(room)
			d.Pending += int64(room)
			back, left = back+room, left+len(rows)-room
			return nil
		})
	})
	s.core.changes.Add(1)
	return back, left, err
}

// Remove drops dead letters permanently and returns how many.
func (s *Store) Remove(ctx context.Context, now time.Time, which Select) (int, error) {
	var removed int
	err := s.write(ctx, "remove", now, func(t *tx) error {
		removed = 0
		return t.ofSelect(which, func(trigger int64, rows []int64) error {
			for _, row := range rows {
				if _, err := t.exec("UPDATE deliveries SET state = 'removed', at = ?, reason = 'removed (' || reason || ')' WHERE seq = ?", t.now, row); err != nil {
					return err
				}
			}
			d := t.delta(trigger)
			d.Dead -= int64(len(rows))
			d.Removed += int64(len(rows))
			removed += len(rows)
			return t.forgetOf(rows)
		})
	})
	return removed, err
}

// ofSelect calls fn with the selected dead letters of each trigger, oldest first.
func (t *tx) ofSelect(which Select, fn func(trigger int64, rows []int64) error) error {
	rows, err := t.numbers("SELECT d.seq"+selectDead+" ORDER BY d.trigger, d.at, d.seq", which.AlertID, which.Trigger)
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		trigger, n := rows[0]&maxTriggers, 1
		for n < len(rows) && rows[n]&maxTriggers == trigger {
			n++
		}
		if err := fn(trigger, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
