package engine

import "slices"

// dueBatch is how many of the things that are due are done before others may have the lock.
const dueBatch = 256

// Tick appends the alerts that time has made by now, in ns, to dst: roll-ups, absences, escalations, and those that waited for lines for long enough.
// What the engine reports does not depend on how often it is called: a hit waits until all that is due by its time is done.
func (e *Engine) Tick(now int64, dst []Alert) []Alert {
	return e.lines.advance(now, e.keyed.advance(now, dst))
}

// NextDue returns the time, in ns, at which Tick has something to do; ok is false when nothing is due.
func (e *Engine) NextDue() (at int64, ok bool) {
	at, ok = e.keyed.nextDue()
	if other, waits := e.lines.nextDue(); waits && (!ok || other < at) {
		return other, true
	}
	return at, ok
}

// advance does all that is due by now.
func (k *keyedState) advance(now int64, dst []Alert) []Alert {
	for more := true; more; {
		dst, more = k.advanceBatch(now, dst)
	}
	return dst
}

func (k *keyedState) advanceBatch(now int64, dst []Alert) (_ []Alert, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runDue(now, dst)
}

func (k *keyedState) nextDue() (at int64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pendingAbsences) > 0 {
		return k.latest, true
	}
	if t := k.due.first(); t != nil {
		return t.due, true
	}
	return 0, false
}

// runDue appends what is due by now to dst, in the order of time. Everything is done as of the moment at which it was due. It does at most a batch of things;
// more says that others are left.
func (k *keyedState) runDue(now int64, dst []Alert) (_ []Alert, more bool) {
	k.latest = max(k.latest, now)
	for _, start := range k.pendingAbsences {
		k.startAbsence(start.rule, start.workload, nil, now)
	}
	k.pendingAbsences = nil
	for range k.batch() {
		t := k.due.first()
		switch {
		case t == nil || t.due > now:
			return dst, false
		case t.key != nil:
			dst = k.keyDue(t.key, t.due, now, dst)
		default:
			dst = k.absenceDue(t.absence, t.due, dst)
		}
	}
	t := k.due.first()
	return dst, t != nil && t.due <= now
}

// batch is how many things are done at once: fewer where each is looked for in many silences.
func (k *keyedState) batch() int {
	if k.engine == nil {
		return dueBatch
	}
	if set := k.engine.silences.Load(); set != nil {
		return max(1, dueBatch/(1+len(set.all)/dueBatch))
	}
	return dueBatch
}

// adopt puts the rules of a snapshot in force for what time makes, and their limits. Deadlines are measured again, so that what a rule changed
// applies at once: from now on, for a moment before would be one at which it was not so. What was restored is due when it was. What a rule that is
// gone waited for is forgotten.
func (k *keyedState) adopt(n *Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.setLimits(n.settings.Limits)
	k.rules = n
	for _, s := range k.keys.Values() {
		if shown := s.unreported.sample; shown != nil {
			k.due.set(&s.timer, k.fromNow(s.deadline(k.rule(s.key, shown.source.Workload)), s.restored))
		}
		s.restored = false
	}
	k.dropping = true
	for _, t := range k.absences.Values() {
		r := k.rule(t.key, t.workload())
		if r == nil || r.settings.Absent <= 0 || absenceKey(r, t.workload()) != t.key {
			k.absences.Remove(t.key)
			continue
		}
		k.due.set(&t.timer, k.fromNow(t.deadline(r), t.restored))
		t.restored = false
	}
	k.dropping = false
	k.pendingAbsences = n.pendingAbsences()
}

// fromNow returns a deadline that is not before what was looked at already, unless it was restored.
func (k *keyedState) fromNow(due int64, restored bool) int64 {
	if due == 0 || restored {
		return due
	}
	return max(due, k.latest)
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
	for _, variants := range e.variants {
		for _, r := range variants {
			if r.id == id {
				return r
			}
		}
	}
	return nil
}

// pendingAbsences returns what is waited for without a record of it.
func (n *Snapshot) pendingAbsences() []pendingAbsence {
	var out []pendingAbsence
	for _, r := range n.rules {
		if r.settings.Absent <= 0 || r.settings.AbsentFrom != absentFromStart {
			continue
		}
		if r.everywhere() {
			out = append(out, pendingAbsence{r, ""})
		}
		for _, workload := range r.settings.Workloads {
			if f := n.find(r.id, workload); f != nil && f.settings.Absent > 0 {
				out = append(out, pendingAbsence{f, workload})
			}
		}
	}
	return out
}

// Skip takes note that the clock moved by so many ns, back when negative, that did not pass, and shows now since: it was set, or the machine slept.
// Nothing was waited for in that time. What a clock that was set back would put into the future is from now; all else goes by the clock.
func (e *Engine) Skip(ns, now int64) {
	e.keyed.skip(ns, now)
	if ns < 0 {
		e.inhibitor.clampFuture(now)
		e.lines.clampFuture(now)
	}
}

func (k *keyedState) skip(ns, now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range k.absences.Values() {
		r := k.rule(t.key, t.workload())
		t.skip(ns, now)
		k.due.set(&t.timer, t.deadline(r))
		k.touch(absencePrefix + t.key)
	}
	if ns >= 0 {
		return
	}
	k.latest = min(k.latest, now)
	for _, s := range k.keys.Values() {
		s.clampFuture(now)
		if shown := s.unreported.sample; shown != nil {
			k.due.set(&s.timer, s.deadline(k.rule(s.key, shown.source.Workload)))
		}
		k.touchKey(s)
	}
	for _, b := range k.buckets.Values() { // it holds as many tokens as before
		b.arrival += ns
		k.touch(bucketPrefix + b.key)
	}
	for _, id := range k.templates.Keys() {
		if t, ok := k.templates.Peek(id); ok && t.last > now {
			t.last = now
			k.touch(id.stateKey())
		}
	}
}
