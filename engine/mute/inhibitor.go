package mute

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/table"
)

// lastAlerts is when alerts of a source last left, in ns; 0 = never.
type lastAlerts struct {
	Source int64 `json:"source,omitempty"` // that the target does not match
	Both   int64 `json:"both,omitempty"`   // that it matches as well
}

// Inhibitor remembers the alerts that suppress others. It is bounded; when full, the one unused for longest is forgotten and
// counted, so that hits alert rather than hide. Safe for concurrent use.
type Inhibitor struct {
	mu         sync.Mutex
	Last       *table.Table[string, *lastAlerts]
	unrestored []string // names of saved entries to be forgotten
	key        []byte
}

// MaxInhibitions bounds how many sources are remembered.
const MaxInhibitions = 10_000

func newInhibitor() *Inhibitor {
	return &Inhibitor{Last: table.New(MaxInhibitions, table.Form[string, *lastAlerts]{
		Name: func(key string, _ *lastAlerts) string { return InhibitPrefix + key },
		Copy: func(f *lastAlerts) (any, bool) { return *f, true },
		Encode: func(saved any) []byte {
			out, _ := json.Marshal(saved) // two numbers always have a form
			return out
		},
	})}
}

// Clone returns a copy.
func (h *Inhibitor) Clone() *Inhibitor {
	c := newInhibitor()
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, f := range h.Last.All() {
		seen := *f
		c.Last.Add(key, &seen)
	}
	return c
}

// Forgotten returns how many inhibiting alerts were forgotten because there were too many.
func (h *Inhibitor) Forgotten() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Last.Evicted()
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

// Observe notes an alert. An alert of kind resolved ends the inhibition of its source, whichever alert began it.
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
		h.Last.Add(string(h.key), f)
	}
	h.Last.Touch(string(h.key))
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
	for key, f := range h.Last.All() {
		if max(f.Source, f.Both) > now {
			f.Source, f.Both = min(f.Source, now), min(f.Both, now)
			h.Last.Touch(key)
		}
	}
}

// InhibitPrefix begins the keys of saved inhibitions.
const InhibitPrefix = "inhibit/"

// TakeChanges returns the entries that changed since the last call, and from the first call on keeps track of further changes.
func (h *Inhibitor) TakeChanges() []model.StateEntry {
	// Those that were not restored come first, for an entry of the same name may have been made since.
	return h.Last.Take(&h.mu, false, h.takeUnrestored())
}

func (h *Inhibitor) takeUnrestored() (out []model.StateEntry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.unrestored {
		out = append(out, model.StateEntry{Key: name})
	}
	h.unrestored = nil
	return out
}

// Restore puts a saved entry back. One that cannot suppress anything any more is left out, and TakeChanges returns it as forgotten.
func (h *Inhibitor) Restore(e model.StateEntry, now int64) (kept bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := strings.TrimPrefix(e.Key, InhibitPrefix)
	f := &lastAlerts{}
	if err := json.Unmarshal(e.Value, f); err != nil {
		h.unrestored = append(h.unrestored, e.Key)
		return false, err
	}
	if now-max(f.Source, f.Both) >= int64(rules.MaxInhibit) {
		h.unrestored = append(h.unrestored, e.Key)
		return false, nil
	}
	h.Last.Restore(key, f)
	return true, nil
}
