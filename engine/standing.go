package engine

import (
	"strings"
	"time"
)

// Standing says what would become of a hit, and where the state that decides it stands.
type Standing struct {
	Alerts bool   `json:"alerts"`           // the hit would make an alert at once
	Reason string `json:"reason,omitempty"` // why it would be held back, as Reason.String

	LastAlert    time.Time `json:"last_alert,omitzero"`    // of the hit's cooldown key
	CooldownLeft float64   `json:"cooldown_left_seconds"`  // until a hit of the key alerts again
	HeldBack     int64     `json:"held_back"`              // hits of the key since its last alert, not told yet
	HeldSince    time.Time `json:"held_since,omitzero"`    // when the first of them came
	Tokens       int       `json:"tokens"`                 // in the container's bucket
	Burst        int       `json:"burst"`                  // at most; 0: there is no bucket
	TokenIn      float64   `json:"next_token_in_seconds"`  // until the bucket holds one more; 0 when it is full
	Key          []string  `json:"cooldown_key,omitempty"` // the parts of the key, behind the rule
	Counted      int       `json:"counted,omitempty"`      // hits, or different values, that count for the threshold, this one included
	Needed       int       `json:"needed,omitempty"`       // for the threshold; 0: there is none
	Template     string    `json:"template,omitempty"`     // of the line, where the rule goes by it
	Overflow     bool      `json:"overflow,omitempty"`     // the container's templates are too many: neither cooldown nor threshold hold it back

	// Waits: the rule waits for lines, of the workload that Key names, or of all together. Cooldown and bucket play no part.
	Waits   bool      `json:"waits,omitempty"`
	LastHit time.Time `json:"last_hit,omitzero"` // of what it waits for
}

// trial returns a limiter without state, by the limits in force, on which a record's hits are judged without consequences, one after another
// as they would be: what the first of them takes from the bucket is not there for the second.
func (l *limiter) trial(hits int) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	limits := l.limits
	limits.MaxKeys = max(1, hits+len(l.due.heap))
	trial := newLimiter(limits)
	trial.engine, trial.trying = l.engine, true
	return trial
}

// standing judges a hit on a trial limiter, which is given a copy of the state that decides, and returns what the alert would be. fired holds the
// alerts of the same record that inhibit others.
func (w *Worker) standing(trial *limiter, fired *inhibitor, h *Hit, now int64) (*Standing, *Alert) {
	r := *h.rule
	r.counters = &RuleCounters{}
	mine := *h
	mine.rule = &r
	a := w.attempt(&mine, now)
	about := h.subject()
	if !a.muted && fired.holds(w.snapshot.inhibits, &about, now) {
		a.muted, a.why = true, ReasonInhibited
	}
	template, _ := validText(w.template, maxCapture)
	parts := keyParts(a.key)
	if r.settings.Absent == 0 && w.engine.limiter.tooMany(a, now) {
		a.overflow, a.key = true, w.overflowKey(&mine)
	}
	keys := []string{
		cellPrefix + string(a.key), bucketPrefix + string(a.container), watchPrefix + watchKey(&r, h.Record.Source.Workload), a.template.stateKey(),
	}
	w.engine.limiter.copyTo(trial, keys, now, w.snapshot)
	var s *Standing
	if r.settings.Absent > 0 {
		s = trial.lookAtWatch(watchKey(&r, h.Record.Source.Workload))
	} else {
		s = trial.look(a.key, a.container, r.settings.Cooldown, now)
		s.Key = parts
	}
	if r.templated {
		s.Template = template
	}
	if s.Overflow = a.overflow; s.Overflow {
		s.CooldownLeft = 0
	}
	_, v := trial.judge(a, now, nil)
	if r.settings.Count > 0 && !s.Overflow {
		s.Needed = r.settings.Count
		if c, ok := trial.cells.Peek(trial.hash(a.key)); ok {
			s.Counted = len(c.marks)
		}
		if v.alert || r.counters.suppressed[ReasonDryRun].Load() > 0 {
			s.Counted = s.Needed // the count begins anew
		}
	}
	if s.Alerts = v.alert; !v.alert {
		s.Reason = v.why.String()
	} else {
		fired.alerted(w.snapshot.inhibits, &about, now, false)
	}
	alert := mine.alert(&v)
	return s, &alert
}

// copyTo gives another limiter, that goes by the same rules, this one's state of some keys, and of what is due by now, in the form in which it is
// saved. What the other has already stays.
func (l *limiter) copyTo(other *limiter, keys []string, now int64, rules *Snapshot) {
	var entries []StateEntry
	l.mu.Lock()
	for _, t := range l.due.heap {
		if t.due > now {
			continue
		}
		if t.watch != nil {
			keys = append(keys, watchPrefix+t.watch.key)
		} else if t.cell.sample != nil {
			keys = append(keys, cellPrefix+t.cell.key, bucketPrefix+string(appendBucket(nil, t.cell.sample.source)))
		}
	}
	for _, key := range keys {
		entries = append(entries, StateEntry{Key: key, Value: l.saved(key)})
	}
	l.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	other.rules = rules
	r := restoring{limiter: other, now: 0, stopped: 1, oldest: int64(maxCooldown)}
	for _, e := range entries {
		if e.Value == nil || other.saved(e.Key) != nil {
			continue
		}
		if _, err := r.one(e); err != nil { // what was saved parses
			continue
		}
		if key, ok := strings.CutPrefix(e.Key, cellPrefix); ok {
			if c, ok := other.cells.Peek(other.hash([]byte(key))); ok && c.sample != nil {
				c.rule = trialRule(rules, key, c.sample.source.Workload)
				other.due.set(&c.timer, c.deadline())
			}
		} else if key, ok := strings.CutPrefix(e.Key, watchPrefix); ok {
			if w, ok := other.watches.Peek(key); ok {
				w.rule, w.until = trialRule(rules, key, w.workload()), 0
				other.due.set(&w.timer, w.deadline())
			}
		}
	}
}

// trialRule returns a rule that counts for nobody.
func trialRule(rules *Snapshot, key, workload string) *rule {
	found := rules.find(ruleID(key), workload)
	if found == nil {
		return nil
	}
	r := *found
	r.counters = &RuleCounters{}
	return &r
}

// look tells of the state as it stands.
func (l *limiter) look(key, container []byte, cooldown time.Duration, now int64) *Standing {
	s := &Standing{}
	for _, c := range l.cells.Values() {
		if c.key != string(key) {
			continue
		}
		left := int64(0)
		if c.lastAlert != 0 {
			s.LastAlert = time.Unix(0, c.lastAlert).UTC()
			left = min(c.lastAlert, now) + int64(cooldown) - now
		}
		if cooldown > 0 { // the window stays open while its roll-up cannot leave
			left = max(left, min(c.until-now, int64(maxProlonged)))
		}
		s.CooldownLeft = time.Duration(max(0, left)).Seconds()
		if c.since != 0 {
			s.HeldSince = time.Unix(0, c.since).UTC()
		}
		for _, n := range c.suppressed {
			s.HeldBack += n
		}
	}
	limit := l.limits.PerContainer
	if limit.Rate.Count <= 0 || limit.Rate.Per <= 0 {
		return s
	}
	every := max(1, int64(limit.Rate.Per)/int64(limit.Rate.Count))
	s.Burst, s.Tokens = limit.Burst, limit.Burst
	for _, b := range l.buckets.Values() {
		if ahead := b.arrival - now; b.key == string(container) && ahead > 0 && ahead <= every*int64(limit.Burst) {
			used := (ahead + every - 1) / every
			s.Tokens = limit.Burst - int(used)
			s.TokenIn = time.Duration(ahead - (used-1)*every).Seconds()
		}
	}
	return s
}

// lookAtWatch tells of a rule that waits for lines, as it stands.
func (l *limiter) lookAtWatch(key string) *Standing {
	s := &Standing{Waits: true}
	if parts := keyParts([]byte(key)); parts[0] != "" {
		s.Key = parts
	}
	w, ok := l.watches.Peek(key)
	if !ok {
		return s
	}
	s.HeldBack = untold(&w.suppressed)
	if w.lastHit != 0 {
		s.LastHit = time.Unix(0, w.lastHit).UTC()
	}
	if w.since != 0 {
		s.HeldSince = time.Unix(0, w.since).UTC()
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
