package state

import (
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// Rendered sets the text of a sample. Until then the key's roll-up waits.
func (k *Keyed) Rendered(shown *Sample, key []byte, text *SampleText) {
	k.mu.Lock()
	defer k.mu.Unlock()
	shown.text = text
	k.keys.Touch(k.hash(key))
	if k.fleet != nil {
		k.waitForAll(k.peek(string(key)))
	}
}

// decideRollup returns the outcome of a key's deadline, its next state, and the roll-up. It has no side effects. Shared says that the fleet has the window.
func decideRollup(r *rules.Rule, s *keyState, at int64, shared bool, m *muting, b *tokens) (next transition, a model.Alert, out dueOutcome) {
	next = transition{window: s.window, episode: s.episode}
	if due := s.rollupDue(r); due == 0 || due > at {
		return next, a, notDue
	}
	crossed := s.crossing.due()
	switch {
	case r.Settings.Without != "":
		a = s.unanswered(r, at)
	case crossed && r.Settings.After != "":
		a = s.followed(r, at)
	case crossed:
		a = s.threshold(r, at)
	default:
		a = s.rollup(r, at)
	}
	muted := m.mutes(subjectOf(r, &a), at)
	if crossed && muted { // as a hit that a silence suppresses
		next.dropped = true
		return next, a, unsent
	}
	// The token comes last: a muted roll-up must not consume one.
	if muted || !b.available(at) {
		next.window.prolong(r.Window(), at)
		return next, a, delayed
	}
	a.Severity = max(a.Severity, next.episode.escalate(r, next.episode.clock(at)))
	next.window.open(r, at, shared)
	next.reported, next.token, next.restart = true, true, crossed
	return next, a, sendable
}

// keyDue makes the roll-up of a key whose time has come. It needs a token; without one, or while a silence or an inhibition is in force, the window stays
// open and the numbers stay.
func (k *Keyed) keyDue(s *keyState, at, now int64, dst []model.Alert) []model.Alert {
	if !s.reportsLater() {
		k.due.Set(&s.timer, 0)
		return dst
	}
	r := k.rule(s.key, s.workload())
	if ends := s.incident.ends(r); ends != 0 && ends <= at {
		a := s.end(at, nil)
		s.closeIncident()
		k.track(s)
		k.due.Set(&s.timer, 0)
		k.keys.Touch(s.hash)
		if r != nil {
			a.Runbook = r.Settings.Runbook
			r.Counters.Resolve()
			k.muting().observe(subjectOf(r, &a), at, true)
		}
		return append(dst, a)
	}
	if looks := s.looks(r); looks != 0 && looks <= at {
		a, out := s.lookAt(r, at, k.muting())
		k.due.Set(&s.timer, s.deadline(r))
		if out == unsent || out == sendable {
			k.keys.Touch(s.hash)
		}
		if out == sendable {
			r.Counters.Absence()
			k.muting().observe(subjectOf(r, &a), at, false)
			dst = append(dst, a)
		}
		return dst
	}
	shown := s.unreported.sample
	if shown == nil {
		k.due.Set(&s.timer, s.deadline(r))
		return dst
	}
	if shown.text == nil { // another worker is rendering it
		due := s.deadline(r)
		if due != 0 {
			due = now + 1
		}
		k.due.Set(&s.timer, due)
		return dst
	}
	if s.waitsForAll(k.fleet, r) && s.leaveToAll(k.fleet, r, at) {
		k.due.Set(&s.timer, s.deadline(r))
		k.keys.Touch(s.hash)
		return dst
	}
	b := k.tokens(model.AppendBucket(nil, shown.source))
	next, a, out := decideRollup(r, s, at, r != nil && shares(k.fleet, r), k.muting(), &b)
	marks := len(s.count.marks)
	s.apply(&next)
	k.marks += len(s.count.marks) - marks
	if out == sendable {
		s.onRollup(r, &a, at)
		k.track(s)
	}
	if next.token {
		b.consume()
	}
	k.due.Set(&s.timer, s.deadline(r))
	switch out {
	case sendable:
		switch {
		case a.Kind == model.KindMissing:
			r.Counters.Absence()
		case r.Settings.Fleet():
			k.Candidates.Ask(&a, r.Counters, at)
		default:
			r.Counters.Rollup()
		}
		k.muting().observe(subjectOf(r, &a), at, false)
		dst = append(dst, a)
		fallthrough
	case delayed, unsent:
		k.keys.Touch(s.hash)
	}
	return dst
}

// onRollup notes a roll-up in the incident of the key.
func (s *keyState) onRollup(r *rules.Rule, a *model.Alert, at int64) {
	s.onAlert(r, a.Source, a.Stream, model.Sum(&a.Suppressed), a.First, a.Last, at)
	if i := s.incident; i != nil {
		i.severities.Add(a.Severity)
		// An alert of time has its text already, so Opened is not called for it.
		if i.text == nil {
			i.text = &IncidentText{Summary: a.Summary, Labels: a.Labels, Runbook: a.Runbook}
		}
		a.Resolves = true
	}
}

// shown returns the parts of an alert that time made which it has of the suppressed hits of a key, and of the one that it shows.
func (s *keyState) shown(r *rules.Rule, at int64) model.Alert {
	u := &s.unreported
	shown, text := u.sample, u.sample.text
	a := model.Alert{
		RuleID: r.ID, Rule: r.Settings.Name, Severity: text.Severity, Message: text.Message, Truncated: text.Truncated, Time: at,
		First: u.first, Last: u.last, Stream: shown.stream, Source: shown.source, Captures: text.Captures, Suppressed: u.suppressed, Since: u.first,
		Fields: text.Fields, Labels: r.Settings.Labels, Runbook: r.Settings.Runbook, Key: s.key, Template: text.Template,
	}
	if text.Labels != nil {
		a.Labels = text.Labels
	}
	return a
}

// rollup returns the alert about the suppressed hits of a key.
func (s *keyState) rollup(r *rules.Rule, at int64) model.Alert {
	u := &s.unreported
	shown, text := u.sample, u.sample.text
	a := s.shown(r, at)
	a.Kind = model.KindRollup
	a.Due = s.window.closes(r, shown.arrived)
	if step := s.episode.nextStep(r, shown.arrived); step != 0 && step < a.Due {
		a.Due = step
	}
	late := shown.arrived - shown.at
	a.Summary = model.OneLine(fmt.Sprintf("%d more in %s: %s", u.total(), model.Roughly(max(0, at-late-u.first)), text.Summary), model.MaxSummary)
	a.WithLateness(late)
	return a
}

// unanswered is the alert about a hit that the other rule did not follow.
func (s *keyState) unanswered(r *rules.Rule, at int64) model.Alert {
	shown := s.unreported.sample
	a := s.shown(r, at)
	a.Kind, a.Due = model.KindMissing, shown.arrived+int64(r.Settings.Within)
	about := shown.text.Summary
	a.Summary = model.OneLine(fmt.Sprintf("no %s for %s after: %s", r.Settings.Without, model.Roughly(int64(r.Settings.Within)), about), model.MaxSummary)
	a.WithLateness(shown.arrived - shown.at)
	return a
}
