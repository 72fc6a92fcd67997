package client

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, " 120 ": 2 * time.Minute, "0.5": 500 * time.Millisecond, "-5": 0, "-0": 0, "86400": 24 * time.Hour,
		"86401": 24 * time.Hour, "99999999999": 24 * time.Hour, "9223372036854775808": 24 * time.Hour, "99999999999999999999999999": 24 * time.Hour,
		"1e400": 0, "1e18": 24 * time.Hour, "NaN": 0, "Inf": 24 * time.Hour, "-Inf": 0, "soon": 0, "1, 2": 0,
		"Sun, 22 Nov 2026 14:01:00 GMT": time.Minute, "Sun, 22 Nov 2026 13:00:00 GMT": 0, "Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
		"Sunday, 22-Nov-26 14:00:30 GMT": 30 * time.Second, "Thu, 01 Jan 1970 00:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, nil, receiver.For(&trigger.Settings{Format: "generic"}), now); got != want {
			t.Errorf("%q gives %s, want %s", text, got, want)
		}
	}
	for body, want := range map[string]time.Duration{
		`{"ok":false,"error_code":429,"parameters":{"retry_after":35}}`: 35 * time.Second, `{"parameters":{"retry_after":-1}}`: 7 * time.Second,
		`{"parameters":{"retry_after":1e12}}`: 24 * time.Hour, `{`: 7 * time.Second, ``: 7 * time.Second, `{"parameters":{"retry_after":"x"}}`: 7 * time.Second,
	} {
		header := http.Header{"Retry-After": {"7"}}
		if got := retryAfter(header, []byte(body), receiver.For(&trigger.Settings{Format: "telegram"}), now); got != want {
			t.Errorf("telegram's %s gives %s, want %s", body, got, want)
		}
		if got := retryAfter(header, []byte(body), receiver.For(&trigger.Settings{Format: "slack"}), now); got != 7*time.Second {
			t.Errorf("slack reads telegram's body: %s", got)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", `{"parameters":{"retry_after":35}}`)
	f.Fuzz(func(t *testing.T, header, body string) {
		got := retryAfter(http.Header{"Retry-After": {header}}, []byte(body), receiver.For(&trigger.Settings{Format: "telegram"}), time.Unix(0, 0))
		if got < 0 || got > maxRetryAfter {
			t.Fatalf("%q gives %s", header, got)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	for attempt := range 100 {
		if got := pause(0, attempt); got < 0 || got > retryMaxWait {
			t.Fatalf("attempt %d waits %s", attempt, got)
		}
	}
	if pause(time.Second, math.MaxInt32) != time.Second {
		t.Error("the wait that the receiver asks for is ignored")
	}
}

func TestTelegramsWaitReachesTheResult(t *testing.T) {
	t.Parallel()
	server := serve(t, answer(429, `{"ok":false,"error_code":429,"parameters":{"retry_after":35}}`))
	s := testSettings(server.URL)
	s.Format, s.Token, s.ChatID, s.Retries = "telegram", setting.SecretText("123:abcdef"), "1", 2
	got := mustNew(t, s, loopback()).Test(t.Context())
	if got.Outcome != trigger.RetryLater || got.RetryAfter != 35*time.Second || got.Attempts != 1 || got.Failure != trigger.FailureRateLimited {
		t.Errorf("got %+v", got)
	}
}
