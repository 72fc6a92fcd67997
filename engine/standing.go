package engine

import "time"

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
}

// trial returns a limiter without state, by the limits in force, on which a record's hits are judged without consequences, one after another
// as they would be: what the first of them takes from the bucket is not there for the second.
func (l *limiter) trial(hits int) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	limits := l.limits
	limits.MaxKeys = max(1, hits)
	return newLimiter(limits)
}

// standing judges a hit on a trial limiter, which is given a copy of the state that decides, and returns what the alert would be.
func (w *Worker) standing(trial *limiter, h *Hit, now int64) (*Standing, *Alert) {
	key := w.appendKey(nil, h.rule, h.Record, h.captured())
	container := appendContainer(nil, h.Record.Source)
	w.engine.limiter.copyTo(trial, key, container)
	s := trial.look(key, container, time.Duration(h.rule.settings.Cooldown), now)
	s.Key = keyParts(key)
	r := *h.rule
	r.counters = &RuleCounters{}
	a := attempt{rule: &r, key: key, container: container}
	a.why, a.muted = w.muted(h, now)
	suppressed, since, alerts := trial.judge(&a, now)
	for why, n := range r.counters.load().Suppressed {
		if n > 0 {
			s.Reason = Reason(why).String()
		}
	}
	s.Alerts = alerts
	alert := h.alert(suppressed, since)
	return s, &alert
}

// copyTo gives another limiter this one's state of a cooldown key and of a container's bucket, in the form in which it is saved. What the other
// has already stays.
func (l *limiter) copyTo(other *limiter, key, container []byte) {
	for _, name := range []string{cellPrefix + string(key), bucketPrefix + string(container)} {
		l.mu.Lock()
		value := l.saved(name)
		l.mu.Unlock()
		other.mu.Lock()
		if value != nil && other.saved(name) == nil {
			_, _ = other.restoreOne(StateEntry{Key: name, Value: value}, 0, maxCooldown) // what was saved parses
		}
		other.mu.Unlock()
	}
}

// look tells of the state as it stands.
func (l *limiter) look(key, container []byte, cooldown time.Duration, now int64) *Standing {
	s := &Standing{}
	for _, c := range l.cells.Values() {
		if c.key != string(key) {
			continue
		}
		if c.lastAlert != 0 {
			s.LastAlert = time.Unix(0, c.lastAlert).UTC()
			s.CooldownLeft = max(0, time.Duration(min(c.lastAlert, now)+int64(cooldown)-now)).Seconds()
		}
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
