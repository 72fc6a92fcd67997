package hours

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func momentsOf(t *testing.T, text, zone string) *Moments {
	t.Helper()
	m, err := ParseMoments(text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheLastMoment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, zone, now, want string }{
		{"daily 08:00", "", "2026-11-30T08:00:00Z", "2026-11-30T08:00:00Z"},
		{"08:00", "", "2026-11-30T07:59:59Z", "2026-11-29T08:00:00Z"},
		{"mon 08:00", "", "2026-11-30T07:59:59Z", "2026-11-23T08:00:00Z"},
		{"Weekdays 8:00", "", "2026-12-06T12:00:00Z", "2026-12-04T08:00:00Z"},
		{"tue,sat 00:00", "", "2026-12-04T23:59:59Z", "2026-12-01T00:00:00Z"},
		{"daily 08:00", "Europe/Berlin", "2026-11-30T07:00:00Z", "2026-11-30T07:00:00Z"},
		{"daily 08:00", "Europe/Berlin", "2026-07-01T06:00:00Z", "2026-07-01T06:00:00Z"},
		{"daily 00:30", "Pacific/Auckland", "2026-11-29T11:30:00Z", "2026-11-29T11:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := momentsOf(t, c.text, c.zone).Last(now).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %q, at %s: %s, want %s", c.text, c.zone, c.now, got, c.want)
		}
	}
}

// TestAMomentComesOnceADay counts minute by minute through a year with both changes of the clock, one of them over midnight.
func TestAMomentComesOnceADay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, zone string }{{"daily 02:30", "Europe/Berlin"}, {"daily 01:30", "America/New_York"}, {"daily 00:00", "Africa/Cairo"}, {"daily 02:15", "Australia/Lord_Howe"}} {
		m := momentsOf(t, c.text, c.zone)
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		last, n := m.Last(begin), 0
		for at := begin; at.Before(begin.AddDate(1, 0, 0)); at = at.Add(15 * time.Minute) {
			now := m.Last(at)
			if now.Equal(last) {
				continue
			}
			if gap := now.Sub(last); gap < 22*time.Hour || gap > 26*time.Hour {
				t.Errorf("%s in %s: %s after %s", c.text, c.zone, gap, last)
			}
			last = now
			n++
		}
		if n != 365 {
			t.Errorf("%s in %s: %d times in a year", c.text, c.zone, n)
		}
	}
}

func TestMistakesOfMoments(t *testing.T) {
	t.Parallel()
	const form = `must be days and a time, such as "daily 08:00", "weekdays 08:00" or "mon 08:00"`
	for _, c := range []struct{ text, zone, want string }{
		{"", "", form}, {"0 8 * * *", "", "words, not cron"}, {"daily", "", form}, {"weekly 08:00", "", `a week has one on a day, as in "mon 08:00"`},
		{"daily 8", "", "times have minutes"}, {"daily 8am", "", "24-hour clock"}, {"daily 24:00", "", "the next one begins at 00:00"}, {"daily 25:00", "", "not a time of day"},
		{"daily 08:00-09:00", "", `it comes at one time, as in "daily 08:00"`}, {"munday 08:00", "", "is not a day"}, {"daily 08:00", "europe/berlin", `did you mean "Europe/Berlin"?`},
	} {
		var fs setting.Faults
		CheckMoments(&fs, "digest", c.text, c.zone)
		if len(fs) != 1 || !strings.Contains(fs[0].Error(), c.want) {
			t.Errorf("%q in %q: %v, want %s", c.text, c.zone, fs, c.want)
		}
		if _, err := ParseMoments(c.text, c.zone); err == nil {
			t.Errorf("%q in %q is accepted", c.text, c.zone)
		}
	}
}
