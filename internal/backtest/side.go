package backtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// RuleSet is a configuration, as far as it decides which lines alert whom.
type RuleSet struct {
	Engine   engine.Settings
	Silences []engine.Silence
	Triggers []trigger.Settings
}

// RuleSetOf returns what of a configuration decides which lines alert whom.
func RuleSetOf(s *config.Settings) RuleSet {
	out := RuleSet{Engine: s.Engine(), Triggers: s.Triggers}
	for i := range s.Silences {
		out.Silences = append(out.Silences, s.Silences[i].Silence())
	}
	return out
}

// BrokenError says that rules do not run.
type BrokenError struct{ Rules []engine.RuleError }

// Error names each rule with what is wrong with it.
func (e *BrokenError) Error() string {
	all := make([]string, len(e.Rules))
	for i := range e.Rules {
		all[i] = e.Rules[i].Error()
	}
	return strings.Join(all, "; ")
}

// side is one of the rule sets at work.
type side struct {
	engine   *engine.Engine
	worker   *engine.Worker // that judges
	rules    []*ruleAccount
	byID     map[string]*ruleAccount
	triggers []triggerAccount
	unwanted int64
	alerts   []engine.Alert
	fresh    []engine.Alert // those of them that are not told yet
	begun    []engine.Alert // by the hit that is judged, and wait for lines
	waiting  map[uint64]sampleRef
	open     int // rules with contexts that have not all of their samples
	samples  int
	axis     *axis
}

// sampleRef says which sample waits for the lines after its hit.
type sampleRef struct {
	account *ruleAccount
	index   int
}

// ruleAccount is what is kept about a rule while the run goes on.
type ruleAccount struct {
	rule         Rule
	decidedBy    decidedBy
	context      bool // alerts may have lines around them
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

// decidedBy is everything in the settings that decides about a rule. Two rule sets decide alike about a rule when these are equal by value.
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

// workloads adds the blocks that disable the rule or override its settings.
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

// place is where a record was read.
type place struct {
	file   string
	number int
}

// see notes a record for the lines around hits, as long as a sample may want it. It changes nothing but what samples show.
func (s *side) see(rec *engine.Record, now int64) {
	if s.open > 0 || len(s.waiting) > 0 {
		s.alerts = s.worker.See(rec, now, s.alerts[:0])
		s.sort()
	}
}

// sort takes what the engine made apart: alerts that waited for lines were told when they began to, and their samples get the lines; all others are
// fresh.
func (s *side) sort() {
	for i := range s.alerts {
		a := &s.alerts[i]
		if a.Ticket == 0 {
			s.fresh = append(s.fresh, *a)
		} else if ref, ok := s.waiting[a.Ticket]; ok {
			ref.account.rule.Samples[ref.index].After = shownLines(a.After)
			delete(s.waiting, a.Ticket)
		}
	}
}

// judge decides about the hits of one record, which came at now, and returns the alerts; they are valid until the next call.
func (s *side) judge(hits []engine.Hit, now int64, at place) []engine.Alert {
	s.fresh = s.fresh[:0]
	for i := range hits {
		h := &hits[i]
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
		if len(s.fresh) == before && len(a.rule.Held) < s.samples {
			a.rule.Held = append(a.rule.Held, sampleOf(h.Record, at))
		}
	}
	for i := range s.fresh {
		s.tell(&s.fresh[i], at)
	}
	return s.fresh
}

// tick makes the alerts that are due up to now, each at its time.
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
			s.tell(&s.fresh[i], place{})
		}
		if next, ok := s.engine.NextDue(); !ok || next <= at { // it is done, or would be asked for ever
			return
		}
	}
}

// tell accounts for an alert.
func (s *side) tell(alert *engine.Alert, at place) {
	a := s.byID[alert.RuleID]
	if a == nil {
		return
	}
	a.rule.Sent[alert.Kind.String()]++
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
	if len(s.triggers) == 0 {
		return
	}
	event := pipeline.NewAlert(alert, "")
	wanted := false
	for i := range s.triggers {
		if t := &s.triggers[i]; t.filter.Match(&event) {
			t.out.Alerts++
			t.out.Rules[alert.RuleID]++
			wanted = true
		}
	}
	if !wanted {
		s.unwanted++
	}
}

// finish fills in what the engine counted.
func (s *side) finish() {
	s.worker.Release()
	s.alerts = s.engine.ReleaseWaiting(s.alerts[:0]) // no further line comes
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

func sampleOf(rec *engine.Record, at place) Sample {
	return Sample{
		Time: utc(rec.Time), Workload: rec.Source.Workload, Container: rec.Source.Container.Name, Stream: rec.Stream.String(),
		File: at.file, Line: at.number, Text: shown(string(rec.Text[:min(len(rec.Text), 2*maxSample)])),
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
	for _, n := range a.Suppressed {
		out.Told += n
	}
	return out
}

// shown returns a text as valid UTF-8 of bounded length.
func shown(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxSample {
		return s
	}
	end := maxSample
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func shownLines(lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, shown(l))
	}
	return out
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
