package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// MaxTemplates bounds how many templates of one rule and container have a key of their own.
const MaxTemplates = 1000

// sweepEvery is how often the keys of a group that is full are looked through for those that say nothing any more.
const sweepEvery = int64(time.Second)

// stateOfHit returns the state of a hit's key. A template too many has none: the hits of all of them share one, whose cooldown and threshold suppress
// nothing.
func (k *Keyed) stateOfHit(h *HitContext, now int64) *keyState {
	if !h.Rule.Grouped {
		s, _ := k.stateOf(h.Key)
		return s
	}
	if g := k.groups[string(groupKey(h))]; g != nil && len(g.keys) >= MaxTemplates && !k.has(h.Key) && !k.sweep(g, h.Rule, now) {
		h.Overflow = true
		k.overflow++
		// The shared key is in no group, so it takes no place of a template.
		h.Key = h.OverflowKey.OverflowKey()
		s, _ := k.stateOf(h.Key)
		return s
	}
	s, made := k.stateOf(h.Key)
	if made {
		name := string(groupKey(h))
		g := k.groups[name]
		if g == nil {
			g = &templateGroup{key: name, keys: map[*keyState]struct{}{}}
			k.groups[name] = g
		}
		g.keys[s] = struct{}{}
		s.group = g
	}
	return s
}

// Overflows reports whether stateOfHit would find no room for the template of a hit. It changes nothing.
func (k *Keyed) Overflows(h *HitContext, now int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.groups[string(groupKey(h))]
	if !h.Rule.Grouped || g == nil || len(g.keys) < MaxTemplates || k.has(h.Key) {
		return false
	}
	return !g.toSweep(now) || len(g.expired(h.Rule, now)) == 0
}

func groupKey(h *HitContext) []byte {
	key := append([]byte(h.Rule.ID), model.KeySeparator)
	return append(key, h.Container...)
}

// has reports whether a key has state.
func (k *Keyed) has(key []byte) bool {
	s, ok := k.keys.Peek(k.hash(key))
	return ok && s.key == string(key)
}

// sweep removes the expired keys of a group, and reports whether there is room. If that makes none, expired keys with unreported hits go too: only
// the next alert of such a key would report them, so it could keep new templates out for good.
func (k *Keyed) sweep(g *templateGroup, r *rules.Rule, now int64) bool {
	if !g.toSweep(now) {
		return false
	}
	// Set even if nothing has expired: otherwise a full group would be searched at each hit.
	g.swept = now
	expired := g.expired(r, now)
	for _, s := range expired {
		if s.unreported.total() == 0 {
			k.drop(s)
		}
	}
	if len(g.keys) < MaxTemplates {
		return true
	}
	for _, s := range expired {
		k.drop(s)
	}
	return len(g.keys) < MaxTemplates
}

func (g *templateGroup) toSweep(now int64) bool { return now < g.swept || now-g.swept >= sweepEvery }

func (g *templateGroup) expired(r *rules.Rule, now int64) (expired []*keyState) {
	for s := range g.keys {
		if s.expired(r, now) {
			expired = append(expired, s)
		}
	}
	return expired
}

// seenBefore notes the hit's template, and reports whether it was known.
func (k *Keyed) seenBefore(h *HitContext, now int64) (known bool) {
	if h.Rule.Settings.FirstSeen == 0 {
		return false
	}
	t, ok := k.templates.Get(h.Template)
	if !ok {
		h.first = h.At
		k.templates.Add(h.Template, newTemplateSeen(h))
		return false
	}
	t.clampFuture(now)
	// Asked before the hit is noted, which makes its own template known.
	known = t.knows(h)
	if h.saves = t.observe(h); h.saves {
		k.templates.Touch(h.Template)
	}
	h.first = t.first
	return known
}

// recognize notes that other nodes saw a template before the image of a hit appeared.
func (k *Keyed) recognize(sight *model.FleetSight) {
	id, ok := parseTemplateID(templatePrefix + sight.Template)
	t, known := k.templates.Get(id)
	if !ok || !known || sight.Appeared == 0 {
		return
	}
	t.first = min(t.first, sight.Appeared-1)
	k.templates.Touch(id)
}

// templateSeen is the first and the latest time at which a template was seen, by the records' clock, and the latest one that was saved.
type templateSeen struct{ first, last, saved int64 }

func newTemplateSeen(h *HitContext) *templateSeen {
	return &templateSeen{first: h.At, last: h.At, saved: h.At}
}

// lazySaves is the part of first_seen by which a saved time may be late while the engine runs: a frequent template is not saved at each
// hit.
const lazySaves = 64

// lazyImage is by how much the saved time of a rule with first_seen = "image" may be late: only when a template was first seen matters there.
const lazyImage = int64(time.Hour)

// knows reports whether the template was seen within the time that the rule asks for, or later than the hit, whose record came late. With first_seen =
// "image" it is known if it was seen before the hit's image appeared; of an image that nobody saw appear, from its second hit on. No time is later than now.
func (t *templateSeen) knows(h *HitContext) bool {
	if asked := h.Rule.Settings.FirstSeen; asked != rules.FirstSeenImage {
		return h.At-t.last < int64(asked)
	}
	return h.ImageSince == 0 || t.first < h.ImageSince
}

// clampFuture sets times later than now, since the clock went back, to now.
func (t *templateSeen) clampFuture(now int64) { t.first, t.last = min(t.first, now), min(t.last, now) }

// observe notes the template of a hit, suppressed or not, and reports whether it is to be saved.
func (t *templateSeen) observe(h *HitContext) (save bool) {
	lazy := int64(h.Rule.Settings.FirstSeen) / lazySaves
	if h.Rule.Settings.FirstSeen == rules.FirstSeenImage {
		lazy = lazyImage
	}
	earlier := h.At < t.first // a record that came late
	t.first, t.last = min(t.first, h.At), max(t.last, h.At)
	if !earlier && t.last >= t.saved && t.last-t.saved <= lazy {
		return false
	}
	t.saved = t.last
	return true
}
