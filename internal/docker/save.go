package docker

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Timing holds how long things may take. Tests shorten it.
type Timing struct {
	reconcile   time.Duration // between two looks at all containers
	save        time.Duration // between two saves
	call        time.Duration // one short call of the engine
	firstByte   time.Duration // the first byte of a log that is known to have some
	probe       time.Duration // without a byte, until the engine is asked for the last record
	probeWithin time.Duration // the answer to that
	partial     time.Duration // until a line whose end does not come is handed over
	backoffMin  time.Duration
	backoffMax  time.Duration
}

// DefaultTiming returns the timing in force when none is set.
func DefaultTiming() Timing {
	return Timing{
		reconcile: 5 * time.Second, save: time.Second, call: 30 * time.Second, firstByte: 3 * time.Second, probe: 30 * time.Second,
		probeWithin: 2 * time.Second, partial: 5 * time.Second, backoffMin: 50 * time.Millisecond, backoffMax: 5 * time.Second,
	}
}

// backoff returns how long to wait after so many failures before.
func (t *Timing) backoff(failures int) time.Duration {
	d := t.backoffMax
	if failures < 16 {
		d = min(t.backoffMin<<failures, t.backoffMax)
	}
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2+1))
}

// counters counts what the manager does.
type counters struct {
	events, lines, replayed, gaps, unreadable, compress, stalls, broken, invalid, missed, panics, unsaved atomic.Int64
}

// notices counts the notices of a kind.
func (c *counters) notices(kind NoticeKind) *atomic.Int64 {
	switch kind {
	case NoticeGap:
		return &c.gaps
	case NoticeUnreadable:
		return &c.unreadable
	default:
		return &c.compress
	}
}

// Stats is a copy of all counters.
type Stats struct {
	States   [states]int          // containers by State
	Lines    int64                // handed over
	Events   int64                // handed over
	Replayed int64                // records that came again and were left out
	Gaps     int64                // logs of which a part was lost
	Notices  map[NoticeKind]int64 // given, those of gaps, too; every kind is there
	Stalls   int64                // streams opened anew because the engine did not send what it had
	Broken   int64                // streams that were no streams of records
	Invalid  int64                // records without a valid time stamp
	Missed   int64                // events for which there was no room; a look at all containers made up for them
	Unsaved  int64                // saves that failed
	Panics   int64                // recovered
}

// Idle reports whether the engine has containers of which none is followed, this program's own aside, and their names. While containers are being
// looked at, the answer is that of before.
func (m *Manager) Idle() (names []string, idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.reconciled.Load() {
		return nil, false
	}
	met, all := 0, len(m.tails)
	for _, t := range m.tails {
		if t.name.Load() != nil {
			met++
		}
	}
	for id, i := range m.ignored {
		if len(m.opt.Own) < 12 || !strings.HasPrefix(id, m.opt.Own) {
			names = append(names, i.name)
		}
	}
	slices.Sort(names)
	if met > 0 || all == 0 {
		m.idle = met == 0 && len(names) > 0
	}
	return names, m.idle
}

// Stats copies the counters.
func (m *Manager) Stats() Stats {
	c := &m.counters
	s := Stats{
		Events: c.events.Load(), Lines: c.lines.Load(), Replayed: c.replayed.Load(), Gaps: c.gaps.Load(), Notices: map[NoticeKind]int64{}, Stalls: c.stalls.Load(),
		Broken: c.broken.Load(), Invalid: c.invalid.Load(), Missed: c.missed.Load(), Unsaved: c.unsaved.Load(), Panics: c.panics.Load(),
	}
	for _, kind := range NoticeKinds() {
		s.Notices[kind] = c.notices(kind).Load()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tails {
		s.States[t.state.Load()]++
	}
	return s
}

// saveLoop saves what changed, until ctx ends; Stop saves the rest.
func (m *Manager) saveLoop(ctx context.Context) {
	for wait(ctx, m.timing.save) {
		m.guarded("saving", func() {
			if err := m.save(ctx); err != nil && ctx.Err() == nil {
				m.opt.Log.Warn("the place in the logs was not saved", "error", err)
			}
		})
	}
}

// save saves what changed since the last time. What could not be saved is saved with the next change.
func (m *Manager) save(ctx context.Context) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	changed := map[string][]byte{}
	m.mu.Lock()
	removed := m.removed
	m.removed = nil
	for _, id := range removed {
		changed[id] = nil
	}
	since, all := m.since, m.reconciled.Load()
	tails := make([]*tail, 0, len(m.tails))
	for _, t := range m.tails {
		tails = append(tails, t)
		all = all && t.positioned.Load()
	}
	if all && since != m.savedSince { // before, a container may lack a place of its own
		changed[managerKey] = (&cursor{since: since}).encode(noLimit)
	}
	m.mu.Unlock()
	for _, t := range tails {
		if value := t.checkpoint(); value != nil {
			changed[t.id] = value
		}
	}
	if told := m.reportedCheckpoint(); told != nil {
		changed[eventsKey] = told
	}
	if len(changed) == 0 {
		return nil
	}
	err := m.opt.Save(ctx, changed)
	if err == nil {
		if all {
			m.savedSince = since
		}
		return nil
	}
	m.counters.unsaved.Add(1)
	m.savedReported = 0
	for _, t := range tails {
		if changed[t.id] != nil {
			t.cursorMu.Lock()
			t.dirty = true
			t.cursorMu.Unlock()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removed = append(m.removed, removed...)
	return err
}

// checkpoint returns the cursor if it changed since the last call.
func (t *tail) checkpoint() []byte {
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	if !t.dirty {
		return nil
	}
	t.dirty = false
	return t.cursor.encode(t.limit)
}
