package client

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestBodiesThatWouldNeverEnd: each is an error of the settings, or of the message, at once, and none keeps a processor busy.
func TestBodiesThatWouldNeverEnd(t *testing.T) {
	t.Parallel()
	alerts := slices.Repeat([]trigger.Alert{triggertest.Sample()}, 10)
	for _, body := range []string{
		`{{range $i := 1000000000000}}{{end}}x`, `{{ range .Total }}{{ end }}x`, `{{ range len .Message }}{{ end }}`,
		`{{ $x := "aaaaaaaaaaaaaaaa" }}` + strings.Repeat(`{{ $x = print $x $x }}`, 24) + `{{ len $x }}`,
		`{{ printf "%1000000000d" 1 }}`,
		strings.Repeat(`{{ range $.Alerts }}`, 12) + strings.Repeat(`{{ end }}`, 12),
		`{{ $x := "1 2 3 January" }}` + strings.Repeat(`{{ $x = print $x $x | .Time.Format }}`, 40),
		`{{ $x := "1 2 3 January" }}` + strings.Repeat(`{{ $x = date (print $x $x) .Time }}`, 60),
	} {
		s := testSettings("https://example.com")
		s.Body, s.ContentType = body, "text/plain"
		if _, _, err := receiver.Render(s, alerts, triggertest.SampleTime); err == nil {
			t.Errorf("%.60s: no error", body)
		}
		c, err := New(s, loopback())
		if err != nil {
			continue // refused where it is written
		}
		if got := c.Send(t.Context(), "id", alerts); got.Outcome != trigger.Dead || got.Attempts != 0 {
			t.Errorf("%.60s: %s", body, got)
		}
	}
	s := testSettings("https://example.com")
	s.Body, s.ContentType = `{{range $i := 1000000000000}}{{end}}x`, "text/plain"
	problems := Validate(&s, loopback().Egress)
	if len(problems) != 1 || problems[0].Field != "body" || !strings.Contains(problems[0].Message, "range iterates over lists and maps only") {
		t.Errorf("%v", problems)
	}
}

// TestRenderingEndsWithTheRequest: a message that nobody waits for any more is no dead letter.
func TestRenderingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s := testSettings("https://example.com")
	s.Body, s.ContentType = `{{ range .Alerts }}{{ .Rule }}{{ end }}`, "text/plain"
	c := mustNew(t, s, loopback())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Send(ctx, "id", []trigger.Alert{triggertest.Sample()}); got.Outcome != trigger.RetryLater || got.Failure != trigger.FailureCancelled {
		t.Errorf("%s", got)
	}
}
