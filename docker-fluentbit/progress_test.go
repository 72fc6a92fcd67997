package main

import (
	"testing"
	"time"
)

func TestProgressTellsRateAndTimeLeft(t *testing.T) {
	for _, c := range []struct {
		read, total, lines int64
		after              time.Duration
		want               string
	}{
		{0, 100e6, 0, 0, "░░░░░░░░░░░░░░░░░░░░░░░░   0 %, 0 lines, 0.0 MB/s, ? left"},
		{25e6, 100e6, 250_000, 5 * time.Second, "██████░░░░░░░░░░░░░░░░░░  25 %, 250.0 k lines, 5.0 MB/s, 15s left"},
		{100e6, 100e6, 1_000_000, 20 * time.Second, "████████████████████████ 100 %, 1.0 M lines, 5.0 MB/s, 0s left"},
		{25e6, 0, 250_000, 5 * time.Second, "25.0 MB read, 250.0 k lines, 5.0 MB/s"},
		{101e6, 100e6, 12, 20 * time.Second, "101.0 MB read, 12 lines, 5.0 MB/s"}, // it grew meanwhile
	} {
		if got := progressText(c.read, c.total, c.lines, c.after); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
