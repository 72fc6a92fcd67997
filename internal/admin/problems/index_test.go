package problems

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// log is an alert log in memory that counts the rows that were read.
type log struct {
	alerts []store.Alert
	read   int
}

func (l *log) Alerts(_ context.Context, before int64, limit int) (out []store.Alert, err error) {
	for i := len(l.alerts) - 1; i >= 0 && len(out) < limit; i-- {
		if before == 0 || l.alerts[i].Seq < before {
			out = append(out, l.alerts[i])
		}
	}
	return out, nil
}

func (l *log) AlertsAfter(_ context.Context, after int64, limit int) (out []store.Alert, err error) {
	for i := range l.alerts {
		if l.alerts[i].Seq > after && len(out) < limit {
			out = append(out, l.alerts[i])
		}
	}
	l.read += len(out)
	return out, nil
}

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// add stores an alert of a key, some time old.
func (l *log) add(key string, age time.Duration, change func(*trigger.Alert)) {
	at := now.Add(-age)
	a := trigger.Alert{
		ID: fmt.Sprintf("al_%d", len(l.alerts)+1), Kind: trigger.KindLog, Key: key, Severity: "error", Rule: "rule-" + key, Time: at, FirstSeen: at, LastSeen: at, Count: 1,
		Source: trigger.Source{Workload: "shop/api"},
	}
	if change != nil {
		change(&a)
	}
	payload, _ := json.Marshal(a)
	l.alerts = append(l.alerts, store.Alert{Seq: int64(len(l.alerts) + 1), ID: a.ID, Payload: payload, Accepted: at})
}

func view(t *testing.T, x *Index, l *log, span time.Duration, bins int) View {
	t.Helper()
	v, err := x.View(t.Context(), l, Window{From: now.Add(-span), Until: now, Bins: bins}, now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAlertsOfAKeyAreOneProblem(t *testing.T) {
	l, x := &log{}, &Index{}
	l.add("old", 30*time.Hour, nil)
	l.add("a", 3*time.Hour, func(a *trigger.Alert) { a.FirstSeen = a.Time.Add(-time.Minute) })
	l.add("b", 2*time.Hour, nil)
	l.add("a", 90*time.Minute, func(a *trigger.Alert) {
		a.Severity, a.Suppressed.Total = "critical", 10
	})
	v := view(t, x, l, 4*time.Hour, 4)
	if len(v.Problems) != 2 {
		t.Fatalf("%d problems, want a and b: %+v", len(v.Problems), v.Problems)
	}
	a := v.Problems[0]
	if a.Key != "a" || a.Rule != "rule-a" || a.Severity != "critical" || a.Alerts != 2 || a.Hits != 12 || a.Suppressed != 10 || a.Latest != 4 {
		t.Errorf("the problem is %+v", a)
	}
	if !slices.Equal(a.Bins, []int64{0, 1, 11, 0}) {
		t.Errorf("its hits over time are %v", a.Bins)
	}
	if !a.First.Equal(now.Add(-3*time.Hour-time.Minute)) || !a.Last.Equal(now.Add(-90*time.Minute)) {
		t.Errorf("it went on from %s to %s", a.First, a.Last)
	}
	if got := v.Alerts["error"]; !slices.Equal(got, []int64{0, 1, 1, 0}) {
		t.Errorf("alerts over time are %v", got)
	}
}

// TestStates has one problem in each state, at the borders.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name   string
		age    time.Duration
		change func(*trigger.Alert)
		want   State
	}{
		{"recent", OpenFor - time.Second, nil, Open},
		{"an hour ago", OpenFor, nil, Quiet},
		{"its end is to come", 5 * time.Hour, func(a *trigger.Alert) { a.Resolves = true }, Open},
		{"ended just now", time.Second, func(a *trigger.Alert) { a.Kind = trigger.KindResolved }, Resolved},
		{"hits after its time", 2 * OpenFor, func(a *trigger.Alert) { a.LastSeen = now.Add(-time.Minute) }, Open},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, x := &log{}, &Index{}
			l.add("a", c.age, c.change)
			if got := view(t, x, l, 24*time.Hour, 1).Problems[0].State; got != c.want {
				t.Errorf("the state is %s, want %s", got, c.want)
			}
		})
	}
	l, x := &log{}, &Index{}
	l.add("a", 2*time.Minute, func(a *trigger.Alert) { a.Kind = trigger.KindResolved })
	l.add("a", time.Minute, nil) // it begins again
	if got := view(t, x, l, time.Hour, 1).Problems[0].State; got != Open {
		t.Errorf("a problem that came back is %s", got)
	}
}

// TestTheIndexIsBoundedAndReadsOnce stores more alerts than the index keeps, each with a key of its own.
func TestTheIndexIsBoundedAndReadsOnce(t *testing.T) {
	l, x := &log{}, &Index{}
	for i := range Kept + 700 {
		l.add(fmt.Sprint("k", i), time.Duration(Kept+700-i)*time.Millisecond, nil)
	}
	v := view(t, x, l, time.Hour, 10)
	if len(v.Problems) != Kept || v.Problems[0].Key != fmt.Sprint("k", Kept+699) {
		t.Errorf("%d problems, the first is %s", len(v.Problems), v.Problems[0].Key)
	}
	if want := now.Add(-Kept * time.Millisecond); !v.Since.Equal(want) {
		t.Errorf("alerts are left out before %s, want %s", v.Since, want)
	}
	if l.read != Kept {
		t.Errorf("%d alerts were read", l.read)
	}
	for i := range 3 * Kept {
		l.add(fmt.Sprint("more", i), 0, nil)
		if i%1000 == 0 {
			view(t, x, l, time.Hour, 10)
		}
	}
	view(t, x, l, time.Hour, 10)
	if l.read != Kept+3*Kept || len(x.entries) != Kept || len(x.groups) > 2*Kept {
		t.Errorf("%d alerts were read, %d are kept, of %d problems", l.read, len(x.entries), len(x.groups))
	}
}

// TestDamagedAndKeylessAlerts groups alerts without a key by their kind, rule and workload, and leaves out what is no alert.
func TestDamagedAndKeylessAlerts(t *testing.T) {
	l, x := &log{}, &Index{}
	keyless := func(rule string) func(*trigger.Alert) {
		return func(a *trigger.Alert) { a.Key, a.Kind, a.Rule = "", trigger.KindSystem, rule }
	}
	l.add("", time.Minute, keyless("gap"))
	l.add("", time.Second, keyless("gap"))
	l.add("", time.Second, keyless("dead-letters"))
	l.alerts = append(l.alerts, store.Alert{Seq: 4, ID: "al_4", Payload: []byte("{")})
	v := view(t, x, l, time.Hour, 1)
	if len(v.Problems) != 2 || v.Problems[1].Alerts != 2 {
		t.Errorf("the problems are %+v", v.Problems)
	}
	l.add("late", time.Second, func(a *trigger.Alert) { a.Severity = "unheard-of"; a.FirstSeen, a.LastSeen = time.Time{}, time.Time{} })
	if v = view(t, x, l, time.Hour, 1); v.Problems[0].Severity != "debug" || v.Problems[0].First.IsZero() {
		t.Errorf("the problem is %+v", v.Problems[0])
	}
}

// BenchmarkView is the cost of a view of a full index, without new alerts: the page asks for one every 30 s, and after alerts.
func BenchmarkView(b *testing.B) {
	l, x := &log{}, &Index{}
	for i := range Kept {
		l.add(fmt.Sprint("k", i%200), time.Duration(Kept-i)*time.Second, nil)
	}
	w := Window{From: now.Add(-24 * time.Hour), Until: now, Bins: 96}
	for b.Loop() {
		if _, err := x.View(b.Context(), l, w, now); err != nil {
			b.Fatal(err)
		}
	}
}
