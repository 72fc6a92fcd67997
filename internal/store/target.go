package store

import (
	"context"
	"database/sql"
	"time"
)

// Hold says why nothing is sent to a target for a while.
type Hold int

// The holds.
const (
	HoldNone     Hold = iota
	HoldProbing       // the receiver refuses everything alike; one delivery is tried from time to time
	HoldDisabled      // the receiver said that it is gone; nothing is tried until the target's settings change
)

// String returns the hold's word.
func (h Hold) String() string {
	switch h {
	case HoldProbing:
		return "held"
	case HoldDisabled:
		return "disabled"
	default:
		return "active"
	}
}

// TargetState is what is remembered of a target between attempts and over restarts.
type TargetState struct {
	NotBefore time.Time // no attempt before it
	Failures  int       // in a row
	Hold      Hold
	Reason    string // of the last failure
}

// TargetInfo describes one target that the store knows, configured or not.
type TargetInfo struct {
	Name   string
	State  TargetState
	Counts Counts
	// Oldest is when the pending delivery nearest to its expiry was accepted; zero when nothing is pending.
	Oldest time.Time
}

func (t *tx) setState(target int64, state TargetState) error {
	reason := state.Reason
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	_, err := t.exec("UPDATE targets SET not_before = ?, failures = ?, hold = ?, reason = ? WHERE id = ?",
		nanos(state.NotBefore), state.Failures, int(state.Hold), reason, target)
	return err
}

func nanos(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

// Use makes a target known, with the age at which its deliveries expire, and returns its state. revision is any text that changes with
// the target's destination or credentials: when it differs from the one kept, the state is cleared first, and what is pending is due at
// once.
func (s *Store) Use(ctx context.Context, now time.Time, name, revision string, maxAge time.Duration) (TargetState, error) {
	var state TargetState
	err := s.write(ctx, "use target", now, func(t *tx) error {
		id, err := t.target(name)
		if err != nil {
			return err
		}
		var before string
		var notBefore int64
		if err := t.row("SELECT revision, not_before, failures, hold, reason FROM targets WHERE id = ?", id).
			Scan(&before, &notBefore, &state.Failures, &state.Hold, &state.Reason); err != nil {
			return err
		}
		state.NotBefore = timeOf(notBefore)
		if _, err := t.exec("UPDATE targets SET revision = ?, max_age = ? WHERE id = ?", revision, int64(maxAge), id); err != nil {
			return err
		}
		if before == revision {
			return nil
		}
		state = TargetState{}
		if err := t.setState(id, state); err != nil {
			return err
		}
		if before == "" {
			return nil
		}
		_, err = t.exec("UPDATE deliveries SET due = ?1 WHERE state = 0 AND target = ?2 AND due > ?1 AND attempts > 0", t.now, id)
		return err
	})
	return state, err
}

// Targets describes all targets that the store knows, by name.
func (s *Store) Targets(ctx context.Context) ([]TargetInfo, error) {
	var all []TargetInfo
	err := s.read(ctx, "targets", func(c *core) error {
		all = nil
		return c.each(`SELECT name, not_before, failures, hold, reason, accepted, delivered, pending, dead, dropped, removed,
				coalesce((SELECT a.at FROM deliveries d INDEXED BY pending_expires JOIN alerts a ON a.seq = d.seq >> 16
					WHERE d.state = 0 AND d.target = targets.id ORDER BY d.expires LIMIT 1), 0)
			FROM targets ORDER BY name`, nil, func(rows *sql.Rows) error {
			var info TargetInfo
			var notBefore, oldest int64
			n, st := &info.Counts, &info.State
			if err := rows.Scan(&info.Name, &notBefore, &st.Failures, &st.Hold, &st.Reason,
				&n.Accepted, &n.Delivered, &n.Pending, &n.Dead, &n.Dropped, &n.Removed, &oldest); err != nil {
				return err
			}
			st.NotBefore, info.Oldest = timeOf(notBefore), timeOf(oldest)
			all = append(all, info)
			return nil
		})
	})
	return all, err
}
