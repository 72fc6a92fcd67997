package state

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// incident is the alerts of a key whose rule has resolve, from the first alert until no hit has come for so long. Its end is an alert, too. The wait goes by
// arrival, and the times of the hits go by the records' clock. A key without an open incident has none, so rules without resolve pay nothing for it.
type incident struct {
	opened      int64 // when the first alert was made, by arrival
	from        int64 // the wait is measured from here: the first alert or the arrival of the last hit, moved by time that does not count
	until       int64 // the incident does not end before
	first, last int64 // the earliest and the latest hit that its alerts report
	hits        int64 // that its alerts report
	alerts      int64
	severities  model.SeveritySet // of its alerts
	rule        string            // the rule's name: the rule may be gone when the incident ends
	source      *model.Source     // of the first alert
	stream      model.Stream
	text        *IncidentText // of the first alert; nil until it is rendered
	triggers    []string      // that send its alerts; nil: unknown
}

// IncidentText is the part of an incident's first alert that its end shows. It does not change.
type IncidentText struct {
	Summary string            `json:"summary,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Runbook string            `json:"runbook,omitempty"`
}

// clone returns a copy that shares nothing that changes, or nil.
func (i *incident) clone() *incident {
	if i == nil {
		return nil
	}
	c := *i
	c.triggers = slices.Clone(i.triggers)
	return &c
}

// ends returns when the incident ends if no hit comes; 0: none is open. Without its rule, or without resolve, nothing else would end it, so it ends at once.
func (i *incident) ends(r *rules.Rule) int64 {
	switch {
	case i == nil:
		return 0
	case r == nil || r.Settings.Resolve <= 0:
		return i.from
	}
	return max(i.from+int64(r.Settings.Resolve), i.until)
}

// onAlert notes an alert of the key that reports hits from first to last. It opens an incident where none is open and the rule asks for ends.
func (s *keyState) onAlert(r *rules.Rule, source *model.Source, stream model.Stream, hits, first, last, now int64) {
	if s.incident == nil {
		if r.Settings.Resolve <= 0 {
			return
		}
		s.incident = &incident{opened: now, from: now, first: first, last: last, rule: r.Settings.Name, source: source, stream: stream}
	}
	i := s.incident
	i.first, i.last = min(i.first, first), max(i.last, last)
	i.hits += hits
	i.alerts++
}

// onHit begins the wait for the end again.
func (i *incident) onHit(now int64) {
	if i != nil {
		i.from, i.until = now, 0
	}
}

// skip moves the wait along with a clock that moved by so many ns that did not pass.
func (i *incident) skip(ns int64) {
	if i == nil {
		return
	}
	i.from += ns
	if i.until != 0 {
		i.until += ns
	}
}

func (i *incident) clampFuture(now int64) {
	if i != nil {
		i.opened, i.from, i.first, i.last = min(i.opened, now), min(i.from, now), min(i.first, now), min(i.last, now)
	}
}

// resume continues the wait after a stop, as savedAbsence.timer does: time in which nobody read lines does not count.
func (i *incident) resume(now, stopped int64) {
	if i == nil {
		return
	}
	if gap := now - stopped; stopped == 0 || gap > int64(AbsenceGrace) {
		i.from = now
	} else {
		i.from += max(gap, 0)
		i.until = now + int64(AbsenceGrace)
	}
}

// end returns the alert that ends the incident of a key at a time. It reports everything that no alert has reported, and it needs no token and passes
// silences and inhibitions: otherwise the incident that its alerts opened at a receiver would stay open.
func (s *keyState) end(at int64) model.Alert {
	i, u := s.incident, &s.unreported
	a := model.Alert{
		Kind: model.KindResolved, RuleID: ruleID(s.key), Rule: i.rule, Severity: i.severities.Worst(), Time: at, First: i.first, Last: i.last,
		Stream: i.stream, Source: i.source, Suppressed: u.suppressed, Since: u.first, Due: i.opened, Key: s.key, Triggers: i.triggers,
	}
	if a.Severity == model.SeverityUnknown {
		a.Severity = model.SeverityWarning
	}
	if u.first != 0 {
		a.First, a.Last = min(a.First, u.first), max(a.Last, u.last)
	}
	a.Incident = &model.Incident{
		Began: a.First, Lasted: max(0, a.Last-a.First), Hits: i.hits + u.total(), Alerts: i.alerts, Severities: i.severities.List(),
	}
	where, about := "", ""
	if i.source.Workload != "" {
		where = " in " + i.source.Workload
	}
	// The text is missing if the program stopped while the first alert was rendered.
	if i.text != nil {
		a.Labels, a.Runbook = i.text.Labels, i.text.Runbook
		// A summary without a template begins with rule and workload, which the end has said.
		about = ": " + strings.TrimPrefix(i.text.Summary, i.rule+" in "+i.source.Workload+": ")
	}
	hits := "1 hit"
	if n := a.Incident.Hits; n != 1 {
		hits = fmt.Sprintf("%d hits", n)
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s is over%s after %s and %s%s", i.rule, where, model.Roughly(a.Incident.Lasted), hits, about), model.MaxSummary)
	return a
}

// closeIncident commits the end: the next hit of the key alerts at once, and opens another incident.
func (s *keyState) closeIncident() {
	s.window, s.episode, s.unreported, s.incident = window{}, episode{}, unreported{}, nil
}

// Opened sets the severity of an alert of an open incident, and the text of its first one.
func (k *Keyed) Opened(key []byte, severity model.Severity, text *IncidentText) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.peek(string(key))
	// The text was rendered without the lock: the key may have been forgotten meanwhile, or its incident ended.
	if s == nil || s.incident == nil {
		return
	}
	s.incident.severities.Add(severity)
	if s.incident.text == nil {
		s.incident.text = text
	}
	k.keys.Touch(s.hash)
}

// Routed notes the triggers that send an alert whose end will be sent, too: its end goes to all of them, whatever their filters say by then.
func (k *Keyed) Routed(key string, triggers []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.absences.Peek(key); ok && t.sent {
		t.triggers = triggers
		k.absences.Touch(key)
		return
	}
	s := k.peek(key)
	if s == nil || s.incident == nil {
		return
	}
	s.incident.triggers = union(s.incident.triggers, triggers)
	k.keys.Touch(s.hash)
}

// union returns the names of two lists, each once. It is not nil, which would say that the names are unknown.
func union(list, more []string) []string {
	out := append([]string{}, list...)
	for _, name := range more {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
