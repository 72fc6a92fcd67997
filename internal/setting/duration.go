package setting

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const durationForm = `must be a duration such as "5m"`

// ParseDuration reads a length of time, zero or more: Go's form with days and weeks besides, as in "5m", "1h30m", "36h", "2d12h" and "1w".
// An error is a *ParseError.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	s := text
	if strings.HasPrefix(s, "-") {
		return 0, &ParseError{Message: "must not be negative"}
	}
	var long time.Duration
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		head, rest, ok := strings.Cut(s, unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(head, 64)
		if err != nil || !(n >= 0) || strings.ContainsAny(head, "eExXiInN_+") {
			return 0, &ParseError{durationForm, durationHint(text)}
		}
		if n > float64(math.MaxInt64/4/unit.length) {
			return 0, &ParseError{Message: "the duration is too long"}
		}
		long, s = long+time.Duration(n*float64(unit.length)), rest
		if s == "" {
			return long, nil
		}
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil || s == "0" || strings.HasPrefix(s, "+"):
		return 0, &ParseError{durationForm, durationHint(text)}
	case d < 0:
		return 0, &ParseError{Message: "must not be negative"}
	case d > math.MaxInt64-long:
		return 0, &ParseError{Message: "the duration is too long"}
	}
	return long + d, nil
}

// durationHint suggests a form for a text that is not a duration, for the slips that people make.
func durationHint(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "a bare number has no unit"
	}
	unit := strings.TrimLeft(s, "0123456789. ")
	if unit == s {
		return ""
	}
	switch strings.ToLower(unit) {
	case "s", "m", "h", "d", "w", "ms":
		return "without a space, in lower case"
	case "sec", "secs", "second", "seconds":
		return `the unit of seconds is "s"`
	case "min", "mins", "minute", "minutes":
		return `the unit of minutes is "m"`
	case "hour", "hours", "hr", "hrs":
		return `the unit of hours is "h"`
	case "day", "days":
		return `the unit of days is "d"`
	case "week", "weeks":
		return `the unit of weeks is "w"`
	}
	return ""
}

// FormatDuration writes a duration as configuration does: "5m" rather than "5m0s", and "30d" rather than "720h0m0s".
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
