package engine

import (
	"fmt"
	"time"
)

// Bounds of what is kept of a suppressed hit, in bytes.
const (
	maxSample         = 512 // of the line
	maxSampleCaptures = 512 // of names and values; more are left out altogether
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

// render fills in the text of a sample, with the lock free meanwhile: a line may be long, and a template slow. Until then the key's roll-up waits.
func (k *keyedState) render(shown *sample, h *Hit, c *hitContext) {
	text := &sampleText{severity: SeverityWarning} // in case of a panic
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		shown.text = text
		k.touch(keyPrefix + string(c.key))
	}()
	text = h.sampleText()
}

// sampleText copies what a roll-up shows of a hit.
func (h *Hit) sampleText() *sampleText {
	a := h.alert(&decision{at: h.Record.Time})
	s := &sampleText{severity: a.Severity, message: cutUTF8(a.Message, maxSample), summary: a.Summary, captures: a.Captures}
	s.fields = h.rule.withinSample(a.Fields)
	if len(h.rule.labelTemplates) > 0 {
		s.labels = a.Labels
	}
	s.truncated = a.Truncated || len(s.message) < len(a.Message)
	if s.truncated {
		s.message = string([]byte(s.message)) // the rest of the line is not kept
	}
	size := 0
	for name, value := range s.captures {
		size += len(name) + len(value)
	}
	if size > maxSampleCaptures {
		s.captures = nil
	}
	return s
}

// keyDue makes the roll-up of a key whose time has come. It needs a token; without one, or while a silence or an inhibition is in force, the window stays
// open and the numbers stay.
func (k *keyedState) keyDue(s *keyState, at, now int64, dst []Alert) []Alert {
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
	c := k.countersOf(r)
	c.add(&c.rollups, 1)
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

// roughly writes a length of time in ns with at most two units.
func roughly(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		d = d.Round(time.Second)
		return trimZero(fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second), "0s")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return trimZero(fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute), "0m")
	}
	d = d.Round(time.Hour)
	return trimZero(fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour), "0h")
}

// trimZero cuts a last unit of zero off: "5m0s" is "5m", and "1m30s" stays.
func trimZero(s, zero string) string {
	cut := len(s) - len(zero)
	if cut > 0 && s[cut:] == zero && !isDigit(s[cut-1]) {
		return s[:cut]
	}
	return s
}
