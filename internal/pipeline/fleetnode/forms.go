package fleetnode

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// about is what a row of the store keeps of a candidate, or of an alert that was taken.
type about struct {
	Rollup   bool          `json:"rollup,omitempty"`
	Rule     string        `json:"rule,omitempty"` // its id
	Workload string        `json:"workload,omitempty"`
	Cooldown time.Duration `json:"cooldown,omitempty"`
	// CooldownMax and Steps are of fleet.Terms.
	CooldownMax time.Duration   `json:"cooldown_max,omitempty"`
	Steps       []time.Duration `json:"steps,omitempty"`
	Triggers    string          `json:"triggers,omitempty"` // the digest by which it is known
	// Template is one that no other node must have seen.
	Template *fleet.Template `json:"template,omitempty"`
	DueAt    int64           `json:"due_at,omitempty"` // of a roll-up, an absence or a wait that was taken
	Absence  bool            `json:"absence,omitempty"`
	Waits    bool            `json:"waits,omitempty"`
}

// gift is what the outbox keeps of a candidate that was held.
type gift struct {
	Counts      fleet.Counts `json:"counts"`
	First, Last time.Time
	Sample      json.RawMessage `json:"sample,omitempty"`
	About       about           `json:"about"`
}

// sample is the part of an alert that a roll-up of the fleet shows.
type sample struct {
	Severity string            `json:"severity"`
	Summary  string            `json:"summary"`
	Message  string            `json:"message"`
	Source   trigger.Source    `json:"source"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// sampleOf returns the sample of an alert within the bound of the wire; nil if it does not fit.
func sampleOf(a *trigger.Alert) []byte {
	s := sample{Severity: a.Severity, Summary: a.Summary, Message: a.Message, Source: a.Source, Labels: a.Labels}
	for limit := 512; limit >= 32; limit /= 2 {
		s.Summary, s.Message = safetext.Cut(s.Summary, limit), safetext.Cut(s.Message, limit)
		if text, err := json.Marshal(&s); err == nil && len(text) <= fleet.MaxSample {
			return text
		}
		s.Labels = nil // the rule's own are known on every node
	}
	return nil
}

// countsOf returns the hits that an alert stands for, by the reason for which they make no alert once it is held.
func countsOf(a *engine.Alert) (counts fleet.Counts, hits int64) {
	counts = fleet.Counts{}
	if a.Count > 0 {
		counts[engine.ReasonFleet.String()] = a.Count
		hits = a.Count
	}
	for why, n := range a.Suppressed {
		if n > 0 {
			counts[engine.Reason(why).String()] += n
			hits += n
		}
	}
	return counts, hits
}

// led returns the payload of an alert that leaves for the fleet. A payload that cannot be read stays as it is.
func led(payload []byte) []byte {
	var a trigger.Alert
	if err := json.Unmarshal(payload, &a); err != nil || a.Fleet == nil {
		return payload
	}
	f := *a.Fleet
	f.Engine = trigger.EngineOK
	a.Fleet = &f
	if text, err := json.Marshal(&a); err == nil {
		return text
	}
	return payload
}

// candidate returns what the engine is asked about a row.
func (l *loops) candidate(row *store.FleetAlert) (fleet.Candidate, bool) {
	var a about
	if json.Unmarshal(row.About, &a) != nil {
		return fleet.Candidate{}, false
	}
	c := fleet.Candidate{
		Claim: fleet.Claim{
			Key: fleet.Key(row.Key), ID: row.ID, Rollup: a.Rollup, Terms: l.terms(&a),
			Title: fleet.Title{Rule: a.Rule, Text: a.Workload}, Payload: led(row.Payload),
		},
		Until: row.Until,
	}
	c.Sight = a.Template
	return c, true
}

// terms returns those of a row of the store.
func (l *loops) terms(a *about) fleet.Terms {
	return fleet.Terms{Cooldown: a.Cooldown, CooldownMax: a.CooldownMax, Steps: a.Steps, Grace: l.settings.Grace}
}

// stepsOf returns the moments of the steps of an escalation, in whole milliseconds that rise.
func stepsOf(s *engine.RuleSettings) (all []time.Duration) {
	last := time.Duration(0)
	for i := range s.Escalate {
		last = max(s.Escalate[i].After.Truncate(time.Millisecond), last+time.Millisecond)
		all = append(all, last)
	}
	return all
}

// raised returns the severity of an alert whose episode has passed so many steps of its rule's escalation, if that is graver than its own.
func raised(severity string, s *engine.RuleSettings, step int) string {
	if step = min(step, len(s.Escalate)); step == 0 {
		return severity
	}
	words := trigger.Severities()
	if word := s.Escalate[step-1].Severity.String(); slices.Index(words, word) > slices.Index(words, severity) {
		return word
	}
	return severity
}

// rollup returns the alert about the hits of all nodes that no alert reported; nil if this node does not have the rule.
func (l *loops) rollup(id string, t *fleet.Taken) *trigger.Alert {
	var s sample
	if len(t.Sample) > 0 && json.Unmarshal(t.Sample, &s) != nil {
		s = sample{}
	}
	if !isSeverity(s.Severity) {
		s.Severity = ""
	}
	workload := t.Title.Text
	if s.Source.Workload != "" {
		workload = s.Source.Workload
	}
	rule := l.opt.Rules().Find(t.Title.Rule, workload)
	if rule == nil {
		return nil
	}
	now := l.opt.Now().UTC()
	total := t.Counts.Sum()
	since := now.Add(-max(t.First, 0))
	a := &trigger.Alert{
		Version: trigger.AlertVersion, ID: id, Kind: trigger.KindRollup, Key: alertKey(t.Key), Severity: s.Severity, Rule: rule.Settings.Name,
		Message: s.Message, Time: now, FirstSeen: since, LastSeen: now.Add(-max(t.Last, 0)), Source: s.Source, Labels: s.Labels, Runbook: rule.Settings.Runbook,
		Suppressed: trigger.Suppressed{Total: total, Since: &since, By: t.Counts},
		Fleet:      &trigger.Fleet{Namespace: l.settings.Namespace, Nodes: t.Nodes, Hosts: t.Hosts, Engine: trigger.EngineOK},
	}
	if a.Source.Workload = workload; a.Source.Kind == "" {
		a.Source.Kind = trigger.KindLog
	}
	if a.Severity == "" {
		if a.Severity = rule.Settings.Severity.String(); rule.Settings.Severity == engine.SeverityUnknown {
			a.Severity = engine.SeverityWarning.String()
		}
	}
	a.Severity = raised(a.Severity, &rule.Settings, t.Step)
	if a.Labels == nil && len(rule.LabelTemplates) == 0 {
		a.Labels = rule.Settings.Labels
	}
	what := s.Summary
	if what == "" {
		what = rule.Settings.Name
		if workload != "" {
			what += " in " + workload
		}
	}
	a.Summary = safetext.Cut(fmt.Sprintf("%s more on %s in %s: %s", quantity.Grouped(total), quantity.Plural(t.Nodes, "node"),
		engine.Roughly(int64(now.Sub(since))), what), maxSummary)
	return a
}

// maxSummary bounds the summary of an alert, in bytes.
const maxSummary = 512

// handedOver returns the alert of a node that did not deliver it; nil if the payload has no alert. Its key reaches addresses of receivers, and neither the key nor the
// severity is escaped for bodies: the engine, which may be hostile, must not choose them freely.
func handedOver(t *fleet.Taken) *trigger.Alert {
	var a trigger.Alert
	if err := json.Unmarshal(t.Payload, &a); err != nil || a.ID != t.ID || a.Version != trigger.AlertVersion || a.Key != alertKey(t.Key) || !isSeverity(a.Severity) {
		return nil
	}
	return &a
}

func isSeverity(word string) bool { return slices.Contains(trigger.Severities(), word) }

// IsAlertKey reports whether alerts of a state key carry a key in a fleet: those of its hits, of its absence, or of its wait.
func IsAlertKey(alert, state string) bool {
	return alertKey(fleet.KeyOf("cooldown", state)) == alert || alertKey(absenceKey(state)) == alert || alertKey(sequenceKey(state)) == alert
}

// alertKey is the key of the alerts of an incident, the same on every node.
func alertKey(k fleet.Key) string { return trigger.KeyOf("fleet", string(k)) }
