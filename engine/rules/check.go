package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match/plaintext"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// Check is one condition of a rule, tried on a record.
type Check struct {
	Field  string `json:"field"`         // the setting: container, event, stream, where.PATH, pattern, keywords, any, all or none
	Want   string `json:"want"`          // the condition
	Got    string `json:"got,omitempty"` // the value instead, or for an exclusion the match
	Passed bool   `json:"passed"`
	// Missing is the first text that every match must hold and the line does not, where there is one.
	Missing string `json:"missing,omitempty"`
}

// String returns the check in words.
func (c *Check) String() string {
	switch {
	case c.Field == "none" && c.Passed:
		return "none " + c.Want + " does not match"
	case c.Field == "none":
		return fmt.Sprintf("none %s excludes the line: it matches %q", c.Want, c.Got)
	case c.Field == "stream" && c.Got == "":
		return "stream must be " + c.Want + ", but the record has none"
	case c.Field == "stream" && c.Passed:
		return "stream is " + c.Got
	case c.Field == "stream":
		return "stream is " + c.Got + ", and is to be " + c.Want
	case c.Field == "container":
		return "the rule comes from labels of " + c.Want + ", and the container is " + c.Got
	case c.Field == "event" && c.Got == "":
		return "event is to be one of " + c.Want + ", and the record is a line"
	case c.Field == "event":
		return "event is " + c.Got + ", the rule's: " + c.Want
	case strings.HasPrefix(c.Field, "where.") && c.Got == "":
		return c.Field + " = " + c.Want + ": the record has no such field"
	case strings.HasPrefix(c.Field, "where."):
		return fmt.Sprintf("%s = %s: it is %s", c.Field, c.Want, c.Got)
	case c.Passed:
		return c.Field + " " + c.Want + " matches"
	case c.Missing != "":
		return c.Field + " " + c.Want + " does not match: the line does not hold " + c.Missing
	default:
		return c.Field + " " + c.Want + " does not match"
	}
}

// Checks tries each condition of the rule on a record.
func (r *Rule) Checks(rec *model.Record, line []byte) []Check {
	var out []Check
	s := &r.Settings
	if len(s.OnlyContainers) > 0 {
		id := rec.Source.Container.ID
		out = append(out, Check{Field: "container", Want: fmt.Sprintf("%q", s.OnlyContainers), Got: id, Passed: slices.Contains(s.OnlyContainers, id)})
	}
	if events := len(s.Event) > 0; events || rec.Source.IsEvent() {
		out = append(out, eventCheck(s.Event, rec))
	}
	if r.stream != model.StreamUnknown {
		out = append(out, Check{Field: "stream", Want: s.Stream, Got: rec.Stream.String(), Passed: rec.Stream == r.stream})
	}
	for i := range r.where {
		c := &r.where[i]
		value, ok := model.AppendField(nil, rec, c.Name)
		check := Check{Field: "where." + c.Name, Want: fmt.Sprintf("%q", s.Where[c.Name]), Passed: c.Matches(value, ok)}
		if ok {
			text, _ := model.ValidText(value, model.MaxCapture)
			check.Got = fmt.Sprintf("%q", text)
		}
		out = append(out, check)
	}
	if s.Pattern != "" {
		out = append(out, textCheck("pattern", "/"+s.Pattern+"/", s.Pattern, line))
	}
	if len(s.Keywords) > 0 {
		out = append(out, textCheck("keywords", fmt.Sprintf("%q", s.Keywords), plaintext.Expr(s.Keywords, true), line))
	}
	if len(s.Any) > 0 {
		out = append(out, textCheck("any", "/"+strings.Join(s.Any, "/ or /")+"/", "(?:"+strings.Join(s.Any, ")|(?:")+")", line))
	}
	for _, expr := range s.All {
		out = append(out, textCheck("all", "/"+expr+"/", expr, line))
	}
	for _, expr := range s.None {
		c := textCheck("none", "/"+expr+"/", expr, line)
		if c.Passed = !c.Passed; !c.Passed {
			c.Got, _ = model.ValidText(regexp.MustCompile(expr).Find(line), model.MaxCapture)
		}
		c.Missing = ""
		out = append(out, c)
	}
	return out
}

// eventCheck compares the event that a record is, if it is one, with those that a rule is about, if it is about any.
func eventCheck(names []string, rec *model.Record) Check {
	c := Check{Field: "event", Want: fmt.Sprintf("%q", names)}
	if len(names) == 0 {
		c.Want = "none: the rule looks at lines"
	}
	if value, ok := model.AppendField(nil, rec, model.EventField); ok && rec.Source.IsEvent() {
		text, _ := model.ValidText(value, model.MaxCapture)
		c.Got, c.Passed = fmt.Sprintf("%q", text), model.MatchesEvent(names, text)
	}
	return c
}

// textCheck tries an expression on a line. The rule is compiled, so the expression is valid.
func textCheck(field, want, expr string, line []byte) Check {
	c := Check{Field: field, Want: want, Passed: regexp.MustCompile(expr).Match(line)}
	if c.Passed {
		return c
	}
	for _, r := range plaintext.RequiredTexts(expr) {
		if !r.In(line) {
			c.Missing = r.String()
			break
		}
	}
	return c
}
