package trigger

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// Regexps compiles each distinct expression once. Each load of the configuration has its own. It is safe for concurrent use.
type Regexps struct {
	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
}

// Compile returns the compiled form of an expression.
func (r *Regexps) Compile(text string) (*regexp.Regexp, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if re := r.compiled[text]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	if r.compiled == nil {
		r.compiled = map[string]*regexp.Regexp{}
	}
	r.compiled[text] = re
	return re, nil
}

// Filter decides which alerts a trigger sends. Its conditions are ANDed. It is immutable and safe for concurrent use.
type Filter struct {
	conditions []condition
	where      []where.Condition
	during     *hours.Hours // nil: at all times
}

// Verdict is the decision of a filter about an alert.
type Verdict uint8

// The verdicts.
const (
	Sends        Verdict = iota + 1 // the trigger sends the alert
	Filtered                        // a filter other than during excludes it
	OutsideHours                    // during alone excludes it
)

// condition is one filter setting: match decides about the value that an alert has.
type condition struct {
	name  string
	text  string // of the setting, for Explain
	value func(*Alert) string
	match func(string) bool
}

// NewFilter compiles the filters of the settings.
func NewFilter(s *Settings, regexps *Regexps) (*Filter, error) {
	f := &Filter{}
	f.words("severity", s.Severity, func(a *Alert) string { return a.Severity })
	f.words("source", s.Source, func(a *Alert) string { return a.Source.Kind })
	f.globs("workload", s.Workload, func(a *Alert) string { return a.Source.Workload })
	f.globs("rule", s.Rule, func(a *Alert) string { return a.Rule })
	if err := f.message(s.Message, regexps); err != nil {
		return nil, err
	}
	var err error
	if f.where, err = where.Compile(s.Where); err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	if len(s.During) > 0 {
		if f.during, err = hours.Parse(s.During, s.Zone); err != nil {
			return nil, fmt.Errorf("during: %w", err)
		}
	}
	return f, nil
}

func (f *Filter) message(expr string, regexps *Regexps) error {
	if expr == "" {
		return nil
	}
	re, err := regexps.Compile(expr)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	f.conditions = append(f.conditions, condition{
		name: "message", text: "/" + expr + "/", match: re.MatchString,
		value: func(a *Alert) string {
			if a.Message == "" {
				return a.Summary
			}
			return a.Message
		},
	})
	return nil
}

func (f *Filter) words(name string, list []string, value func(*Alert) string) {
	if len(list) == 0 {
		return
	}
	f.conditions = append(f.conditions, condition{
		name: name, text: strings.Join(list, ", "), value: value,
		match: func(v string) bool { return slices.Contains(list, v) },
	})
}

func (f *Filter) globs(name string, list []string, value func(*Alert) string) {
	if len(list) == 0 {
		return
	}
	f.conditions = append(f.conditions, condition{
		name: name, text: strings.Join(list, ", "), value: value,
		match: func(v string) bool { return glob.MatchAny(list, v) },
	})
}

// Match decides about an alert that arrives at a time. The hours of during come last: they count only alerts that the trigger would send at another time.
func (f *Filter) Match(a *Alert, at time.Time) Verdict {
	for i := range f.conditions {
		if c := &f.conditions[i]; !c.match(c.value(a)) {
			return Filtered
		}
	}
	switch {
	case !where.MatchAll(f.where, a.Property):
		return Filtered
	case f.outside(a, at):
		return OutsideHours
	}
	return Sends
}

// outside reports whether during excludes an alert. The end of an incident has no hours: otherwise an incident that the trigger opened at its receiver would stay open.
func (f *Filter) outside(a *Alert, at time.Time) bool {
	return f.during != nil && a.Kind != KindResolved && !f.during.Contain(at.UnixNano())
}

// SendsKind reports whether the conditions on the kind of an alert allow it.
func (f *Filter) SendsKind(a *Alert) bool {
	for i := range f.where {
		if c := &f.where[i]; c.Name == "kind" && !c.Matches([]byte(a.Kind), true) {
			return false
		}
	}
	return true
}

// Hours returns the time in which during lets the trigger send: the one in force, which then begins at the given moment, or the next one. ok is false where the
// trigger has no such setting.
func (f *Filter) Hours(at time.Time) (p hours.Period, ok bool) {
	if f.during == nil {
		return hours.Period{}, false
	}
	return f.during.Period(at.UnixNano())
}

// Explain returns the first condition that the alert fails, such as `severity is "info", not one of error, critical`, or "" when the trigger sends it.
// The text can contain a part of the log line.
func (f *Filter) Explain(a *Alert, at time.Time) string {
	for i := range f.conditions {
		c := &f.conditions[i]
		value := c.value(a)
		switch {
		case c.match(value):
		case c.name == "message":
			return fmt.Sprintf("message %.200q does not match %s", value, c.text)
		default:
			return fmt.Sprintf("%s is %q, not one of %s", c.name, value, c.text)
		}
	}
	for i := range f.where {
		c := &f.where[i]
		switch value, ok := a.Property(c.Name); {
		case c.Matches([]byte(value), ok):
		case !ok:
			return fmt.Sprintf("where needs %s, and the alert has no %s", c, c.Name)
		default:
			return fmt.Sprintf("where needs %s, and it is %.200q", c, value)
		}
	}
	if !f.outside(a, at) {
		return ""
	}
	if next, ok := f.during.Period(at.UnixNano()); ok {
		return "it sends nothing until " + f.during.Clock(next.From)
	}
	return "it sends nothing at this time"
}
