package listen

import (
	"testing"
	"time"
)

// TestAttemptsAndAClockThatWasAhead: an address waits for a minute, and not until the clock shows again what it showed when it was wrong.
func TestAttemptsAndAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 3, 8, 0, 0, 0, time.UTC)
	a := NewAttempts(2, func() time.Time { return now })
	for range 2 {
		if a.Limited("192.0.2.1") {
			t.Fatal("limited before the bound")
		}
		a.Count("192.0.2.1")
	}
	if !a.Limited("192.0.2.1") || a.Limited("192.0.2.2") {
		t.Error("the bound is not that of the address")
	}
	now = now.AddDate(0, 0, -3)
	if a.Limited("192.0.2.1") {
		t.Error("limited for three days")
	}
	a.Count("192.0.2.1")
	if a.Limited("192.0.2.1") {
		t.Error("limited by the attempts of another minute")
	}
}
