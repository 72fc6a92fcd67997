// Package taps serves observers of a pipeline: it copies evaluated records to them, and wakes them when alerts are stored.
//
// It promises: without an open tap a record costs one atomic load; a slow observer never delays evaluation. Records that an observer is too slow
// for, and records above 500 a second, are dropped and counted.
package taps

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

const (
	maxText      = 4 << 10
	maxLooked    = 128 << 10 // of a masked line, by filters
	queueSize    = 256
	maxPerSecond = 500 // copies for one tap, so that a tap on everything does not slow the host down
)

// Record is a copy of an evaluated record with the decisions on its hits.
type Record struct {
	Time      time.Time
	Workload  string
	Container string
	Host      string
	Stream    string
	Text      string // masked, at most 4 KiB
	Decisions []Decision
}

// Decision is the outcome of one hit: "alert", or the reason why it was suppressed.
type Decision struct {
	RuleID, Rule, Outcome string
}

// Filter selects records. It runs on the evaluating goroutines: it must be quick, and must not keep the record.
type Filter func(*engine.Record, []Decision) bool

// Tap is one observer.
type Tap struct {
	Records <-chan Record
	Missed  atomic.Int64 // records dropped since the tap was opened

	records chan Record
	filter  Filter
	second  atomic.Int64
	copied  atomic.Int64 // in that second
}

// Set holds the open taps. It is safe for concurrent use; the zero value is ready.
type Set struct {
	mu      sync.Mutex
	open    atomic.Pointer[[]*Tap] // nil: none
	dropped atomic.Int64
}

// Active reports whether a tap is open.
func (s *Set) Active() bool { return s.open.Load() != nil }

// Dropped counts the records that all taps missed.
func (s *Set) Dropped() int64 { return s.dropped.Load() }

// Open opens a tap on the records that filter selects.
func (s *Set) Open(filter Filter) (t *Tap, closeTap func()) {
	ch := make(chan Record, queueSize)
	t = &Tap{Records: ch, records: ch, filter: filter}
	s.change(func(all []*Tap) []*Tap { return append(all, t) })
	return t, func() {
		s.change(func(all []*Tap) []*Tap { return slices.DeleteFunc(all, func(o *Tap) bool { return o == t }) })
	}
}

// change replaces the list of taps: Offer may be reading the present one.
func (s *Set) change(fn func([]*Tap) []*Tap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Tap
	if now := s.open.Load(); now != nil {
		all = slices.Clone(*now)
	}
	if all = fn(all); len(all) == 0 {
		s.open.Store(nil)
		return
	}
	s.open.Store(&all)
}

// Offer copies an evaluated record to the taps that select it, masked by r. now is in ns.
func (s *Set) Offer(rec *engine.Record, hits []engine.Hit, now int64, r *engine.Redactor) {
	open := s.open.Load()
	if open == nil {
		return
	}
	var decisions []Decision
	for i := range hits {
		h := &hits[i]
		decisions = append(decisions, Decision{RuleID: h.RuleID(), Rule: h.Rule().Name, Outcome: h.Outcome().String()})
	}
	var copied *Record // made once, for the first tap that selects the record
	masked := *rec
	for _, t := range *open {
		if !t.filter(rec, decisions) {
			continue
		}
		if !t.allow(now) {
			s.drop(t)
			continue
		}
		if copied == nil {
			copied = copyOf(rec, decisions, now, r)
			masked.Text = []byte(r.Line(rec.Text, maxLooked))
		}
		// A filter that selects the line by a secret in it does not select the masked one: nobody can try secrets with a tap.
		if r != nil && !t.filter(&masked, decisions) {
			continue
		}
		select {
		case t.records <- *copied:
		default:
			s.drop(t)
		}
	}
}

func (s *Set) drop(t *Tap) {
	t.Missed.Add(1)
	s.dropped.Add(1)
}

// allow counts a record against the tap's limit per second.
func (t *Tap) allow(now int64) bool {
	second := now / int64(time.Second)
	if before := t.second.Load(); before != second && t.second.CompareAndSwap(before, second) {
		t.copied.Store(0)
	}
	return t.copied.Add(1) <= maxPerSecond
}

func copyOf(rec *engine.Record, decisions []Decision, now int64, r *engine.Redactor) *Record {
	return &Record{
		Time: time.Unix(0, engine.EventTime(rec.Time, now)).UTC(), Workload: rec.Source.Workload, Container: rec.Source.Container.Name,
		Host: rec.Source.Host, Stream: rec.Stream.String(),
		Text: r.Line(rec.Text, maxText), Decisions: decisions,
	}
}
