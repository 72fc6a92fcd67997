package ruletest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Result is the outcome of one test.
type Result struct {
	File     string    `json:"file"`
	Line     int       `json:"line"`
	Name     string    `json:"name"`
	Passed   bool      `json:"passed"`
	Failures []Failure `json:"failures,omitempty"`

	hit map[string]bool // rules that a line, or a text of hits, hit
}

// Failure is one way in which a test failed.
type Failure struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Diff    string `json:"diff,omitempty"` // from the expected to the actual value
}

// Report is the outcome of the tests of a file.
type Report struct {
	Results []Result
	// Rules are those of the files under test, each with whether a test that ran holds a hit of it.
	Rules map[Rule]bool
}

// Rule is a rule in a file.
type Rule struct{ File, ID string }

// String returns the rule with its file.
func (r Rule) String() string { return r.ID + " (" + r.File + ")" }

// maxAlerts bounds the alerts that a test keeps.
const maxAlerts = 10_000

// Run runs the tests whose name the expression matches; nil runs all.
func (f *File) Run(only *regexp.Regexp) (Report, error) {
	var out Report
	s := &f.config.Settings
	filters, err := newFilters(s.Triggers)
	if err != nil {
		return out, err
	}
	hit := map[string]bool{}
	for i := range f.Tests {
		t := &f.Tests[i]
		if only != nil && !only.MatchString(t.Name) {
			continue
		}
		r := runner{file: f, test: t, part: f.root.Item("test", i), filters: filters, hit: map[string]bool{}}
		if err := r.run(); err != nil {
			return out, fmt.Errorf("%s: test %q: %w", f.path, t.Name, err)
		}
		out.Results = append(out.Results, Result{
			File: f.path, Line: r.part.Place("", "").Line, Name: t.Name, Passed: len(r.failures) == 0, Failures: r.failures, hit: r.hit,
		})
		maps.Copy(hit, r.hit)
	}
	out.Rules = map[Rule]bool{}
	parts := &f.config.Parts
	for i := range s.Rules {
		id := s.Rules[i].Name
		out.Rules[Rule{parts.Rules[i].Place("", "").Origin.String(), id}] = hit[id]
	}
	for i := range s.Workloads {
		for j := range s.Workloads[i].Rules {
			id := s.Workloads[i].Rules[j].Name + "@" + s.Workloads[i].Match
			out.Rules[Rule{parts.Workloads[i].Rules[j].Place("", "").Origin.String(), id}] = hit[id]
		}
	}
	return out, nil
}

// filters are the triggers of the files under test.
type filters []struct {
	settings *trigger.Settings
	filter   *trigger.Filter
}

func newFilters(triggers []trigger.Settings) (filters, error) {
	out := make(filters, len(triggers))
	regexps := &trigger.Regexps{}
	for i := range triggers {
		f, err := trigger.NewFilter(&triggers[i], regexps)
		if err != nil {
			return nil, fmt.Errorf("trigger %q: %w", triggers[i].Name, err)
		}
		out[i].settings, out[i].filter = &triggers[i], f
	}
	return out, nil
}

// of returns the names of the triggers that send an alert that arrives at a time.
func (f filters) of(a *trigger.Alert, at time.Time) []string {
	names := []string{}
	for i := range f {
		if f[i].filter.Match(a, at) == trigger.Sends {
			names = append(names, f[i].settings.Name)
		}
	}
	return names
}

// made is an alert that a test made.
type made struct {
	at       time.Duration
	id       string // of the rule
	event    trigger.Alert
	triggers []string
}

// runner runs one test.
type runner struct {
	file     *File
	test     *Test
	part     config.Part
	filters  filters
	failures []Failure
	hit      map[string]bool

	engine *engine.Engine
	made   []made
	alerts []engine.Alert
}

func (r *runner) fail(p config.Part, field, text, message, diff string) {
	at := p.Place(field, text)
	r.failures = append(r.failures, Failure{File: at.Origin.String(), Line: at.Line, Column: at.Column, Message: message, Diff: diff})
}

func (r *runner) run() error {
	if err := r.fresh(); err != nil {
		return err
	}
	r.texts("hits", r.test.Hits, true)
	r.texts("misses", r.test.Misses, false)
	r.ends()
	if len(r.test.Lines) == 0 && r.test.Until == 0 {
		return nil
	}
	r.play()
	r.compare()
	return nil
}

// fresh makes an engine that remembers nothing.
func (r *runner) fresh() error {
	s := &r.file.config.Settings
	r.engine = engine.New()
	snapshot, err := r.engine.Compile(s.Engine())
	if err != nil {
		return err
	}
	r.engine.Apply(snapshot)
	return r.engine.SetSilences(silence.Configured(s))
}

// texts tries each text by itself on the rule that the test names.
func (r *runner) texts(field string, texts []string, want bool) {
	for _, text := range texts {
		rec := r.file.record(&r.test.Origin, text, r.test.start.UnixNano())
		var found, effective bool
		var why string
		for _, x := range r.engine.Explain(&rec, rec.Time) {
			if x.RuleID != r.test.Rule && x.Rule != r.test.Rule {
				continue
			}
			effective = true
			if x.Hit {
				found = true
				r.hit[x.RuleID] = true
			} else {
				why = x.Failed().String()
			}
		}
		switch {
		case want && !effective:
			r.fail(r.part, field, text, fmt.Sprintf("%q is no hit of %s: the rule is not for the workload %q", text, r.test.Rule, rec.Source.Workload), "")
		case want && !found:
			r.fail(r.part, field, text, fmt.Sprintf("%q is no hit of %s: %s", text, r.test.Rule, why), "")
		case !want && found:
			r.fail(r.part, field, text, fmt.Sprintf("%q is a hit of %s", text, r.test.Rule), "")
		}
	}
}

// ends tries each text that must end an incident of the rule that the test names.
func (r *runner) ends() {
	for _, text := range r.test.Ends {
		rec := r.file.record(&r.test.Origin, text, r.test.start.UnixNano())
		why := fmt.Sprintf("the rule is not for the workload %q", rec.Source.Workload)
		for _, x := range r.engine.Explain(&rec, rec.Time) {
			switch {
			case x.RuleID != r.test.Rule && x.Rule != r.test.Rule:
				continue
			case x.Ends != nil:
				why = ""
			case x.Hit:
				why = "it is a hit"
			default:
				why = "resolve_on does not match"
			}
			break
		}
		if why != "" {
			r.fail(r.part, "ends", text, fmt.Sprintf("%q ends no incident of %s: %s", text, r.test.Rule, why), "")
		}
	}
}

// play hands the lines to the engine, each at its time. In between and afterwards the engine does the work that is due, such as roll-ups.
func (r *runner) play() {
	at := time.Duration(0)
	r.alerts = r.engine.Tick(r.test.start.UnixNano(), r.alerts[:0]) // rules with absent_from = "start" begin to wait now
	r.keep(at)
	for _, one := range r.records() {
		at = one.at
		r.tick(at)
		w := r.engine.Worker()
		r.alerts = w.Process(&one.rec, one.rec.Time, r.alerts[:0])
		w.Release()
		r.keep(at)
	}
	r.tick(max(at, r.test.Until))
	r.alerts = r.engine.ReleaseWaiting(r.alerts[:0]) // no further line comes
	r.keep(max(at, r.test.Until))
	for id, c := range r.engine.Stats().Rules {
		if c.Hits > 0 {
			r.hit[id] = true
		}
	}
}

// tick runs the engine's due work up to a moment, each piece at its own time.
func (r *runner) tick(until time.Duration) {
	end := r.test.start.Add(until).UnixNano()
	for last := int64(0); ; {
		due, ok := r.engine.NextDue()
		if !ok || due > end || due < last {
			return
		}
		r.alerts = r.engine.Tick(due, r.alerts[:0])
		r.keep(time.Duration(due - r.test.start.UnixNano()))
		if due == last && len(r.alerts) == 0 {
			return // nothing comes of it
		}
		last = due
	}
}

func (r *runner) keep(at time.Duration) {
	for i := range r.alerts {
		a := &r.alerts[i]
		r.engine.Decide(a.Candidate, true) // a fleet of one
		if len(r.made) == maxAlerts {
			return
		}
		event := pipeline.NewAlert(a, fmt.Sprintf("al_test_%d", len(r.made)+1))
		r.made = append(r.made, made{at: at, id: a.RuleID, event: event, triggers: r.filters.of(&event, r.test.start.Add(at))})
	}
}

// or returns the origin with its empty settings taken from another.
func (o *Origin) or(other *Origin) *Origin {
	out := *o
	out.Workload = cmp.Or(o.Workload, other.Workload)
	out.Container = cmp.Or(o.Container, other.Container)
	out.Image = cmp.Or(o.Image, other.Image)
	out.Host = cmp.Or(o.Host, other.Host)
	out.Tag = cmp.Or(o.Tag, other.Tag)
	out.Source = cmp.Or(o.Source, other.Source)
	out.Stream = cmp.Or(o.Stream, other.Stream)
	out.Severity = cmp.Or(o.Severity, other.Severity)
	if o.Fields == nil {
		out.Fields = other.Fields
	}
	return &out
}

// key is equal for lines of one source.
func (o *Origin) key() string {
	return strings.Join([]string{o.Workload, o.Container, o.Image, o.Host, o.Tag, o.Source}, "\x00")
}

// record makes the record of a line, as the records of the files under test are made.
func (f *File) record(o *Origin, text string, at int64) engine.Record {
	records := &f.config.Settings.Records
	rec := engine.Record{
		Time: at, Severity: o.Severity, Fields: records.FieldsOf(o.Fields),
		Source: &engine.Source{
			Kind: cmp.Or(o.Source, "log"), Workload: cmp.Or(o.Workload, "test"), Host: cmp.Or(o.Host, "node-1"), Tag: o.Tag,
			Container: engine.Container{Name: cmp.Or(o.Container, "test-1"), Image: o.Image},
		},
	}
	rec.Text, _ = records.Line(nil, []byte(text))
	switch o.Stream {
	case "stdout":
		rec.Stream = engine.Stdout
	case "stderr":
		rec.Stream = engine.Stderr
	}
	return rec
}

// held counts the hits of the test that made no alert of their own, by rule and reason.
func (r *runner) held() []Suppressed {
	var out []Suppressed
	stats := r.engine.Stats().Rules
	for _, id := range slices.Sorted(maps.Keys(stats)) {
		c := stats[id]
		for why, n := range c.Suppressed {
			if n > 0 {
				out = append(out, Suppressed{Rule: id, Reason: engine.Reason(why).String(), Count: n})
			}
		}
		if c.Pending > 0 {
			out = append(out, Suppressed{Rule: id, Reason: pending, Count: c.Pending})
		}
	}
	return out
}
