package setting

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of events in a length of time, written "30/m" or "5/10s". The zero Rate is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText reads the form that String writes. An error is a *ParseError.
func (r *Rate) UnmarshalText(text []byte) error {
	const form = `must be a rate such as "30/m": a number, a slash and a length of time`
	head, unit, ok := strings.Cut(strings.TrimSpace(string(text)), "/")
	if !ok {
		return &ParseError{Message: form}
	}
	n, err := strconv.Atoi(strings.TrimSpace(head))
	switch {
	case errors.Is(err, strconv.ErrRange) || n > math.MaxInt32:
		return &ParseError{Message: "the number is too large"}
	case err != nil:
		return &ParseError{Message: form}
	case n < 0:
		return &ParseError{Message: "must not be negative"}
	}
	unit = strings.TrimSpace(unit)
	if unit != "" && unit[0] >= 'a' && unit[0] <= 'z' {
		unit = "1" + unit
	}
	per, err := ParseDuration(unit)
	if err != nil || per <= 0 {
		return &ParseError{"the length of time of a rate must be s, m, h, d or a duration above zero", `as in "30/m", "5/10s" or "100/d"`}
	}
	*r = Rate{n, per}
	return nil
}

// String returns the rate as configuration writes it, and "" for the zero Rate.
func (r Rate) String() string {
	if r.Per == 0 {
		return ""
	}
	unit := FormatDuration(r.Per)
	if len(unit) == 2 && unit[0] == '1' {
		unit = unit[1:]
	}
	return strconv.Itoa(r.Count) + "/" + unit
}

// MarshalText returns what String returns.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
