package engine

// Judge decides what becomes of a hit, and appends the alerts that this makes to dst: first those that time has made by now, then that of the
// hit. The order of the checks is that of verdict; exactly one counter of the rule besides its hits goes up by one. now is as for Process.
func (w *Worker) Judge(h *Hit, now int64, dst []Alert) []Alert {
	if len(w.snapshot.inhibits) > 0 { // what is due may inhibit the hit
		dst = w.engine.limiter.tick(now, dst)
	}
	a := w.attempt(h, now)
	dst, v := w.engine.limiter.judge(a, now, dst)
	if !v.alert {
		h.outcome = v.why.outcome()
		return dst
	}
	h.outcome = Alerted
	alert := h.alert(&v)
	if len(w.snapshot.inhibits) > 0 {
		s := h.subject()
		s.source, s.severity = alert.Source, alert.Severity
		w.engine.inhibitor.alerted(w.snapshot.inhibits, &s, now, v.kind == KindRecovered)
	}
	return w.withContext(h, alert, now, dst)
}

// attempt is a hit as the limiter sees it.
type attempt struct {
	rule      *rule
	hit       *Hit
	worker    *Worker
	key       []byte // the cooldown key
	container []byte // the key of the token bucket
	template  templateID
	value     valueID // what a threshold of different values counts
	valued    bool    // there is one
	muted     bool    // held back by a silence or an inhibition: why
	why       Reason
	silence   *silence // that is it
	waits     bool     // its alert waits for lines: it is counted as pending

	crossed  bool // enough hits came
	known    bool // the template was seen before
	overflow bool // no key is kept for it: there is no cooldown, and no threshold
}

// attempt gathers what the limiter needs of a hit, before it is locked.
func (w *Worker) attempt(h *Hit, now int64) *attempt {
	r := h.rule
	w.judged = attempt{rule: r, hit: h, worker: w}
	a := &w.judged
	var captures map[string]string
	if r.captured {
		captures = h.captured()
	}
	if r.templated {
		w.template = h.appendTemplate(w.template[:0])
	}
	w.key = w.appendKey(w.key[:0], r, h.Record, captures)
	w.bucket = appendBucket(w.bucket[:0], h.Record.Source)
	a.key, a.container = w.key, w.bucket
	if r.settings.FirstSeen > 0 {
		a.template = newTemplateID(r.id, h.Record.Source.Workload, w.template)
	}
	if r.distinct != nil {
		w.field = w.appendPart(w.field[:0], *r.distinct, h.Record, captures)
		a.value, a.valued = newValueID(w.field), len(w.field) > 0
	}
	a.silence, a.why, a.muted = w.muted(h, now)
	a.waits = w.waits(h)
	return a
}

// count counts the hit's alert: at once, or when its lines have come.
func (a *attempt) count() {
	if a.waits {
		a.rule.counters.add(&a.rule.counters.pending, 1)
	} else {
		a.rule.counters.alert()
	}
}

// verdict is what became of a hit, and what its alert tells.
type verdict struct {
	alert      bool
	why        Reason // it is held back, when there is no alert
	kind       Kind
	severity   Severity // at least
	suppressed [NumReasons]int64
	since      int64
	gone       int64  // recovered: how long nothing came
	workload   string // recovered: of the absence
}

// judge decides about one hit of a rule. A clock that steps back restarts the cooldown from there instead of prolonging it.
func (l *limiter) judge(a *attempt, now int64, dst []Alert) ([]Alert, verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dst = l.settle(now, dst)
	r := a.rule
	r.counters.hit()
	if r.settings.Absent > 0 {
		return dst, l.heard(a, now)
	}
	c := l.cellOf(a, now)
	if c.rule == nil || c.sample == nil {
		c.rule = r
	}
	c.stepBack(now)
	a.crossed = l.mark(a, c, now)
	a.known = l.sighted(a, now)
	c.goesOn(r, now)
	why, held := l.verdict(a, c, now)
	if held {
		if why == ReasonDryRun {
			c.lastAlert = now
			l.clearMarks(c)
		}
		l.hold(a, c, why, now)
		return dst, verdict{why: why}
	}
	v := verdict{alert: true, suppressed: c.suppressed, since: c.since}
	if r.settings.Count > 0 {
		v.kind = KindThreshold
	}
	l.clearMarks(c)
	l.told(c, now)
	v.severity = c.escalate(r, now)
	a.count()
	return dst, v
}

// verdict says why a hit is held back, if it is: silence, inhibition, threshold, known template, cooldown, token bucket, dry run, in this order.
// A token is taken only for a hit that alerts.
func (l *limiter) verdict(a *attempt, c *cell, now int64) (why Reason, held bool) {
	set := &a.rule.settings
	switch {
	case a.muted:
		return a.why, true
	case !a.crossed && !a.overflow:
		return ReasonThreshold, true
	case a.known:
		return ReasonKnown, true
	case !a.overflow && c.cooling(a.rule, now):
		return ReasonCooldown, true
	case !l.take(a.container, now, set.DryRun):
		return ReasonRateLimit, true
	}
	return ReasonDryRun, set.DryRun
}

// cooling reports whether the key's window is open.
func (c *cell) cooling(r *rule, now int64) bool {
	if r.settings.Cooldown <= 0 {
		return false
	}
	return c.lastAlert != 0 && now-c.lastAlert < int64(r.settings.Cooldown) || now < c.until
}

// stepBack makes what seems to lie in the future, since the clock stepped back, of now.
func (c *cell) stepBack(now int64) {
	c.lastAlert, c.since, c.last = min(c.lastAlert, now), min(c.since, now), min(c.last, now)
	c.until = min(c.until, now+int64(maxProlonged))
	if c.sample != nil {
		c.sample.at = min(c.sample.at, now)
	}
}

// hold counts a hit that makes no alert of its own.
func (l *limiter) hold(a *attempt, c *cell, why Reason, now int64) {
	if c.since == 0 {
		c.since, c.last = now, now
	}
	c.last = max(c.last, now)
	c.suppressed[why]++
	l.suppress(a, why)
	if why == ReasonCooldown || why == ReasonRateLimit {
		l.owe(a, c, now)
	} else if c.sample != nil { // what goes on does so because of this hit, too
		l.due.set(&c.timer, c.deadline())
	}
	l.touchCell(c)
}

// suppress counts a hit that makes no alert of its own, for its rule and for the silence that held it back.
func (l *limiter) suppress(a *attempt, why Reason) {
	a.rule.counters.suppress(why)
	if why == ReasonSilence && !l.trying {
		a.silence.held.Add(1)
	}
}

// told clears what an alert made at a time tells of.
func (l *limiter) told(c *cell, at int64) {
	c.lastAlert, c.since, c.last, c.until = at, 0, 0, 0
	c.suppressed, c.sample = [NumReasons]int64{}, nil
	l.due.set(&c.timer, 0)
	l.touchCell(c)
}
