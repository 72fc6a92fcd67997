package delivery

import (
	"context"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Sender sends one message: the alerts of a group, or one alert. id is the same at every attempt of the message. A Sender that has a method
// Close is closed once it was replaced or removed and its last attempt returned.
type Sender interface {
	Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result
}

// safeSend turns a panic of the sender into a failure like any other.
func safeSend(ctx context.Context, s Sender, id string, alerts []trigger.Alert) (r trigger.Result, panicked bool) {
	defer func() {
		if cause := recover(); cause != nil {
			// The cause may quote what was sent, so only its type is told.
			r, panicked = trigger.Result{Outcome: trigger.RetryLater, Reason: fmt.Sprintf("panic while sending (%T)", cause)}, true
		}
	}()
	return s.Send(ctx, id, alerts), false
}
