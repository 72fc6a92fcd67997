package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnHourThatComesTwice: when clocks are set back, times keep increasing in every zone, and lines slightly out of order remain together.
func TestAnHourThatComesTwice(t *testing.T) {
	for name, times := range map[string][]string{
		"Europe/Vienna": {
			"2026-10-25 01:59:00", "2026-10-25 02:00:00", "2026-10-25 02:58:00", "2026-10-25 02:57:00", "2026-10-25 02:59:59", "2026-10-25 02:00:00",
			"2026-10-25 02:01:00", "2026-10-25 02:00:59", "2026-10-25 02:59:00", "2026-10-25 03:00:00", "2026-10-25 04:00:00",
		},
		"America/New_York": {
			"2026-11-01 00:59:00", "2026-11-01 01:00:00", "2026-11-01 01:58:00", "2026-11-01 01:57:00", "2026-11-01 01:59:59", "2026-11-01 01:00:00",
			"2026-11-01 01:01:00", "2026-11-01 01:00:59", "2026-11-01 01:59:00", "2026-11-01 02:00:00", "2026-11-01 03:00:00",
		},
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip(err)
		}
		first, err := time.ParseInLocation(time.DateTime, times[0], zone)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"0s", "1m0s", "59m0s", "58m0s", "1h0m59s", "1h1m0s", "1h2m0s", "1h1m59s", "2h0m0s", "2h1m0s", "3h1m0s"}
		for _, format := range []string{"%s text", `{"ts":"%s"}`} {
			var log strings.Builder
			for _, at := range times {
				fmt.Fprintf(&log, format+"\n", at)
			}
			opt := options()
			opt.Zone = zone
			var got []string
			for _, r := range only(t, opt, write(t, t.TempDir(), "app.log", []byte(log.String()))) {
				got = append(got, time.Unix(0, r.rec.Time).Sub(first).String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", name, format, got, want)
			}
		}
	}
}
