package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Place is where the fault is.
	Place
	// Path names the part, such as `rule "oom"` or `workload "shop/api": override of "oom"`; "" at the top level.
	Path string
	// Field is the setting within the part, such as "cooldown" or "where.level"; "" when the part as a whole is meant.
	Field string
	// Value is the refused value as the source writes it, cut to a readable length; "" where it is secret or does not help.
	Value string
	// Code is the kind of the problem.
	Code setting.Code
	// Message gives the reason, Hint how to mend it.
	Message, Hint string
	// Unusable marks a source of which nothing at all could be read.
	Unusable bool
}

// Error returns the problem on one line: file:line: path: field: value: message (hint).
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Place.String())
	for _, part := range []string{p.Path, p.Field, p.Value, p.Message} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// SortProblems orders problems by origin, line and column; those of one place stay as they are found.
func SortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return comparePlaces(a.Place, b.Place)
	})
}

// maxShown bounds how much of a value a problem shows, in bytes.
const maxShown = 80

// maxKey bounds the keys that are shown. No key of ours is that long.
const maxKey = 40

// shownKey returns a key as problems show it. One that is too long, or that only quotes make possible, may be a value that slipped to the
// left of its "=", and so a secret.
func shownKey(key string) string {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if len(key) > maxKey || strings.ContainsFunc(key, foreign) {
		return setting.Placeholder
	}
	return key
}

// quoted returns the text in quotes, cut to a readable length.
func quoted(s string) string {
	return strconv.Quote(safetext.Shorten(s, maxShown))
}
