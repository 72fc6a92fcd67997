package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
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
	Template        string    `json:"template,omitempty"`        // of the line, where the rule goes by it
	Overflow        bool      `json:"overflow,omitempty"`        // the container's templates are too many: neither cooldown nor threshold suppress it

	// Waits: the rule waits for lines, of the workload that Key names, or of all together. Cooldown and bucket play no part.
	Waits   bool      `json:"waits,omitempty"`
	LastHit time.Time `json:"last_hit,omitzero"` // that it waits for
}

// NewTrial returns keyed state that is empty, by the limits in force, on which a record's hits are decided about without consequences, one after another
// as they would be: a token that the first of them takes is missing for the second.
func (k *Keyed) NewTrial(hits int) *Keyed {
	k.mu.Lock()
	defer k.mu.Unlock()
	limits := k.limits
	limits.MaxKeys = max(1, hits+len(k.due.heap))
	trial := NewKeyed(limits, k.mutes, nil)
	trial.trial = k.mutes.Inhibitor.Clone()
	return trial
}

// CopyTo gives a trial, that goes by the same rules, copies of the state that decides about a hit, and of all that is due by now. Copies that the trial
// has already stay.
func (k *Keyed) CopyTo(trial *Keyed, h *HitContext, now int64, inForce *rules.Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	trial.mu.Lock()
	defer trial.mu.Unlock()
	trial.rules = inForce
	for _, t := range k.due.heap {
		switch {
		case t.due > now:
		case t.absence != nil:
			k.copyAbsence(trial, t.absence.key)
		case t.key.unreported.sample != nil:
			k.copyKey(trial, []byte(t.key.key))
			k.copyBucket(trial, model.AppendBucket(nil, t.key.unreported.sample.source))
		}
	}
	k.copyKey(trial, h.Key)
	k.copyBucket(trial, h.Container)
	k.copyAbsence(trial, rules.AbsenceKey(h.Rule, h.Source.Workload))
	if t, ok := k.templates.Peek(h.Template); ok && !trial.templates.Contains(h.Template) {
		seen := *t
		trial.templates.Add(h.Template, &seen)
	}
}

func (k *Keyed) copyKey(trial *Keyed, key []byte) {
	s := k.peek(string(key))
	if s == nil || trial.has(key) {
		return
	}
	c := s.clone()
	trial.keys.Add(trial.hash(key), c)
	trial.due.set(&c.timer, s.timer.due)
}

func (k *Keyed) copyBucket(trial *Keyed, container []byte) {
	b, ok := k.buckets.Peek(k.hash(container))
	if !ok || b.key != string(container) {
		return
	}
	if h := trial.hash(container); !trial.buckets.Contains(h) {
		c := *b
		trial.buckets.Add(h, &c)
	}
}

func (k *Keyed) copyAbsence(trial *Keyed, key string) {
	t, ok := k.absences.Peek(key)
	if !ok || trial.absences.Contains(key) {
		return
	}
	c := t.clone()
	trial.absences.Add(key, c)
	trial.due.set(&c.timer, t.timer.due)
}

// Describe describes the state that decides about a hit, as it is.
func (k *Keyed) Describe(h *HitContext, now int64) *Preview {
	out := &Preview{}
	if s := k.peek(string(h.Key)); s != nil {
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
	limit := k.limits.PerContainer
	if limit.Unlimited() {
		return out
	}
	every, tolerance := limit.Spacing()
	out.Burst, out.Tokens = limit.Burst, limit.Burst
	if b, ok := k.buckets.Peek(k.hash(h.Container)); ok && b.key == string(h.Container) {
		if ahead := b.arrival - now; ahead > 0 && ahead <= tolerance {
			used := (ahead + every - 1) / every
			out.Tokens = limit.Burst - int(used)
			out.TokenIn = time.Duration(ahead - (used-1)*every).Seconds()
		}
	}
	return out
}

// DescribeAbsence describes a rule that waits for lines, as it is.
func (k *Keyed) DescribeAbsence(key string) *Preview {
	s := &Preview{Waits: true}
	if parts := KeyParts([]byte(key)); parts[0] != "" {
		s.Key = parts
	}
	t, ok := k.absences.Peek(key)
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
