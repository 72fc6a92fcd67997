package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// refusal is why a value was not accepted.
type refusal struct{ message, hint string }

func refuse(hint, format string, args ...any) *refusal {
	return &refusal{message: fmt.Sprintf(format, args...), hint: hint}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

const wantTime = "want a moment such as 2026-12-24T22:00:00Z"

// isRate reports whether the type is a number of events in a length of time, which is written as "30/m".
func isRate(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 2 &&
		t.Field(0).Name == "Count" && t.Field(0).Type.Kind() == reflect.Int &&
		t.Field(1).Name == "Per" && t.Field(1).Type == durationType
}

// isScalar reports whether values of the type are written as one word, number or text.
func isScalar(t reflect.Type) bool {
	if t == durationType || isRate(t) || reflect.PointerTo(t).Implements(textUnmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	default:
		return false
	}
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// setScalar sets dst, whose type isScalar accepts, from a value.
func setScalar(n *node, dst reflect.Value) *refusal {
	text, isText := n.text()
	switch {
	case dst.Type() == durationType:
		if !isText {
			return refuse(bareNumber(n), `want a duration such as "5m"`)
		}
		d, r := parseDuration(text)
		dst.SetInt(int64(d))
		return r
	case isRate(dst.Type()):
		if !isText {
			return refuse("", `want a rate such as "30/m"`)
		}
		count, per, r := parseRate(text)
		dst.Field(0).SetInt(int64(count))
		dst.Field(1).SetInt(int64(per))
		return r
	}
	if dst.Type() == timeType {
		at, r := parseTime(n)
		dst.Set(reflect.ValueOf(at))
		return r
	}
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if !isText {
			return refuse("", "want a text in quotes, not %s", n.kind())
		}
		if err := u.UnmarshalText([]byte(text)); err != nil {
			message := err.Error()
			if _, rest, ok := strings.Cut(message, strconv.Quote(text)+": "); ok {
				message = rest // the problem gives the value itself
			}
			return refuse("", "%s", message)
		}
		return nil
	}
	_, isFlat := n.value.(flat)
	switch dst.Kind() {
	case reflect.String:
		if !isText {
			return refuse("", "want a text in quotes, not %s", n.kind())
		}
		dst.SetString(text)
	case reflect.Bool:
		return setBool(n, isFlat, text, dst)
	case reflect.Int, reflect.Int64:
		return setInt(n, isFlat, text, dst)
	case reflect.Float64:
		return setFloat(n, isFlat, text, dst)
	}
	return nil
}

func bareNumber(n *node) string {
	switch n.value.(type) {
	case int64, float64:
		return "a bare number has no unit"
	default:
		return ""
	}
}

func setBool(n *node, isFlat bool, text string, dst reflect.Value) *refusal {
	v, ok := n.value.(bool)
	if isFlat {
		// The words that Fluent Bit itself accepts.
		switch strings.ToLower(text) {
		case "true", "on", "yes":
			v, ok = true, true
		case "false", "off", "no":
			v, ok = false, true
		}
	}
	if !ok {
		hint := ""
		if s, isString := n.value.(string); isString && (s == "true" || s == "false") {
			hint = "without quotes"
		}
		return refuse(hint, "want true or false")
	}
	dst.SetBool(v)
	return nil
}

func setInt(n *node, isFlat bool, text string, dst reflect.Value) *refusal {
	v, ok := n.value.(int64)
	if isFlat {
		parsed, err := strconv.ParseInt(text, 10, 64)
		v, ok = parsed, err == nil
	}
	if !ok {
		hint := ""
		if s, isString := n.value.(string); isString {
			if _, err := strconv.Atoi(s); err == nil {
				hint = "without quotes"
			}
		}
		return refuse(hint, "want a whole number")
	}
	if dst.OverflowInt(v) {
		return refuse("", "the number is too large")
	}
	dst.SetInt(v)
	return nil
}

func setFloat(n *node, isFlat bool, text string, dst reflect.Value) *refusal {
	v, ok := n.value.(float64)
	if i, isInt := n.value.(int64); isInt {
		v, ok = float64(i), true
	}
	if isFlat {
		parsed, err := strconv.ParseFloat(text, 64)
		v, ok = parsed, err == nil
	}
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return refuse("", "want a number")
	}
	dst.SetFloat(v)
	return nil
}

// longUnits are those that time.ParseDuration does not know, the longest first.
var longUnits = [...]struct {
	name   string
	length time.Duration
}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}}

// parseDuration reads a length of time, zero or more: Go's form with weeks and days before it, as in "5m", "1h30m", "2w" and "2d12h".
func parseDuration(text string) (time.Duration, *refusal) {
	const want = `want a duration such as "5m"`
	s := strings.TrimSpace(text)
	if strings.HasPrefix(s, "-") {
		return 0, refuse("", "must not be negative")
	}
	long := time.Duration(0)
	for _, unit := range longUnits {
		head, rest, ok := strings.Cut(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(head, 64)
		if err != nil || !(n >= 0) || strings.ContainsAny(head, "eExXiInN_+") {
			return 0, refuse(durationHint(strings.TrimSpace(text)), want)
		}
		if n > math.MaxInt64/float64(unit.length)/4 {
			return 0, refuse("", "the duration is too long")
		}
		if long, s = long+time.Duration(n*float64(unit.length)), rest; s == "" {
			return long, nil
		}
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil || s == "0" || strings.HasPrefix(s, "+"):
		return 0, refuse(durationHint(strings.TrimSpace(text)), want)
	case d < 0:
		return 0, refuse("", "must not be negative")
	case d > math.MaxInt64-long:
		return 0, refuse("", "the duration is too long")
	}
	return long + d, nil
}

// durationHint says what is wrong with a text that is no duration, for the slips that people make.
func durationHint(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "a bare number has no unit"
	}
	digits := strings.TrimLeft(s, "0123456789. ")
	if digits == s {
		return ""
	}
	switch strings.ToLower(digits) {
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

// isLocal reports whether a date, a time or a moment was written without its offset from UTC: the decoder marks it so.
func isLocal(at time.Time) bool { return strings.HasSuffix(at.Location().String(), "-local") }

// parseTime reads a moment: TOML's own form, or a text of RFC 3339. Its offset from UTC must be there, so that it means the same everywhere.
func parseTime(n *node) (time.Time, *refusal) {
	if at, ok := n.value.(time.Time); ok {
		if isLocal(at) {
			return time.Time{}, refuse("write its offset, such as Z for UTC, or +01:00", "a moment without its offset from UTC is another one elsewhere")
		}
		return at.UTC(), nil
	}
	text, ok := n.text()
	if !ok {
		return time.Time{}, refuse("", "%s, not %s", wantTime, n.kind())
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return time.Time{}, refuse("the form is that of RFC 3339, with the offset from UTC", wantTime)
	}
	return at.UTC(), nil
}

// parseRate reads a number of events in a length of time: "30/m", "5/10s", "0/s".
func parseRate(text string) (count int, per time.Duration, r *refusal) {
	const want = `want a rate such as "30/m": a number, a slash and a length of time`
	head, unit, ok := strings.Cut(strings.TrimSpace(text), "/")
	if !ok {
		return 0, 0, refuse("", want)
	}
	n, err := strconv.Atoi(strings.TrimSpace(head))
	switch {
	case errors.Is(err, strconv.ErrRange) || n > math.MaxInt32:
		return 0, 0, refuse("", "the number is too large")
	case err != nil:
		return 0, 0, refuse("", want)
	case n < 0:
		return 0, 0, refuse("", "must not be negative")
	}
	unit = strings.TrimSpace(unit)
	if unit != "" && unit[0] >= 'a' && unit[0] <= 'z' {
		unit = "1" + unit
	}
	per, r = parseDuration(unit)
	if r != nil || per <= 0 {
		return 0, 0, refuse(`as in "30/m", "5/10s" or "100/d"`, "the length of time of a rate is s, m, h, d or a duration above zero")
	}
	return n, per, nil
}
