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
	maxWorkloads  = 10_000
	maxContainers = 100 // of one workload
	sourceCache   = 1024
	idleTime      = int64(time.Hour) // what nothing was heard of for so long makes room first
)

// workloadStats is the workloads that records came from.
type workloadStats struct {
	mu        sync.Mutex
	workloads map[string]*workloadEntry
	other     workloadEntry // the sum of those that there was no room for, and of those that made room
}

// workloadEntry is one workload. What is atomic is written by evaluators at once.
type workloadEntry struct {
	workloadCounters
	last    atomic.Int64
	retired atomic.Bool // it made room: what is counted here belongs to the sum of the others

	mu         sync.Mutex
	containers map[string]workloadContainer // by name, or by id
}

type workloadContainer struct {
	engine.Container
	host string
	last int64
}

// workloadCounters counts what came from a workload.
type workloadCounters struct {
	lines, hits, alerts atomic.Int64
	suppressed          [engine.NumReasons]atomic.Int64
}

func (c *workloadCounters) add(n *WorkloadCounts) {
	c.lines.Add(n.Lines)
	if n.Hits == 0 {
		return
	}
	c.hits.Add(n.Hits)
	c.alerts.Add(n.Alerts)
	for why, held := range n.Suppressed {
		if held > 0 {
			c.suppressed[why].Add(held)
		}
	}
}

func (c *workloadCounters) load() WorkloadCounts {
	n := WorkloadCounts{Lines: c.lines.Load(), Hits: c.hits.Load(), Alerts: c.alerts.Load()}
	for why := range c.suppressed {
		n.Suppressed[why] = c.suppressed[why].Load()
	}
	return n
}

// reset returns the counts, and begins anew. What several take adds up to what was added.
func (c *workloadCounters) reset() WorkloadCounts {
	n := WorkloadCounts{Lines: c.lines.Swap(0), Hits: c.hits.Swap(0), Alerts: c.alerts.Swap(0)}
	for why := range c.suppressed {
		n.Suppressed[why] = c.suppressed[why].Swap(0)
	}
	return n
}

// WorkloadCounts is what came from a workload, and what became of it: hits = alerts + the sum of suppressed, once they are judged. An alert that waits for
// lines is counted; alerts that time makes stand for no hit of their own, and are not.
type WorkloadCounts struct {
	Lines, Hits, Alerts int64
	Suppressed          [engine.NumReasons]int64
}

// Add adds other counts.
func (n *WorkloadCounts) Add(more *WorkloadCounts) {
	n.Lines, n.Hits, n.Alerts = n.Lines+more.Lines, n.Hits+more.Hits, n.Alerts+more.Alerts
	for why := range n.Suppressed {
		n.Suppressed[why] += more.Suppressed[why]
	}
}

// WorkloadStats is what is known of a workload that records came from.
type WorkloadStats struct {
	Workload string
	WorkloadCounts
	Last       time.Time // when its last record came, within a batch of records
	Containers []WorkloadContainer
}

// WorkloadContainer is a container that records came from.
type WorkloadContainer struct {
	engine.Container
	Host     string
	LastSeen time.Time // when it was met last, within the time that an evaluator remembers it
}

// of returns the entry of a source's workload.
func (m *workloadStats) of(s *engine.Source, now int64) *workloadEntry {
	m.mu.Lock()
	w := m.workloads[s.Workload]
	if w == nil {
		if len(m.workloads) >= maxWorkloads {
			m.makeRoom(now)
		}
		if len(m.workloads) >= maxWorkloads {
			m.mu.Unlock()
			return &m.other
		}
		if m.workloads == nil {
			m.workloads = map[string]*workloadEntry{}
		}
		w = &workloadEntry{}
		m.workloads[strings.Clone(s.Workload)] = w
	}
	m.mu.Unlock()
	w.seeContainer(s, now)
	return w
}

// makeRoom forgets the workloads that nothing was heard of for long. What they counted stays in the sum. The caller holds the lock.
func (m *workloadStats) makeRoom(now int64) {
	for name, w := range m.workloads {
		if now-w.last.Load() > idleTime {
			delete(m.workloads, name)
			w.retired.Store(true)
			m.mergeRetired(w)
		}
	}
}

// mergeRetired adds what a workload that is gone has counted to the sum of the others.
func (m *workloadStats) mergeRetired(w *workloadEntry) {
	n := w.reset()
	m.other.add(&n)
}

// seeContainer notes a container. The one met longest ago makes room.
func (w *workloadEntry) seeContainer(s *engine.Source, now int64) {
	key := cmp.Or(s.Container.Name, s.Container.ID)
	if key == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.containers[key]; !known && len(w.containers) >= maxContainers {
		oldest, at := "", int64(1<<63-1)
		for k, c := range w.containers {
			if c.last < at {
				oldest, at = k, c.last
			}
		}
		delete(w.containers, oldest)
	}
	if w.containers == nil {
		w.containers = map[string]workloadContainer{}
	}
	w.containers[key] = workloadContainer{s.Container, s.Host, now}
}

// Workloads lists the workloads that records came from, by name, and tells what came from all others together, which there is no room for.
func (p *Pipeline) Workloads() (all []WorkloadStats, other WorkloadCounts) {
	m := &p.workloads
	m.mu.Lock()
	out := make([]WorkloadStats, 0, len(m.workloads))
	entries := make([]*workloadEntry, 0, len(m.workloads))
	for name, w := range m.workloads {
		out = append(out, WorkloadStats{Workload: name})
		entries = append(entries, w)
	}
	m.mu.Unlock()
	for i, w := range entries {
		out[i].WorkloadCounts, out[i].Last = w.load(), utc(w.last.Load())
		w.mu.Lock()
		for _, c := range w.containers {
			out[i].Containers = append(out[i].Containers, WorkloadContainer{c.Container, c.host, utc(c.last)})
		}
		w.mu.Unlock()
		slices.SortFunc(out[i].Containers, func(a, b WorkloadContainer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	}
	slices.SortFunc(out, func(a, b WorkloadStats) int { return cmp.Compare(a.Workload, b.Workload) })
	return out, m.other.load()
}

// workloadTally is what one evaluator notes of the records of a batch. A run of records of one source costs one look-up.
type workloadTally struct {
	known  map[*engine.Source]*workloadEntry
	source *engine.Source
	entry  *workloadEntry
	counts WorkloadCounts
}

// note counts a line, or an event, which is none, and its hits. A line without hits costs an addition.
func (b *workloadTally) note(m *workloadStats, s *engine.Source, now int64, hits []engine.Hit) {
	if s != b.source {
		b.flush(m, now)
		w, ok := b.known[s]
		if !ok || w.retired.Load() {
			if b.known == nil || len(b.known) >= sourceCache {
				b.known = make(map[*engine.Source]*workloadEntry)
			}
			w = m.of(s, now)
			b.known[s] = w
		}
		b.source, b.entry = s, w
	}
	if s.Kind != engine.SourceContainer {
		b.counts.Lines++
	}
	for i := range hits {
		b.counts.Hits++
		if why, held := hits[i].Outcome().Suppressed(); held {
			b.counts.Suppressed[why]++
		} else {
			b.counts.Alerts++
		}
	}
}

// flush adds what was noted. The next record is looked up.
func (b *workloadTally) flush(m *workloadStats, now int64) {
	if b.entry == nil {
		return
	}
	b.entry.add(&b.counts)
	b.entry.last.Store(now)
	if b.entry.retired.Load() { // since it was looked up
		m.mergeRetired(b.entry)
	}
	b.counts, b.source, b.entry = WorkloadCounts{}, nil, nil
}
