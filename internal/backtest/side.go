package backtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// RuleSet is the part of a configuration that determines which lines alert which triggers.
type RuleSet struct {
	Engine   engine.Settings
	Silences []engine.Silence
	Triggers []trigger.Settings
}

// RuleSetOf returns the RuleSet of a configuration.
func RuleSetOf(s *config.Settings) RuleSet {
	out := RuleSet{Engine: s.Engine(), Triggers: s.Triggers}
	for i := range s.Silences {
		out.Silences = append(out.Silences, s.Silences[i].Silence())
	}
	return out
}

// BrokenError reports rules that cannot be compiled.
type BrokenError struct{ Rules []engine.RuleError }

// Error returns each rule with its error.
func (e *BrokenError) Error() string {
	all := make([]string, len(e.Rules))
	for i := range e.Rules {
		all[i] = e.Rules[i].Error()
	}
	return strings.Join(all, "; ")
}

// side evaluates one of the rule sets.
type side struct {
	engine   *engine.Engine
	worker   *engine.Worker // for evaluation
	rules    []*ruleAccount
	byID     map[string]*ruleAccount
	triggers []triggerAccount
	unwanted int64
	alerts   []engine.Alert
	fresh    []engine.Alert // alerts that were not counted yet
	begun    []engine.Alert // alerts of the current hit that wait for lines after it
	waiting  map[uint64]sampleRef
	open     int // rules with a context that still need samples
	samples  int
	axis     *axis
	deploys  []Deploy
}

// sampleRef refers to a sample that waits for the lines after its hit.
type sampleRef struct {
	account *ruleAccount
	index   int
}

// ruleAccount collects the result of a rule during the run.
type ruleAccount struct {
	rule         Rule
	decidedBy    decidedBy
	context      bool // alerts may carry surrounding lines
	first, last  int64
	hit          bool
	hits, alerts *row
}

type triggerAccount struct {
	filter *trigger.Filter
	out    Trigger
}

func newSide(s *RuleSet, a *axis, samples int) (*side, error) {
	out := &side{engine: engine.New(), byID: map[string]*ruleAccount{}, waiting: map[uint64]sampleRef{}, axis: a, samples: samples}
	snapshot, err := out.engine.Compile(s.Engine)
	if err != nil {
		return nil, err
	}
	if broken := snapshot.Broken(); len(broken) > 0 {
		return nil, &BrokenError{broken}
	}
	out.engine.Apply(snapshot)
	if err := out.engine.SetSilences(s.Silences); err != nil {
		return nil, err
	}
	for i := range s.Engine.Rules {
		out.addRule(s.Engine.Rules[i].Name, &s.Engine.Rules[i], s.Engine.Limits.PerContainer)
	}
	for i := range s.Engine.Workloads {
		w := &s.Engine.Workloads[i]
		for j := range w.Rules {
			out.addRule(w.Rules[j].Name+"@"+w.Match, &w.Rules[j], s.Engine.Limits.PerContainer)
		}
	}
	regexps := &trigger.Regexps{}
	for i := range s.Triggers {
		filter, err := trigger.NewFilter(&s.Triggers[i], regexps)
		if err != nil {
			return nil, fmt.Errorf("trigger %q: %w", s.Triggers[i].Name, err)
		}
		out.triggers = append(out.triggers, triggerAccount{filter, Trigger{Name: s.Triggers[i].Name, Rules: map[string]int64{}}})
	}
	for _, a := range out.rules {
		a.decidedBy.workloads(s.Engine.Workloads, a.rule.ID)
		if a.context = a.context || contextOverridden(&s.Engine, a.rule.ID); a.context && samples > 0 {
			out.open++
		}
	}
	out.worker = out.engine.Worker()
	out.worker.OnWait = func(a *engine.Alert) { out.begun = append(out.begun, *a) }
	return out, nil
}

func (s *side) addRule(id string, settings *engine.RuleSettings, bucket engine.Bucket) {
	a := &ruleAccount{
		rule:      Rule{ID: id, Severity: settings.Severity.String(), Sent: map[string]int64{}, Suppressed: map[string]int64{}},
		decidedBy: decidedBy{settings: *settings, bucket: bucket},
		hits:      s.axis.newRow(), alerts: s.axis.newRow(), context: settings.Context != engine.Context{},
	}
	s.rules = append(s.rules, a)
	s.byID[id] = a
}

// decidedBy holds all settings that affect a rule. Two rule sets treat a rule alike if these are deeply equal.
type decidedBy struct {
	settings   engine.RuleSettings
	bucket     engine.Bucket
	disabledIn []string // globs of workloads
	overrides  []override
}

type override struct {
	workloads string // a glob
	change    engine.Override
}

// workloads adds the workload blocks that disable the rule or override its settings.
func (d *decidedBy) workloads(blocks []engine.WorkloadSettings, id string) {
	for i := range blocks {
		w := &blocks[i]
		if slices.Contains(w.Disable, id) {
			d.disabledIn = append(d.disabledIn, w.Match)
		}
		for _, o := range w.Overrides {
			if o.Rule == id {
				d.overrides = append(d.overrides, override{w.Match, o})
			}
		}
	}
}

// contextOverridden reports whether an override gives a rule a context.
func contextOverridden(s *engine.Settings, id string) bool {
	for i := range s.Workloads {
		for j := range s.Workloads[i].Overrides {
			if o := &s.Workloads[i].Overrides[j]; o.Rule == id && o.Settings.Context != (engine.Context{}) {
				return true
			}
		}
	}
	return false
}

// place is the file and line of a record.
type place struct {
	file   string
	number int
}

// see passes a record to the engine for the lines around hits, as long as a sample may need it. It affects only the samples.
func (s *side) see(rec *engine.Record, now int64) {
	if s.open > 0 || len(s.waiting) > 0 {
		s.alerts = s.worker.See(rec, now, s.alerts[:0])
		s.sort()
	}
}

// sort separates the engine's alerts. An alert with a ticket waited for lines and was counted when the wait began, so only its sample gets the lines.
// All others are fresh.
func (s *side) sort() {
	for i := range s.alerts {
		a := &s.alerts[i]
		s.engine.Decide(a.Candidate, true) // a fleet of one
		if a.Ticket == 0 {
			s.fresh = append(s.fresh, *a)
		} else if ref, ok := s.waiting[a.Ticket]; ok {
			ref.account.rule.Samples[ref.index].After = shownLines(a.After)
			delete(s.waiting, a.Ticket)
		}
	}
}

// evaluate evaluates the hits of one record, which arrived at now, and returns the alerts. They are valid until the next call.
func (s *side) evaluate(hits []engine.Hit, now int64, at place) []engine.Alert {
	s.fresh = s.fresh[:0]
	for i := range hits {
		h := &hits[i]
		if h.Ends() {
			s.alerts = s.worker.Evaluate(h, now, s.alerts[:0])
			s.sort()
			continue
		}
		a := s.byID[h.RuleID()]
		t := h.Record.Time
		if !a.hit || t < a.first {
			a.first = t
		}
		if !a.hit || t > a.last {
			a.last = t
		}
		a.hit = true
		s.axis.add(a.hits, floorDiv(t, 1e9), 1)
		before := len(s.fresh)
		s.begun = s.begun[:0]
		s.alerts = s.worker.Evaluate(h, now, s.alerts[:0])
		s.sort()
		s.fresh = append(s.fresh, s.begun...)
		if len(s.fresh) == before && len(a.rule.SuppressedSamples) < s.samples {
			a.rule.SuppressedSamples = append(a.rule.SuppressedSamples, sampleOf(h.Record, at, s.worker.Redactor()))
		}
	}
	for i := range s.fresh {
		s.count(&s.fresh[i], at, now)
	}
	return s.fresh
}

// tick fires all alerts that are due by now, each at its own time.
func (s *side) tick(now int64) {
	for {
		at, ok := s.engine.NextDue()
		if !ok || at > now {
			return
		}
		s.fresh = s.fresh[:0]
		s.alerts = s.engine.Tick(at, s.alerts[:0])
		s.sort()
		for i := range s.fresh {
			s.count(&s.fresh[i], place{}, at)
		}
		if next, ok := s.engine.NextDue(); !ok || next <= at { // nothing is left, or the engine makes no progress and the loop would not end
			return
		}
	}
}

// count counts an alert, which arrived at now, for its rule and for each trigger that sends it.
func (s *side) count(alert *engine.Alert, at place, now int64) {
	if alert.Deploy != nil {
		s.deploy(alert)
		s.send(alert, now)
		return
	}
	a := s.byID[alert.RuleID]
	if a == nil {
		return
	}
	a.rule.Sent[alert.Kind.String()]++
	for name, n := range alert.Redacted {
		if a.rule.Redacted == nil {
			a.rule.Redacted = map[string]int64{}
		}
		a.rule.Redacted[name] += int64(n)
	}
	s.axis.add(a.alerts, floorDiv(alert.Time, 1e9), 1)
	if len(a.rule.Samples) < s.samples {
		a.rule.Samples = append(a.rule.Samples, alertSample(alert, at))
		if alert.Ticket != 0 {
			s.waiting[alert.Ticket] = sampleRef{a, len(a.rule.Samples) - 1}
		}
		if a.context && len(a.rule.Samples) == s.samples {
			s.open--
		}
	}
	s.send(alert, now)
}

// maxDeploys bounds the alerts about new images that a result lists.
const maxDeploys = 1000

func (s *side) deploy(alert *engine.Alert) {
	if len(s.deploys) == maxDeploys {
		return
	}
	d := Deploy{Time: utc(alert.Time), Workload: alert.Source.Workload, Verdict: alert.Deploy.Verdict, Summary: shown(alert.Summary)}
	for line := range strings.Lines(alert.Message) {
		d.Kinds = append(d.Kinds, shown(strings.TrimSpace(line)))
	}
	s.deploys = append(s.deploys, d)
}

// send counts an alert for each trigger that accepts it when it leaves at now.
func (s *side) send(alert *engine.Alert, now int64) {
	if len(s.triggers) == 0 {
		return
	}
	event := pipeline.NewAlert(alert, "")
	accepted := false
	for i := range s.triggers {
		t := &s.triggers[i]
		switch t.filter.Match(&event, utc(now)) {
		case trigger.Sends:
			t.out.Alerts++
			t.out.Rules[alert.RuleID]++
			accepted = true
		case trigger.OutsideHours:
			t.out.OutsideHours++
		}
	}
	if !accepted {
		s.unwanted++
	}
}

// finish copies the engine's counters into the results.
func (s *side) finish() {
	s.worker.Release()
	s.alerts = s.engine.ReleaseWaiting(s.alerts[:0]) // no further lines follow
	s.sort()
	counts := s.engine.Stats().Rules
	for _, a := range s.rules {
		c := counts[a.rule.ID]
		a.rule.Hits, a.rule.Alerts, a.rule.Pending = c.Hits, c.Alerts, c.Pending
		for why, n := range c.Suppressed {
			if n > 0 {
				a.rule.Suppressed[engine.Reason(why).String()] = n
			}
		}
		if a.hit {
			first, last := utc(a.first), utc(a.last)
			a.rule.First, a.rule.Last = &first, &last
		}
		if c.Hits > 0 || a.rule.SentTotal() > 0 {
			a.rule.HitsAt, a.rule.AlertsAt = s.axis.values(a.hits), s.axis.values(a.alerts)
		}
	}
}

// maxSample bounds the text of a sample.
const maxSample = 500

func sampleOf(rec *engine.Record, at place, r *engine.Redactor) Sample {
	return Sample{
		Time: utc(rec.Time), Workload: rec.Source.Workload, Container: rec.Source.Container.Name, Stream: rec.Stream.String(),
		File: at.file, Line: at.number, Text: shown(r.Line(rec.Text, 2*maxSample)),
	}
}

func alertSample(a *engine.Alert, at place) Sample {
	out := Sample{
		Time: utc(a.Time), Kind: a.Kind.String(), Workload: a.Source.Workload, Container: a.Source.Container.Name, Stream: a.Stream.String(),
		File: at.file, Line: at.number, Text: shown(a.Message), Before: shownLines(a.Before), After: shownLines(a.After), Fields: a.Fields,
	}
	if a.Message == "" {
		out.Text = shown(a.Summary)
	}
	switch {
	case a.Rate != nil:
		out.Why = a.Rate.String()
	case a.Ratio != nil:
		out.Why = shown(a.Ratio.String())
	}
	for _, n := range a.Suppressed {
		out.SuppressedBefore += n
	}
	return out
}

// shown returns a text as valid UTF-8 of bounded length.
func shown(s string) string {
	return safetext.Shorten(strings.ToValidUTF8(s, "\uFFFD"), maxSample)
}

func shownLines(lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, shown(l))
	}
	return out
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
