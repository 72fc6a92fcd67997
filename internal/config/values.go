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

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func refuse(hint, format string, args ...any) *setting.ParseError {
	return &setting.ParseError{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// parseError returns an error of a parser as the binder reports it, and nil for nil.
func parseError(err error) *setting.ParseError {
	var wrong *setting.ParseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return wrong
	}
	return &setting.ParseError{Message: err.Error()}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	untilType    = reflect.TypeFor[engine.Until]()
	rateType     = reflect.TypeFor[setting.Rate]()
	sizeType     = reflect.TypeFor[setting.Size]()
)

const wantTime = "must be a moment such as 2026-12-24T22:00:00Z"

// isScalar reports whether values of the type are written as one word, number or text.
func isScalar(t reflect.Type) bool {
	if t == durationType || reflect.PointerTo(t).Implements(textUnmarshaler) {
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
func setScalar(n *node, dst reflect.Value) *setting.ParseError {
	text, isText := n.text()
	switch {
	case dst.Type() == durationType:
		if !isText {
			return refuse(bareNumber(n), `must be a duration such as "5m"`)
		}
		d, err := setting.ParseDuration(text)
		dst.SetInt(int64(d))
		return parseError(err)
	case dst.Type() == untilType && !(isText && text == engine.NextImageWord):
		at, r := parseTime(n)
		if r != nil && isText {
			r.Message = wantTime + `, or "` + engine.NextImageWord + `"`
		}
		dst.Set(reflect.ValueOf(engine.Until{Time: at}))
		return r
	case dst.Type() == timeType:
		at, r := parseTime(n)
		dst.Set(reflect.ValueOf(at))
		return r
	}
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if !isText {
			return wrongShape(n, dst.Type())
		}
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return parseError(err)
		}
		return nil
	}
	_, isFlat := n.value.(flat)
	switch dst.Kind() {
	case reflect.String:
		if !isText {
			return refuse("", "must be a text in quotes, not %s", n.kind())
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

func setBool(n *node, isFlat bool, text string, dst reflect.Value) *setting.ParseError {
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
		return refuse(hint, "must be true or false")
	}
	dst.SetBool(v)
	return nil
}

func setInt(n *node, isFlat bool, text string, dst reflect.Value) *setting.ParseError {
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
		return refuse(hint, "must be a whole number")
	}
	if dst.OverflowInt(v) {
		return refuse("", "the number is too large")
	}
	dst.SetInt(v)
	return nil
}

func setFloat(n *node, isFlat bool, text string, dst reflect.Value) *setting.ParseError {
	v, ok := n.value.(float64)
	// TOML has whole numbers as another type.
	if i, isInt := n.value.(int64); isInt {
		v, ok = float64(i), true
	}
	if isFlat {
		parsed, err := strconv.ParseFloat(text, 64)
		v, ok = parsed, err == nil
	}
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return refuse("", "must be a number")
	}
	dst.SetFloat(v)
	return nil
}

// isLocal reports whether a date, a time or a moment was written without its offset from UTC: the decoder marks it so.
func isLocal(at time.Time) bool { return strings.HasSuffix(at.Location().String(), "-local") }

// parseTime reads a moment: TOML's own form, or a text of RFC 3339. Its offset from UTC must be there, so that it means the same everywhere.
func parseTime(n *node) (time.Time, *setting.ParseError) {
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
