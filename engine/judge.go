package engine

// Judge decides what becomes of a hit, and appends the alerts that this makes to dst. The order is that of the checks in verdict; exactly
// one counter of the rule besides its hits goes up by one. now is as for Process.
func (w *Worker) Judge(h *Hit, now int64, dst []Alert) []Alert {
	var captures map[string]string
	if h.rule.captured {
		captures = h.captured()
	}
	w.key = w.appendKey(w.key[:0], h.rule, h.Record, captures)
	w.bucket = appendContainer(w.bucket[:0], h.Record.Source)
	why, muted := w.muted(h, now)
	suppressed, since, alert := w.engine.limiter.judge(&attempt{
		rule: h.rule, key: w.key, container: w.bucket, muted: muted, why: why, waits: w.waits(h),
	}, now)
	if !alert {
		return dst
	}
	if len(w.snapshot.inhibits) > 0 {
		s := h.subject()
		w.engine.inhibitor.alerted(w.snapshot.inhibits, &s, now, false)
	}
	return w.withContext(h, h.alert(suppressed, since), now, dst)
}

// attempt is a hit as the limiter sees it.
type attempt struct {
	rule      *rule
	key       []byte // the cooldown key
	container []byte // the key of the token bucket
	muted     bool   // held back by a silence or an inhibition: why
	why       Reason
	waits     bool // its alert waits for lines: it is counted as pending
}

// judge decides about one hit of a rule. When it makes an alert, it returns what was held back since the last one of the key, and since
// when. A clock that steps back restarts the cooldown from there instead of prolonging it.
func (l *limiter) judge(a *attempt, now int64) (suppressed [NumReasons]int64, since int64, alert bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := a.rule
	r.counters.hits.Add(1)
	c := l.cell(a.key)
	if now < c.lastAlert {
		c.lastAlert = now
	}
	why, held := l.verdict(a, c, now)
	if held {
		if why == ReasonDryRun {
			c.lastAlert = now
		}
		l.hold(r, c, why, now)
		return suppressed, 0, false
	}
	suppressed, since = c.suppressed, c.since
	c.lastAlert, c.since, c.suppressed = now, 0, [NumReasons]int64{}
	l.touch(cellPrefix + c.key)
	if a.waits {
		r.counters.pending.Add(1)
	} else {
		r.counters.alert()
	}
	return suppressed, since, true
}

// verdict says why a hit is held back, if it is: silence, inhibition, threshold, cooldown, token bucket, dry run, in this order. A token is
// taken only for a hit that alerts.
func (l *limiter) verdict(a *attempt, c *cell, now int64) (why Reason, held bool) {
	set := &a.rule.settings
	switch {
	case a.muted:
		return a.why, true
	case set.Cooldown > 0 && c.lastAlert != 0 && now-c.lastAlert < int64(set.Cooldown):
		return ReasonCooldown, true
	case !l.take(a.container, now, set.DryRun):
		return ReasonRateLimit, true
	}
	return ReasonDryRun, set.DryRun
}

// hold counts a hit that makes no alert of its own.
func (l *limiter) hold(r *rule, c *cell, why Reason, now int64) {
	if c.since == 0 {
		c.since = now
	}
	c.suppressed[why]++
	r.counters.suppress(why)
	l.touch(cellPrefix + c.key)
}
