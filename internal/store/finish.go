package store

import (
	"context"
	"strconv"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Outcome is the outcome of an attempt to send a message.
type Outcome uint8

// The outcomes of a message.
const (
	Delivered Outcome = iota // the receiver accepted it
	Retry                    // it is retried at Due
	Dead                     // it becomes a dead letter
	Split                    // the receiver refused a group: its two halves are tried next, as two messages
	Returned                 // it was not attempted; only its lease ends
)

// String returns the name of the outcome.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Retry:
		return "retry"
	case Dead:
		return "dead"
	case Split:
		return "split"
	default:
		return "returned"
	}
}

// The bounds of the texts that are stored with a failed delivery, in bytes.
const (
	maxReason = 500
	maxAnswer = 1200
)

// Result is the result of an attempt to send a leased message.
type Result struct {
	Message *Message
	Outcome Outcome
	Due     time.Time     // of the next attempt, for Retry
	Reason  string        // why it failed, in words; never a secret
	Answer  string        // the beginning of the receiver's answer, for people; never a secret
	State   *TriggerState // the new state of the trigger; nil does not change it
	Post    *Post         // the new post of the order of a message whose alerts all have that order; nil does not change it
}

// Finish records results in one transaction. It changes only deliveries that are still pending and, unless they were Delivered, still leased by the
// owner. dropped counts the dead letters that MaxDead dropped, by trigger.
func (s *Store) Finish(ctx context.Context, owner Owner, now time.Time, results []Result) (dropped map[string]int64, err error) {
	err = s.write(ctx, "finish", now, func(t *tx) error {
		if err := t.deliver(results); err != nil {
			return err
		}
		for i := range results {
			if err := t.finish(owner, &results[i]); err != nil {
				return err
			}
		}
		// After all results, so that the bound sees their dead letters together.
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

// deliver records the deliveries that were delivered, all in one statement.
func (t *tx) deliver(results []Result) error {
	var rows []int64
	for i := range results {
		if results[i].Outcome == Delivered {
			for _, a := range results[i].Message.Alerts {
				rows = append(rows, a.row)
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	// A delivery that is not pending any more was counted by whoever changed it.
	done, err := t.numbers(`UPDATE deliveries SET state = 'delivered', at = ?1, owner = 0, attempts = attempts + 1, reason = '', answer = ''
		WHERE seq IN (SELECT value FROM json_each(?2)) AND state = 'pending' RETURNING seq`, t.now, listOf(rows))
	if err != nil {
		return err
	}
	for _, row := range done {
		d := t.delta(row & maxTriggers)
		d.Pending, d.Delivered = d.Pending-1, d.Delivered+1
	}
	return t.forgetOf(done)
}

// listOf returns numbers as a list for json_each.
func listOf(numbers []int64) string {
	list := []byte{'['}
	for i, n := range numbers {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, n, 10)
	}
	return string(append(list, ']'))
}

// finish records one result. Of a Delivered one deliver has done the deliveries.
func (t *tx) finish(owner Owner, r *Result) error {
	trigger, err := t.triggerID(r.Message.Trigger)
	if err != nil {
		return err
	}
	if r.State != nil {
		if err := t.setState(trigger, *r.State); err != nil {
			return err
		}
	}
	if r.Post != nil && r.Message.order != nil {
		if err := t.setPost(trigger, r.Message.order, r.Post); err != nil {
			return err
		}
	}
	if r.Outcome == Delivered {
		if r.Message.group == nil {
			return nil
		}
		_, err := t.exec("UPDATE groups SET sent = ?1, keep = max(keep, ?1 + ?2) WHERE trigger = ?3 AND key = ?4",
			t.now, int64(time.Hour), trigger, r.Message.group)
		return err
	}
	halves, err := t.halves(r)
	if err != nil {
		return err
	}
	var dead []int64
	for i, a := range r.Message.Alerts {
		n, err := t.finishRow(owner, r, a.row, halves[min(i/((len(r.Message.Alerts)+1)/2), 1)])
		if err != nil {
			return err
		}
		// The delivery is not this owner's any more, and was counted by whoever changed it.
		if n == 0 {
			continue
		}
		if d := t.delta(trigger); r.Outcome == Dead {
			d.Pending, d.Dead = d.Pending-n, d.Dead+n
			dead = append(dead, a.row)
		}
	}
	return t.endPosts(trigger, dead)
}

// halves returns the ids of the two messages that Split makes: of the first half, which is the larger one of an odd number, and of the second.
func (t *tx) halves(r *Result) (ids [2]string, err error) {
	if r.Outcome != Split {
		return ids, nil
	}
	all := r.Message.Alerts
	middle := (len(all) + 1) / 2
	for i, half := range [][]Stored{all[:middle], all[middle:]} {
		if len(half) == 0 {
			continue
		}
		if ids[i], err = t.messageID(half); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// finishRow records the outcome of one delivery. half is the id of its new message after Split.
func (t *tx) finishRow(owner Owner, r *Result, row int64, half string) (int64, error) {
	reason, answer := safetext.Cut(r.Reason, maxReason), safetext.Cut(r.Answer, maxAnswer)
	switch r.Outcome {
	case Retry:
		return t.exec(`UPDATE deliveries SET due = ?, at = ?, owner = 0, attempts = attempts + 1, reason = ?, answer = ?
			WHERE seq = ? AND state = 'pending' AND owner = ?`, r.Due.UnixNano(), t.now, reason, answer, row, int64(owner))
	case Split:
		return t.exec(`UPDATE deliveries SET due = ?1, at = ?1, owner = 0, attempts = attempts + 1, reason = ?2, answer = ?3, message = ?4
			WHERE seq = ?5 AND state = 'pending' AND owner = ?6`, t.now, reason, answer, half, row, int64(owner))
	case Dead:
		return t.exec(`UPDATE deliveries SET state = 'dead', at = ?, owner = 0, attempts = attempts + 1, reason = ?, answer = ?, expires = ?
			WHERE seq = ? AND state = 'pending' AND owner = ?`, t.now, reason, answer, t.now+int64(t.set.DeadMaxAge), row, int64(owner))
	default:
		return t.exec("UPDATE deliveries SET owner = 0 WHERE seq = ? AND state = 'pending' AND owner = ?", row, int64(owner))
	}
}
