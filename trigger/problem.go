package trigger

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Problem is one fault of the settings.
type Problem struct {
	Field   string // the setting's name in the configuration, such as "tls.min_version"
	Value   string // its value; "••••" for a secret, "" when there is none to show
	Message string // what is wrong, lower case: `must be positive`
	Hint    string // what to do, or ""
}

// String gives the problem on one line: `format "slak": unknown format (slack?)`.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Field)
	if p.Value != "" {
		b.WriteString(" \"" + p.Value + "\"")
	}
	b.WriteString(": " + p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// problems collects faults.
type problems []Problem

func (ps *problems) add(field, value, message, hint string) {
	*ps = append(*ps, Problem{Field: field, Value: value, Message: message, Hint: hint})
}

// word reports a value that is none of the words, with the nearest of them as the hint.
func (ps *problems) word(field, value string, words []string) {
	if slices.Contains(words, value) {
		return
	}
	hint := "one of " + strings.Join(words, ", ")
	if near := setting.Nearest(value, words); near != "" {
		hint = near + "?"
	}
	ps.add(field, value, "is not a known word", hint)
}

// problemsError tells all problems as one error.
func problemsError(ps []Problem) error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = errors.New(p.String())
	}
	return errors.Join(errs...)
}

// sortedKeys returns a map's keys in order, so that what is made of a map is the same each time.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
