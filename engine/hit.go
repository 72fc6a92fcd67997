package engine

import (
	"cmp"
	"fmt"
)

// recovered makes the alert of a hit that of an absence's end.
func recovered(a *Alert, r *rule, d *decision) {
	a.Severity, a.Labels = r.absenceSeverity(), r.absenceLabels(d.workload)
	if a.Source.Workload != d.workload {
		s := *a.Source
		s.Workload = d.workload
		a.Source = &s
	}
	where := ""
	if d.workload != "" {
		where = " in " + d.workload
	}
	a.Summary = oneLine(fmt.Sprintf("%s is back%s after %s: %s", a.Rule, where, roughly(d.absentFor), cutUTF8(a.Message, shortLine)), maxSummary)
}

// alert makes the alert of a hit.
func (h *Hit) alert(d *decision) Alert {
	r, rec := h.rule, h.Record
	a := Alert{
		Kind: d.kind, RuleID: r.id, Rule: r.settings.Name, Severity: max(h.Severity(), d.severity), Time: d.at, Recorded: rec.Time, Count: 1,
		First: d.at, Last: max(d.at, d.last), Stream: rec.Stream, Source: rec.Source, Captures: h.captured(), Suppressed: d.suppressed, Since: d.since,
		Fields: r.fields(rec), Runbook: r.settings.Runbook,
	}
	if a.Kind == KindLog && rec.Source.isEvent() {
		a.Kind = KindContainer
	}
	if d.since != 0 {
		a.First = min(d.since, d.at)
	}
	var shortened bool
	a.Message, shortened = validText(h.line, maxMessage)
	a.Truncated = h.cut || shortened || rec.Truncated
	data := summaryData{
		Rule: a.Rule, Severity: a.Severity.String(), Message: a.Message, Stream: a.Stream.String(),
		Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag, Container: a.Source.Container,
		Captures: a.Captures, record: rec,
	}
	a.Labels = r.labels(&data)
	a.Summary = renderSummary(r.summary, &data)
	if a.Kind == KindRecovered {
		recovered(&a, r, d)
	}
	a.withLateness(d.late)
	return a
}

// Hit is a record that a rule matched. It borrows the record's memory.
type Hit struct {
	Record   *Record
	rule     *rule
	line     []byte // the part of the line that was looked at
	cut      bool   // the line is longer
	captures map[string]string
	searched bool // captures is known
	outcome  Outcome
}

// RuleID returns the id of the rule, as in Resolved.ID.
func (h *Hit) RuleID() string { return h.rule.id }

// Rule returns the settings of the rule, with the overrides of the record's workload. They are not to be modified.
func (h *Hit) Rule() *RuleSettings { return &h.rule.settings }

// Severity returns the severity of an alert about the hit: the rule's, else the record's, else the line's, else warning.
func (h *Hit) Severity() Severity {
	if s := h.rule.settings.Severity; s != SeverityUnknown {
		return s
	}
	return cmp.Or(h.Record.Severity, jsonSeverity(h.line), SeverityWarning)
}

// captured returns the pattern's named groups, or nil.
func (h *Hit) captured() map[string]string {
	if !h.searched {
		h.captures, h.searched = h.rule.captures(h.line), true
		if h.Record.Source.isEvent() {
			h.captures = eventCaptures(h.captures, h.Record)
		}
	}
	return h.captures
}

// appendTemplate appends the template of the hit's line. That of an event is what happened, with the exit code and the signal: they tell kinds of
// ends apart, and are no numbers like others.
func (h *Hit) appendTemplate(dst []byte) []byte {
	if !h.Record.Source.isEvent() || h.Record.Fields == nil {
		return Append(dst, h.line[:min(len(h.line), maxTemplated)])
	}
	for i, name := range [...]string{EventField, ExitCodeField, SignalField} {
		before := len(dst)
		if i > 0 {
			dst = append(dst, ", "...)
		}
		var ok bool
		if dst, ok = h.Record.Fields.AppendField(dst, name); !ok {
			dst = dst[:before]
		}
	}
	return dst
}

// eventCaptures adds the event's fields to what the pattern captured.
func eventCaptures(captures map[string]string, rec *Record) map[string]string {
	if rec.Fields == nil {
		return captures
	}
	var text []byte
	for _, name := range knownFields {
		if _, ok := captures[name]; ok {
			continue
		}
		var ok bool
		if text, ok = rec.Fields.AppendField(text[:0], name); ok {
			if captures == nil {
				captures = map[string]string{}
			}
			captures[name], _ = validText(text, maxCapture)
		}
	}
	return captures
}

// render renders the sample that shows a hit, with the lock of the keyed state free meanwhile: a line may be long, and a template slow.
func (w *Worker) render(shown *sample, h *Hit, key []byte) {
	text := &sampleText{severity: SeverityWarning} // in case of a panic
	defer func() { w.engine.keyed.rendered(shown, key, text) }()
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
