package trigger

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Waits between the attempts of one Send.
const (
	retryBase     = 250 * time.Millisecond
	retryMaxWait  = 2 * time.Second
	maxRetryAfter = 24 * time.Hour
)

// retryAfter reads what a receiver asks to wait: seconds or a date (RFC 9110), and in Telegram's answers parameters.retry_after. What is
// negative, too great or not readable is brought to 0…24 h.
func retryAfter(header http.Header, answer []byte, format string, now time.Time) time.Duration {
	if format == FormatTelegram {
		var body struct {
			Parameters struct {
				RetryAfter float64 `json:"retry_after"`
			} `json:"parameters"`
		}
		if json.Unmarshal(answer, &body) == nil && body.Parameters.RetryAfter > 0 {
			return clampSeconds(body.Parameters.RetryAfter)
		}
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return clampSeconds(seconds)
	}
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

// retriesNow reports whether another attempt makes sense within this Send. A receiver that is slow, or asks for a longer wait, is left to
// the store; so is what only a person can mend.
func retriesNow(r *Result) bool {
	switch r.Failure {
	case FailureServer, FailureRateLimited, FailureNetwork, FailureClient:
		return r.Outcome == RetryLater && r.RetryAfter <= retryMaxWait
	}
	return false
}

// pause is how long to wait before the next attempt: what the receiver asked for, else a random time up to an exponential bound (full
// jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
func pause(asked time.Duration, attempt int) time.Duration {
	if asked > 0 {
		return asked
	}
	bound := min(retryBase<<min(attempt, 10), retryMaxWait)
	return rand.N(bound + 1)
}
