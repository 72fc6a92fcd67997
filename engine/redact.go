package engine

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

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

// appendTag appends a digest to a part of a key that is masked, so that different secrets are different keys. Without the salt nobody can try secrets on
// it.
func (e *Engine) appendTag(key []byte, secret []byte) []byte {
	h := hmac.New(sha256.New, e.Salt())
	h.Write(secret)
	return hex.AppendEncode(append(key, '#'), h.Sum(nil)[:8])
}

// masked masks dst[from:], alerts that time made, by the settings in force. Their texts were masked when their hit came, maybe by other settings.
func (e *Engine) masked(dst []Alert, from int) []Alert {
	r := e.Snapshot().Redactor
	if r == nil {
		return dst
	}
	for i := range dst[from:] {
		a := &dst[from+i]
		a.Message = safetext.Cut(r.Text(a.Message, nil), model.MaxMessage)
		a.Summary = safetext.Cut(r.Text(a.Summary, nil), model.MaxSummary)
		a.Captures, a.Fields = maskValues(r, a.Captures), maskValues(r, a.Fields)
	}
	return dst
}

// maskValues returns the values masked: the map itself where nothing is, since others may have it too.
func maskValues(r *redact.Redactor, values map[string]string) map[string]string {
	var out map[string]string
	for name, value := range values {
		shown := r.Value(name, value, false, nil)
		if shown == value {
			continue
		}
		if out == nil {
			out = maps.Clone(values)
		}
		out[name] = shown
	}
	if out == nil {
		return values
	}
	return out
}

// finished finishes dst[from:], alerts that waited for lines.
func (e *Engine) finished(dst []Alert, from int) []Alert {
	for i := range dst[from:] {
		e.finish(&dst[from+i])
	}
	return dst
}

// finish makes the lines around the hit of an alert those that it shows, and counts the secrets in them.
func (e *Engine) finish(a *Alert) {
	r := e.Snapshot().Redactor
	r.Count(showLines(a, r))
}

// showLines makes the lines around the hit of an alert those that it shows. They are copied: others may have the same lines.
func showLines(a *Alert, r *redact.Redactor) (tally redact.Tally) {
	a.Before, a.After = slices.Clone(a.Before), slices.Clone(a.After)
	if len(a.Before)+len(a.After) == 0 {
		return nil
	}
	wasCut := [2][]bool{}
	for i, list := range [...][]string{a.Before, a.After} {
		for _, line := range list {
			wasCut[i] = append(wasCut[i], lines.Cut(line))
		}
	}
	r.Lines(a.Message, a.Before, a.After, lines.Cut, &tally)
	for i, list := range [...][]string{a.Before, a.After} {
		for j, line := range list {
			list[j] = lines.Shown(line, wasCut[i][j])
		}
	}
	return tally
}
