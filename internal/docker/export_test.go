package docker

import "time"

// FastTiming returns a timing for tests: nothing is waited for longer than a fraction of a second.
func FastTiming() *Timing {
	return &Timing{
		reconcile: 50 * time.Millisecond, save: 10 * time.Millisecond, call: 10 * time.Second, firstByte: 300 * time.Millisecond,
		probe: 200 * time.Millisecond, probeWithin: 200 * time.Millisecond, partial: 100 * time.Millisecond, join: 100 * time.Millisecond,
		backoffMin: time.Millisecond, backoffMax: 20 * time.Millisecond,
	}
}

// Patient is FastTiming without what depends on how fast the machine is: no first byte, probe, partial line or record that may go on times out.
func Patient() *Timing {
	t := FastTiming()
	t.firstByte, t.probe, t.partial, t.join = time.Minute, time.Minute, time.Minute, time.Minute
	return t
}

// MaxWaiting is the bound of all waiting records.
const MaxWaiting = maxWaiting

// Waiting returns how many bytes wait in records that may go on.
func (m *Manager) Waiting() int { return int(m.waiting.Load()) }

// Saved reports whether all positions are saved.
func (m *Manager) Saved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tails {
		t.cursorMu.Lock()
		dirty := t.dirty
		t.cursorMu.Unlock()
		if dirty {
			return false
		}
	}
	return true
}
