package state

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// maxSteps is how many hits of the other rule a sequence remembers.
const maxSteps = 16

// steps is when the other rule of a sequence was hit with the same values: the last maxSteps times, in the order of arrival, by the records' clock. Records may
// come in any order of their times, so one time is not enough. Of a ratio it has the numbers of hits instead.
type steps struct {
	at    []int64
	share *rate.Share
}

func (s *steps) add(at int64) {
	if len(s.at) == maxSteps {
		s.at = slices.Delete(s.at, 0, 1)
	}
	s.at = append(s.at, at)
}

// between reports whether a hit lies in a length of time from a moment on; its end is not part of it.
func (s *steps) between(from, length int64) bool {
	return s != nil && slices.ContainsFunc(s.at, func(at int64) bool { return at >= from && at-from < length })
}

// latest returns the latest time; 0: there is none.
func (s *steps) latest() int64 {
	if s == nil || len(s.at) == 0 {
		return 0
	}
	return slices.Max(s.at)
}

func (s *steps) clampFuture(now int64) {
	for i := range s.at {
		s.at[i] = min(s.at[i], now)
	}
}

func (s *steps) clone() *steps {
	c := &steps{at: slices.Clone(s.at)}
	if s.share != nil {
		share := *s.share
		c.share = &share
	}
	return c
}

// shared returns the numbers of a ratio.
func (s *steps) shared() *rate.Share {
	if s.share == nil {
		s.share = &rate.Share{}
	}
	return s.share
}

// compare counts a hit of a rule with ratio, and notes in it whether its share is no larger than asked for.
func (h *HitContext) compare(s *steps) {
	set, share := &h.Rule.Settings, s.shared()
	recent := share.Note(int64(set.Within), h.At, false)
	h.Decision.Hits, h.Decision.Others = share.Hits()
	h.usual = !recent || h.Decision.Others < int64(set.AtLeast) ||
		!rate.Exceeds(h.Decision.Hits, h.Decision.Others, set.Ratio.Millionths, set.Ratio.Reached)
}

// order notes in a hit how it lies to the hits of the other rule, which are in s.
func (h *HitContext) order(s *steps, now int64) {
	set := &h.Rule.Settings
	h.inOrder = true
	if set.Other() == "" {
		return
	}
	if s != nil {
		s.clampFuture(now)
	}
	if set.After != "" { // less than within before, or at the same time
		// Times are whole ns, so the window that ends with the hit itself begins 1 ns after At - within.
		h.inOrder = h.Sequenced && s.between(h.At-int64(set.Within)+1, int64(set.Within))
		return
	}
	// Records come in any order: where the other rule was hit in time already, nothing is waited for.
	h.waits = h.Sequenced && !set.DryRun && !s.between(h.At, int64(set.Within))
}

// happened reports whether a hit is a step of the sequences that name its rule, whatever is sent about it: silences, cooldowns and buckets decide about that,
// but thresholds, first_seen and after decide about the hit itself.
func (h *HitContext) happened() bool {
	set := &h.Rule.Settings
	return h.inOrder && !h.known && !h.usual && (h.Overflow || h.Decision.Counted >= set.Count)
}

// answer ends the wait of a key, unless the other rule was hit before the hit that waits.
func (s *keyState) answer(at int64) bool {
	if s.unreported.sample == nil || at < s.unreported.sample.at {
		return false
	}
	s.unreported.sample = nil
	return true
}

// A sequence of the fleet goes by the hits of all nodes. A hit that follows one of the other rule on its own node alerts as in any sequence. The fleet is asked
// about all others, and its answer makes an alert of time: see crossing.

// name returns the name of a sequence that all nodes use. A wait is named as its key, which its alerts carry.
func (s *Step) name() string {
	if s.Ends {
		return s.Key
	}
	return hex.EncodeToString(s.ID[:])
}

// stepForAll notes a hit in the sequence of a rule of the fleet. One that came too late is a step on its node alone.
func (k *Keyed) stepForAll(h *HitContext, one *Step) {
	if one.All != 0 && k.fleet != nil && h.Decision.Late < one.All {
		k.fleet.Step(model.FleetStep{Sequence: one.name(), At: h.At, Within: one.All})
	}
}

// asksAll reports whether the fleet is asked about a hit: one that has all values, follows none on its node, and came in time.
func (h *HitContext) asksAll(now int64) bool {
	set := &h.Rule.Settings
	return h.shared && set.After != "" && h.Decision.Reason == model.ReasonSequence && !h.Decision.Alert && h.Sequenced && now-h.At < int64(set.Within)
}

// followForAll asks the fleet about a hit.
func (k *Keyed) followForAll(s *keyState, h *HitContext, now int64) {
	if !h.asksAll(now) {
		return
	}
	shown := &Sample{at: h.At, arrived: now, from: now, source: h.Source, stream: h.Stream}
	one := model.FleetFollow{
		Sequence: hex.EncodeToString(h.Sequence[:]), Key: s.key, At: h.At, Within: int64(h.Rule.Settings.Within), Shown: shown,
	}
	if k.fleet.Follow(one) {
		h.Decision.Sample = shown
	}
}

// Follow says that a hit of a key followed one of the other rule on another node. shown is of FleetFollow. The alert is due at once; in an open window a roll-up
// reports the hit.
func (k *Keyed) Follow(key string, shown any, now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, sample := k.peek(key), shown.(*Sample)
	if s == nil || s.unreported.suppressed[model.ReasonSequence] == 0 { // forgotten, or reported meanwhile
		return
	}
	r := k.rule(key, sample.source.Workload)
	if r == nil || !r.Settings.Fleet() || r.Settings.After == "" {
		return
	}
	now = max(now, k.latest)
	switch c := &s.crossing; {
	case s.window.state(r, now) != windowClosed:
		c.rolls = true
		s.unreported.sample = cmp.Or(s.unreported.sample, sample)
	case !c.due():
		c.at, c.sum = now, reached{Hits: 1}
		s.unreported.sample = sample
	}
	k.due.Set(&s.timer, s.deadline(r))
	k.keys.Touch(s.hash)
}

// followed is the alert about a hit that followed the other rule on another node. It has no hit of its own, as it is among those that were suppressed.
func (s *keyState) followed(r *rules.Rule, at int64) model.Alert {
	shown := s.unreported.sample
	a := s.shown(r, at)
	a.Due, a.Summary = s.crossing.at, shown.text.Summary
	if a.Kind = model.KindLog; shown.source.IsEvent() {
		a.Kind = model.KindContainer
	}
	a.WithLateness(shown.arrived - shown.at)
	return a
}

// waitsForAll reports whether a hit that waits for the other rule waits for it on all nodes. One that came too late waits on its node alone.
func (s *keyState) waitsForAll(f model.Fleet, r *rules.Rule) bool {
	shown := s.unreported.sample
	return shown != nil && r != nil && r.Settings.Without != "" && shares(f, r) && shown.arrived-shown.at < int64(r.Settings.Within)
}

// waitForAll notes the wait of a key in the fleet.
func (k *Keyed) waitForAll(s *keyState) {
	if s == nil || s.unreported.sample == nil || s.unreported.sample.text == nil {
		return
	}
	r := k.rule(s.key, s.workload())
	if !s.waitsForAll(k.fleet, r) {
		return
	}
	shown := s.unreported.sample
	k.fleet.Wait(model.FleetWait{
		Sequence: s.key, At: shown.at, From: shown.from, Within: int64(r.Settings.Within), RuleID: r.ID, Workload: s.workload(), Shown: s.unanswered(r, shown.arrived),
	})
}

// WaitOver says that the wait of a key is over: another node hit the other rule, or the fleet reports that none did.
func (k *Keyed) WaitOver(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.peek(key); s != nil && s.waitsForAll(k.fleet, k.rule(key, s.workload())) {
		s.unreported.sample = nil
		k.due.Set(&s.timer, 0)
		k.keys.Touch(s.hash)
	}
}

// leaveToAll leaves the end of a wait to the fleet, and reports whether it did. If the fleet does not answer for long enough, the node goes by what it saw itself.
func (s *keyState) leaveToAll(f model.Fleet, r *rules.Rule, at int64) bool {
	within := int64(r.Settings.Within)
	due, patience := s.unreported.sample.from+within, min(int64(AbsenceGrace), max(within, int64(maxProlonged)))
	switch since, down := f.DownSince(); {
	case !down && at < due+patience: // it could still fail
		s.notBefore = min(at+int64(maxProlonged), due+patience)
	case !down:
		s.unreported.sample = nil
	case at < since+patience:
		s.notBefore = since + patience
	default:
		return false
	}
	return true
}

// FleetMissing returns the alert about a hit, which happened at a time, that none of the other rule followed on any node. shown has its severity, texts and
// source, as far as they are known. later says that a silence or an inhibition is in force. ok is false if there is no such rule. It changes nothing.
func (k *Keyed) FleetMissing(rule string, shown model.Alert, at, now int64) (a model.Alert, later, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rules == nil {
		return a, false, false
	}
	r := k.rules.Find(rule, shown.Source.Workload)
	if r == nil || !r.Settings.Fleet() || r.Settings.Without == "" {
		return a, false, false
	}
	a = shown
	a.Kind, a.RuleID, a.Rule, a.Time, a.First, a.Last, a.Runbook = model.KindMissing, r.ID, r.Settings.Name, now, at, at, r.Settings.Runbook
	if a.Severity == model.SeverityUnknown {
		a.Severity = cmp.Or(r.Settings.Severity, model.SeverityWarning)
	}
	if a.Labels == nil && len(r.LabelTemplates) == 0 {
		a.Labels = r.Settings.Labels
	}
	if a.Summary == "" {
		where := ""
		if a.Source.Workload != "" {
			where = " in " + a.Source.Workload
		}
		a.Summary = model.OneLine(fmt.Sprintf("no %s for %s after %s%s", r.Settings.Without, model.Roughly(int64(r.Settings.Within)), a.Rule, where), model.MaxSummary)
	}
	return a, k.muting().mutes(subjectOf(r, &a), now), true
}
