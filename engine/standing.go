package engine

import "time"

// Preview says what would become of a hit, and where the state that decides it stands.
type Preview struct {
	Alerts bool   `json:"alerts"`           // the hit would make an alert at once
	Reason string `json:"reason,omitempty"` // why it would be held back, as Reason.String

	LastAlert       time.Time `json:"last_alert,omitzero"`       // of the hit's cooldown key
	CooldownLeft    float64   `json:"cooldown_left_seconds"`     // until a hit of the key alerts again
	Suppressed      int64     `json:"suppressed"`                // hits of the key since its last alert, not told yet
	SuppressedSince time.Time `json:"suppressed_since,omitzero"` // when the first of them came
	Tokens          int       `json:"tokens"`                    // in the container's bucket
	Burst           int       `json:"burst"`                     // at most; 0: there is no bucket
	TokenIn         float64   `json:"next_token_in_seconds"`     // until the bucket holds one more; 0 when it is full
	Key             []string  `json:"cooldown_key,omitempty"`    // the parts of the key, behind the rule
	Counted         int       `json:"counted,omitempty"`         // hits, or different values, that count for the threshold, this one included
	Needed          int       `json:"needed,omitempty"`          // for the threshold; 0: there is none
	Template        string    `json:"template,omitempty"`        // of the line, where the rule goes by it
	Overflow        bool      `json:"overflow,omitempty"`        // the container's templates are too many: neither cooldown nor threshold hold it back

	// Waits: the rule waits for lines, of the workload that Key names, or of all together. Cooldown and bucket play no part.
	Waits   bool      `json:"waits,omitempty"`
	LastHit time.Time `json:"last_hit,omitzero"` // of what it waits for
}

// newTrial returns keyed state that is empty, by the limits in force, on which a record's hits are decided about without consequences, one after another
// as they would be: what the first of them takes from the bucket is not there for the second.
func (k *Keyed) newTrial(hits int) *Keyed {
	k.mu.Lock()
	defer k.mu.Unlock()
	limits := k.limits
	limits.MaxKeys = max(1, hits+len(k.due.heap))
	trial := newKeyed(limits, k.mutes, nil)
	trial.trial = k.mutes.inhibitor.clone()
	return trial
}

// copyTo gives a trial, that goes by the same rules, copies of the state that decides about a hit, and of what is due by now. What the trial has already
// stays.
func (k *Keyed) copyTo(trial *Keyed, h *hitContext, now int64, rules *Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	trial.mu.Lock()
	defer trial.mu.Unlock()
	trial.rules = rules
	for _, t := range k.due.heap {
		switch {
		case t.due > now:
		case t.absence != nil:
			k.copyAbsence(trial, t.absence.key)
		case t.key.unreported.sample != nil:
			k.copyKey(trial, []byte(t.key.key))
			k.copyBucket(trial, appendBucket(nil, t.key.unreported.sample.source))
		}
	}
	k.copyKey(trial, h.key)
	k.copyBucket(trial, h.container)
	k.copyAbsence(trial, absenceKey(h.rule, h.source.Workload))
	if t, ok := k.templates.Peek(h.template); ok && !trial.templates.Contains(h.template) {
		seen := *t
		trial.templates.Add(h.template, &seen)
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

// describe describes the state that decides about a hit, as it is.
func (k *Keyed) describe(h *hitContext, now int64) *Preview {
	out := &Preview{}
	if s := k.peek(string(h.key)); s != nil {
		cooldown, left := int64(h.rule.settings.Cooldown), int64(0)
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
	if limit.unlimited() {
		return out
	}
	every, tolerance := limit.spacing()
	out.Burst, out.Tokens = limit.Burst, limit.Burst
	if b, ok := k.buckets.Peek(k.hash(h.container)); ok && b.key == string(h.container) {
		if ahead := b.arrival - now; ahead > 0 && ahead <= tolerance {
			used := (ahead + every - 1) / every
			out.Tokens = limit.Burst - int(used)
			out.TokenIn = time.Duration(ahead - (used-1)*every).Seconds()
		}
	}
	return out
}

// describeAbsence describes a rule that waits for lines, as it is.
func (k *Keyed) describeAbsence(key string) *Preview {
	s := &Preview{Waits: true}
	if parts := keyParts([]byte(key)); parts[0] != "" {
		s.Key = parts
	}
	t, ok := k.absences.Peek(key)
	if !ok {
		return s
	}
	s.Suppressed = sum(&t.suppressed)
	if t.lastHit != 0 {
		s.LastHit = time.Unix(0, t.lastHit).UTC()
	}
	if t.since != 0 {
		s.SuppressedSince = time.Unix(0, t.since).UTC()
	}
	return s
}

// keyParts splits a cooldown key; the first part, the rule's id, is left out.
func keyParts(key []byte) []string {
	var parts []string
	start := -1
	for i := 0; i <= len(key); i++ {
		if i == len(key) || key[i] == keySeparator {
			if start >= 0 {
				parts = append(parts, string(key[start:i]))
			}
			start = i + 1
		}
	}
	return parts
}
