package delivery

import (
	"context"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Sender sends one message: one alert, or the alerts of a group. id is the same at every attempt of the message. A Sender with a method Close is
// closed after it was replaced or removed and its last attempt returned.
type Sender interface {
	Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result
}

// safely returns a panic of a sender as a failure.
func safely(send func() trigger.Result) (r trigger.Result, panicked bool) {
	defer func() {
		if cause := recover(); cause != nil {
			// The cause may quote the message, so the reason names only its type.
			r, panicked = trigger.Result{Outcome: trigger.RetryLater, Reason: fmt.Sprintf("panic while sending (%T)", cause)}, true
		}
	}()
	return send(), false
}
