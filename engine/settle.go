package engine

import "slices"

// Tick appends the alerts that time has made by now, in ns, to dst: roll-ups, absences, escalations, and those that waited for lines for long enough.
// What the engine tells does not depend on how often it is called: a hit settles first what is due by its time.
func (e *Engine) Tick(now int64, dst []Alert) []Alert {
	return e.contexts.tick(now, e.limiter.tick(now, dst))
}

// NextDue returns the time, in ns, at which Tick has something to do; ok is false when nothing is due.
func (e *Engine) NextDue() (at int64, ok bool) {
	at, ok = e.limiter.nextDue()
	if other, waits := e.contexts.nextDue(); waits && (!ok || other < at) {
		return other, true
	}
	return at, ok
}

func (l *limiter) tick(now int64, dst []Alert) []Alert {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settle(now, dst)
}

func (l *limiter) nextDue() (at int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.arming) > 0 {
		return l.latest, true
	}
	if t := l.due.first(); t != nil {
		return t.due, true
	}
	return 0, false
}

// settle appends what is due by now to dst, in the order of time. Everything is done as of the moment at which it was due.
func (l *limiter) settle(now int64, dst []Alert) []Alert {
	l.latest = max(l.latest, now)
	for _, w := range l.arming {
		l.arm(w.rule, w.workload, nil, now)
	}
	l.arming = nil
	for t := l.due.first(); t != nil && t.due <= now; t = l.due.first() {
		if t.cell != nil {
			dst = l.cellDue(t.cell, t.due, dst)
		} else {
			dst = l.watchDue(t.watch, t.due, dst)
		}
	}
	return dst
}

// current returns the rule in force of what a key belongs to; nil when it is gone. r is the rule that was last seen, or nil.
func (l *limiter) current(r *rule, key, workload string) *rule {
	if l.rules == nil || r != nil && r.home == l.rules {
		return r
	}
	return l.rules.find(ruleID(key), workload)
}

// adopt puts the rules of a snapshot in force for what time makes, and their limits. Deadlines are measured anew, so that what a rule changed
// applies at once: from now on, for a moment before would be one at which it was not so. What was restored is due when it was. What a rule that is
// gone waited for is forgotten.
func (l *limiter) adopt(n *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setLimits(n.settings.Limits)
	l.rules = n
	for _, c := range l.cells.Values() {
		if c.sample != nil {
			live := c.rule != nil
			c.rule = l.current(c.rule, c.key, c.sample.source.Workload)
			l.due.set(&c.timer, l.fromNow(c.deadline(), live))
		}
	}
	l.dropping = true
	for _, w := range l.watches.Values() {
		live := w.rule != nil
		w.rule = l.current(w.rule, w.key, w.workload())
		if w.rule == nil || w.rule.settings.Absent <= 0 || watchKey(w.rule, w.workload()) != w.key {
			l.watches.Remove(w.key)
			continue
		}
		l.due.set(&w.timer, l.fromNow(w.deadline(), live))
	}
	l.dropping = false
	l.arming = n.watchedFromStart()
}

// fromNow returns a deadline that is not before what was looked at already.
func (l *limiter) fromNow(due int64, live bool) int64 {
	if due == 0 || !live {
		return due
	}
	return max(due, l.latest)
}

// find returns the rule of an id as it applies to a workload, or nil. An empty workload stands for all of them.
func (n *Snapshot) find(id, workload string) *rule {
	if i, ok := n.byID[id]; ok && (workload == "" || n.effectiveFor(workload).has(i)) {
		return n.rules[i]
	}
	if workload == "" {
		return nil
	}
	e := n.effectiveFor(workload)
	for _, r := range slices.Concat(e.always, e.events) {
		if r.id == id {
			return r
		}
	}
	for _, variants := range e.over {
		for _, r := range variants {
			if r.id == id {
				return r
			}
		}
	}
	return nil
}

// watchedFromStart returns what is waited for without a record of it.
func (n *Snapshot) watchedFromStart() []watched {
	var out []watched
	for _, r := range n.rules {
		if r.settings.Absent <= 0 || r.settings.AbsentFrom != absentFromStart {
			continue
		}
		if r.everywhere() {
			out = append(out, watched{r, ""})
		}
		for _, workload := range r.settings.Workloads {
			if f := n.find(r.id, workload); f != nil && f.settings.Absent > 0 {
				out = append(out, watched{f, workload})
			}
		}
	}
	return out
}
