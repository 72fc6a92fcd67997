package rate

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Settings compares the recent hits of a key with its past.
type Settings struct {
	// Alerts only when a key was hit more than so many times as often as usual, such as "3x".
	Above Factor `toml:"above"`
	// Alerts when a key was hit less than so many times as often as usual, such as "0.2x", and again, as resolved, when it is not so any more. Hits
	// make no other alerts.
	Below Factor `toml:"below"`
	// How far the past reaches that says what is usual. A key does not alert until it was known for so long.
	Than time.Duration `toml:"than"`
	// With above: how many hits of the key there must be within the time set by within. With below: how many must be usual.
	AtLeast int `toml:"at_least"`
}

// IsSet reports whether anything is to be compared.
func (s *Settings) IsSet() bool { return s.Above != 0 || s.Below != 0 }

// Factor is a number of times in units, as in "3x".
type Factor int64

// UnmarshalText reads a factor. An error is a *setting.ParseError.
func (f *Factor) UnmarshalText(text []byte) error {
	const form = `must be a factor such as "3x"`
	number, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "x")
	n, fits := fixed(number, Unit, 1000)
	switch {
	case !ok:
		return &setting.ParseError{Message: form, Hint: "a number and an x"}
	case !fits:
		return &setting.ParseError{Message: form, Hint: "above 0, at most 1000, with at most three digits behind the point"}
	}
	*f = Factor(n)
	return nil
}

// String returns the factor as the configuration writes it; "" where it is not set.
func (f Factor) String() string {
	if f == 0 {
		return ""
	}
	return decimal(int64(f), Unit) + "x"
}

// MarshalText returns what String returns.
func (f Factor) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Ratio is the share that one rule's hits must have among those of another one.
type Ratio struct {
	Millionths int64
	Reached    bool // this share is enough: ">=" instead of ">"
}

// IsSet reports whether there is one.
func (r Ratio) IsSet() bool { return r.Millionths != 0 }

// UnmarshalText reads a ratio. An error is a *setting.ParseError.
func (r *Ratio) UnmarshalText(text []byte) error {
	const form = `must be a comparison with a percentage, such as ">5%"`
	s := strings.TrimSpace(string(text))
	if strings.HasPrefix(s, "<") {
		return &setting.ParseError{Message: form, Hint: "a ratio that falls makes no hit: write the rule for the lines whose share rises"}
	}
	rest, above := strings.CutPrefix(s, ">")
	rest, reached := strings.CutPrefix(rest, "=")
	number, percent := strings.CutSuffix(rest, "%")
	n, fits := fixed(strings.TrimSpace(number), Million/100, 100)
	switch {
	case !above:
		return &setting.ParseError{Message: form, Hint: "with > or >= before it"}
	case !percent:
		return &setting.ParseError{Message: form, Hint: "with % behind it"}
	case !fits:
		return &setting.ParseError{Message: form, Hint: "above 0, at most 100, with at most four digits behind the point"}
	}
	*r = Ratio{n, reached}
	return nil
}

// String returns the ratio as the configuration writes it; "" where it is not set.
func (r Ratio) String() string {
	switch {
	case !r.IsSet():
		return ""
	case r.Reached:
		return ">=" + decimal(r.Millionths, Million/100) + "%"
	}
	return ">" + decimal(r.Millionths, Million/100) + "%"
}

// MarshalText returns what String returns.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// fixed reads a decimal number above zero and at most most, in fractions of unit; ok is false for any other text.
func fixed(text string, unit, most int64) (n int64, ok bool) {
	if strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x > float64(most) {
		return 0, false
	}
	n = int64(math.Round(x * float64(unit)))
	return n, n > 0 && float64(n)/float64(unit) == x
}

// decimal writes a number in fractions of unit.
func decimal(n, unit int64) string { return strconv.FormatFloat(float64(n)/float64(unit), 'f', -1, 64) }
