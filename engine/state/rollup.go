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
	k.touch(KeyPrefix + string(key))
}

// keyDue makes the roll-up of a key whose time has come. It needs a token; without one, or while a silence or an inhibition is in force, the window stays
// open and the numbers stay.
func (k *Keyed) keyDue(s *keyState, at, now int64, dst []model.Alert) []model.Alert {
	shown := s.unreported.sample
	if shown == nil {
		k.due.set(&s.timer, 0)
		return dst
	}
	r := k.rule(s.key, shown.source.Workload)
	due := s.deadline(r)
	if due != 0 && shown.text == nil { // another worker is rendering it
		due = now + 1
	}
	if due == 0 || due > at {
		k.due.set(&s.timer, due)
		return dst
	}
	a := s.rollup(r, at)
	about := rules.Subject{Rule: r, Source: a.Source, Line: []byte(a.Message), Severity: a.Severity}
	// The token comes last: a muted roll-up must not consume one.
	if k.muted(&about, at) || !k.token(model.AppendBucket(nil, shown.source), at, true) {
		s.window.prolong(r.Window(), at)
		k.due.set(&s.timer, s.deadline(r))
		k.touchKey(s)
		return dst
	}
	// The roll-up has been made by now: markReported resets the counts that it reports.
	k.countersOf(r).Rollup()
	a.Severity = max(a.Severity, s.episode.escalate(r, s.episode.clock(at)))
	s.markReported(at)
	k.due.set(&s.timer, 0)
	k.touchKey(s)
	about.Severity = a.Severity
	k.alerted(&about, at)
	return append(dst, a)
}

// rollup returns the alert about the suppressed hits of a key.
func (s *keyState) rollup(r *rules.Rule, at int64) model.Alert {
	u := &s.unreported
	shown, text := u.sample, u.sample.text
	a := model.Alert{
		Kind: model.KindRollup, RuleID: r.ID, Rule: r.Settings.Name, Severity: text.Severity, Message: text.Message, Truncated: text.Truncated, Time: at,
		First: u.first, Last: u.last, Stream: shown.stream, Source: shown.source, Captures: text.Captures, Suppressed: u.suppressed, Since: u.first,
		Fields: text.Fields, Labels: r.Settings.Labels, Runbook: r.Settings.Runbook, Key: s.key,
	}
	if text.Labels != nil {
		a.Labels = text.Labels
	}
	a.Due = s.window.closes(r.Window(), shown.arrived)
	if step := s.episode.nextStep(r, shown.arrived); step != 0 && step < a.Due {
		a.Due = step
	}
	late := shown.arrived - shown.at
	a.Summary = model.OneLine(fmt.Sprintf("%d more in %s: %s", u.total(), model.Roughly(max(0, at-late-u.first)), text.Summary), model.MaxSummary)
	a.WithLateness(late)
	return a
}
