package engine

// muted reports whether a silence or an inhibition suppresses a hit, and why. It is asked before the keyed state is locked.
func (w *Worker) muted(h *Hit, now int64) (by *silence, why Reason, muted bool) {
	m, inhibits := w.engine.mutes, w.snapshot.inhibits
	if m.idle(inhibits) {
		return nil, 0, false
	}
	s := h.subject()
	return w.muteCache.suppressing(m, inhibits, &s, now)
}

func (h *Hit) subject() subject {
	return subject{rule: h.rule, source: h.Record.Source, line: h.line, recorded: h.Record.Severity}
}

// SilenceOf returns the silence that suppresses a hit at a time, in ns; ok is false when none does.
func (e *Engine) SilenceOf(h *Hit, now int64) (by Silence, ok bool) {
	s := h.subject()
	return e.mutes.silence(&s, now)
}

// SetSilences puts silences in force in place of those before, from the next hit on. An invalid one is left out and named by the error; all others
// apply.
func (e *Engine) SetSilences(list []Silence) error { return e.mutes.setSilences(list) }

// Silences returns the silences in force, ended and future ones included, in the order of their ids.
func (e *Engine) Silences() []Silence { return e.mutes.listSilences() }
