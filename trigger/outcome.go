package trigger

import (
	"fmt"
	"net/http"
	"time"
)

// Outcome is the state of a delivery after a Send.
type Outcome uint8

// The outcomes.
const (
	// Delivered: the receiver accepted it.
	Delivered Outcome = iota + 1
	// RetryLater: a later attempt may succeed.
	RetryLater
	// Dead: no attempt will succeed. The delivery becomes a dead letter.
	Dead
	// Hold: no delivery of this trigger will succeed until someone acts. The trigger pauses, and one delivery is tried from time to time.
	Hold
	// Disabled: the receiver is gone for good (410).
	Disabled
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case RetryLater:
		return "retry later"
	case Dead:
		return "dead"
	case Hold:
		return "hold"
	case Disabled:
		return "disabled"
	}
	return fmt.Sprintf("outcome(%d)", o)
}

// Failure is the class of an error, as metrics name it. "" is no failure.
type Failure string

// The failures.
const (
	FailureClient      Failure = "clientError" // 3xx, other 4xx, and payloads that cannot be rendered
	FailureServer      Failure = "serverError" // 5xx
	FailureAuth        Failure = "authError"   // 401, 403, 407
	FailureRateLimited Failure = "rateLimited" // 429
	FailureTimeout     Failure = "timeout"
	FailureEgress      Failure = "egress" // the egress policy blocks the address
	FailureNetwork     Failure = "network"
	FailureTLS         Failure = "tls"
	FailureCancelled   Failure = "cancelled" // the context ended, as at shutdown
)

// Failures returns all classes.
func Failures() []Failure {
	return []Failure{
		FailureClient, FailureServer, FailureAuth, FailureRateLimited, FailureTimeout, FailureEgress, FailureNetwork, FailureTLS, FailureCancelled,
	}
}

// Result is the result of a Send. It contains no secret.
type Result struct {
	Outcome    Outcome
	Failure    Failure
	Status     int           // of the last answer; 0 when there was none
	RetryAfter time.Duration // the wait that the receiver asked for, 0 to 24 h
	Reason     string        // for logs: "answered 503 Service Unavailable"
	Detail     string        // the start of an error answer, on one line, without secrets; it can repeat texts of the alert
	Attempts   int           // number of requests
	Partial    bool          // some recipients of the message have it, and others do not
	Place      string        // the receiver's name of the message that was sent; "" where it cannot be edited
	Gone       bool          // the message to edit cannot be edited any more: the next attempt has to send a new one
	Elapsed    time.Duration
}

// String returns the result on one line: "delivered: answered 200 OK (1 attempt, 12ms)".
func (r Result) String() string {
	attempts := "1 attempt"
	if r.Attempts != 1 {
		attempts = fmt.Sprintf("%d attempts", r.Attempts)
	}
	text := fmt.Sprintf("%s: %s (%s, %s)", r.Outcome, r.Reason, attempts, r.Elapsed.Round(time.Millisecond))
	if r.RetryAfter > 0 {
		text += fmt.Sprintf(", asked to wait %s", r.RetryAfter.Round(time.Second))
	}
	return text
}

// OfContent reports whether a Dead result can be due to the content of one alert, so that the other alerts of a group may be accepted without it.
func (r Result) OfContent() bool {
	switch r.Status {
	case http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return false
	}
	return r.Outcome == Dead && (r.Status < 300 || r.Status >= 400)
}
