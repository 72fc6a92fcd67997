package client

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/backoff"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// Waits between the attempts of one Send.
const (
	retryBase     = 250 * time.Millisecond
	retryMaxWait  = 2 * time.Second
	maxRetryAfter = 24 * time.Hour
)

// retryAfter returns how long the receiver asks to wait, from 0 to 24 h: as its own answers say it, or else as the header Retry-After does, in
// seconds or as a date (RFC 9110). A value that cannot be read counts as 0.
func retryAfter(header http.Header, answer []byte, r *receiver.Receiver, now time.Time) time.Duration {
	if r.AsksToWait != nil {
		if seconds := r.AsksToWait(answer); seconds > 0 {
			return clampSeconds(seconds)
		}
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return clampSeconds(seconds)
	}
	// A number too large for a float is the longest wait there is, not an invalid header.
	if digits := strings.TrimLeft(text, "0123456789"); digits == "" {
		return maxRetryAfter
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}

func clampSeconds(seconds float64) time.Duration {
	switch {
	case !(seconds > 0): // NaN too
		return 0
	case seconds >= maxRetryAfter.Seconds():
		return maxRetryAfter
	}
	return time.Duration(seconds * float64(time.Second))
}

// retriesNow reports whether to try again within this Send. A slow receiver, a longer wait and a problem that only a person can solve are left to
// later deliveries from the store.
func retriesNow(r *trigger.Result) bool {
	switch r.Failure {
	case trigger.FailureServer, trigger.FailureRateLimited, trigger.FailureNetwork, trigger.FailureClient:
		return r.Outcome == trigger.RetryLater && !r.Gone && r.RetryAfter <= retryMaxWait
	}
	return false
}

// pause returns how long to wait before the next attempt: as long as the receiver asks for, or else a random time up to an exponential bound (full
// jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
func pause(asked time.Duration, attempt int) time.Duration {
	if asked > 0 {
		return asked
	}
	return rand.N(backoff.Doubled(attempt, retryBase, retryMaxWait) + 1)
}
