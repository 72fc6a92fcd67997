package engine

// Evaluate decides what becomes of a hit, and appends the alerts that this makes to dst: first those that time has made by now, then that of the
// hit. The order of the checks is that of decide; exactly one counter of the rule besides its hits goes up by one. now is as for Process.
func (w *Worker) Evaluate(h *Hit, now int64, dst []Alert) []Alert {
	k := w.engine.keyed
	if len(w.snapshot.inhibits) > 0 { // what is due may inhibit the hit
		dst = k.advance(now, dst)
	}
	c := w.contextOf(h, now)
	dst = k.evaluate(c, now, dst)
	d := &c.decision
	if d.sample != nil {
		w.render(d.sample, h, c.key)
	}
	if !d.alert {
		h.outcome = outcomeOf(d.reason)
		return dst
	}
	h.outcome = Alerted
	alert := h.alert(d)
	if len(w.snapshot.inhibits) > 0 {
		s := h.subject()
		s.source, s.severity = alert.Source, alert.Severity
		w.engine.mutes.inhibitor.observe(w.snapshot.inhibits, &s, now, d.kind == KindRecovered)
	}
	return w.withContext(h, alert, now, dst)
}

// contextOf gathers what decides about a hit.
func (w *Worker) contextOf(h *Hit, now int64) *hitContext {
	r := h.rule
	w.context = hitContext{
		rule: r, source: h.Record.Source, stream: h.Record.Stream, overflowKey: &w.overflow, at: EventTime(h.Record.Time, now),
	}
	w.overflow = hitOverflow{w, h}
	c := &w.context
	var captures map[string]string
	if r.captured {
		captures = h.captured()
	}
	if r.templated {
		w.template = h.appendTemplate(w.template[:0])
	}
	w.key = w.appendKey(w.key[:0], r, h.Record, captures)
	w.bucket = appendBucket(w.bucket[:0], h.Record.Source)
	c.key, c.container = w.key, w.bucket
	if r.settings.FirstSeen > 0 {
		c.template = newTemplate(r.id, h.Record.Source.Workload, w.template)
	}
	if r.distinct != nil {
		w.field = w.appendPart(w.field[:0], *r.distinct, h.Record, captures)
		c.value, c.valued = newValue(w.field), len(w.field) > 0
	}
	c.silence, c.reason, c.muted = w.muted(h, now)
	c.waitsForLines = w.waitsForLines(h)
	return c
}
