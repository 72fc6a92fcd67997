package hours

import (
	"fmt"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Moments is one time of the day, on some days of the week. It is immutable.
//
// It comes once on each of its days: a time that the clock skips comes an hour earlier or later, and one that comes twice comes once.
type Moments struct {
	days   uint8
	minute int // after midnight
	zone   *time.Location
}

// MomentExample is a setting of Moments, for help texts.
const MomentExample = "daily 08:00"

// ParseMoments reads days and a time, as in "daily 08:00", "weekdays 07:30" or "mon,thu 08:00". zone is a name of the time zone database; "" is UTC.
func ParseMoments(text, zone string) (*Moments, error) {
	m, err := parseMoments(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	location, err := loadZone(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	m.zone = location
	return m, nil
}

// CheckMoments adds the faults of a setting and of its zone.
func CheckMoments(fs *setting.Faults, field, text, zone string) {
	if _, err := parseMoments(text); err != nil {
		fs.Add(field, text, err.Message, err.Hint)
	}
	if _, err := loadZone(zone); err != nil {
		fs.Add("zone", zone, err.Message, err.Hint)
	}
}

func parseMoments(text string) (*Moments, *setting.ParseError) {
	const form = `must be days and a time, such as "` + MomentExample + `", "weekdays 08:00" or "mon 08:00"`
	words := strings.Fields(strings.ToLower(text))
	switch {
	case len(words) == 1 && strings.Contains(words[0], ":"):
		words = []string{"daily", words[0]}
	case len(words) == 2 && words[0] == "weekly":
		return nil, &setting.ParseError{Message: form, Hint: `a week has one on a day, as in "mon 08:00"`}
	case len(words) != 2:
		return nil, &setting.ParseError{Message: form, Hint: hint(text)}
	}
	days, err := parseDays(words[0])
	if err != nil {
		return nil, err
	}
	if from, _, isRange := strings.Cut(words[1], "-"); isRange {
		return nil, &setting.ParseError{Message: form, Hint: fmt.Sprintf("it comes at one time, as in %q", words[0]+" "+from)}
	}
	minute, err := minuteOf(words[1])
	if err == nil && minute == dayMinutes {
		err = &setting.ParseError{Message: `"24:00" is the end of a day`, Hint: "the next one begins at 00:00"}
	}
	if err != nil {
		return nil, err
	}
	return &Moments{days: days, minute: minute}, nil
}

// Last returns the latest moment that is not after a time.
func (m *Moments) Last(now time.Time) time.Time {
	here := now.In(m.zone)
	for back := range 8 {
		at := time.Date(here.Year(), here.Month(), here.Day()-back, 0, m.minute, 0, 0, m.zone)
		// The day itself is asked, because the clock may skip the time into another one.
		day := time.Date(here.Year(), here.Month(), here.Day()-back, 12, 0, 0, 0, m.zone).Weekday()
		if m.days>>day&1 != 0 && !at.After(now) {
			return at
		}
	}
	return time.Time{} // some day of the week is one of the days
}

// Clock returns a time as a clock in the zone shows it: "Mon 2026-11-30 08:00 CET".
func (m *Moments) Clock(at time.Time) string { return at.In(m.zone).Format("Mon 2006-01-02 15:04 MST") }
