package engine

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// lastAlerts is when alerts of a source last left, in ns; 0 = never.
type lastAlerts struct {
	Source int64 `json:"source,omitempty"` // that the target does not match
	Both   int64 `json:"both,omitempty"`   // that it matches as well
}

// inhibitor remembers the alerts that hold others back. It is bounded; when full, what was used last the longest ago is forgotten and
// counted, so that what it held back alerts rather than hides. Safe for concurrent use.
type inhibitor struct {
	mu       sync.Mutex
	last     *simplelru.LRU[string, *lastAlerts]
	changed  map[string]struct{} // keys that are to be saved or forgotten
	tracking bool                // changed is kept
	evicted  int64
	key      []byte
}

// maxInhibitions bounds how many sources are remembered.
const maxInhibitions = 10_000

func newInhibitor() *inhibitor {
	h := &inhibitor{changed: map[string]struct{}{}}
	// NewLRU fails only for a size below one.
	h.last, _ = simplelru.NewLRU(maxInhibitions, func(key string, _ *lastAlerts) { h.touch(key) })
	return h
}

// clone returns a copy.
func (h *inhibitor) clone() *inhibitor {
	c := newInhibitor()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.last.Keys() {
		if f, ok := h.last.Peek(key); ok {
			seen := *f
			c.last.Add(key, &seen)
		}
	}
	return c
}

// forgotten returns how many inhibiting alerts were forgotten because there were too many.
func (h *inhibitor) forgotten() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.evicted
}

func (h *inhibitor) touch(key string) {
	if h.tracking {
		h.changed[key] = struct{}{}
	}
}

// suppresses reports whether one of the inhibitions holds a hit back. A clock that steps back ends what seems to lie in the future.
func (h *inhibitor) suppresses(all []*inhibit, s *subject, now int64) bool {
	for _, i := range all {
		if !i.target.matches(s) {
			continue
		}
		f, ok := h.lastOf(i, s.source)
		if !ok {
			continue
		}
		if i.active(f.Source, now) || i.active(f.Both, now) && !i.source.matches(s) {
			return true
		}
	}
	return false
}

func (h *inhibitor) lastOf(i *inhibit, s *Source) (lastAlerts, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = i.appendKey(h.key[:0], s)
	f, ok := h.last.Get(string(h.key))
	if !ok {
		return lastAlerts{}, false
	}
	return *f, true
}

// observe notes that an alert leaves. One that says that all is well again ends what is kept for its source, whichever alert began that.
func (h *inhibitor) observe(all []*inhibit, s *subject, now int64, over bool) {
	for _, i := range all {
		if i.source.matches(s) {
			h.record(i, s.source, i.target.matches(s), now, over)
		}
	}
}

func (h *inhibitor) record(i *inhibit, s *Source, both bool, now int64, over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = i.appendKey(h.key[:0], s)
	f, ok := h.last.Get(string(h.key))
	if !ok {
		if over {
			return
		}
		f = &lastAlerts{}
		key := string(h.key)
		if h.last.Add(key, f) {
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

// clampFuture has alerts that seem to have left later than now, since the clock went back, have left now.
func (h *inhibitor) clampFuture(now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.last.Keys() {
		if f, ok := h.last.Peek(key); ok && max(f.Source, f.Both) > now {
			f.Source, f.Both = min(f.Source, now), min(f.Both, now)
			h.touch(key)
		}
	}
}

// inhibitPrefix is what the keys of saved inhibitions begin with.
const inhibitPrefix = "inhibit/"

// takeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes.
func (h *inhibitor) takeChanges() []StateEntry {
	changes := h.changes()
	out := make([]StateEntry, 0, len(changes))
	for key, f := range changes { // hits do not wait for the encoding
		entry := StateEntry{Key: inhibitPrefix + key}
		if f != nil {
			entry.Value, _ = json.Marshal(f) // two numbers always have a form
		}
		out = append(out, entry)
	}
	return out
}

// changes returns copies of what changed by key, nil of what was forgotten.
func (h *inhibitor) changes() map[string]*lastAlerts {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.tracking {
		h.tracking = true
		for _, key := range h.last.Keys() {
			h.touch(key)
		}
	}
	out := make(map[string]*lastAlerts, len(h.changed))
	for key := range h.changed {
		out[key] = nil
		if f, ok := h.last.Peek(key); ok {
			seen := *f
			out[key] = &seen
		}
	}
	clear(h.changed)
	return out
}

// restore puts a saved entry back. One that can hold nothing back any more is left out, and comes back from takeChanges as forgotten.
func (h *inhibitor) restore(e StateEntry, now int64) (kept bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tracking = true
	key := strings.TrimPrefix(e.Key, inhibitPrefix)
	f := &lastAlerts{}
	if err := json.Unmarshal(e.Value, f); err != nil {
		h.touch(key)
		return false, err
	}
	if now-max(f.Source, f.Both) >= int64(maxInhibit) {
		h.touch(key)
		return false, nil
	}
	h.last.Add(key, f)
	return true, nil
}
