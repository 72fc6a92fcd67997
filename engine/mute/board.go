// Package mute decides whether a silence or an inhibition suppresses a hit or an alert, and remembers the alerts that inhibit others.
package mute

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
)

// Board holds the silences in force, and the alerts that inhibit others. Safe for concurrent use.
type Board struct {
	Silences  atomic.Pointer[silenceSet] // nil: none
	Inhibitor *Inhibitor
	// ReplacedAt returns when a new image of a workload appeared after a time, 0: none did; nil: no images are known.
	ReplacedAt func(workload string, since int64) int64
	// IsKey reports whether alerts of a state key can carry a key; nil: none does. It is set before the first silence.
	IsKey func(alert string, state []byte) bool

	mu sync.Mutex // keeps calls of setSilences apart
}

func NewBoard() *Board { return &Board{Inhibitor: newInhibitor()} }

// SetSilences puts silences in force in place of those before. An invalid one is left out and named by the error; all others apply.
func (m *Board) SetSilences(list []rules.Silence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	set, err := NewSilenceSet(list, m.Silences.Load())
	for _, one := range set.all {
		if one.replacedAt == nil { // it is new, so nobody else has it yet
			one.replacedAt, one.isKey = m.replacedAt, m.IsKey
		}
	}
	if len(set.all) == 0 {
		set = nil
	}
	m.Silences.Store(set)
	return err
}

func (m *Board) replacedAt(workload string, since int64) int64 {
	if m.ReplacedAt == nil {
		return 0
	}
	return m.ReplacedAt(workload, since)
}

// ListSilences returns the silences in force, ended and future ones included, in the order of their ids.
func (m *Board) ListSilences() []rules.Silence {
	set := m.Silences.Load()
	if set == nil {
		return nil
	}
	out := make([]rules.Silence, len(set.all))
	for i, one := range set.all {
		out[i] = one.Silence
		out[i].Severity, out[i].Where, out[i].Every = slices.Clone(one.Severity), maps.Clone(one.Where), slices.Clone(one.Every)
		out[i].Suppressed = one.hits.Load()
		if at := one.replaced(one.Workload); at != 0 && glob.IsLiteral(one.Workload) { // of others, each workload has an end of its own
			out[i].Until = min(out[i].Until, at)
		}
	}
	return out
}

// Silence returns the silence that suppresses a hit or an alert at a time; ok is false when none does.
func (m *Board) Silence(s *rules.Subject, now int64) (by rules.Silence, ok bool) {
	if one := m.Silences.Load().Suppressing(s, now); one != nil {
		return one.Silence, true
	}
	return rules.Silence{}, false
}

// CountSilences returns how many silences are in force, ended and future ones included.
func (m *Board) CountSilences() int {
	if set := m.Silences.Load(); set != nil {
		return len(set.all)
	}
	return 0
}

// Cache asks silences and inhibitions for one worker.
type Cache struct{ Memo SilenceMemo }

// Suppressing reports whether a silence or an inhibition suppresses a hit, and which silence. Silences are asked first, so that a hit that both
// suppress is counted for the silence that somebody set.
func (c *Cache) Suppressing(m *Board, inhibits []*rules.Inhibit, s *rules.Subject, now int64) (by *Silence, why model.Reason, muted bool) {
	if by = c.Memo.Suppressing(m.Silences.Load(), s, now); by != nil {
		return by, model.ReasonSilence, true
	}
	if len(inhibits) > 0 && m.Inhibitor.Suppresses(inhibits, s, now) {
		return nil, model.ReasonInhibited, true
	}
	return nil, 0, false
}

// Idle reports that there is neither a silence nor an inhibition.
func (m *Board) Idle(inhibits []*rules.Inhibit) bool {
	return m.Silences.Load() == nil && len(inhibits) == 0
}
