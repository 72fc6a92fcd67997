package engine

import (
	"fmt"
)

// sample is one of the hits that a key suppressed, for the roll-up that shows it.
type sample struct {
	at, arrived int64 // when it happened, and when it arrived
	source      *Source
	stream      Stream
	text        *sampleText // nil until it is rendered
}

// sampleText is what a roll-up shows of a line. It does not change.
type sampleText struct {
	severity  Severity
	message   string
	truncated bool
	summary   string
	captures  map[string]string
	fields    map[string]string
	labels    map[string]string // rendered; nil where none is a template
}

// rendered sets the text of a sample. Until then the key's roll-up waits.
func (k *Keyed) rendered(shown *sample, key []byte, text *sampleText) {
	k.mu.Lock()
	defer k.mu.Unlock()
	shown.text = text
	k.touch(keyPrefix + string(key))
}

// keyDue makes the roll-up of a key whose time has come. It needs a token; without one, or while a silence or an inhibition is in force, the window stays
// open and the numbers stay.
func (k *Keyed) keyDue(s *keyState, at, now int64, dst []Alert) []Alert {
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
	about := subject{rule: r, source: a.Source, line: []byte(a.Message), severity: a.Severity}
	if k.muted(&about, at) || !k.token(appendBucket(nil, shown.source), at, true) {
		s.window.prolong(r.window(), at)
		k.due.set(&s.timer, s.deadline(r))
		k.touchKey(s)
		return dst
	}
	k.countersOf(r).rollup()
	a.Severity = max(a.Severity, s.episode.escalate(r, s.episode.clock(at)))
	s.markReported(at)
	k.due.set(&s.timer, 0)
	k.touchKey(s)
	about.severity = a.Severity
	k.alerted(&about, at)
	return append(dst, a)
}

// rollup is the alert about what a key suppressed.
func (s *keyState) rollup(r *rule, at int64) Alert {
	u := &s.unreported
	shown, text := u.sample, u.sample.text
	a := Alert{
		Kind: KindRollup, RuleID: r.id, Rule: r.settings.Name, Severity: text.severity, Message: text.message, Truncated: text.truncated, Time: at,
		First: u.first, Last: u.last, Stream: shown.stream, Source: shown.source, Captures: text.captures, Suppressed: u.suppressed, Since: u.first,
		Fields: text.fields, Labels: r.settings.Labels, Runbook: r.settings.Runbook, Key: s.key,
	}
	if text.labels != nil {
		a.Labels = text.labels
	}
	a.Due = s.window.closes(r.window(), shown.arrived)
	if step := s.episode.nextStep(r, shown.arrived); step != 0 && step < a.Due {
		a.Due = step
	}
	late := shown.arrived - shown.at
	a.Summary = oneLine(fmt.Sprintf("%d more in %s: %s", u.total(), roughly(max(0, at-late-u.first)), text.summary), maxSummary)
	a.withLateness(late)
	return a
}
