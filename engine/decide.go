package engine

// hitContext is all that decides about a hit beside the state of its key. It is gathered before anything is locked.
type hitContext struct {
	rule          *rule
	source        *Source
	stream        Stream
	overflowKey   overflowKey // what makes the key if the templates are too many
	at            int64       // when the hit happened
	key           []byte      // the cooldown key
	container     []byte      // the key of the token bucket
	template      TemplateID
	value         ValueID // what a threshold of different values counts
	valued        bool    // there is one
	muted         bool    // a silence or an inhibition is in force: why
	reason        Reason
	silence       *silence // that is it
	waitsForLines bool     // its alert waits for lines: it is counted as pending

	known    bool // the template was seen before
	overflow bool // no key is kept for it: there is no cooldown, and no threshold
	decision decision
}

// overflowKey makes the key that hits share whose templates are too many.
type overflowKey interface{ OverflowKey() []byte }

// evaluate decides about a hit and commits what was decided, when all that is due by then is done. The decision is in h.
func (k *Keyed) evaluate(h *hitContext, now int64, dst []Alert) []Alert {
	for done := false; !done; {
		dst, done = k.tryEvaluate(h, now, dst)
	}
	return dst
}

// tryEvaluate is evaluate with the lock held once; done is false when more is due than is done at once.
func (k *Keyed) tryEvaluate(h *hitContext, now int64, dst []Alert) (_ []Alert, done bool) {
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
			h.silence.count()
		}
	case h.waitsForLines:
		counters.pend()
	default:
		counters.alert()
	}
	return dst, true
}

// rollupRule returns the rule by which a key's roll-up is made after a hit: as it applies to the workload of the hit that the roll-up shows, where hits of
// several workloads share the key.
func (k *Keyed) rollupRule(s *keyState, h *hitContext) *rule {
	shown := s.unreported.sample
	if shown == nil || shown.source.Workload == h.source.Workload {
		return h.rule
	}
	return k.rule(s.key, shown.source.Workload)
}

// addMarks counts what thresholds remember; when it is too much, the keys unused for longest go.
func (k *Keyed) addMarks(n int) {
	k.marks += n
	for k.marks > maxMarks && k.keys.Len() > 1 {
		k.keys.RemoveOldest()
	}
}
