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
		k.render(d.sample, h, c)
	}
	if !d.alert {
		h.outcome = d.reason.outcome()
		return dst
	}
	h.outcome = Alerted
	alert := h.alert(d)
	if len(w.snapshot.inhibits) > 0 {
		s := h.subject()
		s.source, s.severity = alert.Source, alert.Severity
		w.engine.inhibitor.observe(w.snapshot.inhibits, &s, now, d.kind == KindRecovered)
	}
	return w.withContext(h, alert, now, dst)
}

// hitContext is all that decides about a hit beside the state of its key. It is gathered before anything is locked.
type hitContext struct {
	rule          *rule
	hit           *Hit
	worker        *Worker
	at            int64  // when the hit happened
	key           []byte // the cooldown key
	container     []byte // the key of the token bucket
	template      templateID
	value         valueID // what a threshold of different values counts
	valued        bool    // there is one
	muted         bool    // a silence or an inhibition is in force: why
	reason        Reason
	silence       *silence // that is it
	waitsForLines bool     // its alert waits for lines: it is counted as pending

	known    bool // the template was seen before
	overflow bool // no key is kept for it: there is no cooldown, and no threshold
	decision decision
}

// contextOf gathers what decides about a hit.
func (w *Worker) contextOf(h *Hit, now int64) *hitContext {
	r := h.rule
	w.context = hitContext{rule: r, hit: h, worker: w, at: EventTime(h.Record.Time, now)}
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
		c.template = newTemplateID(r.id, h.Record.Source.Workload, w.template)
	}
	if r.distinct != nil {
		w.field = w.appendPart(w.field[:0], *r.distinct, h.Record, captures)
		c.value, c.valued = newValueID(w.field), len(w.field) > 0
	}
	c.silence, c.reason, c.muted = w.muted(h, now)
	c.waitsForLines = w.waitsForLines(h)
	return c
}

// evaluate decides about a hit and commits what was decided, when all that is due by then is done. The decision is in h.
func (k *keyedState) evaluate(h *hitContext, now int64, dst []Alert) []Alert {
	for done := false; !done; {
		dst, done = k.tryEvaluate(h, now, dst)
	}
	return dst
}

// tryEvaluate is evaluate with the lock held once; done is false when more is due than is done at once.
func (k *keyedState) tryEvaluate(h *hitContext, now int64, dst []Alert) (_ []Alert, done bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	dst, more := k.runDue(now, dst)
	if more {
		return dst, false
	}
	counters := k.countersOf(h.rule)
	counters.hit()
	if h.rule.settings.Absent > 0 {
		k.observe(h, now)
	} else {
		s := k.stateOfHit(h, now)
		h.known = k.seenBefore(h, now)
		before := len(s.count.marks)
		s.decide(h, tokens{k, h.container}, now)
		k.addMarks(len(s.count.marks) - before)
		k.due.set(&s.timer, s.deadline(k.rollupRule(s, h)))
		k.touchKey(s)
	}
	switch d := &h.decision; {
	case !d.alert:
		counters.suppress(d.reason)
		if d.reason == ReasonSilence && k.trial == nil {
			h.silence.suppressed.Add(1)
		}
	case h.waitsForLines:
		counters.add(&counters.pending, 1)
	default:
		counters.alert()
	}
	return dst, true
}

// rollupRule returns the rule by which a key's roll-up is made after a hit: as it applies to the workload of the hit that the roll-up shows, where hits of
// several workloads share the key.
func (k *keyedState) rollupRule(s *keyState, h *hitContext) *rule {
	shown := s.unreported.sample
	if shown == nil || shown.source.Workload == h.hit.Record.Source.Workload {
		return h.rule
	}
	return k.rule(s.key, shown.source.Workload)
}

// addMarks counts what thresholds remember; when it is too much, the keys unused for longest go.
func (k *keyedState) addMarks(n int) {
	k.marks += n
	for k.marks > maxMarks && k.keys.Len() > 1 {
		k.keys.RemoveOldest()
	}
}
