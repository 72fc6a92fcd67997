package engine

// muted reports whether something outside of the rule holds a hit back, and why: a silence, then an inhibition. It is asked before the
// keyed state is locked.
func (w *Worker) muted(h *Hit, now int64) (by *silence, why Reason, muted bool) {
	set, inhibits := w.engine.silences.Load(), w.snapshot.inhibits
	if set == nil && len(inhibits) == 0 {
		return nil, 0, false
	}
	s := h.subject()
	if by = w.silenced.suppressing(set, &s, now); by != nil {
		return by, ReasonSilence, true
	}
	if len(inhibits) > 0 && w.engine.inhibitor.suppresses(inhibits, &s, now) {
		return nil, ReasonInhibited, true
	}
	return nil, 0, false
}

func (h *Hit) subject() subject {
	return subject{rule: h.rule, source: h.Record.Source, line: h.line, recorded: h.Record.Severity}
}

// SilenceOf returns the silence that holds a hit back at a time, in ns; ok is false when none does.
func (e *Engine) SilenceOf(h *Hit, now int64) (held Silence, ok bool) {
	s := h.subject()
	if one := e.silences.Load().suppressing(&s, now); one != nil {
		return one.Silence, true
	}
	return Silence{}, false
}

// muted reports whether a silence or an inhibition is in force for an alert that time makes, as of the moment at which it is due. It is asked with the
// keyed state locked.
func (k *keyedState) muted(s *subject, at int64) bool {
	if k.engine == nil || k.rules == nil {
		return false
	}
	if k.engine.silences.Load().suppressing(s, at) != nil {
		return true
	}
	return len(k.rules.inhibits) > 0 && k.inhibitor().suppresses(k.rules.inhibits, s, at)
}

// inhibitor returns the inhibitions that go by: those in force, or in a trial its own.
func (k *keyedState) inhibitor() *inhibitor {
	if k.trial != nil {
		return k.trial
	}
	return k.engine.inhibitor
}

// alerted notes an alert that time made, for the inhibitions that it is the source of.
func (k *keyedState) alerted(s *subject, at int64) {
	if k.engine != nil && k.rules != nil && len(k.rules.inhibits) > 0 {
		k.inhibitor().observe(k.rules.inhibits, s, at, false)
	}
}
