package trigger

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
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
}

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
	if err := f.globs("workload", s.Workload, regexps, func(a *Alert) string { return a.Source.Workload }); err != nil {
		return nil, err
	}
	if err := f.globs("rule", s.Rule, regexps, func(a *Alert) string { return a.Rule }); err != nil {
		return nil, err
	}
	if s.Message == "" {
		return f, nil
	}
	re, err := regexps.Compile(s.Message)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	f.conditions = append(f.conditions, condition{
		name: "message", text: "/" + s.Message + "/", match: re.MatchString,
		value: func(a *Alert) string {
			if a.Message == "" {
				return a.Summary
			}
			return a.Message
		},
	})
	return f, nil
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

func (f *Filter) globs(name string, list []string, regexps *Regexps, value func(*Alert) string) error {
	if len(list) == 0 {
		return nil
	}
	var compiled []*regexp.Regexp
	for _, glob := range list {
		re, err := regexps.Compile(globExpression(glob))
		if err != nil {
			return fmt.Errorf("%s %q: %w", name, glob, err)
		}
		compiled = append(compiled, re)
	}
	f.conditions = append(f.conditions, condition{
		name: name, text: strings.Join(list, ", "), value: value,
		match: func(v string) bool {
			return slices.ContainsFunc(compiled, func(re *regexp.Regexp) bool { return re.MatchString(v) })
		},
	})
	return nil
}

// globExpression returns the regular expression for a glob: "*" matches any text, "?" one character.
func globExpression(glob string) string {
	quoted := regexp.QuoteMeta(glob)
	quoted = strings.ReplaceAll(quoted, `\*`, `.*`)
	quoted = strings.ReplaceAll(quoted, `\?`, `.`)
	return `(?s)\A` + quoted + `\z`
}

// Match reports whether the trigger sends the alert.
func (f *Filter) Match(a *Alert) bool {
	for i := range f.conditions {
		if c := &f.conditions[i]; !c.match(c.value(a)) {
			return false
		}
	}
	return true
}

// Explain returns the first condition that the alert fails, such as `severity is "info", not one of error, critical`, or "" when the alert passes.
// The text can contain a part of the log line.
func (f *Filter) Explain(a *Alert) string {
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
	return ""
}
