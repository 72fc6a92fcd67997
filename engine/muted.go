package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// muted reports whether a silence or an inhibition suppresses a hit, and why. It is asked before the keyed state is locked.
func (w *Worker) muted(h *Hit, now int64) (by *mute.Silence, why Reason, muted bool) {
	m, inhibits := w.engine.mutes, w.snapshot.Inhibits
	if m.Idle(inhibits) {
		return nil, 0, false
	}
	s := h.subject()
	return w.muteCache.Suppressing(m, inhibits, &s, now)
}

func (h *Hit) subject() rules.Subject {
	return rules.Subject{Rule: h.rule, Source: h.Record.Source, Line: h.line, Recorded: h.Record.Severity}
}

// SilenceOf returns the silence that suppresses a hit at a time, in ns; ok is false when none does.
func (e *Engine) SilenceOf(h *Hit, now int64) (by Silence, ok bool) {
	s := h.subject()
	return e.mutes.Silence(&s, now)
}

// SetSilences puts silences in force in place of those before, from the next hit on. An invalid one is left out and named by the error; all others
// apply.
func (e *Engine) SetSilences(list []Silence) error { return e.mutes.SetSilences(list) }

// Silences returns the silences in force, ended and future ones included, in the order of their ids.
func (e *Engine) Silences() []Silence { return e.mutes.ListSilences() }
