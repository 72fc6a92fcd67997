package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The bounds of what is known of the workloads that were met.
const (
	maxMet           = 10_000
	maxMetContainers = 100 // of one workload
	metCache         = 1024
	metIdle          = int64(time.Hour) // what nothing was heard of for so long makes room first
)

// met is the workloads that records came from.
type met struct {
	mu        sync.Mutex
	workloads map[string]*metWorkload
	unknown   metWorkload // the sum of those that there was no room for
}

// metWorkload is one workload. lines, alerts and last are written by evaluators at once.
type metWorkload struct {
	lines, alerts, last atomic.Int64

	mu         sync.Mutex
	containers map[string]metContainer // by id, or by name
}

type metContainer struct {
	engine.Container
	host string
	last int64
}

// Met is what is known of a workload that records came from.
type Met struct {
	Workload   string
	Lines      int64
	Alerts     int64
	Last       time.Time // when its last record came, within a batch of records
	Containers []MetContainer
}

// MetContainer is a container that records came from.
type MetContainer struct {
	engine.Container
	Host string
	Met  time.Time // when it was met last, within the time that an evaluator remembers it
}

// of returns the entry of a source's workload.
func (m *met) of(s *engine.Source, now int64) *metWorkload {
	m.mu.Lock()
	w := m.workloads[s.Workload]
	if w == nil {
		if len(m.workloads) >= maxMet {
			m.makeRoom(now)
		}
		if len(m.workloads) >= maxMet {
			m.mu.Unlock()
			return &m.unknown
		}
		if m.workloads == nil {
			m.workloads = map[string]*metWorkload{}
		}
		w = &metWorkload{}
		m.workloads[strings.Clone(s.Workload)] = w
	}
	m.mu.Unlock()
	w.meet(s, now)
	return w
}

// makeRoom forgets the workloads that nothing was heard of for long. Their lines stay in the sum. The caller holds the lock.
func (m *met) makeRoom(now int64) {
	for name, w := range m.workloads {
		if now-w.last.Load() > metIdle {
			m.unknown.lines.Add(w.lines.Load())
			m.unknown.alerts.Add(w.alerts.Load())
			delete(m.workloads, name)
		}
	}
}

// meet notes a container. The one met longest ago makes room.
func (w *metWorkload) meet(s *engine.Source, now int64) {
	key := cmp.Or(s.Container.ID, s.Container.Name)
	if key == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.containers[key]; !known && len(w.containers) >= maxMetContainers {
		oldest, at := "", int64(1<<63-1)
		for k, c := range w.containers {
			if c.last < at {
				oldest, at = k, c.last
			}
		}
		delete(w.containers, oldest)
	}
	if w.containers == nil {
		w.containers = map[string]metContainer{}
	}
	w.containers[key] = metContainer{s.Container, s.Host, now}
}

// Met lists the workloads that records came from, by name.
func (p *Pipeline) Met() []Met {
	m := &p.met
	m.mu.Lock()
	out := make([]Met, 0, len(m.workloads))
	entries := make([]*metWorkload, 0, len(m.workloads))
	for name, w := range m.workloads {
		out = append(out, Met{Workload: name})
		entries = append(entries, w)
	}
	m.mu.Unlock()
	for i, w := range entries {
		out[i].Lines, out[i].Alerts, out[i].Last = w.lines.Load(), w.alerts.Load(), utc(w.last.Load())
		w.mu.Lock()
		for _, c := range w.containers {
			out[i].Containers = append(out[i].Containers, MetContainer{c.Container, c.host, utc(c.last)})
		}
		w.mu.Unlock()
		slices.SortFunc(out[i].Containers, func(a, b MetContainer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	}
	slices.SortFunc(out, func(a, b Met) int { return cmp.Compare(a.Workload, b.Workload) })
	return out
}

// meeting is what one evaluator notes of the records of a batch. A run of records of one source costs one look-up.
type meeting struct {
	known         map[*engine.Source]*metWorkload
	source        *engine.Source
	entry         *metWorkload
	lines, alerts int64
}

func (b *meeting) note(m *met, s *engine.Source, now int64, alerts int) {
	if s != b.source {
		b.flush(now)
		w, ok := b.known[s]
		if !ok {
			if b.known == nil || len(b.known) >= metCache {
				b.known = make(map[*engine.Source]*metWorkload)
			}
			w = m.of(s, now)
			b.known[s] = w
		}
		b.source, b.entry = s, w
	}
	b.lines++
	b.alerts += int64(alerts)
}

// flush adds what was noted. The next record is looked up.
func (b *meeting) flush(now int64) {
	if b.entry == nil {
		return
	}
	b.entry.lines.Add(b.lines)
	b.entry.alerts.Add(b.alerts)
	b.entry.last.Store(now)
	b.lines, b.alerts, b.source, b.entry = 0, 0, nil, nil
}
