package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/engine/trace"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// compared returns what the alert of a hit says of its rate or ratio. That of a hit of which nothing was counted, such as one that a roll-up shows, says
// nothing.
func compared(r *rules.Rule, d *state.Decision) (*model.Rate, *model.Ratio) {
	set := &r.Settings
	switch {
	case d.Hits == 0:
	case set.Rate.IsSet():
		return &model.Rate{Hits: d.Hits, Usual: float64(d.Usual) / rate.Unit, Within: int64(set.Within)}, nil
	case set.Ratio.IsSet():
		return nil, &model.Ratio{Hits: d.Hits, Of: set.Of, OfHits: d.Others, Within: int64(set.Within)}
	}
	return nil, nil
}

// resolved makes the alert of a hit that of the end of an absence, or of a key that had gone quiet.
func resolved(a *Alert, r *rules.Rule, d *state.Decision) {
	back := "back"
	a.Severity, a.Labels = r.AbsenceSeverity(), r.AbsenceLabels(d.Workload)
	if r.Settings.Absent > 0 {
		a.Key = rules.AbsenceKey(r, d.Workload)
	} else {
		back = "as usual again"
	}
	if a.Source.Workload != d.Workload {
		s := *a.Source
		s.Workload = d.Workload
		a.Source = &s
	}
	a.Triggers = d.Triggers
	hits := model.Sum(&d.Suppressed)
	a.Incident = &model.Incident{Began: d.At - d.AbsentFor, Lasted: d.AbsentFor, Hits: hits + 1, Alerts: 1, Severities: []Severity{a.Severity}}
	where := ""
	if d.Workload != "" {
		where = " in " + d.Workload
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s is %s%s after %s: %s", a.Rule, back, where, model.Roughly(d.AbsentFor), safetext.Cut(a.Message, model.ShortLine)), model.MaxSummary)
}

// alert makes the alert of a hit whose state has a key.
func (h *Hit) alert(d *state.Decision, key []byte) Alert {
	r, rec := h.rule, h.Record
	a := Alert{
		Kind: d.Kind, RuleID: r.ID, Rule: r.Settings.Name, Severity: max(h.Severity(), d.Severity), Time: d.At, Recorded: rec.Time, Count: 1,
		First: d.At, Last: max(d.At, d.Last), Stream: rec.Stream, Source: rec.Source, Captures: h.captured(), Suppressed: d.Suppressed, Since: d.Since,
		Runbook: r.Settings.Runbook, Key: string(key),
	}
	if r.Templated {
		a.Template, _ = model.ValidText(h.appendTemplate(nil), model.MaxCapture)
	}
	if a.Kind == KindLog && rec.Source.IsEvent() {
		a.Kind = KindContainer
	}
	if d.Since != 0 {
		a.First = min(d.Since, d.At)
	}
	var tally redact.Tally
	var shortened bool
	a.Message, shortened = h.message(&tally)
	a.Truncated = h.cut || shortened || rec.Truncated
	a.Fields = r.Fields(rec, func(path, value string) string { return h.mask(path, value, &tally) })
	a.Exception = h.exception()
	// Templates see texts that are masked: they could show a part of a secret, which does not look like one.
	r.Render(&a, rec, func(path, value string) string { return h.mask(path, value, nil) })
	h.maskRendered(&a)
	a.Redacted = tally
	if a.Kind == KindResolved {
		resolved(&a, r, d)
	}
	a.Resolves = r.Settings.Resolves() && a.Kind != KindResolved
	a.Rate, a.Ratio = compared(r, d)
	a.WithComparison()
	a.WithLateness(d.Late)
	return a
}

// Hit is a record that a rule matched. It borrows the record's memory.
type Hit struct {
	Record   *Record
	rule     *rules.Rule
	line     []byte // the part of the line that was looked at
	cut      bool   // the line is longer
	captures map[string]string
	searched bool              // captures is known
	hidden   map[string]string // captures as they were, of those that are masked
	redactor *redact.Redactor
	spans    []redact.Span     // of line, that are masked
	looked   bool              // spans is known
	labels   map[string]string // that its alert would have; nil until a condition asks for one that is a template
	outcome  Outcome
	ends     bool
}

// Ends reports whether the record is no hit of the rule, but ends incidents of it: it matched resolve_on. It is counted nowhere.
func (h *Hit) Ends() bool { return h.ends }

// RuleID returns the id of the rule, as in Resolved.ID.
func (h *Hit) RuleID() string { return h.rule.ID }

// Rule returns the settings of the rule, with the overrides of the record's workload. They are not to be modified.
func (h *Hit) Rule() *RuleSettings { return &h.rule.Settings }

// Severity returns the severity of an alert about the hit: the rule's, else the record's, else the line's, else warning.
func (h *Hit) Severity() Severity {
	if s := h.rule.Settings.Severity; s != SeverityUnknown {
		return s
	}
	return cmp.Or(h.Record.Severity, model.JsonSeverity(h.line), SeverityWarning)
}

// captured returns the pattern's named groups, masked, or nil.
func (h *Hit) captured() map[string]string {
	if !h.searched {
		of := h.rule.Captures
		if h.ends {
			of = h.rule.EndCaptures
		}
		h.captures, h.searched = of(h.line, h.showCapture), true
		if h.Record.Source.IsEvent() {
			h.addEventCaptures()
		}
	}
	return h.captures
}

// maskedLine returns the line of the hit with its secrets masked.
func (h *Hit) maskedLine() []byte {
	if spans := h.secrets(); len(spans) > 0 {
		return h.redactor.AppendMasked(make([]byte, 0, len(h.line)), h.line, 0, len(h.line), spans)
	}
	return h.line
}

// Secrets are masked where text becomes part of an alert or of the keyed state: before it is rendered, saved or shown. Rules match the line as it is.

// secrets returns the parts of the hit's line that are masked.
func (h *Hit) secrets() []redact.Span {
	if !h.looked {
		h.spans, h.looked = h.redactor.Find(h.line, h.cut || h.Record.Truncated, nil), true
	}
	return h.spans
}

// message returns the line of an alert, at most MaxMessage bytes of it, and whether it was cut.
func (h *Hit) message(tally *redact.Tally) (text string, cut bool) {
	line, spans := h.line, h.secrets()
	if h.redactor != nil && bytes.IndexByte(line, '\x1b') >= 0 {
		// A terminal sequence within a secret hides it from the forms, but not from people who see the line on a terminal.
		plain := safetext.Strip(nil, line)
		if found := h.redactor.Find(plain, h.cut || h.Record.Truncated, nil); len(found) > len(spans) {
			line, spans = plain, found
		}
	}
	if len(spans) == 0 {
		return model.ValidText(line, model.MaxMessage)
	}
	h.redactor.Tally(spans, tally)
	return model.ValidText(h.redactor.AppendMasked(make([]byte, 0, len(line)), line, 0, len(line), spans), model.MaxMessage)
}

// showCapture returns the text of a capture, and notes what it was if some of it is masked: by its place in the line, since a part of a secret does not look
// like one, or by its name.
func (h *Hit) showCapture(name string, begin, end int) string {
	raw, _ := model.ValidText(h.line[begin:end], model.MaxCapture)
	if h.redactor == nil {
		return raw
	}
	text, _ := model.ValidText(h.redactor.AppendMasked(nil, h.line, begin, end, h.secrets()), model.MaxField)
	return h.hide(name, raw, h.mask(name, text, nil))
}

// hide returns the shown text of a capture, and notes what it was where that differs.
func (h *Hit) hide(name, raw, shown string) string {
	shown = safetext.Cut(shown, model.MaxCapture)
	if shown != raw {
		if h.hidden == nil {
			h.hidden = map[string]string{}
		}
		h.hidden[name] = raw
	}
	return shown
}

// mask returns the value of a field or capture, at most MaxField bytes of it, masked.
func (h *Hit) mask(name, value string, tally *redact.Tally) string {
	return h.redactor.Value(name, value, len(value) > model.MaxField-utf8.UTFMax, tally)
}

// maskRendered masks the parts of an alert that templates made: they can put a secret together of harmless parts.
func (h *Hit) maskRendered(a *Alert) {
	if h.redactor == nil {
		return
	}
	a.Summary = safetext.Cut(h.redactor.Text(a.Summary, nil), model.MaxSummary)
	for name := range h.rule.LabelTemplates {
		if value, ok := a.Labels[name]; ok {
			a.Labels[name] = safetext.Cut(h.redactor.Value(name, value, false, nil), rules.MaxLabel)
		}
	}
}

// exception returns the exception of the stack trace in the line, in texts that may be shown; nil when there is none.
func (h *Hit) exception() *trace.Exception {
	if h.Record.Source.IsEvent() || !trace.Possible(h.line) {
		return nil
	}
	e, ok := trace.Read(h.maskedLine())
	if !ok {
		return nil
	}
	show := func(text string) string {
		text = strings.ToValidUTF8(text, "\uFFFD")
		if h.redactor != nil { // a secret may show only once its string is decoded
			text = h.redactor.Text(text, nil)
		}
		return model.OneLine(text, model.MaxCapture)
	}
	e.Type, e.Message = show(e.Type), show(e.Message)
	for i := range e.Chain {
		e.Chain[i].Type, e.Chain[i].Message = show(e.Chain[i].Type), show(e.Chain[i].Message)
	}
	for i := range e.Frames {
		e.Frames[i].Function, e.Frames[i].File = show(e.Frames[i].Function), show(e.Frames[i].File)
	}
	return &e
}

// maxTemplated bounds how much of a line its template is made of, where the template is a key.
const maxTemplated = 1 << 10

// appendTemplate appends the template of the hit's line. That of a container event is its name, with the exit code and the signal: these
// distinguish kinds of ends, so they are not masked.
func (h *Hit) appendTemplate(dst []byte) []byte {
	if !h.Record.Source.IsEvent() || h.Record.Fields == nil {
		if trace.Possible(h.line) { // all of it counts: the causes come last
			if out, ok := template.AppendTrace(dst, h.maskedLine()); ok {
				return out
			}
		}
		// Only the part of a long line that the template is made of is searched, and somewhat more, so that a secret at its end is recognized.
		line := h.line[:min(len(h.line), maxTemplated+model.MaskMargin)]
		var spans []redact.Span
		if len(line) < len(h.line) {
			spans = h.redactor.Find(line, true, nil)
		} else {
			spans = h.secrets()
		}
		if len(spans) > 0 {
			line = h.redactor.AppendMasked(make([]byte, 0, len(line)), line, 0, len(line), spans)
		}
		return template.AppendLine(dst, line[:min(len(line), maxTemplated)])
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

// addEventCaptures adds the event's fields to the captures of the pattern.
func (h *Hit) addEventCaptures() {
	rec := h.Record
	if rec.Fields == nil {
		return
	}
	var text []byte
	for _, name := range model.KnownFields {
		if _, ok := h.captures[name]; ok {
			continue
		}
		var ok bool
		if text, ok = rec.Fields.AppendField(text[:0], name); ok {
			if h.captures == nil {
				h.captures = map[string]string{}
			}
			value, _ := model.ValidText(text, model.MaxField)
			h.captures[name] = h.hide(name, safetext.Cut(value, model.MaxCapture), h.mask(name, value, nil))
		}
	}
}

// sampleText copies the parts of a hit that a roll-up shows, and returns the secrets that were masked in them.
func (h *Hit) sampleText() (*state.SampleText, redact.Tally) {
	a := h.alert(&state.Decision{At: h.Record.Time}, nil)
	s := &state.SampleText{Severity: a.Severity, Message: safetext.Cut(a.Message, rules.MaxSample), Summary: a.Summary, Captures: a.Captures, Template: a.Template}
	s.Fields = h.rule.WithinSample(a.Fields)
	if len(h.rule.LabelTemplates) > 0 {
		s.Labels = a.Labels
	}
	s.Truncated = a.Truncated || len(s.Message) < len(a.Message)
	if s.Truncated {
		s.Message = string([]byte(s.Message)) // the rest of the line is not kept
	}
	size := 0
	for name, value := range s.Captures {
		size += len(name) + len(value)
	}
	if size > rules.MaxSampleCaptures {
		s.Captures = nil
	}
	return s, a.Redacted
}

// Outcome returns the outcome of the hit, once it was evaluated.
func (h *Hit) Outcome() Outcome { return h.outcome }
