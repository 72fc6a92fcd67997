package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// verdict is the outcome of a hit. The suppressed hits that its alert reports are in the state until it is committed.
type verdict struct {
	alert    bool
	reason   model.Reason // the hit is suppressed, when there is no alert
	severity model.Severity
	counted  int
}

// transition is the effect of a decision on the state of a key. It has the machines that change as a whole, and the changes to the others, so that it
// is small: one is made for each hit, and none of it is on the heap.
type transition struct {
	window   window  // from then on
	episode  episode // from then on
	own      int     // the mark of the hit's value in the threshold's count, or -1
	restart  bool    // the threshold's count begins again, the hit included
	alone    bool    // the hits of this node reached a threshold of the fleet
	dropped  bool    // a threshold of the fleet was reached under a silence: that counts for nothing
	reported bool    // an alert reports the unreported hits
	token    bool    // the bucket gives a token
}

// decide returns the outcome of a hit and the key's next state. It has no side effects: Explain calls it without committing the result. No time in the
// state is later than now, see clampFuture.
//
// The order is part of the contract (docs/counting.md): a hit that one check suppresses must not consume anything of a later one, so the token comes
// last. The threshold's count and the episode come first, because suppressed hits count there too.
func decide(r *rules.Rule, s *keyState, h *HitContext, b *tokens, now int64) (next transition, v verdict) {
	set := &r.Settings
	next.window, next.episode = s.window, s.episode
	if h.inOrder && !h.usual { // a hit out of a sequence does not belong to the episode, nor does a usual one
		next.episode.observe(r, h.At, now)
	}
	if set.Count > 0 {
		v.counted, next.own = s.count.with(set, h)
	}
	switch {
	case set.Without != "": // silences and tokens are asked about when the wait is over
		v.reason = model.ReasonSequence
	case h.Muted:
		v.reason = h.Reason
	case !h.inOrder:
		v.reason = model.ReasonSequence
	// The hits of an overflow key are of different templates, so neither threshold nor cooldown may suppress them.
	case v.counted < set.Count && !h.Overflow, h.usual:
		v.reason = model.ReasonThreshold
	case h.forAll && s.window.state(r, now) == windowClosed: // the count of all nodes decides
		v.reason = model.ReasonThreshold
		next.alone = true
	case h.known:
		v.reason = model.ReasonKnown
	case !h.Overflow && s.window.state(r, now) != windowClosed:
		v.reason = model.ReasonCooldown
		next.window.hold(r, now)
	case !b.available(now):
		v.reason = model.ReasonRateLimit
	case set.DryRun: // it opens the window and restarts the count as an alert would, but takes no token from others
		v.reason = model.ReasonDryRun
		next.window.open(r, now, h.shared)
		next.restart = true
	default:
		v.alert = true
		v.severity = next.episode.escalate(r, next.episode.lastHit)
		next.window.open(r, now, h.shared)
		next.restart, next.reported, next.token = true, true, true
	}
	return next, v
}

// commit puts the decision about a hit into effect, and describes it in the hit.
func (s *keyState) commit(h *HitContext, next *transition, v *verdict, b *tokens, now int64) {
	d := &h.Decision
	d.At, d.Late, d.Counted, d.Alert, d.Reason = h.At, now-h.At, v.counted, v.alert, v.reason
	if v.alert {
		d.Severity = v.severity
		if h.Rule.Settings.Counts() {
			d.Kind = model.KindThreshold
		}
		// The alert reports the suppressed hits, so they are read before apply resets them.
		d.Suppressed, d.Since, d.Last = s.unreported.suppressed, s.unreported.first, s.unreported.last
	}
	s.lastHit = now
	if h.inOrder && !h.usual {
		// A hit out of a sequence is no sign that the incident goes on, nor is a usual one.
		s.incident.onHit(now)
	}
	if set := &h.Rule.Settings; set.Count > 0 {
		s.count.observe(set, h, next.own) // before the count may restart, which includes the hit
	} else {
		// A reload may have removed the threshold; its marks must not count towards a later one.
		s.count = slidingCount{}
	}
	s.apply(next)
	if next.alone {
		s.crossing.own = h.comparedTo(v.counted)
	} else if h.forAll && h.Rule.Compares {
		s.crossing.own = reached{}
	}
	if next.token {
		b.consume()
	}
	if v.alert {
		first, last := h.At, max(h.At, d.Last)
		if d.Since != 0 {
			first = min(first, d.Since)
		}
		s.onAlert(h.Rule, h.Source, h.Stream, 1+model.Sum(&d.Suppressed), first, last, now)
		return
	}
	s.unreported.add(v.reason, h.At)
	if s.outlives(h, now) {
		s.unreported.sample = nil
	}
	if s.unreported.sample == nil && (h.waits || h.Rule.RollsUp(v.reason) || h.forAll && v.reason == model.ReasonThreshold) { // none of the key's hits is shown yet
		s.unreported.sample = &Sample{at: h.At, arrived: now, from: now, source: h.Source, stream: h.Stream}
		d.Sample = s.unreported.sample
	}
}

// outlives reports whether another line is to be shown in place of that of the key, which the rate of all nodes may make an alert of. Usual lines come all the
// time, and it must show one of those that were too many.
func (s *keyState) outlives(h *HitContext, now int64) bool {
	u, c := &s.unreported, &s.crossing
	return u.sample != nil && h.forAll && h.Rule.Compares && now-u.sample.arrived >= rate.SliceOf(int64(h.Rule.Settings.Within)) &&
		u.state() != rollupPending && !c.due() && !c.rolls
}

// apply advances the machines of a key.
func (s *keyState) apply(next *transition) {
	s.window, s.episode = next.window, next.episode
	if next.restart {
		s.count.clear()
	}
	if next.reported {
		s.unreported = unreported{}
	}
	if next.reported || next.dropped {
		s.crossing = crossing{}
	}
}
