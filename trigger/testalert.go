package trigger

import (
	"crypto/rand"
	"time"
)

// TestAlert returns an alert of kind test, which shows that a trigger works.
func TestAlert(now time.Time) Alert {
	return Alert{
		Version: AlertVersion, ID: "al_test_" + rand.Text(), Key: KeyOf("test"), Kind: KindTest, Severity: "info", Rule: "test",
		Summary: "This is a test from fluentbit-trigger.",
		Message: "If you can read this, alerts arrive here.",
		Time:    now, FirstSeen: now, LastSeen: now, Count: 1,
		Source: Source{Kind: KindTest, Workload: "fluentbit-trigger"},
	}
}
