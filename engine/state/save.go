package state

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state/lanes"
	"github.com/tinyforge/fluentbit-trigger/engine/table"
)

func NewKeyed(limits rules.Limits, m *mute.Board, counters func(id string) *model.RuleCounters) *Keyed {
	k := &Keyed{mutes: m, countersBy: counters, seed: maphash.MakeSeed(), groups: map[string]*templateGroup{}, open: map[string]*openIncidents{}, limits: limits}
	k.newTables(limits.MaxKeys)
	k.mu = lanes.New(k.onSuppressed)
	return k
}

// newTables makes the tables, each with its saved form.
func (k *Keyed) newTables(size int) {
	k.keys = table.New(size, table.Form[uint64, *keyState]{
		Name: func(_ uint64, s *keyState) string { return KeyPrefix + s.key },
		Copy: func(s *keyState) (any, bool) {
			if shown := s.unreported.sample; shown != nil && shown.text == nil { // another worker is rendering it
				return nil, false
			}
			return s.clone(), true
		},
		Encode:  func(c any) []byte { return marshal(saveKey(c.(*keyState))) },
		Removed: func(_ uint64, s *keyState) { k.keyRemoved(s) },
	})
	k.buckets = table.New(size, table.Form[uint64, *bucket]{
		Name:   func(_ uint64, b *bucket) string { return bucketPrefix + b.key },
		Copy:   func(b *bucket) (any, bool) { return savedBucket{b.arrival}, true },
		Encode: marshal,
	})
	k.absences = table.New(size, table.Form[string, *absenceTimer]{
		Name:   func(key string, _ *absenceTimer) string { return absencePrefix + key },
		Copy:   func(t *absenceTimer) (any, bool) { return t.clone(), true },
		Encode: func(c any) []byte { return marshal(saveAbsence(c.(*absenceTimer))) },
		Removed: func(_ string, t *absenceTimer) {
			k.due.Set(&t.timer, 0)
			k.countForgotten(ruleID(t.key), model.Sum(&t.suppressed))
		},
	})
	k.templates = table.New(size, table.Form[TemplateID, *templateSeen]{
		Name: func(id TemplateID, _ *templateSeen) string { return id.stateKey() },
		Copy: func(t *templateSeen) (any, bool) {
			// Set with the copy: a hit that comes while it is encoded is newer, and saved by the next call.
			t.saved = t.last
			return savedTemplate{t.first, t.last}, true
		},
		Encode: marshal,
		Lazy:   func(t *templateSeen) bool { return t.last != t.saved },
	})
	k.sequences = table.New(size, table.Form[SequenceID, *steps]{
		Name: func(id SequenceID, _ *steps) string { return id.stateKey() },
		Copy: func(s *steps) (any, bool) {
			c := s.clone()
			return savedSteps{c.at, c.share}, true
		},
		Encode: marshal,
	})
}

// TakeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes. With all, those are among
// them whose change is saved lazily.
func (k *Keyed) TakeChanges(all bool) []model.StateEntry {
	out := k.takeUnrestored() // first, for an entry of the same name may have been made since
	out = k.keys.Take(k.mu, all, out)
	out = k.buckets.Take(k.mu, all, out)
	out = k.absences.Take(k.mu, all, out)
	out = k.templates.Take(k.mu, all, out)
	out = k.sequences.Take(k.mu, all, out)
	k.mu.Lock()
	defer k.mu.Unlock()
	// A restart asks the clock for how long nobody waited, and from when on something may be due.
	waits := k.absences.Len() > 0 || k.due.First() != nil || all && k.keys.Len() > 0 // the last for their past
	if (waits || len(out) > 0) && k.latest != k.clocked {
		k.clocked = k.latest
		out = append(out, model.StateEntry{Key: ClockKey, Value: marshal(savedClock{k.latest})})
	}
	return out
}

func (k *Keyed) takeUnrestored() (out []model.StateEntry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range k.unrestored {
		out = append(out, model.StateEntry{Key: name})
	}
	k.unrestored = nil
	return out
}

// Restore puts saved entries back. Entries that have no effect any more are left out, and TakeChanges returns them as forgotten: a bucket that was full
// when the state was saved, and a key older than oldest with nothing to report. It returns an error that names the first entry that does not parse; the
// others are restored all the same.
func (k *Keyed) Restore(entries []model.StateEntry, now int64, oldest time.Duration) (restored int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// The clock comes first, because the other entries are restored relative to the time at which the program stopped.
	r := restoring{Keyed: k, now: now, oldest: int64(oldest)}
	for _, e := range entries {
		if e.Key == ClockKey {
			var s savedClock
			// A clock that does not parse counts as unknown here; entry returns its error.
			if unmarshal(e.Value, &s) == nil {
				r.stopped = s.Now
			}
		}
	}
	for _, e := range entries {
		kept, bad := r.entry(e)
		if bad != nil && err == nil {
			err = fmt.Errorf("keyed state %q: %w", e.Key, bad)
		}
		if kept {
			restored++
		} else {
			k.unrestored = append(k.unrestored, e.Key)
		}
	}
	k.latest = max(k.latest, min(now, cmp.Or(r.stopped, now)))
	return restored, err
}

// restoring puts state back at a time.
type restoring struct {
	*Keyed
	now     int64
	oldest  int64
	stopped int64 // the latest time that was known when the state was saved; 0: unknown
}

func (r *restoring) entry(e model.StateEntry) (kept bool, err error) {
	k := r.Keyed
	if e.Key == ClockKey {
		var s savedClock
		return true, unmarshal(e.Value, &s)
	}
	if key, ok := strings.CutPrefix(e.Key, KeyPrefix); ok {
		var saved savedKey
		if err := unmarshal(e.Value, &saved); err != nil {
			return false, err
		}
		counts := len(saved.Marks) > 0 || saved.Pace != nil && r.now-saved.LastHit <= r.oldest
		if saved.Incident == nil && len(saved.Suppressed) == 0 && r.now-saved.Opened > r.oldest && !counts {
			return false, nil
		}
		s := saved.state(key)
		s.notBefore = r.now + int64(AbsenceGrace) // the lines of the time in between are read first
		s.clampFuture(r.now)
		s.incident.resume(r.now, r.stopped)
		if s.pace != nil {
			s.pace.resume(r.now, r.stopped)
		}
		k.marks += len(s.count.marks)
		s.hash = k.hash([]byte(key))
		k.keys.Restore(s.hash, s)
		k.track(s)
		if s.incident != nil || s.pace != nil {
			k.keys.Touch(s.hash) // the wait goes on from elsewhere
		}
		if k.rules != nil && s.reportsLater() {
			k.due.Set(&s.timer, s.deadline(k.rule(key, s.workload())))
		}
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, bucketPrefix); ok {
		var s savedBucket
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if s.Arrival <= min(r.now, cmp.Or(r.stopped, r.now)) { // full at all moments at which something can be due
			return false, nil
		}
		b := &bucket{key: key, hash: k.hash([]byte(key)), arrival: s.Arrival}
		k.buckets.Restore(b.hash, b)
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, absencePrefix); ok && strings.ContainsRune(key, model.KeySeparator) {
		var s savedAbsence
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		t := s.timer(key, r.now, r.stopped)
		k.absences.Restore(key, t)
		k.absences.Touch(key) // the wait goes on from elsewhere
		if k.rules != nil {
			k.due.Set(&t.timer, t.deadline(k.rule(key, t.workload())))
		}
		return true, nil
	}
	if id, ok := parseSequenceID(e.Key); ok {
		var saved savedSteps
		if err := unmarshal(e.Value, &saved); err != nil {
			return false, err
		}
		// The bound holds for saved state too.
		s := &steps{at: saved.At[max(0, len(saved.At)-maxSteps):], share: saved.Share}
		if s.share != nil && s.share.Slice <= 0 {
			s.share = nil
		}
		latest := s.latest()
		if s.share != nil {
			latest = max(latest, s.share.Head*s.share.Slice)
			s.share.Shift(min(0, r.now-latest))
		}
		if r.now-latest > r.oldest {
			return false, nil
		}
		s.clampFuture(r.now)
		k.sequences.Restore(id, s)
		return true, nil
	}
	if id, ok := parseTemplateID(e.Key); ok {
		var s savedTemplate
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		if r.now-s.Last > r.oldest {
			return false, nil
		}
		last := min(s.Last, r.now)
		k.templates.Restore(id, &templateSeen{first: min(s.First, last), last: last, saved: last})
		return true, nil
	}
	return false, fmt.Errorf("unknown kind of entry")
}
