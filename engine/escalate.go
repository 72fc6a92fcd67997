package engine

// What happens to a key goes on as long as a hit of it comes at least once in each window, whatever becomes of the hits. It begins with the first
// alert; when a window passes without a hit, it is over, and the next alert begins anew.

// goesOn notes a hit of the key.
func (c *cell) goesOn(r *rule, now int64) {
	if len(r.settings.Escalate) == 0 {
		c.began, c.escalated = 0, 0
		return
	}
	if c.began != 0 && now-c.lastHit >= r.window() {
		c.began, c.escalated = 0, 0
	}
	c.began, c.lastHit = min(c.began, now), now // a clock that steps back
}

// nextStep returns when the next step is to be told; 0 = there is none, or it will be over by then.
func (c *cell) nextStep() int64 {
	steps := c.rule.settings.Escalate
	if c.began == 0 || c.escalated >= len(steps) {
		return 0
	}
	at := max(c.began+int64(steps[c.escalated].After), c.sample.at)
	if at-c.lastHit >= c.rule.window() {
		return 0
	}
	return at
}

// escalate returns the severity that an alert made at a time has at least, and begins what goes on with it when nothing does.
func (c *cell) escalate(r *rule, at int64) Severity {
	steps := r.settings.Escalate
	if len(steps) == 0 {
		return SeverityUnknown
	}
	if c.began == 0 || at-c.lastHit >= r.window() { // what went on is over, when its roll-up could leave only now
		c.began, c.escalated = at, 0
	}
	for c.escalated < len(steps) && c.began+int64(steps[c.escalated].After) <= at {
		c.escalated++
	}
	if c.escalated == 0 {
		return SeverityUnknown
	}
	return steps[c.escalated-1].Severity
}
