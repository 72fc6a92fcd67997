package engine

// dueBatch is how many of the things that are due are done before others may have the lock.
const dueBatch = 256

// advance does all that is due by now.
func (k *Keyed) advance(now int64, dst []Alert) []Alert {
	for more := true; more; {
		dst, more = k.advanceBatch(now, dst)
	}
	return dst
}

func (k *Keyed) advanceBatch(now int64, dst []Alert) (_ []Alert, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runDue(now, dst)
}

func (k *Keyed) nextDue() (at int64, ok bool) {
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
func (k *Keyed) runDue(now int64, dst []Alert) (_ []Alert, more bool) {
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
func (k *Keyed) batch() int {
	if k.mutes == nil {
		return dueBatch
	}
	return max(1, dueBatch/(1+k.mutes.countSilences()/dueBatch))
}

// adopt puts the rules of a snapshot in force for what time makes, and their limits. Deadlines are measured again, so that what a rule changed
// applies at once: from now on, for a moment before would be one at which it was not so. What was restored is due when it was. What a rule that is
// gone waited for is forgotten.
func (k *Keyed) adopt(n *Snapshot) {
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
func (k *Keyed) fromNow(due int64, restored bool) int64 {
	if due == 0 || restored {
		return due
	}
	return max(due, k.latest)
}

func (k *Keyed) skip(ns, now int64) {
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
