package engine

// Tick appends the alerts that time has made by now, in ns, to dst: roll-ups, absences, escalations, ends, and those that waited for lines for long enough.
// The alerts do not depend on how often it is called: a hit waits until everything due by its time is done.
func (e *Engine) Tick(now int64, dst []Alert) []Alert {
	from := len(dst)
	dst = e.masked(e.keyed.Advance(now, dst), from)
	e.nameImages(dst[from:])
	dst = e.endComparisons(now, dst)
	return e.finished(e.lines.Advance(now, dst), len(dst))
}

// NextDue returns the time, in ns, at which Tick has something to do; ok is false when nothing is due.
func (e *Engine) NextDue() (at int64, ok bool) {
	at, ok = e.keyed.NextDue()
	if other, ends := e.deploys.NextDue(); ends && (!ok || other < at) {
		at, ok = other, true
	}
	if other, waits := e.lines.NextDue(); waits && (!ok || other < at) {
		return other, true
	}
	return at, ok
}

// ReleaseWaiting appends the alerts that wait for lines after them to dst, with the lines that have come: no more will come.
func (e *Engine) ReleaseWaiting(dst []Alert) []Alert { return e.finished(e.lines.Flush(dst), len(dst)) }

// Decide says what became of a candidate (Alert.Candidate): it leaves, or another node of the fleet alerted, so that its hit counts as suppressed. Until
// then the hit counts as pending. A ticket that is not open, such as one of an earlier run, changes nothing.
func (e *Engine) Decide(ticket uint64, leaves bool) { e.keyed.Candidates.Decide(ticket, leaves) }

// Alone says that a candidate leaves without an answer of the fleet: this node goes by windows of its own until it is answered again.
func (e *Engine) Alone(ticket uint64) { e.keyed.Alone(ticket) }

// Known says that another node of the fleet has seen the template of a candidate (Alert.Sight): its hit counts as known, and its hits are unreported again. It
// reports false for a ticket that is not open, whose hits no alert will report.
func (e *Engine) Known(ticket uint64) bool { return e.keyed.Known(ticket) }

// SetFleet sets the fleet that counts hits of rules with scope = "fleet" together; nil: each node counts for itself.
func (e *Engine) SetFleet(f Fleet) {
	if f != nil {
		f = maskedFleet{f, e}
	}
	e.keyed.SetFleet(f)
}

// maskedFleet masks alerts before they leave the node. They were rendered with their hit, maybe under other settings.
type maskedFleet struct {
	Fleet
	engine *Engine
}

// Wait masks the alert that would be sent.
func (f maskedFleet) Wait(w FleetWait) {
	w.Shown = f.engine.masked([]Alert{w.Shown}, 0)[0]
	f.Fleet.Wait(w)
}

// Cross says that the hits of all nodes reached the threshold of a key (FleetHit.Key). A sum of 0 says that the fleet does not answer: then this node's own
// count decides. The next Tick makes the alert.
func (e *Engine) Cross(key string, sum, now int64) { e.keyed.Cross(key, sum, now) }

// Exceed says that the rate or the ratio of a key (FleetRated.Alerts) is too large on all nodes together. The next Tick makes the alert.
func (e *Engine) Exceed(key string, by FleetCompared, now int64) { e.keyed.Exceed(key, by, now) }

// Reach says that the hits of all nodes reached the threshold of a key while its window is open in the fleet: a roll-up reports those of this node.
func (e *Engine) Reach(key string) { e.keyed.Reach(key) }

// Follow says that a hit of a key followed the other rule of its sequence on another node. key and shown are of FleetFollow. The next Tick makes the alert.
func (e *Engine) Follow(key string, shown any, now int64) { e.keyed.Follow(key, shown, now) }

// WaitOver says that the wait of a hit (FleetWait.Sequence) is over: the other rule was hit on another node, or the fleet reports that it was not.
func (e *Engine) WaitOver(key string) { e.keyed.WaitOver(key) }

// FleetMissing returns the alert about a hit that the other rule followed on no node, as FleetAbsence does. shown has of it what is known: severity, texts and source.
func (e *Engine) FleetMissing(rule string, shown *Alert, at, now int64) (a Alert, later, ok bool) {
	if a, later, ok = e.keyed.FleetMissing(rule, *shown, at, now); !ok {
		return a, false, false
	}
	return e.masked([]Alert{a}, 0)[0], later, true
}

// Heard says when any node of the fleet heard the line last that a wait is for (FleetLine.Key).
func (e *Engine) Heard(key string, at int64) { e.keyed.Heard(key, at) }

// FleetAbsence returns the alert about a line that no node of the fleet heard since a time, or, unless heard, since the fleet waits for it. later says that a
// silence or an inhibition is in force. ok is false if this node has no such rule. Sent is called once it is on disk.
func (e *Engine) FleetAbsence(rule, workload string, since int64, heard bool, now int64) (a Alert, later, ok bool) {
	a, later, ok = e.keyed.FleetAbsence(rule, workload, since, heard, now)
	if !ok {
		return a, false, false
	}
	return e.masked([]Alert{a}, 0)[0], later, true
}

// FleetRecovery returns the alert about a line that a node heard at a time, after its absence of so long was reported.
func (e *Engine) FleetRecovery(rule, workload string, at, gone int64) (a Alert, ok bool) {
	if a, ok = e.keyed.FleetRecovery(rule, workload, at, gone); !ok {
		return a, false
	}
	return e.masked([]Alert{a}, 0)[0], true
}

// FleetSent says that an alert of FleetAbsence or FleetRecovery is on disk.
func (e *Engine) FleetSent(a *Alert, now int64) { e.keyed.FleetSent(a, now) }

// Skip takes note that the clock moved by so many ns, back when negative, that did not pass, and shows now since: it was set, or the machine slept.
// That time does not count as waiting. Times that a clock that was set back would put into the future are set to now; all others stay.
func (e *Engine) Skip(ns, now int64) {
	e.keyed.Skip(ns, now)
	if ns < 0 {
		e.mutes.Inhibitor.ClampFuture(now)
		e.deploys.ClampFuture(now)
		e.lines.ClampFuture(now)
	}
}
