package command

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for text, want := range map[string]int64{
		"": 0, "10m": 1699999400e9, "2d": 1699827200e9, "1w12h": 1699352000e9, "2023-11-14T22:13:20Z": 1700000000e9, "1700000000.5": 1700000000.5e9,
	} {
		if got, err := ParseTime("--since", text, now); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-10m", "-5", "1e300", "NaN"} {
		if got, err := ParseTime("--since", text, now); err == nil {
			t.Errorf("%q was taken as %d", text, got)
		}
	}
}
