package state

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// crossing is the threshold of a rule of the fleet, or its rate or ratio. Its hits are suppressed, and counted by the fleet, which says when those of all nodes
// reached the threshold. The alert then is one that time makes: it has no hit of its own, and reports those that this node suppressed.
type crossing struct {
	own   reached // by which this node alone reached the threshold since its last alert, or exceeded the rate or the ratio with its last hit
	at    int64   // when the alert became due; 0: none is
	sum   reached // of all nodes, or with alone of this one
	alone bool
	rolls bool // the threshold is reached in an open window: a roll-up reports the hits
}

// reached is the numbers that reached a threshold, or exceeded a rate or a ratio. The zero value says that none did.
type reached struct {
	Hits   int64 `json:"hits"`            // or different values
	Usual  int64 `json:"usual,omitempty"` // of a rate, in units of package rate
	Others int64 `json:"others,omitempty"`
}

// due reports whether the alert is due.
func (c *crossing) due() bool { return c.at != 0 }

func (c *crossing) clampFuture(now int64) { c.at = min(c.at, now) }

// countedByAll reports whether the fleet counts a hit. A record that came later than the time that counts is too late for a threshold: then the node's own count
// decides. One that lacks a value of a ratio is compared by nobody.
func (h *HitContext) countedByAll(now int64) bool {
	set := &h.Rule.Settings
	if h.Rule.Compares {
		return h.shared && (h.Sequenced || !set.Ratio.IsSet())
	}
	return h.shared && set.Count > 0 && now-h.At < int64(set.Within)
}

// comparedTo returns the numbers of this node that a hit was decided by.
func (h *HitContext) comparedTo(counted int) reached {
	if h.Rule.Compares {
		return reached{h.Decision.Hits, h.Decision.Usual, h.Decision.Others}
	}
	return reached{Hits: int64(counted)}
}

// Heard says when any node of the fleet heard the line last that a key waits for.
func (k *Keyed) Heard(key string, at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, ok := k.absences.Peek(key)
	if !ok {
		return
	}
	r := k.rule(key, t.workload())
	if r == nil || !t.heard(r, min(at, k.latest)) {
		return
	}
	k.due.Set(&t.timer, k.fromNow(t.deadline(r), false))
	k.absences.Touch(key)
}

// FleetAbsence returns the alert about a line that no node heard since a time, or since the fleet waits for it; later says that a silence or an inhibition is in
// force. ok is false if there is no such rule. It changes nothing.
func (k *Keyed) FleetAbsence(rule, workload string, since int64, heard bool, now int64) (a model.Alert, later, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, t := k.fleetWait(rule, workload)
	if r == nil {
		return a, false, false
	}
	if t.began, t.from = since, since; heard {
		t.arrived, t.lastHit = since, since
	}
	a = t.absence(r, now)
	return a, k.muting().mutes(subjectOf(r, &a), now), true
}

// FleetRecovery returns the alert about a line that a node heard at a time, after its absence of so long was reported. ok is false if there is no such rule.
func (k *Keyed) FleetRecovery(rule, workload string, at, gone int64) (a model.Alert, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, t := k.fleetWait(rule, workload)
	if r == nil {
		return a, false
	}
	return t.recovered(r, at, max(gone, 1)), true
}

// fleetWait returns an absence rule of the fleet as it applies to a workload, and a wait that is nobody's; nil if there is none.
func (k *Keyed) fleetWait(rule, workload string) (*rules.Rule, *absenceTimer) {
	if k.rules == nil {
		return nil, nil
	}
	r := k.rules.Find(rule, workload)
	if r == nil || !r.Settings.Fleet() || r.Settings.Absent <= 0 {
		return nil, nil
	}
	return r, &absenceTimer{key: rules.AbsenceKey(r, workload)}
}

// FleetSent counts an alert that the fleet made of a rule, and notes it for inhibitions.
func (k *Keyed) FleetSent(a *model.Alert, now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rule(a.RuleID, a.Source.Workload)
	if r == nil {
		return
	}
	over := a.Kind == model.KindResolved
	if over {
		r.Counters.Resolve()
	} else {
		r.Counters.Absence()
	}
	k.muting().observe(subjectOf(r, a), now, over)
}

// SetFleet sets the fleet that counts hits of rules with scope = "fleet"; nil: this node alone does.
func (k *Keyed) SetFleet(f model.Fleet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fleet = f
	k.announce()
}

// shares reports whether a rule's hits are counted by the fleet.
func shares(f model.Fleet, r *rules.Rule) bool {
	return f != nil && r.Settings.Fleet() && !r.Settings.DryRun
}

// countByAll hands a hit to the fleet, one that the cooldown suppresses included: it counts for the alert that follows the window.
func (k *Keyed) countByAll(s *keyState, h *HitContext, now int64) {
	set, d := &h.Rule.Settings, &h.Decision
	if !h.forAll || h.Rule.Compares || d.Alert || d.Reason != model.ReasonThreshold && d.Reason != model.ReasonCooldown || set.Distinct != "" && !h.Valued {
		return
	}
	one := model.FleetHit{Key: s.key, At: h.At, Count: set.Count, Within: int64(set.Within), Cooldown: int64(set.Cooldown),
		CooldownMax: int64(set.CooldownMax), Distinct: set.Distinct}
	if set.Distinct != "" {
		one.Value = uint64(h.Value)
	}
	if !k.fleet.Count(one) {
		s.cross(h.Rule, reached{}, now)
	}
}

// rateByAll hands a hit of a rate or a ratio to the fleet. All hits are counted, since they are a measurement; those that could not alert here ask for no alert.
func (k *Keyed) rateByAll(s *keyState, h *HitContext, now int64) {
	set := &h.Rule.Settings
	if !h.forAll || !h.Rule.Compares {
		return
	}
	one := model.FleetRated{Key: s.key, At: h.At, Within: int64(set.Within), Than: int64(set.Rate.Than)}
	if set.Ratio.IsSet() {
		one.Key, one.Than = h.Sequence.stateKey(), 0
	}
	if !h.Muted && now-h.At < int64(set.Within) {
		one.Alerts, one.Cooldown, one.CooldownMax = s.key, int64(set.Cooldown), int64(set.CooldownMax)
		one.Above, one.AtLeast = int64(set.Rate.Above), set.Rate.AtLeast
		if set.Ratio.IsSet() {
			one.Millionths, one.Reached, one.AtLeast = set.Ratio.Millionths, set.Ratio.Reached, set.AtLeast
		}
	}
	if !k.fleet.Rate(one) && one.Alerts != "" {
		s.cross(h.Rule, reached{}, now)
	}
}

// otherByAll hands a hit of the other rule of a ratio to the fleet.
func (k *Keyed) otherByAll(one *Step, at int64) {
	if one.OfFleet && k.fleet != nil {
		k.fleet.Rate(model.FleetRated{Key: one.ID.stateKey(), At: at, Within: one.Within, Other: true})
	}
}

// fleetImageMemory is how long a fleet remembers templates and images that no node sees, where first_seen = "image".
const fleetImageMemory = int64(30 * 24 * time.Hour)

// Sight returns what the fleet is asked about an alert of the hit; nil: nothing.
func (h *HitContext) Sight() *model.FleetSight {
	set := &h.Rule.Settings
	if !h.shared || set.FirstSeen == 0 {
		return nil
	}
	sight := &model.FleetSight{Template: hex.EncodeToString(h.Template[:]), For: int64(set.FirstSeen)}
	if set.FirstSeen == rules.FirstSeenImage {
		sight.For, sight.Image, sight.First, sight.Appeared = fleetImageMemory, h.Image, h.first, h.ImageSince
	}
	return sight
}

// seenByAll reports a template without an alert to the fleet: one that a silence suppressed, or, as often as it is saved, one that is known.
func (k *Keyed) seenByAll(h *HitContext) {
	if !h.shared || h.Decision.Alert || !h.inOrder || h.known && !h.saves {
		return
	}
	if sight := h.Sight(); sight != nil {
		k.fleet.Saw(*sight)
	}
}

// Known says that another node has seen the template of a candidate: its hits are unreported again, and the window that it opened was none. It reports false if
// the candidate is not open.
func (k *Keyed) Known(ticket uint64) bool {
	hits := k.Candidates.Known(ticket)
	if hits == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recognize(&hits.Sight)
	s := k.peek(hits.Key)
	if s == nil {
		k.countForgotten(hits.RuleID, model.Sum(&hits.Suppressed))
		return true
	}
	if s.window.opened == hits.Opened {
		s.window = window{}
	}
	s.unreported.merge(hits)
	if s.reportsLater() {
		k.due.Set(&s.timer, k.fromNow(s.deadline(k.rule(s.key, s.workload())), false))
	}
	k.keys.Touch(s.hash)
	return true
}

// Alone counts a candidate that leaves without an answer of the fleet as an alert. The window that it opened is this node's own from then on.
func (k *Keyed) Alone(ticket uint64) {
	key, made, ok := k.Candidates.Find(ticket)
	k.Candidates.Decide(ticket, true)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.peek(key)
	if s == nil || !s.window.shared || s.window.opened != made {
		return
	}
	s.window.shared = false
	if s.reportsLater() {
		k.due.Set(&s.timer, k.fromNow(s.deadline(k.rule(s.key, s.workload())), false))
	}
	k.keys.Touch(s.hash)
}

// cross makes the alert of a threshold due, or a roll-up while the window is open. The zero sum asks for the node's own count.
func (s *keyState) cross(r *rules.Rule, sum reached, now int64) {
	c := &s.crossing
	alone := sum == reached{}
	if alone {
		sum = c.own
	}
	switch {
	case sum == reached{}:
	case s.window.state(r, now) != windowClosed:
		c.rolls = c.rolls || !alone
	case !c.due():
		c.at, c.sum, c.alone = now, sum, alone
	}
}

// Cross says that the hits of all nodes reached the threshold of a key by now. A sum of 0 says that the fleet does not answer: the node's own count decides. The
// alert is due at once.
func (k *Keyed) Cross(key string, sum, now int64) {
	k.crossed(key, func(s *keyState, r *rules.Rule) { s.cross(r, reached{Hits: sum}, max(now, k.latest)) })
}

// Exceed says that the rate or the ratio of a key is too large by now, on all nodes together. The alert is due at once.
func (k *Keyed) Exceed(key string, by model.FleetCompared, now int64) {
	k.crossed(key, func(s *keyState, r *rules.Rule) {
		if r.Compares {
			s.cross(r, reached{by.Hits, by.Usual, by.Others}, max(now, k.latest))
		}
	})
}

// Reach says that the hits of all nodes reached the threshold of a key while its window is open in the fleet: a roll-up reports those of this node.
func (k *Keyed) Reach(key string) {
	k.crossed(key, func(s *keyState, _ *rules.Rule) { s.crossing.rolls = true })
}

func (k *Keyed) crossed(key string, change func(*keyState, *rules.Rule)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.peek(key)
	if s == nil || s.unreported.sample == nil { // forgotten, or reported meanwhile
		return
	}
	r := k.rule(key, s.workload())
	if r == nil || !r.Settings.Fleet() || !r.Settings.Counts() {
		return
	}
	before := s.crossing
	if change(s, r); s.crossing == before {
		return
	}
	k.due.Set(&s.timer, s.deadline(r))
	k.keys.Touch(s.hash)
}

// threshold is the alert about hits that reached a threshold of the fleet.
func (s *keyState) threshold(r *rules.Rule, at int64) model.Alert {
	c, shown, set := &s.crossing, s.unreported.sample, &r.Settings
	a := s.shown(r, at)
	a.Kind, a.Due = model.KindThreshold, c.at
	if !c.alone {
		a.Reached = c.sum.Hits
	}
	if r.Compares {
		a.Summary = shown.text.Summary
		if set.Ratio.IsSet() {
			a.Ratio = &model.Ratio{Hits: c.sum.Hits, Of: set.Of, OfHits: c.sum.Others, Within: int64(set.Within), Fleet: !c.alone}
		} else {
			a.Rate = &model.Rate{Hits: c.sum.Hits, Usual: float64(c.sum.Usual) / rate.Unit, Within: int64(set.Within), Fleet: !c.alone}
		}
		a.WithComparison()
		a.WithLateness(shown.arrived - shown.at)
		return a
	}
	counted := fmt.Sprint(c.sum.Hits)
	if set.Distinct != "" {
		counted += " values"
	}
	if !c.alone {
		counted += " on all nodes"
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s in %s: %s", counted, model.Roughly(int64(set.Within)), shown.text.Summary), model.MaxSummary)
	a.WithLateness(shown.arrived - shown.at)
	return a
}
