package command

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Shorten cuts a text to a number of characters; 0 cuts nothing.
func Shorten(text string, most int) string {
	if most <= 0 {
		return text
	}
	return safetext.CutRunes(text, most)
}

// OrDash returns the text, or a dash for an empty one.
func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Sums returns the parts of a sum, the largest first.
func Sums(by map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		if by[a] != by[b] {
			return int(max(-1, min(1, by[b]-by[a])))
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, key := range keys {
		if by[key] != 0 {
			parts = append(parts, strings.ReplaceAll(key, "_", " ")+" "+strconv.FormatInt(by[key], 10))
		}
	}
	return strings.Join(parts, ", ")
}

// ParseTime reads RFC 3339, seconds since 1970 with a fraction, or a duration before now, as the value of a flag. "" is 0.
func ParseTime(flag, text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UnixNano(), nil
	}
	if ago, err := setting.ParseDuration(text); err == nil {
		return now.Add(-ago).UnixNano(), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e10 {
		return int64(seconds * 1e9), nil
	}
	return 0, fmt.Errorf("%s: %q is not a time: must be RFC 3339, seconds since 1970, or a duration before now such as 10m", flag, text)
}

// StateOf returns the state of a trigger in words.
func (e *Env) StateOf(t *adminapi.TriggerStats) string {
	text := "works"
	if h := t.Hours; h != nil && !h.From.IsZero() {
		text = "sends nothing until " + e.When(h.From)
	}
	if t.OutsideHours > 0 {
		text += fmt.Sprintf(" (%s outside its hours)", quantity.Plural(t.OutsideHours, "alert"))
	}
	switch {
	case t.Hold != "":
		text = strings.ReplaceAll(t.Hold, "_", " ")
	case t.Failures > 0:
		text = fmt.Sprintf("fails (%d)", t.Failures)
	default:
		return text
	}
	if !t.NextAttempt.IsZero() {
		text += ", next attempt " + e.When(t.NextAttempt)
	}
	if t.Reason != "" {
		text += ": " + safetext.Visible(t.Reason)
	}
	return text
}
