package store

import (
	"context"
	"time"
)

// Outcome is what became of a message.
type Outcome uint8

// The outcomes of a message.
const (
	Delivered Outcome = iota // it arrived
	Retry                    // it is tried again at Due
	Dead                     // it becomes a dead letter
	Returned                 // it was not attempted after all; nothing changes but its lease
)

// String returns the outcome's word.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Retry:
		return "retry"
	case Dead:
		return "dead"
	default:
		return "returned"
	}
}

// maxReason bounds the reason kept with a delivery.
const maxReason = 500

// Result tells what became of a leased message.
type Result struct {
	Message *Message
	Outcome Outcome
	Due     time.Time    // of the next attempt, for Retry
	Reason  string       // why it failed, in words; never a secret
	State   *TargetState // the target's, to be kept with it; nil leaves it
}

// Finish records results, all in one transaction. Only a delivery that is still pending changes, and unless it was Delivered only while its
// lease is the owner's. dropped is what a bound on dead letters dropped, by target.
func (s *Store) Finish(ctx context.Context, owner Owner, now time.Time, results []Result) (dropped map[string]int64, err error) {
	err = s.write(ctx, "finish", now, func(t *tx) error {
		for i := range results {
			if err := t.finish(owner, &results[i]); err != nil {
				return err
			}
		}
		for id, d := range t.deltas {
			if d.Dead > 0 {
				if err := t.boundDead(id); err != nil {
					return err
				}
			}
		}
		dropped = t.dropped
		return nil
	})
	return dropped, err
}

func (t *tx) finish(owner Owner, r *Result) error {
	target, err := t.target(r.Message.Target)
	if err != nil {
		return err
	}
	if r.State != nil {
		if err := t.setState(target, *r.State); err != nil {
			return err
		}
	}
	reason := r.Reason
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	var done []int64
	for _, a := range r.Message.Alerts {
		n, err := t.finishRow(owner, r, a.row, reason)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		d := t.delta(target)
		switch r.Outcome {
		case Delivered:
			d.Pending, d.Delivered = d.Pending-n, d.Delivered+n
			done = append(done, a.row)
		case Dead:
			d.Pending, d.Dead = d.Pending-n, d.Dead+n
		case Retry, Returned:
		}
	}
	if r.Outcome == Delivered && r.Message.group != nil {
		if _, err := t.exec("UPDATE groups SET sent = ?1, keep = max(keep, ?1 + ?2) WHERE target = ?3 AND key = ?4",
			t.now, int64(time.Hour), target, r.Message.group); err != nil {
			return err
		}
	}
	return t.forgetOf(done)
}

func (t *tx) finishRow(owner Owner, r *Result, row int64, reason string) (int64, error) {
	switch r.Outcome {
	case Delivered:
		return t.exec(`UPDATE deliveries SET state = 1, at = ?, owner = 0, attempts = attempts + 1, reason = '' WHERE seq = ? AND state = 0`,
			t.now, row)
	case Retry:
		return t.exec(`UPDATE deliveries SET due = ?, at = ?, owner = 0, attempts = attempts + 1, reason = ?
			WHERE seq = ? AND state = 0 AND owner = ?`, r.Due.UnixNano(), t.now, reason, row, int64(owner))
	case Dead:
		return t.exec(`UPDATE deliveries SET state = 2, at = ?, owner = 0, attempts = attempts + 1, reason = ?, expires = ?
			WHERE seq = ? AND state = 0 AND owner = ?`, t.now, reason, t.now+int64(t.set.DeadMaxAge), row, int64(owner))
	default:
		return t.exec("UPDATE deliveries SET owner = 0 WHERE seq = ? AND state = 0 AND owner = ?", row, int64(owner))
	}
}
