package ruletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// checker collects the problems of tests.
type checker struct{ problems []config.Problem }

func (c *checker) add(p config.Part, field, text, message, hint string) {
	c.problems = append(c.problems, p.Problem(field, text, message, hint))
}

// word reports a value that is not one of the words.
func (c *checker) word(p config.Part, field, value string, words []string) {
	if value != "" && !slices.Contains(words, value) {
		c.add(p, field, value, "must be one of "+strings.Join(words, ", "), setting.DidYouMean(value, words))
	}
}

func (c *checker) test(t *Test, p config.Part) {
	t.start = defaultStart
	if t.Start != "" {
		at, err := time.Parse(time.RFC3339, t.Start)
		if err != nil {
			c.add(p, "start", "", `must be a time such as "2026-01-02T15:04:05Z"`, "")
		}
		t.start = at
	}
	switch texts := len(t.Hits) + len(t.Misses) + len(t.Ends); {
	case texts > 0 && t.Rule == "":
		c.add(p, "rule", "", "must be set where hits, misses or ends are", "")
	case texts == 0 && t.Rule != "":
		c.add(p, "rule", "", "says what hits, misses and ends are about, and there are none", "")
	case texts == 0 && len(t.Lines) == 0 && t.Until == 0:
		c.add(p, "", "", "has neither lines nor hits, misses or ends", "")
	}
	if t.Name == "" {
		t.Name = t.Rule
	}
	if t.Name == "" {
		c.add(p, "name", "", "must be set", "")
	}
	if len(t.Lines) == 0 && t.Until == 0 && len(t.Alerts)+len(t.Suppressed)+len(t.Payloads) > 0 {
		c.add(p, "", "", "expects alerts of no lines", "")
	}
	c.origin(&t.Origin, p)
	c.lines(t, p)
	for i := range t.Alerts {
		c.alert(&t.Alerts[i], p.Item("alert", i))
	}
	for i := range t.Suppressed {
		s, sp := &t.Suppressed[i], p.Item("suppressed", i)
		c.required(sp, "rule", "reason", "count")
		c.word(sp, "reason", s.Reason, reasons())
		if s.Count < 1 && sp.Sets("count") {
			c.add(sp, "count", "", "must be at least 1", "what is not listed is not expected")
		}
	}
	for i := range t.Payloads {
		c.payload(&t.Payloads[i], p.Item("payload", i), len(t.Alerts))
	}
}

func (c *checker) required(p config.Part, fields ...string) {
	for _, f := range fields {
		if !p.Sets(f) {
			c.add(p, f, "", "must be set", "")
		}
	}
}

func (c *checker) origin(o *Origin, p config.Part) {
	c.word(p, "stream", o.Stream, []string{"stdout", "stderr"})
	c.word(p, "source", o.Source, []string{"log", "container"})
}

// lines checks the lines, whose order is that of time.
func (c *checker) lines(t *Test, p config.Part) {
	total, at := 0, time.Duration(0)
	for i := range t.Lines {
		l, lp := &t.Lines[i], p.Item("line", i)
		c.origin(&l.Origin, lp)
		if !lp.Sets("text") {
			c.add(lp, "text", "", "must be set", "")
		}
		if l.Repeat < 0 || l.Repeat > maxLines {
			c.add(lp, "repeat", "", fmt.Sprintf("must be from 1 to %d", maxLines), "")
			return
		}
		total += max(1, l.Repeat)
		if when := l.At.from(at); when < at {
			c.add(lp, "at", "", fmt.Sprintf("is before the line before it, which ends at %s", at), `"+10s" counts from the line before`)
		} else {
			at = when
		}
		if l.Every > maxLength || at > maxLength {
			c.add(lp, "at", "", fmt.Sprintf("a test lasts at most %s", maxLength), "")
			return
		}
		at += l.Every * time.Duration(max(1, l.Repeat)-1)
	}
	if total > maxLines {
		c.add(p, "", "", fmt.Sprintf("has %d lines with their repetitions: at most %d", total, maxLines), "")
	}
	if at > maxLength || t.Until > maxLength {
		c.add(p, "until", "", fmt.Sprintf("a test lasts at most %s", maxLength), "")
	}
	if t.Until != 0 && t.Until < at {
		c.add(p, "until", "", fmt.Sprintf("is before the last line, which comes at %s", at), "")
	}
}

// from returns the moment, after the beginning of the test, where the line before came at previous.
func (m Moment) from(previous time.Duration) time.Duration {
	switch {
	case !m.set:
		return previous
	case m.relative:
		return previous + m.after
	default:
		return m.after
	}
}

func (c *checker) alert(a *Alert, p config.Part) {
	c.required(p, "rule")
	c.word(p, "kind", a.Kind, kinds())
	c.word(p, "severity", a.Severity, engine.SeverityNames())
	c.word(p, "stream", a.Stream, []string{"stdout", "stderr"})
	if a.At.relative {
		c.add(p, "at", "", "counts from the beginning of the test", "without the +")
	}
	for reason := range a.Suppressed {
		if !slices.Contains(reasons(), reason) {
			c.add(p, "suppressed."+reason, "", "must be one of "+strings.Join(reasons(), ", "), setting.DidYouMean(reason, reasons()))
		}
	}
}

func kinds() []string {
	var out []string
	for k := range engine.NumKinds {
		out = append(out, k.String())
	}
	return out
}

// pending is the word for hits whose fate is not decided at the end of a test.
const pending = "pending"

func reasons() []string {
	var out []string
	for r := range engine.NumReasons {
		out = append(out, r.String())
	}
	return append(out, pending)
}

func (c *checker) payload(w *Payload, p config.Part, alerts int) {
	switch {
	case w.Trigger == "" && w.Format == "":
		c.add(p, "trigger", "", "must be set, or format", "a trigger of the rules' files, or a format such as \"slack\"")
	case w.Trigger != "" && w.Format != "":
		c.add(p, "format", "", "is set together with trigger", "a trigger has its format")
	}
	c.word(p, "format", w.Format, receiver.Formats())
	if w.Alert == 0 && !p.Sets("alert") {
		w.Alert = 1
	}
	if w.Alert < 1 || w.Alert > alerts {
		c.add(p, "alert", "", fmt.Sprintf("must be from 1 to %d, the number of alerts that the test expects", alerts), "")
	}
	switch {
	case w.Match == "" && w.Golden == "":
		c.add(p, "match", "", "must be set, or golden", "")
	case w.Match != "" && w.Golden != "":
		c.add(p, "golden", "", "is set together with match", "one of them says what the payload is to be")
	case w.Match != "" && !json.Valid([]byte(w.Match)):
		c.add(p, "match", "", "is not JSON", "")
	}
}

// references checks the names of rules and triggers. Where the rules have problems, a name that is not there is one of their consequences.
func (f *File) references() []config.Problem {
	if len(f.config.Problems) > 0 {
		return nil
	}
	c := checker{}
	var rules, triggers []string
	s := &f.config.Settings
	for i := range s.Rules {
		rules = append(rules, s.Rules[i].Name)
	}
	for i := range s.Workloads {
		for j := range s.Workloads[i].Rules {
			name := s.Workloads[i].Rules[j].Name
			rules = append(rules, name, name+"@"+s.Workloads[i].Match)
		}
	}
	for i := range s.Triggers {
		triggers = append(triggers, s.Triggers[i].Name)
	}
	known := func(p config.Part, field, name string, names []string) {
		if name != "" && !slices.Contains(names, name) {
			c.add(p, field, name, "the files under test have none of this name", setting.DidYouMean(name, names))
		}
	}
	alerting := rules
	if s.Deploy.Compare > 0 {
		alerting = append(slices.Clone(rules), engine.DeployRule)
	}
	for i := range f.Tests {
		t, p := &f.Tests[i], f.root.Item("test", i)
		known(p, "rule", t.Rule, rules)
		for j := range t.Alerts {
			known(p.Item("alert", j), "rule", t.Alerts[j].Rule, alerting)
			for _, name := range t.Alerts[j].Triggers {
				known(p.Item("alert", j), "triggers", name, triggers)
			}
		}
		for j := range t.Suppressed {
			known(p.Item("suppressed", j), "rule", t.Suppressed[j].Rule, rules)
		}
		for j := range t.Payloads {
			known(p.Item("payload", j), "trigger", t.Payloads[j].Trigger, triggers)
		}
	}
	config.SortProblems(c.problems)
	return c.problems
}
