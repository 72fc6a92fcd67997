package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// Explanation says why one rule did or did not match a record, and what would become of the hit.
type Explanation struct {
	RuleID string `json:"rule_id"` // as in Resolved.ID
	Rule   string `json:"rule"`
	Hit    bool   `json:"hit"`
	// Checks are the conditions of the rule, each with its outcome; the record is a hit when all of them passed.
	Checks   []Check           `json:"checks"`
	Captures map[string]string `json:"captures,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"` // that the alert would carry
	// Standing says what would become of the hit now; nil where there is no hit.
	Preview *Preview `json:"preview,omitempty"`
	// Silence is the id of the silence that holds the hit back; "" where none does.
	Silence string `json:"silence,omitempty"`
	// Alert is what the hit would tell, or would if nothing held it back; nil where there is no hit.
	Alert *Alert `json:"-"`
}

// Check is one condition of a rule, tried on a record.
type Check struct {
	Field  string `json:"field"`         // the setting: container, event, stream, where.PATH, pattern, keywords, any, all or none
	Want   string `json:"want"`          // what it asks for
	Got    string `json:"got,omitempty"` // what there is instead, or for an exclusion what it found
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
		return "stream is to be " + c.Want + ", and the record tells none"
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

// Failed returns the first check that did not pass; nil for a hit.
func (x *Explanation) Failed() *Check {
	for i := range x.Checks {
		if !x.Checks[i].Passed {
			return &x.Checks[i]
		}
	}
	return nil
}

// Explain tells for each effective rule of the record's workload, in the order of the configuration, why it did or did not match, and what
// would become of the hit if it came now. It changes nothing that the engine remembers or counts, and agrees with Process: the same rules hit,
// and the same hits alert or are held back for the same reason. It is slow: it tries every condition.
func (e *Engine) Explain(rec *Record, now int64) []Explanation {
	w := e.Worker()
	defer w.Release()
	lines, events := w.lines, w.events
	found := map[*rule]*Hit{}
	hits := w.Find(rec, nil)
	w.lines, w.events = lines, events // it is none that came in, and its source was not met
	delete(w.sources, rec.Source)
	w.last = nil
	for i := range hits {
		found[hits[i].rule] = &hits[i]
	}
	line := rec.Text[:min(len(rec.Text), maxMatched)]
	rules := w.snapshot.rulesOf(rec.Source.Workload)
	out := make([]Explanation, 0, len(rules))
	trial := e.keyed.newTrial(len(hits))
	for _, r := range rules {
		x := Explanation{RuleID: r.id, Rule: r.settings.Name, Checks: r.checks(rec, line)}
		if h := found[r]; h != nil {
			x.Hit, x.Captures, x.Fields = true, h.captured(), r.fields(rec)
			x.Preview, x.Alert = w.preview(trial, h, now)
			if silence, held := e.SilenceOf(h, now); held {
				x.Silence = silence.ID
			}
		}
		out = append(out, x)
	}
	return out
}

// rulesOf returns the compiled rules of a workload, in the order of the configuration.
func (n *Snapshot) rulesOf(workload string) []*rule {
	n.mu.Lock()
	defer n.mu.Unlock()
	own := n.ownIndexes()
	resolved := Effective(&n.settings, workload)
	out := make([]*rule, 0, len(resolved))
	for i := range resolved {
		if r := n.ruleFor(&resolved[i], own); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// checks tries each condition of the rule on a record.
func (r *rule) checks(rec *Record, line []byte) []Check {
	var out []Check
	s := &r.settings
	if len(s.OnlyContainers) > 0 {
		id := rec.Source.Container.ID
		out = append(out, Check{Field: "container", Want: fmt.Sprintf("%q", s.OnlyContainers), Got: id, Passed: slices.Contains(s.OnlyContainers, id)})
	}
	if events := len(s.Event) > 0; events || rec.Source.isEvent() {
		out = append(out, eventCheck(s.Event, rec))
	}
	if r.stream != StreamUnknown {
		out = append(out, Check{Field: "stream", Want: s.Stream, Got: rec.Stream.String(), Passed: rec.Stream == r.stream})
	}
	for i := range r.where {
		c := &r.where[i]
		value, ok := appendField(nil, rec, c.path)
		check := Check{Field: "where." + c.path, Want: fmt.Sprintf("%q", s.Where[c.path]), Passed: c.matches(value, ok)}
		if ok {
			text, _ := validText(value, maxCapture)
			check.Got = fmt.Sprintf("%q", text)
		}
		out = append(out, check)
	}
	if s.Pattern != "" {
		out = append(out, textCheck("pattern", "/"+s.Pattern+"/", s.Pattern, line))
	}
	if len(s.Keywords) > 0 {
		out = append(out, textCheck("keywords", fmt.Sprintf("%q", s.Keywords), match.LiteralExpr(s.Keywords, true), line))
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
			c.Got, _ = validText(regexp.MustCompile(expr).Find(line), maxCapture)
		}
		c.Missing = ""
		out = append(out, c)
	}
	return out
}

// eventCheck compares the event that a record is, if it is one, with those that a rule is about, if it is about any.
func eventCheck(names []string, rec *Record) Check {
	c := Check{Field: "event", Want: fmt.Sprintf("%q", names)}
	if len(names) == 0 {
		c.Want = "none: the rule looks at lines"
	}
	if value, ok := appendField(nil, rec, EventField); ok && rec.Source.isEvent() {
		text, _ := validText(value, maxCapture)
		c.Got, c.Passed = fmt.Sprintf("%q", text), matchesEvent(names, text)
	}
	return c
}

// textCheck tries an expression on a line. The rule is compiled, so the expression is sound.
func textCheck(field, want, expr string, line []byte) Check {
	c := Check{Field: field, Want: want, Passed: regexp.MustCompile(expr).Match(line)}
	if c.Passed {
		return c
	}
	for _, r := range match.RequiredTexts(expr) {
		if !r.In(line) {
			c.Missing = r.String()
			break
		}
	}
	return c
}
