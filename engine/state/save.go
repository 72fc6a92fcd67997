package state

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// saveBatch is how many entries are copied while the lock is held once.
const saveBatch = 500

// TakeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes. With all, those are among
// them whose change is saved lazily.
func (k *Keyed) TakeChanges(all bool) []model.StateEntry {
	keys := k.changes(all)
	out := make([]model.StateEntry, 0, len(keys))
	copies := make([]any, 0, min(len(keys), saveBatch))
	for len(keys) > 0 {
		batch := keys[:min(len(keys), saveBatch)]
		keys = keys[len(batch):]
		copies = k.copies(batch, copies[:0])
		for i, key := range batch {
			if copies[i] == notYet {
				continue
			}
			out = append(out, model.StateEntry{Key: key, Value: encode(copies[i])})
		}
	}
	return out
}

// changes returns the keys of the entries that changed, and begins to keep track of changes from now on.
func (k *Keyed) changes(all bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.tracking {
		k.tracking = true
		for _, s := range k.keys.Values() {
			k.touchKey(s)
		}
		for _, b := range k.buckets.Values() {
			k.touch(bucketPrefix + b.key)
		}
		for _, t := range k.absences.Values() {
			k.touch(absencePrefix + t.key)
		}
		for _, id := range k.templates.Keys() {
			k.touch(id.stateKey())
		}
	}
	if all {
		for _, id := range k.templates.Keys() {
			if t, ok := k.templates.Peek(id); ok && t.last != t.saved {
				k.touch(id.stateKey())
			}
		}
	}
	if (k.absences.Len() > 0 || len(k.changed) > 0) && k.latest != k.clocked {
		k.touch(ClockKey) // so that a restart knows for how long nobody waited, and from when on something may be due
		k.clocked = k.latest
	}
	keys := make([]string, 0, len(k.changed))
	for key := range k.changed {
		keys = append(keys, key)
	}
	clear(k.changed)
	return keys
}

// notYet is the copy of a state that is saved the next time.
var notYet any = new(int)

// copies appends for each entry's key a copy of its state, or nil when it was forgotten.
func (k *Keyed) copies(stateKeys []string, dst []any) []any {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range stateKeys {
		dst = append(dst, k.copyOf(key))
	}
	return dst
}

func (k *Keyed) copyOf(stateKey string) any {
	if stateKey == ClockKey {
		return savedClock{k.latest}
	}
	if key, ok := strings.CutPrefix(stateKey, KeyPrefix); ok {
		if s := k.peek(key); s != nil {
			if shown := s.unreported.sample; shown != nil && shown.text == nil { // another worker is rendering it
				k.touch(stateKey)
				return notYet
			}
			return s.clone()
		}
	} else if key, ok := strings.CutPrefix(stateKey, bucketPrefix); ok {
		if b, ok := k.buckets.Peek(k.hash([]byte(key))); ok && b.key == key {
			return savedBucket{b.arrival}
		}
	} else if key, ok := strings.CutPrefix(stateKey, absencePrefix); ok {
		if t, ok := k.absences.Peek(key); ok {
			return t.clone()
		}
	} else if id, ok := parseTemplateID(stateKey); ok {
		if t, ok := k.templates.Peek(id); ok {
			t.saved = t.last
			return savedTemplate{t.first, t.last}
		}
	}
	return nil
}

// encode returns the JSON form of a copy, or nil of none.
func encode(state any) []byte {
	switch s := state.(type) {
	case nil:
		return nil
	case *keyState:
		return marshal(saveKey(s))
	case *absenceTimer:
		return marshal(saveAbsence(s))
	default:
		return marshal(s)
	}
}

// Restore puts saved entries back. Entries that have no effect any more are left out, and TakeChanges returns them as forgotten: a bucket that was full
// when the state was saved, and a key older than oldest with nothing to report. It returns an error that names the first entry that does not parse; the
// others are restored all the same.
func (k *Keyed) Restore(entries []model.StateEntry, now int64, oldest time.Duration) (restored int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tracking = true
	// The clock comes first, because the other entries are restored relative to the time at which the program stopped.
	r := restoring{Keyed: k, now: now, oldest: int64(oldest)}
	for _, e := range entries {
		if e.Key == ClockKey {
			var s savedClock
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
			k.touch(e.Key)
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
		if len(saved.Suppressed) == 0 && r.now-saved.Opened > r.oldest && len(saved.Marks) == 0 {
			return false, nil
		}
		s := saved.state(key)
		s.clampFuture(r.now)
		k.marks += len(s.count.marks)
		k.keys.Add(k.hash([]byte(key)), s)
		if k.rules != nil && s.unreported.sample != nil {
			k.due.set(&s.timer, s.deadline(k.rule(key, s.unreported.sample.source.Workload)))
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
		k.buckets.Add(k.hash([]byte(key)), &bucket{key: key, arrival: s.Arrival})
		return true, nil
	}
	if key, ok := strings.CutPrefix(e.Key, absencePrefix); ok && strings.ContainsRune(key, model.KeySeparator) {
		var s savedAbsence
		if err := unmarshal(e.Value, &s); err != nil {
			return false, err
		}
		t := s.timer(key, r.now, r.stopped)
		k.absences.Add(key, t)
		if k.rules != nil {
			k.due.set(&t.timer, t.deadline(k.rule(key, t.workload())))
		}
		k.touch(e.Key) // the wait goes on from elsewhere
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
		k.templates.Add(id, &templateSeen{first: min(s.First, last), last: last, saved: last})
		return true, nil
	}
	return false, fmt.Errorf("unknown kind of entry")
}

// Prefixes of the keys of saved entries.
const (
	KeyPrefix      = "key/"
	bucketPrefix   = "bucket/"
	absencePrefix  = "absence/"
	templatePrefix = "seen/"
	ClockKey       = "clock"
)

// TemplateID identifies a template of a rule and a workload.
type TemplateID [model.DigestLen]byte

// NewTemplate returns the id of a template.
func NewTemplate(rule, workload string, template []byte) TemplateID {
	return model.DigestOf(rule, workload, template)
}

func parseTemplateID(stateKey string) (id TemplateID, ok bool) {
	text, ok := strings.CutPrefix(stateKey, templatePrefix)
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

func (id TemplateID) stateKey() string { return templatePrefix + hex.EncodeToString(id[:]) }

// templateSeen is the first and the latest time at which a template was seen, by the records' clock, and the latest one that was saved.
type templateSeen struct{ first, last, saved int64 }
