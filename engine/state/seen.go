package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

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
