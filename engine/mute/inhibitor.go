package mute

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// lastAlerts is when alerts of a source last left, in ns; 0 = never.
type lastAlerts struct {
	Source int64 `json:"source,omitempty"` // that the target does not match
	Both   int64 `json:"both,omitempty"`   // that it matches as well
}

// Inhibitor remembers the alerts that suppress others. It is bounded; when full, the one unused for longest is forgotten and
// counted, so that hits alert rather than hide. Safe for concurrent use.
type Inhibitor struct {
	mu       sync.Mutex
	Last     *simplelru.LRU[string, *lastAlerts]
	changed  map[string]struct{} // keys that are to be saved or forgotten
	tracking bool                // changed is kept
	evicted  int64
	key      []byte
}

// MaxInhibitions bounds how many sources are remembered.
const MaxInhibitions = 10_000

func newInhibitor() *Inhibitor {
	h := &Inhibitor{changed: map[string]struct{}{}}
	// NewLRU fails only for a size below one.
	h.Last, _ = simplelru.NewLRU(MaxInhibitions, func(key string, _ *lastAlerts) { h.touch(key) })
	return h
}

// Clone returns a copy.
func (h *Inhibitor) Clone() *Inhibitor {
	c := newInhibitor()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.Last.Keys() {
		if f, ok := h.Last.Peek(key); ok {
			seen := *f
			c.Last.Add(key, &seen)
		}
	}
	return c
}

// Forgotten returns how many inhibiting alerts were forgotten because there were too many.
func (h *Inhibitor) Forgotten() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.evicted
}

func (h *Inhibitor) touch(key string) {
	if h.tracking {
		h.changed[key] = struct{}{}
	}
}

// Suppresses reports whether one of the inhibitions suppresses a hit. An alert that seems to lie in the future, because the clock went back, suppresses nothing.
func (h *Inhibitor) Suppresses(all []*rules.Inhibit, s *rules.Subject, now int64) bool {
	for _, i := range all {
		if !i.Target.Matches(s) {
			continue
		}
		f, ok := h.lastOf(i, s.Source)
		if !ok {
			continue
		}
		if i.Active(f.Source, now) || i.Active(f.Both, now) && !i.Source.Matches(s) {
			return true
		}
	}
	return false
}

func (h *Inhibitor) lastOf(i *rules.Inhibit, s *model.Source) (lastAlerts, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = i.AppendKey(h.key[:0], s)
	f, ok := h.Last.Get(string(h.key))
	if !ok {
		return lastAlerts{}, false
	}
	return *f, true
}

// Observe notes an alert. A recovery ends the inhibition of its source, whichever alert began it.
func (h *Inhibitor) Observe(all []*rules.Inhibit, s *rules.Subject, now int64, over bool) {
	for _, i := range all {
		if i.Source.Matches(s) {
			h.record(i, s.Source, i.Target.Matches(s), now, over)
		}
	}
}

func (h *Inhibitor) record(i *rules.Inhibit, s *model.Source, both bool, now int64, over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = i.AppendKey(h.key[:0], s)
	f, ok := h.Last.Get(string(h.key))
	if !ok {
		if over {
			return
		}
		f = &lastAlerts{}
		key := string(h.key)
		if h.Last.Add(key, f) {
			h.evicted++
		}
	}
	h.touch(string(h.key))
	switch {
	case over:
		*f = lastAlerts{}
	case both:
		f.Both = now
	default:
		f.Source = now
	}
}

// ClampFuture has alerts that seem to have left later than now, since the clock went back, have left now.
func (h *Inhibitor) ClampFuture(now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.Last.Keys() {
		if f, ok := h.Last.Peek(key); ok && max(f.Source, f.Both) > now {
			f.Source, f.Both = min(f.Source, now), min(f.Both, now)
			h.touch(key)
		}
	}
}

// InhibitPrefix begins the keys of saved inhibitions.
const InhibitPrefix = "inhibit/"

// TakeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes.
func (h *Inhibitor) TakeChanges() []model.StateEntry {
	changes := h.changes()
	out := make([]model.StateEntry, 0, len(changes))
	for key, f := range changes { // hits do not wait for the encoding
		entry := model.StateEntry{Key: InhibitPrefix + key}
		if f != nil {
			entry.Value, _ = json.Marshal(f) // two numbers always have a form
		}
		out = append(out, entry)
	}
	return out
}

// changes returns copies of the changed entries by key, nil for those that were forgotten.
func (h *Inhibitor) changes() map[string]*lastAlerts {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.tracking {
		h.tracking = true
		for _, key := range h.Last.Keys() {
			h.touch(key)
		}
	}
	out := make(map[string]*lastAlerts, len(h.changed))
	for key := range h.changed {
		out[key] = nil
		if f, ok := h.Last.Peek(key); ok {
			seen := *f
			out[key] = &seen
		}
	}
	clear(h.changed)
	return out
}

// Restore puts a saved entry back. One that cannot suppress anything any more is left out, and TakeChanges returns it as forgotten.
func (h *Inhibitor) Restore(e model.StateEntry, now int64) (kept bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tracking = true
	key := strings.TrimPrefix(e.Key, InhibitPrefix)
	f := &lastAlerts{}
	if err := json.Unmarshal(e.Value, f); err != nil {
		h.touch(key)
		return false, err
	}
	if now-max(f.Source, f.Both) >= int64(rules.MaxInhibit) {
		h.touch(key)
		return false, nil
	}
	h.Last.Add(key, f)
	return true, nil
}
