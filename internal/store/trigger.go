package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Hold is why nothing is sent to a trigger for a while.
type Hold int

// The holds.
const (
	HoldNone     Hold = iota
	HoldProbing       // the receiver refuses every alert; one is tried from time to time
	HoldDisabled      // the receiver said that it is gone; nothing is tried until the settings of the trigger change
)

// holdNames are the words of the holds, in Go and in the file.
var holdNames = [...]string{HoldNone: "active", HoldProbing: "held", HoldDisabled: "disabled"}

// String returns the word of the hold.
func (h Hold) String() string {
	if h < 0 || int(h) >= len(holdNames) {
		return holdNames[HoldNone]
	}
	return holdNames[h]
}

// Value returns the word of the hold, for its column.
func (h Hold) Value() (driver.Value, error) { return h.String(), nil }

// Scan reads a column. A word that it does not know, in a damaged file, is HoldNone: the next attempt shows how the receiver is.
func (h *Hold) Scan(column any) error {
	word, _ := column.(string)
	*h = Hold(max(0, slices.Index(holdNames[:], word)))
	return nil
}

// TriggerState is the state of a trigger between attempts and over restarts.
type TriggerState struct {
	NotBefore time.Time // no attempt before this time
	Failures  int       // in a row
	Hold      Hold
	Reason    string // of the last failure
}

// TriggerInfo describes one trigger that the store knows, configured or not.
type TriggerInfo struct {
	Name   string
	State  TriggerState
	Counts Counts
	// Oldest is when the pending delivery that expires next was accepted; zero if none is pending.
	Oldest time.Time
}

func (t *tx) setState(trigger int64, state TriggerState) error {
	_, err := t.exec("UPDATE triggers SET not_before = ?, failures = ?, hold = ?, reason = ? WHERE id = ?",
		nanos(state.NotBefore), state.Failures, state.Hold, safetext.Cut(state.Reason, maxReason), trigger)
	return err
}

func nanos(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

// UseTrigger registers a trigger with the age at which its deliveries expire, and returns its state. revision changes with the destination or the
// credentials of the trigger: if it differs from the stored one, UseTrigger clears the state and makes retries due at once. It removes posts of any other
// destination, and all posts if destination is "".
func (s *Store) UseTrigger(ctx context.Context, now time.Time, name, revision, destination string, maxAge time.Duration) (TriggerState, error) {
	var state TriggerState
	err := s.write(ctx, "use trigger", now, func(t *tx) error {
		id, err := t.triggerID(name)
		if err != nil {
			return err
		}
		var before string
		var notBefore int64
		if err := t.row("SELECT revision, not_before, failures, hold, reason FROM triggers WHERE id = ?", id).
			Scan(&before, &notBefore, &state.Failures, &state.Hold, &state.Reason); err != nil {
			return err
		}
		state.NotBefore = timeOf(notBefore)
		if _, err := t.exec("UPDATE triggers SET revision = ?, max_age = ? WHERE id = ?", revision, int64(maxAge), id); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM posts WHERE trigger = ? AND (destination <> ? OR destination = '')", id, destination); err != nil {
			return err
		}
		if before == revision {
			return nil
		}
		state = TriggerState{}
		if err := t.setState(id, state); err != nil {
			return err
		}
		if before == "" {
			return nil
		}
		_, err = t.exec("UPDATE deliveries SET due = ?1 WHERE state = 'pending' AND trigger = ?2 AND due > ?1 AND attempts > 0", t.now, id)
		return err
	})
	return state, err
}

// Triggers describes all triggers that the store knows, by name.
func (s *Store) Triggers(ctx context.Context) ([]TriggerInfo, error) {
	var all []TriggerInfo
	err := s.read(ctx, "triggers", func(c *core) error {
		all = nil
		return c.each(`SELECT name, not_before, failures, hold, reason, accepted, delivered, pending, dead, dropped, removed, held,
				coalesce((SELECT a.at FROM deliveries d INDEXED BY pending_expires JOIN alerts a ON a.seq = d.seq >> 16
					WHERE d.state = 'pending' AND d.trigger = triggers.id ORDER BY d.expires LIMIT 1), 0)
			FROM triggers ORDER BY name`, nil, func(rows *sql.Rows) error {
			var info TriggerInfo
			var notBefore, oldest int64
			n, st := &info.Counts, &info.State
			if err := rows.Scan(&info.Name, &notBefore, &st.Failures, &st.Hold, &st.Reason,
				&n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed, &n.Held, &oldest); err != nil {
				return err
			}
			st.NotBefore, info.Oldest = timeOf(notBefore), timeOf(oldest)
			all = append(all, info)
			return nil
		})
	})
	return all, err
}

// triggerID returns the id of a trigger. It adds a trigger that is new.
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
		return 0, fmt.Errorf("trigger %q: the store has had more than %d triggers", name, maxTriggers)
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
	err := c.each("SELECT id, name, accepted, delivered, pending, dead, dropped, removed, held FROM triggers", nil, func(rows *sql.Rows) error {
		var id int64
		var name string
		var n Counts
		if err := rows.Scan(&id, &name, &n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed, &n.Held); err != nil {
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
