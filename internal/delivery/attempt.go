package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxAfter bounds the wait that a receiver can ask for.
const maxAfter = 24 * time.Hour

// attempt sends one message and passes its result to the finisher.
func (w *worker) attempt(ctx context.Context, ref *senderRef, message *store.Message) {
	alerts, result := decode(message)
	var p plan
	if alerts != nil {
		var panicked bool
		p = planOf(message, alerts, destinationOf(ref.Sender))
		begun := w.d.opt.Now()
		if result, panicked = p.send(ctx, ref.Sender, message.ID, alerts); panicked {
			w.d.count.panics.Add(1)
			w.d.opt.Log.Error("panic in a sender", "trigger", w.name)
		}
		// The clock may have been set back meanwhile.
		w.durations.Observe(max(w.d.opt.Now().Sub(begun), 0).Seconds())
	}
	if result.Outcome == trigger.Delivered && alerts != nil {
		w.d.sent.add(w.name, alerts)
	}
	kept := w.conclude(ctx, message, result, quotable(result.Detail, alerts), !p.edit)
	kept.Post = p.stored(&result, kept.Outcome)
	// This waits while the store is slow, so there are never more attempts than the store can record.
	w.d.results <- finished{kept}
}

// run makes an attempt and frees its slot afterwards, even if the attempt panics.
func (w *worker) run(ctx context.Context, ref *senderRef, message *store.Message) {
	if w.d.survives("attempt of "+w.name, func() { w.attempt(ctx, ref, message) }) {
		w.d.returnLease(message)
	}
	ref.release()
	w.mu.Lock()
	w.inFlight--
	w.mu.Unlock()
	w.notify()
}

// decode reads the alerts of a message. An alert that is missing from the store or does not parse can never be sent.
func decode(m *store.Message) ([]trigger.Alert, trigger.Result) {
	alerts := make([]trigger.Alert, len(m.Alerts))
	for i, stored := range m.Alerts {
		if err := json.Unmarshal(stored.Payload, &alerts[i]); err != nil {
			return nil, trigger.Result{Outcome: trigger.Dead, Reason: fmt.Sprintf("cannot read alert %q from the store", stored.ID)}
		}
	}
	return alerts, trigger.Result{}
}

// quotable returns the beginning of a receiver's answer for the log. It leaves out an answer that repeats an alert: the log may be watched by a
// rule, which would then match its own alert.
func quotable(answer string, alerts []trigger.Alert) string {
	const begin = 16 // of a text that counts as repeated, in bytes
	for i := range alerts {
		for _, text := range []string{alerts[i].Message, alerts[i].Summary} {
			text = strings.TrimSpace(text)
			if text != "" && strings.Contains(answer, text[:min(len(text), begin)]) {
				return "(repeats the alert)"
			}
		}
	}
	return answer
}

// conclude converts the result of an attempt to a row of the store and updates the trigger's state. answer is the receiver's answer for the log. splits says
// that a group may be split. An edit is not: its half would be older than what an attempt, whose answer was lost, may have made of the message.
func (w *worker) conclude(ctx context.Context, message *store.Message, r trigger.Result, answer string, splits bool) store.Result {
	if r.Outcome != trigger.Delivered && ctx.Err() != nil {
		return store.Result{Message: message, Outcome: store.Returned} // cancelled by Stop or SetTriggers, not refused by the receiver
	}
	now := w.d.opt.Now()
	set := &w.d.opt.Settings
	kept := store.Result{Message: message, Reason: r.Reason, Answer: r.Detail}
	n := int64(len(message.Alerts))
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.state
	switch r.Outcome {
	case trigger.Delivered:
		kept.Outcome = store.Delivered
		w.state = store.TriggerState{}
	case trigger.Dead:
		// The receiver works and refuses this message only.
		kept.Outcome = store.Dead
		if splits && n > 1 && r.OfContent() {
			kept.Outcome = store.Split // perhaps it refuses only one of them
		}
		w.state = store.TriggerState{}
	case trigger.Hold, trigger.Disabled:
		// Due at once, because the trigger, not the message, decides when the next attempt is.
		kept.Outcome, kept.Due = store.Retry, now
		w.state = store.TriggerState{
			NotBefore: now.Add(max(set.ProbeInterval, clampAfter(r.RetryAfter))), Failures: before.Failures + 1, Hold: store.HoldProbing, Reason: failureReason(&r),
		}
		if r.Outcome == trigger.Disabled {
			w.state.Hold = store.HoldDisabled
		}
	default:
		if r.Gone {
			// The receiver works, and the next attempt, which sends a new message, waits for the rate alone.
			kept.Outcome, kept.Due = store.Retry, now
			w.state = store.TriggerState{}
			break
		}
		after := clampAfter(r.RetryAfter)
		kept.Outcome = store.Retry
		kept.Due = now.Add(max(after, pauseAfter(message.Attempts+1, set.RetryMin, set.RetryMax, w.d.opt.Random())))
		if r.Partial {
			// The receiver works, so other messages need not wait for the recipients that this one still misses.
			w.state = store.TriggerState{}
			break
		}
		w.state.Failures++
		w.state.Reason = failureReason(&r)
		pause := max(after, pauseAfter(w.state.Failures, set.RetryMin, set.RetryMax, w.d.opt.Random()))
		// Attempts run concurrently: one must not shorten the wait that another one set.
		if at := now.Add(pause); at.After(w.state.NotBefore) {
			w.state.NotBefore = at
		}
	}
	if w.state != before {
		state := w.state
		kept.State = &state
	}
	if kept.Outcome == store.Split {
		w.d.count.retried.Add(n)
		w.d.opt.Log.Info("receiver refused a group of alerts: sending each half on its own", withAnswerField(answer, "trigger", w.name, "alerts", n,
			"reason", r.Reason)...)
		return kept
	}
	w.report(before, r, n, answer)
	return kept
}

// report counts and logs an outcome. The caller holds w.mu.
func (w *worker) report(before store.TriggerState, r trigger.Result, alerts int64, answer string) {
	count, log := &w.d.count, w.d.opt.Log
	switch r.Outcome {
	case trigger.Delivered:
		if before.Failures > 0 {
			log.Info("trigger works again", "trigger", w.name, "failures", before.Failures)
		}
		if r.Partial {
			log.Warn("some recipients refused an alert", withAnswerField(answer, "trigger", w.name, "reason", r.Reason)...)
		}
		count.delivered.Add(alerts)
		return
	case trigger.Dead:
		count.refused.Add(alerts)
		log.Warn("receiver refused an alert permanently: it is a dead letter now", withAnswerField(answer, "trigger", w.name, "reason", r.Reason)...)
		w.d.losses.add(w.name, lossRefused, alerts)
		return
	case trigger.Hold, trigger.Disabled:
		count.held.Add(alerts)
	default:
		count.retried.Add(alerts)
		if r.Gone {
			log.Info("cannot edit a message any more: sending a new one", withAnswerField(answer, "trigger", w.name, "reason", r.Reason)...)
			return
		}
		if r.Partial {
			log.Warn("some recipients have an alert and others do not yet: trying these again", withAnswerField(answer, "trigger", w.name, "reason", r.Reason)...)
			return
		}
	}
	if w.state.Hold != before.Hold || before.Failures == 0 {
		log.Warn("trigger failing", withAnswerField(answer, "trigger", w.name, "state", w.state.Hold.String(), "next", w.state.NotBefore, "reason", r.Reason)...)
	}
}

func clampAfter(after time.Duration) time.Duration { return min(max(after, 0), maxAfter) }

// failureReason returns the reason of a failure with the beginning of the receiver's answer, for the trigger's state.
func failureReason(r *trigger.Result) string {
	if r.Detail == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Detail
}

// withAnswerField appends the receiver's answer, if there is one, to the fields of a log line.
func withAnswerField(answer string, args ...any) []any {
	if answer == "" {
		return args
	}
	return append(args, "answer", answer)
}
