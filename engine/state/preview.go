package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// Preview is the outcome that a hit would have now, and the state that decides about it.
type Preview struct {
	Alerts bool   `json:"alerts"`           // the hit would make an alert at once
	Reason string `json:"reason,omitempty"` // why it would be suppressed, as Reason.String

	LastAlert       time.Time `json:"last_alert,omitzero"`       // of the hit's cooldown key
	CooldownLeft    float64   `json:"cooldown_left_seconds"`     // until a hit of the key alerts again
	Suppressed      int64     `json:"suppressed"`                // hits of the key since its last alert, not reported yet
	SuppressedSince time.Time `json:"suppressed_since,omitzero"` // when the first of them came
	Tokens          int       `json:"tokens"`                    // in the container's bucket
	Burst           int       `json:"burst"`                     // at most; 0: there is no bucket
	TokenIn         float64   `json:"next_token_in_seconds"`     // until the bucket holds one more; 0 when it is full
	Key             []string  `json:"cooldown_key,omitempty"`    // the parts of the key, behind the rule
	Counted         int       `json:"counted,omitempty"`         // hits, or different values, that count for the threshold, this one included
	Needed          int       `json:"needed,omitempty"`          // for the threshold; 0: there is none
	ResolvesAt      time.Time `json:"resolves_at,omitzero"`      // when the incident of the key would end if no further hit came
	Template        string    `json:"template,omitempty"`        // of the line, where the rule goes by it
	Image           string    `json:"image,omitempty"`           // that the hit's container runs
	ImageSince      time.Time `json:"image_since,omitzero"`      // when its first line was written; zero: unknown
	Overflow        bool      `json:"overflow,omitempty"`        // the container's templates are too many: neither cooldown nor threshold suppress it
	After           string    `json:"after,omitempty"`           // the rule that is to be hit before
	Without         string    `json:"without,omitempty"`         // the rule that is waited for after a hit
	OtherHit        time.Time `json:"other_hit,omitzero"`        // when that rule was last hit with the same values

	// Waits: the rule waits for lines, of the workload that Key names, or of all together. Cooldown and bucket play no part.
	Waits   bool      `json:"waits,omitempty"`
	LastHit time.Time `json:"last_hit,omitzero"` // that it waits for
}

// Describe describes the state that decides about a hit, as it is.
func (d *Draft) Describe(h *HitContext, now int64) *Preview {
	out := &Preview{}
	if s := d.keys[string(h.Key)]; s != nil {
		cooldown, left := int64(h.Rule.Settings.Cooldown), int64(0)
		if s.window.opened != 0 {
			out.LastAlert = time.Unix(0, s.window.opened).UTC()
			left = min(s.window.opened, now) + cooldown - now
		}
		if cooldown > 0 { // the window stays open while its roll-up cannot leave
			left = max(left, min(s.window.overdue-now, int64(maxProlonged)))
		}
		out.CooldownLeft = time.Duration(max(0, left)).Seconds()
		if s.unreported.first != 0 {
			out.SuppressedSince = time.Unix(0, s.unreported.first).UTC()
		}
		out.Suppressed = s.unreported.total()
	}
	set := &h.Rule.Settings
	out.After, out.Without = set.After, set.Without
	if last := d.sequences[h.Sequence].latest(); set.Other() != "" && last != 0 {
		out.OtherHit = time.Unix(0, last).UTC()
	}
	limit := &d.limits.PerContainer
	if limit.Unlimited() {
		return out
	}
	every, tolerance := limit.Spacing()
	out.Burst, out.Tokens = limit.Burst, limit.Burst
	if b := d.buckets[string(h.Container)]; b != nil {
		if ahead := b.arrival - now; ahead > 0 && ahead <= tolerance {
			used := (ahead + every - 1) / every
			out.Tokens = limit.Burst - int(used)
			out.TokenIn = time.Duration(ahead - (used-1)*every).Seconds()
		}
	}
	return out
}

// DescribeAbsence describes a rule that waits for lines, as it is.
func (d *Draft) DescribeAbsence(key string) *Preview {
	s := &Preview{Waits: true}
	if parts := KeyParts([]byte(key)); parts[0] != "" {
		s.Key = parts
	}
	t, ok := d.absences[key]
	if !ok {
		return s
	}
	s.Suppressed = model.Sum(&t.suppressed)
	if t.lastHit != 0 {
		s.LastHit = time.Unix(0, t.lastHit).UTC()
	}
	if t.since != 0 {
		s.SuppressedSince = time.Unix(0, t.since).UTC()
	}
	return s
}

// KeyParts splits a cooldown key; the first part, the rule's id, is left out.
func KeyParts(key []byte) []string {
	var parts []string
	start := -1
	for i := 0; i <= len(key); i++ {
		if i == len(key) || key[i] == model.KeySeparator {
			if start >= 0 {
				parts = append(parts, string(key[start:i]))
			}
			start = i + 1
		}
	}
	return parts
}
