package state

import (
	"encoding/hex"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// TemplateID stands for a template of a rule and a workload.
type TemplateID [model.DigestLen]byte

// NewTemplate returns the id of a template.
func NewTemplate(rule, workload string, template []byte) TemplateID {
	return model.DigestOf(rule, workload, template)
}

func (id TemplateID) stateKey() string { return templatePrefix + hex.EncodeToString(id[:]) }

// templateSeen is the latest time at which a template was seen, by the records' clock, and that which was last saved.
type templateSeen struct{ last, saved int64 }

// lazySaves is the part of first_seen by which what is saved may be late while the engine runs: a template that comes all the time is not saved all the
// time.
const lazySaves = 64

// seenBefore notes the hit's template, whatever becomes of the hit, and reports whether it was seen within the time that the rule asks for, or later
// than the hit, whose record came late.
func (k *Keyed) seenBefore(h *HitContext, now int64) (known bool) {
	within := int64(h.Rule.Settings.FirstSeen)
	if within == 0 {
		return false
	}
	t, ok := k.templates.Get(h.Template)
	if !ok {
		k.templates.Add(h.Template, &templateSeen{last: h.At, saved: h.At})
		k.Touch(h.Template.stateKey())
		return false
	}
	t.last = min(t.last, now) // the clock went back
	known = h.At-t.last < within
	t.last = max(t.last, h.At)
	if t.last < t.saved || t.last-t.saved > within/lazySaves {
		t.saved = t.last
		k.Touch(h.Template.stateKey())
	}
	return known
}
