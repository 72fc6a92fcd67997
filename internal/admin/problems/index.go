package problems

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Kept is how many alerts an Index keeps: those with the highest numbers.
const Kept = 5000

// readAtOnce bounds the alerts of one read of the store.
const readAtOnce = 500

// Source is the alert log that an Index reads.
type Source interface {
	Alerts(ctx context.Context, before int64, limit int) ([]store.Alert, error)
	AlertsAfter(ctx context.Context, after int64, limit int) ([]store.Alert, error)
}

// KeyOf returns the key of the problem that an alert is about: the alert's own key, or for an alert without one, such as of kind system, a key of its kind,
// rule and workload.
func KeyOf(a *trigger.Alert) string {
	if a.Key != "" {
		return a.Key
	}
	return trigger.KeyOf(a.Kind, a.Rule, a.Source.Workload)
}

// entry is an alert in the index.
type entry struct {
	seq         int64
	at          int64 // when the store accepted it, ns: what is selected by time goes by arrival
	first, last int64 // of the hits that it reports, ns
	hits        int64 // suppressed ones included
	suppressed  int64
	of          *group
	severity    uint8 // as in trigger.Severities
	ends, opens bool  // of kind resolved; one of that kind will follow
}

// group has the alerts with one key.
type group struct {
	key, rule, workload string
}

// Index groups the alerts of a store. It is safe for concurrent use; the zero value is ready.
type Index struct {
	mu      sync.Mutex
	after   int64 // the number of the last alert that was read
	entries []entry
	groups  map[string]*group
}

// read takes the alerts that the store accepted since the last call.
func (x *Index) read(ctx context.Context, from Source) error {
	newest, err := from.Alerts(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(newest) == 0 {
		return nil
	}
	x.after = max(x.after, newest[0].Seq-Kept)
	for {
		page, err := from.AlertsAfter(ctx, x.after, readAtOnce)
		if err != nil {
			return err
		}
		for i := range page {
			x.after = page[i].Seq
			x.add(&page[i])
		}
		if len(page) < readAtOnce {
			break
		}
	}
	if drop := len(x.entries) - Kept; drop > 0 {
		x.entries = slices.Delete(x.entries, 0, drop)
	}
	if len(x.groups) > 2*Kept { // most of them have no alert any more
		x.groups = map[string]*group{}
		for i := range x.entries {
			x.groups[x.entries[i].of.key] = x.entries[i].of
		}
	}
	return nil
}

func (x *Index) add(e *store.Alert) {
	var a trigger.Alert
	if json.Unmarshal(e.Payload, &a) != nil {
		return // a damaged alert is in the list of alerts, as one that cannot be read
	}
	key := KeyOf(&a)
	of := x.groups[key]
	if of == nil {
		if x.groups == nil {
			x.groups = map[string]*group{}
		}
		of = &group{key: key, rule: a.Rule, workload: a.Source.Workload}
		x.groups[key] = of
	}
	x.entries = append(x.entries, entry{
		seq: e.Seq, at: e.Accepted.UnixNano(), first: nanos(a.FirstSeen, a.Time), last: nanos(a.LastSeen, a.Time), hits: int64(a.Count) + a.Suppressed.Total,
		suppressed: a.Suppressed.Total, of: of, severity: uint8(max(0, slices.Index(trigger.Severities(), a.Severity))),
		ends: a.Kind == trigger.KindResolved, opens: a.Resolves,
	})
}

func nanos(at, otherwise time.Time) int64 {
	if at.IsZero() {
		at = otherwise
	}
	return at.UnixNano()
}

// Window is the time that a View covers, cut into bins of equal length.
//
// Alerts count in the bin in which the store accepted them, as in lists of alerts by time.
type Window struct {
	From, Until time.Time
	Bins        int // from 1 on
}

// bin returns the bin of a time; false if it lies outside.
func (w *Window) bin(at int64) (int, bool) {
	from, until := w.From.UnixNano(), w.Until.UnixNano()
	if at < from || at >= until {
		return 0, false
	}
	width := (until - from + int64(w.Bins) - 1) / int64(w.Bins)
	return int((at - from) / width), true
}

// State is whether a problem goes on, as far as its alerts say.
type State string

// The states that follow from alerts. A silence is not one of them.
const (
	Open     State = "open"     // an end is to come, or the last hit came within OpenFor
	Resolved State = "resolved" // its last alert says that it ended
	Quiet    State = "quiet"    // no hit came within OpenFor, and no end is to come
)

// OpenFor is how long a problem without an end counts as open after its last hit.
const OpenFor = time.Hour

// Problem is a key with the alerts about it in a window.
type Problem struct {
	Key, Rule, Workload string
	Severity            string // the highest
	State               State
	First, Last         time.Time // of its hits, as far as the index reaches
	Alerts              int       // in the window
	Hits, Suppressed    int64     // that these alerts report
	Bins                []int64   // hits by bin
	Latest              int64     // the number of its latest alert
}

// View is the problems of a window.
type View struct {
	Problems []Problem          // the one with the latest alert first
	Alerts   map[string][]int64 // severity → alerts by bin
	// Since is when the oldest alert in the index was accepted if older ones were left out; otherwise it is zero.
	Since time.Time
}

// View reads new alerts and groups those of a window.
func (x *Index) View(ctx context.Context, from Source, w Window, now time.Time) (View, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.read(ctx, from); err != nil {
		return View{}, err
	}
	severities := trigger.Severities()
	out := View{Alerts: map[string][]int64{}}
	if len(x.entries) == Kept {
		out.Since = time.Unix(0, x.entries[0].at).UTC()
	}
	found := map[*group]*account{}
	var order []*account
	for i := range x.entries {
		e := &x.entries[i]
		a := found[e.of]
		if a == nil {
			a = &account{first: e.first, bins: make([]int64, w.Bins)}
			found[e.of] = a
			order = append(order, a)
		}
		a.first, a.last, a.latest = min(a.first, e.first), max(a.last, e.last), e
		bin, in := w.bin(e.at)
		if !in {
			continue
		}
		a.alerts++
		a.hits += e.hits
		a.suppressed += e.suppressed
		a.severity = max(a.severity, e.severity)
		a.bins[bin] += max(e.hits, 1)
		name := severities[e.severity]
		if out.Alerts[name] == nil {
			out.Alerts[name] = make([]int64, w.Bins)
		}
		out.Alerts[name][bin]++
	}
	for _, a := range order {
		if a.alerts > 0 {
			out.Problems = append(out.Problems, a.problem(severities, now))
		}
	}
	slices.SortFunc(out.Problems, func(a, b Problem) int { return cmp.Compare(b.Latest, a.Latest) })
	return out, nil
}

// account sums up the alerts of a problem.
type account struct {
	first, last      int64
	alerts           int
	hits, suppressed int64
	severity         uint8
	bins             []int64
	latest           *entry
}

func (a *account) problem(severities []string, now time.Time) Problem {
	p := Problem{
		Key: a.latest.of.key, Rule: a.latest.of.rule, Workload: a.latest.of.workload, Severity: severities[a.severity], First: time.Unix(0, a.first).UTC(),
		Last: time.Unix(0, a.last).UTC(), Alerts: a.alerts, Hits: a.hits, Suppressed: a.suppressed, Bins: a.bins, Latest: a.latest.seq, State: Quiet,
	}
	switch {
	case a.latest.ends:
		p.State = Resolved
	case a.latest.opens || now.Sub(p.Last) < OpenFor:
		p.State = Open
	}
	return p
}
