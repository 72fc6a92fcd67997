package engine

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// muted reports whether a silence or an inhibition suppresses a hit, and why. It is asked before the keyed state is locked.
func (w *Worker) muted(h *Hit, now int64) (by *mute.Silence, why Reason, muted bool) {
	m, inhibits := w.engine.mutes, w.snapshot.Inhibits
	if m.Idle(inhibits) {
		return nil, 0, false
	}
	s := h.subject()
	s.Key = w.key
	return w.muteCache.Suppressing(m, inhibits, &s, now)
}

func (h *Hit) subject() rules.Subject {
	s := rules.Subject{
		Rule: h.rule, Source: h.Record.Source, Line: h.line, Stream: h.Record.Stream, Recorded: h.Record.Severity, Parts: (*hitParts)(h),
	}
	switch {
	case h.rule.Settings.Counts():
		s.Kind = KindThreshold
	case h.Record.Source.IsEvent():
		s.Kind = KindContainer
	}
	return s
}

// hitParts is a hit as the alert that it would make.
type hitParts Hit

// Part returns a label, a capture or a field that the alert would have.
func (p *hitParts) Part(part where.Part, name string) (value string, ok bool) {
	h := (*Hit)(p)
	switch part {
	case where.Capture:
		value, ok = h.captured()[name]
	case where.Field:
		if slices.Contains(h.rule.Settings.Fields, name) {
			value, ok = h.rule.Fields(h.Record, func(path, value string) string { return h.mask(path, value, nil) })[name]
		}
	case where.Label:
		if h.rule.LabelTemplates[name] == nil {
			value, ok = h.rule.Settings.Labels[name]
			return value, ok
		}
		if h.labels == nil {
			h.labels = h.alert(&state.Decision{At: h.Record.Time}, nil).Labels
		}
		value, ok = h.labels[name]
	}
	return value, ok
}

// SetAlertKeys sets the function that reports whether alerts of a state key can carry a key, for silences of one incident. It is called before the first
// silence.
func (e *Engine) SetAlertKeys(is func(alert string, state []byte) bool) { e.mutes.IsKey = is }

// SilenceOfAlert returns the silence that suppresses hits like that of an alert at a time, in ns; key is the one that the alert carries for receivers. ok is
// false when none does, or the rule of that name does not apply to the workload any more.
func (e *Engine) SilenceOfAlert(a *Alert, key string, now int64) (by Silence, ok bool) {
	if e.mutes.Idle(nil) {
		return by, false
	}
	for _, r := range e.Snapshot().RulesOf(a.Source.Workload) {
		if r.Settings.Name == a.Rule {
			s := rules.AlertSubject(r, a)
			s.AlertKey = key
			return e.mutes.Silence(&s, now)
		}
	}
	return by, false
}

// SetSilences puts silences in force in place of those before, from the next hit on. An invalid one is left out and named by the error; all others
// apply.
func (e *Engine) SetSilences(list []Silence) error { return e.mutes.SetSilences(list) }

// Silences returns the silences in force, ended and future ones included, in the order of their ids.
func (e *Engine) Silences() []Silence { return e.mutes.ListSilences() }
