package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/mute"
)

func database(equal ...string) Settings {
	return Settings{
		Rules: []RuleSettings{{Name: "db-down", Pattern: "connection refused"}, {Name: "failed", Pattern: "failed", CooldownBy: []string{"workload"}}},
		Inhibits: []InhibitSettings{{
			Source: Matchers{Rule: "db-down"}, Target: Matchers{Workload: "shop/*"}, For: 5 * time.Minute, Equal: equal,
		}},
	}
}

func db() *Source {
	return &Source{Workload: "ops/db", Host: "node-1", Container: Container{ID: "db"}}
}

func TestAnAlertInhibits(t *testing.T) {
	r := newRun(t, database())
	if got := r.line("failed"); len(got) != 1 {
		t.Fatal("suppressed, and nothing has alerted")
	}
	r.record(Record{Text: []byte("connection refused"), Source: db()})
	r.pass(5*time.Minute - 1)
	if got := r.line("failed"); len(got) != 0 {
		t.Fatal("not suppressed")
	}
	if got := r.record(Record{Text: []byte("failed"), Source: db()}); len(got) != 1 {
		t.Error("a workload that the target does not match is suppressed")
	}
	r.pass(1)
	if got := r.line("failed"); len(got) != 1 || got[0].Suppressed[ReasonInhibited] != 1 {
		t.Errorf("when it is over: %+v", got)
	}
	if c := r.counts()["failed"]; c.Suppressed[ReasonInhibited] != 1 {
		t.Errorf("%+v", c)
	}
}

// TestNoAlertInhibitsItself: hits that both sides match are suppressed by alerts that the source alone matches, never by their own kind.
func TestNoAlertInhibitsItself(t *testing.T) {
	r := newRun(t, database())
	for range 3 { // the shop's own refused connections are source and target
		if got := r.line("connection refused"); len(got) != 1 {
			t.Fatal("an alert inhibits itself")
		}
	}
	if got := r.line("failed"); len(got) != 0 {
		t.Error("a hit that the target alone matches is not suppressed")
	}
	r.record(Record{Text: []byte("connection refused"), Source: db()})
	if got := r.line("connection refused"); len(got) != 0 {
		t.Error("the database's alert does not hold back the shop's")
	}
	r.counts()
}

// TestSuppressedHitsDoNotInhibit: only alerts that leave do.
func TestSuppressedHitsDoNotInhibit(t *testing.T) {
	s := database()
	s.Rules[0].DryRun = true
	r := newRun(t, s)
	r.record(Record{Text: []byte("connection refused"), Source: db()})
	if got := r.line("failed"); len(got) != 1 {
		t.Error("a dry run inhibits")
	}
	r = newRun(t, database())
	r.silence(during(Matchers{Rule: "db-down"}))
	r.record(Record{Text: []byte("connection refused"), Source: db()})
	if got := r.line("failed"); len(got) != 1 {
		t.Error("a silenced alert inhibits")
	}
}

func TestEqual(t *testing.T) {
	r := newRun(t, database("host"))
	r.record(Record{Text: []byte("connection refused"), Source: db()})
	other := web("c1")
	other.Host = "node-2"
	if len(r.record(Record{Text: []byte("failed"), Source: other})) != 1 || len(r.line("failed")) != 0 {
		t.Error("source and target must agree in their host")
	}
	for _, word := range EqualNames() {
		r := newRun(t, Settings{
			Rules:    []RuleSettings{{Name: "a", Pattern: "a"}, {Name: "b", Pattern: "b"}},
			Inhibits: []InhibitSettings{{Source: Matchers{Rule: "a"}, Target: Matchers{Rule: "b"}, For: time.Minute, Equal: []string{word}}},
		})
		r.line("a")
		far := &Source{Workload: "far", Host: "far", Tag: "far", Container: Container{ID: "far"}}
		if len(r.line("b")) != 0 || len(r.record(Record{Text: []byte("b"), Source: far})) != 1 {
			t.Errorf("equal %s", word)
		}
	}
}

func TestInhibitionsSurviveARestart(t *testing.T) {
	first := newRun(t, database())
	first.e.TakeState(false)
	first.record(Record{Text: []byte("connection refused"), Source: db()})
	second := newRun(t, database())
	second.pass(time.Minute)
	if _, err := second.e.RestoreState(first.e.TakeState(false), second.now); err != nil {
		t.Fatal(err)
	}
	if got := second.line("failed"); len(got) != 0 {
		t.Error("not suppressed after a restart")
	}
	third := newRun(t, database())
	third.pass(25 * time.Hour)
	entries := append(second.e.TakeState(false), StateEntry{Key: "inhibit/x", Value: []byte(`{"source":1}`)}, StateEntry{Key: "inhibit/y", Value: []byte(`{`)})
	if _, err := third.e.RestoreState(entries, third.now); err == nil || !strings.Contains(err.Error(), `"inhibit/y"`) {
		t.Errorf("%v", err)
	}
	gone := map[string]bool{}
	for _, e := range third.e.TakeState(false) {
		gone[e.Key] = e.Value == nil
	}
	if !gone["inhibit/x"] || !gone["inhibit/y"] {
		t.Errorf("what means nothing any more is not given back as forgotten: %v", gone)
	}
}

func TestInhibitionsAreBounded(t *testing.T) {
	r := newRun(t, database("container"))
	for i := range mute.MaxInhibitions + 10 {
		r.record(Record{Text: []byte("connection refused"), Source: &Source{Workload: "ops/db", Container: Container{ID: fmt.Sprint(i)}}})
	}
	if n, s := r.e.mutes.Inhibitor.Last.Len(), r.e.Stats(); n != mute.MaxInhibitions || s.InhibitsForgotten != 10 {
		t.Errorf("%d are kept, %d forgotten", n, s.InhibitsForgotten)
	}
}

func TestBrokenInhibitionsAreLeftOut(t *testing.T) {
	bad := InhibitSettings{Source: Matchers{Rule: "a"}, Target: Matchers{Message: "("}, For: -1, Equal: []string{"node"}}
	var fields []string
	for _, e := range bad.Validate() {
		fields = append(fields, e.Field)
	}
	if fmt.Sprint(fields) != "[target.message for equal]" {
		t.Errorf("%q", fields)
	}
	s := database()
	s.Inhibits = append([]InhibitSettings{bad}, s.Inhibits...)
	n, err := New().Compile(s)
	if err != nil || len(n.Broken()) != 1 || n.Broken()[0].ID != "inhibit #1" || len(n.Inhibits) != 1 {
		t.Errorf("%v, %v", n.Broken(), err)
	}
}

func TestARaisedSeverityInhibits(t *testing.T) {
	r := newRun(t, Settings{
		Rules: []RuleSettings{
			{Name: "source", Pattern: "a", Escalate: []Escalation{{After: 30 * time.Second, Severity: SeverityCritical}}},
			{Name: "target", Pattern: "b"},
		},
		Inhibits: []InhibitSettings{{Source: Matchers{Severity: []Severity{SeverityCritical}}, Target: Matchers{Rule: "target"}, For: time.Minute}},
	})
	r.line("a")
	if len(r.line("b")) != 1 {
		t.Error("a warning inhibits")
	}
	r.pass(40 * time.Second)
	if got := r.line("a"); len(got) != 1 || got[0].Severity != SeverityCritical {
		t.Fatalf("want it raised: %+v", got)
	}
	if len(r.line("b")) != 0 {
		t.Error("the raised alert does not inhibit")
	}
}

func TestARecoveryEndsAnInhibitionWithAnyLine(t *testing.T) {
	r := newRun(t, Settings{
		Rules: []RuleSettings{{Name: "beat", Pattern: "beat", Absent: time.Minute}, {Name: "r", Pattern: "boom"}},
		Inhibits: []InhibitSettings{{
			Source: Matchers{Rule: "beat", Severity: []Severity{SeverityWarning}}, Target: Matchers{Message: "boom"}, For: time.Hour,
		}},
	})
	r.line("quiet")
	r.pass(2 * time.Minute)
	if got := r.line("boom"); len(got) != 1 || got[0].Kind != KindAbsence {
		t.Fatalf("want the absence, which inhibits: %+v", got)
	}
	if got := r.record(Record{Text: []byte("beat"), Severity: SeverityInfo}); len(got) != 1 || got[0].Kind != KindResolved {
		t.Fatalf("want the recovery: %+v", got)
	}
	if got := r.line("boom"); len(got) != 1 {
		t.Errorf("what ended still inhibits: %+v", got)
	}
}
