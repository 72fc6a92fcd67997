package engine

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Board holds the silences in force, and the alerts that inhibit others. Safe for concurrent use.
type Board struct {
	silences  atomic.Pointer[silenceSet] // nil: none
	inhibitor *inhibitor

	mu sync.Mutex // keeps calls of setSilences apart
}

func newBoard() *Board { return &Board{inhibitor: newInhibitor()} }

// setSilences puts silences in force in place of those before. An invalid one is left out and named by the error; all others apply.
func (m *Board) setSilences(list []Silence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	set, err := newSilenceSet(list, m.silences.Load())
	if len(set.all) == 0 {
		set = nil
	}
	m.silences.Store(set)
	return err
}

// listSilences returns the silences in force, ended and future ones included, in the order of their ids.
func (m *Board) listSilences() []Silence {
	set := m.silences.Load()
	if set == nil {
		return nil
	}
	out := make([]Silence, len(set.all))
	for i, one := range set.all {
		out[i] = one.Silence
		out[i].Severity = slices.Clone(one.Severity)
		out[i].Suppressed = one.hits.Load()
	}
	return out
}

// silence returns the silence that suppresses a hit or an alert at a time; ok is false when none does.
func (m *Board) silence(s *subject, now int64) (by Silence, ok bool) {
	if one := m.silences.Load().suppressing(s, now); one != nil {
		return one.Silence, true
	}
	return Silence{}, false
}

// countSilences returns how many silences are in force, ended and future ones included.
func (m *Board) countSilences() int {
	if set := m.silences.Load(); set != nil {
		return len(set.all)
	}
	return 0
}

// Cache asks silences and inhibitions for one worker.
type Cache struct{ memo silenceMemo }

// suppressing reports whether a silence or an inhibition suppresses a hit, and which silence. Silences are asked first, so that a hit that both
// suppress is counted for the silence that somebody set.
func (c *Cache) suppressing(m *Board, inhibits []*inhibit, s *subject, now int64) (by *silence, why Reason, muted bool) {
	if by = c.memo.suppressing(m.silences.Load(), s, now); by != nil {
		return by, ReasonSilence, true
	}
	if len(inhibits) > 0 && m.inhibitor.suppresses(inhibits, s, now) {
		return nil, ReasonInhibited, true
	}
	return nil, 0, false
}

// idle reports that there is neither a silence nor an inhibition.
func (m *Board) idle(inhibits []*inhibit) bool { return m.silences.Load() == nil && len(inhibits) == 0 }
