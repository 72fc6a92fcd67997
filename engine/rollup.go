package engine

import (
	"fmt"
	"time"
)

// Bounds of what is kept of a suppressed hit, in bytes.
const (
	maxSample         = 512 // of the line
	maxSampleCaptures = 512 // of names and values; more are left out altogether
)

// Lengths of time of windows.
const (
	uncooledWindow = time.Minute // the window of a rule without a cooldown, for what the bucket held back
	minProlonged   = time.Second // how long a window stays open for a roll-up that cannot leave: a quarter of it, but within these
	maxProlonged   = time.Minute
)

// sample is one of the hits that a key holds back, for the roll-up that tells of them.
type sample struct {
	at        int64 // when it came
	source    *Source
	stream    Stream
	severity  Severity
	message   string
	truncated bool
	summary   string
	captures  map[string]string
	fields    map[string]string
	labels    map[string]string // rendered; nil where none is a template
}

// sample copies what a roll-up needs of a hit.
func (h *Hit) sample(now int64) *sample {
	a := h.alert(&verdict{})
	s := &sample{
		at: now, source: a.Source, stream: a.Stream, severity: a.Severity, message: cutUTF8(a.Message, maxSample), summary: a.Summary, captures: a.Captures,
	}
	s.fields = h.rule.withinSample(a.Fields)
	if len(h.rule.labelTemplates) > 0 {
		s.labels = a.Labels
	}
	s.truncated = a.Truncated || len(s.message) < len(a.Message)
	if s.truncated {
		s.message = string([]byte(s.message)) // the rest of the line is not held
	}
	size := 0
	for name, value := range s.captures {
		size += len(name) + len(value)
	}
	if size > maxSampleCaptures {
		s.captures = nil
	}
	return s
}

// window returns how long the rule's window is open after an alert.
func (r *rule) window() int64 {
	if r.settings.Cooldown > 0 {
		return int64(r.settings.Cooldown)
	}
	return int64(uncooledWindow)
}

// owed returns how many hits were held back that a roll-up is made for. Those that a silence, an inhibition or the rule itself asked not to hear
// of are told by the next alert, but none is made because of them.
func (c *cell) owed() int64 { return c.suppressed[ReasonCooldown] + c.suppressed[ReasonRateLimit] }

// owe notes that a hit was held back which a roll-up, or a step of an escalation, is to tell of.
func (l *limiter) owe(a *attempt, c *cell, now int64) {
	set := &a.rule.settings
	if set.DryRun || !set.Rollup && len(set.Escalate) == 0 {
		return
	}
	if c.sample == nil {
		c.sample, c.rule = a.hit.sample(now), a.rule
	}
	l.due.set(&c.timer, c.deadline())
}

// closes returns when the key's window closes by its settings: counted from the last alert, or where no window was open when the sample was held back,
// from there.
func (c *cell) closes() int64 {
	if at := c.lastAlert + c.rule.window(); c.lastAlert != 0 && c.sample.at < at {
		return at
	}
	return c.sample.at + c.rule.window()
}

// deadline returns when the key next has something to tell by itself; 0 = never, as things stand.
func (c *cell) deadline() int64 {
	if c.rule == nil || c.sample == nil || c.rule.settings.DryRun || c.owed() == 0 {
		return 0
	}
	due := int64(0)
	if c.rule.settings.Rollup {
		due = c.closes()
	}
	if step := c.nextStep(); step != 0 && (due == 0 || step < due) {
		due = step
	}
	if due != 0 {
		due = max(due, c.until)
	}
	return due
}

// cellDue makes the roll-up of a key whose time has come. It needs a token; without one, or while it is muted, the window stays open and the
// numbers stay.
func (l *limiter) cellDue(c *cell, at int64, dst []Alert) []Alert {
	c.rule = l.current(c.rule, c.key, c.sample.source.Workload)
	if due := c.deadline(); due == 0 || due > at {
		l.due.set(&c.timer, due)
		return dst
	}
	a := c.rollup(at)
	about := subject{rule: c.rule, source: a.Source, line: []byte(a.Message), severity: a.Severity}
	if l.mutes(&about, at) || !l.take(appendBucket(nil, c.sample.source), at, false) {
		c.until = at + min(max(c.rule.window()/4, int64(minProlonged)), int64(maxProlonged))
		l.due.set(&c.timer, c.deadline())
		l.touchCell(c)
		return dst
	}
	c.rule.counters.add(&c.rule.counters.rollups, 1)
	l.told(c, at)
	a.Severity = max(a.Severity, c.escalate(c.rule, at))
	about.severity = a.Severity
	l.leaves(&about, at)
	return append(dst, a)
}

// rollup is the alert about what a key holds back.
func (c *cell) rollup(at int64) Alert {
	r, s := c.rule, c.sample
	a := Alert{
		Kind: KindRollup, RuleID: r.id, Rule: r.settings.Name, Severity: s.severity, Message: s.message, Truncated: s.truncated, Time: at,
		First: c.since, Last: c.last, Stream: s.stream, Source: s.source, Captures: s.captures, Suppressed: c.suppressed, Since: c.since,
		Fields: s.fields, Labels: r.settings.Labels, Runbook: r.settings.Runbook, Key: c.key,
	}
	if s.labels != nil {
		a.Labels = s.labels
	}
	a.Due = c.closes()
	if step := c.nextStep(); step != 0 && step < a.Due {
		a.Due = step
	}
	a.Summary = oneLine(fmt.Sprintf("%d more in %s: %s", c.untold(), roughly(at-c.since), s.summary), maxSummary)
	return a
}

// roughly writes a length of time in ns with at most two units.
func roughly(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		d = d.Round(time.Second)
		return trimZero(fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second), "0s")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return trimZero(fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute), "0m")
	}
	d = d.Round(time.Hour)
	return trimZero(fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour), "0h")
}

// trimZero cuts a last unit of zero off: "5m0s" is "5m", and "1m30s" stays.
func trimZero(s, zero string) string {
	cut := len(s) - len(zero)
	if cut > 0 && s[cut:] == zero && !isDigit(s[cut-1]) {
		return s[:cut]
	}
	return s
}
