package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Sender sends one message: the alerts of a group, or one alert. id is the same at every attempt of the message. A Sender that has a method
// Close() is closed once it was replaced or removed and its last attempt returned.
type Sender interface {
	Send(ctx context.Context, id string, alerts []trigger.Alert) Result
}

// Verdict says what an attempt means for the message and its target.
type Verdict uint8

// The verdicts.
const (
	Delivered Verdict = iota // it arrived
	Later                    // it is tried again
	Refused                  // it will never be taken: a dead letter
	Held                     // the target takes nothing for now: hold and probe
	Gone                     // the target is gone: disabled until its settings change
)

// Result is the outcome of one attempt.
type Result struct {
	Verdict Verdict
	After   time.Duration // what the receiver asked for before the next attempt; 0 is nothing
	Reason  string        // in words, without secrets
}

// safeSend turns a panic of the sender into a failure like any other.
func safeSend(ctx context.Context, s Sender, id string, alerts []trigger.Alert) (r Result, panicked bool) {
	defer func() {
		if cause := recover(); cause != nil {
			r, panicked = Result{Verdict: Later, Reason: fmt.Sprintf("panic while sending (%T)", cause)}, true
		}
	}()
	return s.Send(ctx, id, alerts), false
}
