// Package workload counts records, hits and alerts per workload.
//
// It promises: the counts of all workloads and of the sum of the others add up to the counts of all records, also while workloads are evicted.
// At most 10,000 workloads with 100 containers each are kept.
package workload

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

const (
	maxWorkloads  = 10_000
	maxContainers = 100 // of one workload
	sourceCache   = 1024
	idleTime      = int64(time.Hour) // a workload without records for this long may be evicted
)

// Counts is the number of lines, hits and alerts of a workload: hits = alerts + the sum of suppressed, once the hits are decided. A hit whose
// alert waits for lines after it counts as an alert. Alerts that a deadline raises (roll-ups, absences, ends) have no hit of their own and are
// not counted.
type Counts struct {
	Lines, Hits, Alerts int64
	Suppressed          [engine.NumReasons]int64
}

// Add adds other counts.
func (n *Counts) Add(more *Counts) {
	n.Lines, n.Hits, n.Alerts = n.Lines+more.Lines, n.Hits+more.Hits, n.Alerts+more.Alerts
	for why := range n.Suppressed {
		n.Suppressed[why] += more.Suppressed[why]
	}
}

// Stats is one workload with its counts and containers.
type Stats struct {
	Workload string
	Counts
	Last       time.Time // of its last record, to within a batch
	Containers []Container
}

// Container is a container of a workload.
type Container struct {
	engine.Container
	Host     string
	LastSeen time.Time // to within the time that an evaluator caches it
}

// Table holds the counts of all workloads. It is safe for concurrent use; the zero value is ready.
type Table struct {
	mu      sync.Mutex
	entries map[string]*entry
	other   entry // the sum of the workloads that found no room or were evicted
}

// entry is one workload. Evaluators update its atomic fields concurrently.
type entry struct {
	counters
	last    atomic.Int64
	retired atomic.Bool // evicted: its counts belong to Table.other

	mu         sync.Mutex
	containers map[string]container // by name, or by id
}

type container struct {
	engine.Container
	host string
	last int64
}

type counters struct {
	lines, hits, alerts atomic.Int64
	suppressed          [engine.NumReasons]atomic.Int64
}

func (c *counters) add(n *Counts) {
	c.lines.Add(n.Lines)
	if n.Hits == 0 {
		return
	}
	c.hits.Add(n.Hits)
	c.alerts.Add(n.Alerts)
	for why, count := range n.Suppressed {
		if count > 0 {
			c.suppressed[why].Add(count)
		}
	}
}

func (c *counters) load() Counts {
	n := Counts{Lines: c.lines.Load(), Hits: c.hits.Load(), Alerts: c.alerts.Load()}
	for why := range c.suppressed {
		n.Suppressed[why] = c.suppressed[why].Load()
	}
	return n
}

// reset returns the counts and sets them to 0. The results of concurrent resets add up to everything that was added.
func (c *counters) reset() Counts {
	n := Counts{Lines: c.lines.Swap(0), Hits: c.hits.Swap(0), Alerts: c.alerts.Swap(0)}
	for why := range c.suppressed {
		n.Suppressed[why] = c.suppressed[why].Swap(0)
	}
	return n
}

// List returns all workloads by name, and the counts of those that the table has no room for.
func (t *Table) List() (all []Stats, other Counts) {
	t.mu.Lock()
	out := make([]Stats, 0, len(t.entries))
	entries := make([]*entry, 0, len(t.entries))
	for name, e := range t.entries {
		out = append(out, Stats{Workload: name})
		entries = append(entries, e)
	}
	t.mu.Unlock()
	for i, e := range entries {
		out[i].Counts, out[i].Last = e.load(), time.Unix(0, e.last.Load()).UTC()
		e.mu.Lock()
		for _, c := range e.containers {
			out[i].Containers = append(out[i].Containers, Container{c.Container, c.host, time.Unix(0, c.last).UTC()})
		}
		e.mu.Unlock()
		slices.SortFunc(out[i].Containers, func(a, b Container) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	}
	slices.SortFunc(out, func(a, b Stats) int { return cmp.Compare(a.Workload, b.Workload) })
	return out, t.other.load()
}

// entryOf returns the entry of a source's workload, and notes the container.
func (t *Table) entryOf(s *engine.Source, now int64) *entry {
	t.mu.Lock()
	e := t.entries[s.Workload]
	if e == nil {
		if len(t.entries) >= maxWorkloads {
			t.evictIdle(now)
		}
		if len(t.entries) >= maxWorkloads {
			t.mu.Unlock()
			return &t.other
		}
		if t.entries == nil {
			t.entries = map[string]*entry{}
		}
		e = &entry{}
		t.entries[strings.Clone(s.Workload)] = e
	}
	t.mu.Unlock()
	e.seeContainer(s, now)
	return e
}

// evictIdle evicts the workloads without recent records, and adds their counts to the others. The caller holds the lock.
func (t *Table) evictIdle(now int64) {
	for name, e := range t.entries {
		if now-e.last.Load() > idleTime {
			delete(t.entries, name)
			// retired comes first: an evaluator that adds counts after the merge sees it, and merges them itself.
			e.retired.Store(true)
			t.mergeRetired(e)
		}
	}
}

// mergeRetired moves the counts of an evicted workload to the sum of the others.
func (t *Table) mergeRetired(e *entry) {
	n := e.reset()
	t.other.add(&n)
}

// seeContainer notes a container. When there is no room, it replaces the one seen longest ago.
func (e *entry) seeContainer(s *engine.Source, now int64) {
	key := cmp.Or(s.Container.Name, s.Container.ID)
	if key == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.containers[key]; !known && len(e.containers) >= maxContainers {
		oldest, at := "", int64(1<<63-1)
		for k, c := range e.containers {
			if c.last < at {
				oldest, at = k, c.last
			}
		}
		delete(e.containers, oldest)
	}
	if e.containers == nil {
		e.containers = map[string]container{}
	}
	e.containers[key] = container{s.Container, s.Host, now}
}

// Tally collects the counts of one evaluator between two flushes. Consecutive records of one source cost one look-up. It belongs to one
// goroutine; the zero value is ready.
type Tally struct {
	cache  map[*engine.Source]*entry
	source *engine.Source
	entry  *entry
	counts Counts
}

// Count counts a record and its hits. A container event counts its hits, but no line.
func (b *Tally) Count(t *Table, s *engine.Source, now int64, hits []engine.Hit) {
	if s != b.source {
		b.Flush(t, now)
		e, ok := b.cache[s]
		if !ok || e.retired.Load() {
			if b.cache == nil || len(b.cache) >= sourceCache {
				b.cache = make(map[*engine.Source]*entry)
			}
			e = t.entryOf(s, now)
			b.cache[s] = e
		}
		b.source, b.entry = s, e
	}
	if s.Kind != engine.SourceContainer {
		b.counts.Lines++
	}
	for i := range hits {
		b.counts.Hits++
		if why, suppressed := hits[i].Outcome().Suppressed(); suppressed {
			b.counts.Suppressed[why]++
		} else {
			b.counts.Alerts++
		}
	}
}

// Flush adds the counts to the table.
func (b *Tally) Flush(t *Table, now int64) {
	if b.entry == nil {
		return
	}
	b.entry.add(&b.counts)
	b.entry.last.Store(now)
	if b.entry.retired.Load() { // evicted since the look-up
		t.mergeRetired(b.entry)
	}
	b.counts, b.source, b.entry = Counts{}, nil, nil
}
