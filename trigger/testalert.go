package trigger

import (
	"context"
	"crypto/rand"
	"time"
)

// TestAlert returns an alert of kind test, which shows that a trigger works.
func TestAlert(now time.Time) Alert {
	return Alert{
		Version: AlertVersion, ID: "al_test_" + rand.Text(), Kind: KindTest, Severity: "info", Rule: "test",
		Summary: "This is a test from fluentbit-trigger.",
		Message: "If you can read this, alerts arrive here.",
		Time:    now, FirstSeen: now, LastSeen: now, Count: 1,
		Source: Source{Kind: KindTest, Workload: "fluentbit-trigger"},
	}
}

// Test sends a TestAlert in the same way as every other alert, and returns the result.
func (c *Client) Test(ctx context.Context) Result {
	alert := TestAlert(c.now().UTC())
	result := c.Send(ctx, alert.ID, []Alert{alert})
	if result.Outcome == Delivered { // some receivers accept any payload and show it as raw JSON
		result.Reason += formatHint(c.missing)
	}
	return result
}
