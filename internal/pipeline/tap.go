package pipeline

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The bounds of taps.
const (
	maxTapText   = 4 << 10
	tapQueue     = 256
	tapPerSecond = 500 // records that are copied for one tap in a second: the host must not suffer
)

// Tapped is a record with what was decided about it.
type Tapped struct {
	Time      time.Time
	Workload  string
	Container string
	Host      string
	Stream    string
	Text      string
	Decisions []TapDecision // of the rules that it hit
}

// TapDecision is what became of a hit: "alert", or why it was held back.
type TapDecision struct {
	RuleID, Rule, Outcome string
}

// Tap hands out records as they are evaluated. What its reader is too slow for, and what comes too fast, is left out and counted.
type Tap struct {
	Records <-chan Tapped
	Missed  atomic.Int64 // since the tap was opened

	records chan Tapped
	wants   func(*engine.Record, []TapDecision) bool
	second  atomic.Int64
	taken   atomic.Int64 // in that second
}

// taps is the taps that are open. Nobody pays for them while there are none.
type taps struct {
	mu      sync.Mutex
	list    atomic.Pointer[[]*Tap]
	dropped atomic.Int64
}

// OpenTap opens a tap on the records that wants chooses, by what was decided about them, too. wants is called on the goroutines that evaluate: it
// must be quick, and keep nothing of the record.
func (p *Pipeline) OpenTap(wants func(*engine.Record, []TapDecision) bool) (t *Tap, closeTap func()) {
	ch := make(chan Tapped, tapQueue)
	t = &Tap{Records: ch, records: ch, wants: wants}
	p.taps.change(func(all []*Tap) []*Tap { return append(all, t) })
	return t, func() {
		p.taps.change(func(all []*Tap) []*Tap { return slices.DeleteFunc(all, func(o *Tap) bool { return o == t }) })
	}
}

func (t *taps) change(fn func([]*Tap) []*Tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*Tap
	if now := t.list.Load(); now != nil {
		all = slices.Clone(*now)
	}
	if all = fn(all); len(all) == 0 {
		t.list.Store(nil)
		return
	}
	t.list.Store(&all)
}

// offer hands a record that was evaluated to the taps that want it, with what became of its hits.
func (p *Pipeline) offer(all []*Tap, rec *engine.Record, hits []engine.Hit, now int64) {
	defer p.recovered("tapping a record")
	var decisions []TapDecision
	for i := range hits {
		h := &hits[i]
		decisions = append(decisions, TapDecision{RuleID: h.RuleID(), Rule: h.Rule().Name, Outcome: h.Outcome().String()})
	}
	var tapped *Tapped
	for _, t := range all {
		if !t.wants(rec, decisions) {
			continue
		}
		if !t.admit(now) {
			t.Missed.Add(1)
			p.taps.dropped.Add(1)
			continue
		}
		if tapped == nil {
			tapped = tappedOf(rec, decisions, now)
		}
		select {
		case t.records <- *tapped:
		default:
			t.Missed.Add(1)
			p.taps.dropped.Add(1)
		}
	}
}

// admit counts a record against what a second may hold.
func (t *Tap) admit(now int64) bool {
	second := now / int64(time.Second)
	if before := t.second.Load(); before != second && t.second.CompareAndSwap(before, second) {
		t.taken.Store(0)
	}
	return t.taken.Add(1) <= tapPerSecond
}

func tappedOf(rec *engine.Record, decisions []TapDecision, now int64) *Tapped {
	return &Tapped{
		Time: utc(engine.EventTime(rec.Time, now)), Workload: rec.Source.Workload, Container: rec.Source.Container.Name, Host: rec.Source.Host, Stream: rec.Stream.String(),
		Text: strings.ToValidUTF8(string(rec.Text[:min(len(rec.Text), maxTapText)]), "�"), Decisions: decisions,
	}
}
