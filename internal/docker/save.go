package docker

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/backoff"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// Timing is the intervals and timeouts of a Manager. Tests shorten them.
type Timing struct {
	reconcile   time.Duration // between two reconciliations
	save        time.Duration // between two saves
	call        time.Duration // one short call of the engine
	firstByte   time.Duration // until the first byte of a log that has records
	probe       time.Duration // without a byte, until the tail asks for the last record
	probeWithin time.Duration // until the answer to that
	partial     time.Duration // until a line without an end is evaluated
	join        time.Duration // after its last line, until a record that may go on is evaluated
	backoffMin  time.Duration
	backoffMax  time.Duration
}

// DefaultTiming returns the default timing.
func DefaultTiming() Timing {
	return Timing{
		reconcile: 5 * time.Second, save: time.Second, call: 30 * time.Second, firstByte: 3 * time.Second, probe: 30 * time.Second,
		probeWithin: 2 * time.Second, partial: 5 * time.Second, join: time.Duration(join.MaxGap), backoffMin: 50 * time.Millisecond, backoffMax: 5 * time.Second,
	}
}

// backoff returns the wait before the next attempt after a number of earlier failures, with jitter.
func (t *Timing) backoff(failures int) time.Duration {
	return jitter(backoff.Doubled(failures, t.backoffMin, t.backoffMax))
}

// counters are the counters behind Stats.
type counters struct {
	events, lines, replayed, gaps, unreadable, compress, stalls, broken, invalid, missed, panics, unsaved, records, recordLines, recordsCut atomic.Int64
}

// notices returns the counter of a kind of notices.
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
	Lines    int64                // evaluated
	Events   int64                // evaluated
	Replayed int64                // records that came again and were skipped
	Gaps     int64                // gaps in logs
	Notices  map[NoticeKind]int64 // by kind, gaps included; every kind has an entry
	Stalls   int64                // streams that were reopened because the engine did not send all records
	Broken   int64                // streams that ended with an invalid frame or an error of the engine
	Invalid  int64                // records without a valid timestamp
	Missed   int64                // events that found no room in a queue; a reconciliation followed
	Unsaved  int64                // saves that failed
	Panics   int64                // recovered
	Records  int64                // joined of several lines
	Joined   int64                // lines of these records
	Cut      int64                // records that a bound ended
}

// Idle reports whether the engine has containers but none is followed, and returns their names. This program's own container does not count. While
// containers are being inspected, the result is the previous one.
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
		// A shorter prefix could be that of another container.
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
		Records: c.records.Load(), Joined: c.recordLines.Load(), Cut: c.recordsCut.Load(),
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

// saveLoop saves changed checkpoints every second, until ctx ends. Stop saves the rest.
func (m *Manager) saveLoop(ctx context.Context) {
	for wait(ctx, m.timing.save) {
		m.guarded("saving", func() {
			if err := m.save(ctx); err != nil && ctx.Err() == nil {
				m.opt.Log.Warn("cannot save the position in the logs, will try again", "error", err)
			}
		})
	}
}

// save saves the checkpoints that changed since the last save. After a failure the next save includes them.
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
	if all && since != m.savedSince { // otherwise a container may lack a position of its own
		changed[managerKey] = (&cursor{since: since}).encode(noLimit)
	}
	m.mu.Unlock()
	for _, t := range tails {
		if value := t.checkpoint(); value != nil {
			changed[t.id] = value
		}
	}
	if reported := m.reportedCheckpoint(); reported != nil {
		changed[eventsKey] = reported
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

// checkpoint returns the encoded cursor if it changed since the last call, else nil.
func (t *tail) checkpoint() []byte {
	t.cursorMu.Lock()
	defer t.cursorMu.Unlock()
	if !t.dirty {
		return nil
	}
	// Cleared before the save, so that lines evaluated meanwhile set it again.
	t.dirty = false
	return t.cursor.encode(t.limit)
}
