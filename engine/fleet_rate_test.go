package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// ratedInFleet returns a run whose rule alerts at three times as many hits of all nodes as usual.
func ratedInFleet(t *testing.T, change ...func(*RuleSettings)) (*run, *nodes) {
	t.Helper()
	r := newRun(t, fleetRule(append([]func(*RuleSettings){func(s *RuleSettings) {
		s.Within, s.Cooldown, s.Rollup = 5*time.Minute, time.Hour, true
		s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 3000, time.Hour, 20
	}}, change...)...))
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

// TestTheFleetSaysWhenARateIsExceeded: the hits of one node do not alert, however many they are. The alert shows one of the lines that were too many.
func TestTheFleetSaysWhenARateIsExceeded(t *testing.T) {
	r, n := ratedInFleet(t)
	r.steady("boom", 25*time.Second, 2*time.Hour)
	if got := r.lines(60); len(got) != 0 || len(n.rated) != 288+60 {
		t.Fatalf("%d alerts, %d hits for the fleet", len(got), len(n.rated))
	}
	h := n.rated[0]
	if h.Key != h.Alerts || h.At != t0 || h.Within != int64(5*time.Minute) || h.Than != int64(time.Hour) || h.Other || h.Cooldown != int64(time.Hour) ||
		h.Above != 3000 || h.AtLeast != 20 || h.Millionths != 0 {
		t.Errorf("%+v", h)
	}
	r.line("boom of a burst")
	r.e.Exceed(h.Key, FleetCompared{Hits: 94, Usual: 11_250}, r.now)
	r.e.Exceed(h.Key, FleetCompared{Hits: 95, Usual: 11_250}, r.now) // answered twice
	got := r.tick()
	if len(got) != 1 || got[0].Kind != KindThreshold || got[0].Count != 0 || got[0].Suppressed[ReasonThreshold] != 288+61 || got[0].Reached != 94 ||
		got[0].Candidate == 0 || *got[0].Rate != (model.Rate{Hits: 94, Usual: 11.25, Within: int64(5 * time.Minute), Fleet: true}) ||
		!strings.HasSuffix(got[0].Summary, " (94 on all nodes in 5m, usually 11: 8.4×)") || r.now-got[0].First < int64(2*time.Hour) {
		t.Fatalf("%+v", got)
	}
	r.e.Decide(got[0].Candidate, true)
	if c := r.counts()["boom"]; c.Hits != 288+61 || c.Alerts != 0 || c.Rollups != 1 || r.unreported()["boom"] != 0 {
		t.Errorf("%+v", c)
	}
	// In the window, the fleet still measures; a roll-up reports the hits.
	r.line("boom")
	r.e.Exceed(h.Key, FleetCompared{Hits: 96, Usual: 11_250}, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Errorf("within the cooldown: %+v", got)
	}
	if got := r.later(time.Hour); len(got) != 1 || got[0].Kind != KindRollup || got[0].Rate != nil {
		t.Errorf("after it: %+v", got)
	}
}

// TestTheLineOfARateIsNotOneOfLongAgo: usual lines come all the time.
func TestTheLineOfARateIsNotOneOfLongAgo(t *testing.T) {
	r, n := ratedInFleet(t)
	r.steady("boom as usual", 25*time.Second, 2*time.Hour)
	r.pass(time.Minute)
	for range 30 {
		r.line("boom too often")
	}
	r.e.Exceed(n.rated[0].Key, FleetCompared{Hits: 40, Usual: 11_000}, r.now)
	if got := r.tick(); len(got) != 1 || got[0].Message != "boom too often" {
		t.Errorf("%+v", got)
	}
}

// TestANodeAloneGoesByItsOwnRate: while the fleet does not answer, or has no room.
func TestANodeAloneGoesByItsOwnRate(t *testing.T) {
	r, n := ratedInFleet(t)
	r.steady("boom", 25*time.Second, 2*time.Hour)
	key := n.rated[0].Key
	r.e.Cross(key, 0, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Fatalf("as usual: %+v", got)
	}
	for range 40 {
		r.line("boom")
	}
	r.e.Cross(key, 0, r.now)
	got := r.tick()
	if len(got) != 1 || got[0].Reached != 0 || got[0].Rate == nil || got[0].Rate.Fleet || got[0].Rate.Hits != 51 || got[0].Rate.Usual != 12 {
		t.Fatalf("%+v", got)
	}
	r.pass(30 * time.Minute)
	r.line("boom")
	r.e.Cross(key, 0, r.now)
	r.e.CloseWindows(func(string) bool { return true })
	r.line("boom") // as usual again: what was exceeded half an hour ago counts for nothing
	r.e.Cross(key, 0, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Errorf("half an hour later: %+v", got)
	}
	r, n = ratedInFleet(t)
	r.steady("boom", 25*time.Second, 2*time.Hour)
	n.full = true
	got = nil
	for range 40 {
		got = append(got, r.line("boom")...)
	}
	if got = append(got, r.tick()...); len(got) != 1 || got[0].Rate.Fleet {
		t.Errorf("without room: %+v", got)
	}
}

// TestAMeasurementCountsWhatIsSuppressed: a silence does not change what is usual, but its hits ask for no alert; nor do late ones.
func TestAMeasurementCountsWhatIsSuppressed(t *testing.T) {
	r, n := ratedInFleet(t)
	r.line("boom")
	r.late(10*time.Minute, "boom")
	r.silence(during(Matchers{Rule: "boom"}))
	r.line("boom")
	if len(n.rated) != 3 || n.rated[0].Alerts == "" || n.rated[1].Alerts != "" || n.rated[1].At != r.now-int64(10*time.Minute) || n.rated[2].Alerts != "" {
		t.Fatalf("%+v", n.rated)
	}
	r.e.Exceed(n.rated[0].Key, FleetCompared{Hits: 94, Usual: 11_250}, r.now)
	if got := append(r.tick(), r.later(2*time.Hour)...); len(got) != 0 {
		t.Errorf("under a silence: %+v", got)
	}
}

// TestARateThatWasExceededIsKeptOverARestart.
func TestARateThatWasExceededIsKeptOverARestart(t *testing.T) {
	r, n := ratedInFleet(t)
	r.lines(2)
	r.e.Exceed(n.rated[0].Key, FleetCompared{Hits: 94, Usual: 11_250}, r.now)
	next := r.restart(fleetRule(func(s *RuleSettings) {
		s.Within, s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 5*time.Minute, 3000, time.Hour, 20
	}), time.Second)
	if got := next.tick(); len(got) != 1 || got[0].Reached != 94 || got[0].Rate == nil || got[0].Rate.Usual != 11.25 {
		t.Errorf("%+v", got)
	}
}

// TestTheFleetCountsBothRulesOfARatio, under the values that both have, whatever becomes of the other rule's hits.
func TestTheFleetCountsBothRulesOfARatio(t *testing.T) {
	s := fleetRule(func(s *RuleSettings) {
		s.Within, s.Of, s.AtLeast, s.By = time.Minute, "requests", 10, []string{"workload"}
		if err := s.Ratio.UnmarshalText([]byte(">=5%")); err != nil {
			t.Fatal(err)
		}
	})
	other := DefaultRule()
	other.Name, other.Pattern, other.DryRun = "requests", "GET", true
	s.Rules = append(s.Rules, other)
	r := newRun(t, s)
	n := &nodes{}
	r.e.SetFleet(n)
	r.line("GET /")
	r.line("boom")
	if len(n.rated) != 2 || n.rated[0].Key != n.rated[1].Key || !n.rated[0].Other || n.rated[0].Alerts != "" || n.rated[1].Other || n.rated[1].Than != 0 ||
		n.rated[1].Millionths != 50_000 || !n.rated[1].Reached || n.rated[1].AtLeast != 10 || n.rated[1].Alerts == "" {
		t.Fatalf("%+v", n.rated)
	}
	r.e.Exceed(n.rated[1].Alerts, FleetCompared{Hits: 15, Others: 200}, r.now)
	got := r.tick()
	if len(got) != 1 || got[0].Ratio == nil || got[0].Rate != nil || got[0].Reached != 15 || !strings.HasSuffix(got[0].Summary, " (15 on all nodes in 1m, 7.5% of requests)") {
		t.Errorf("%+v", got)
	}
}

// TestExplainSaysThatTheFleetCompares.
func TestExplainSaysThatTheFleetCompares(t *testing.T) {
	r, n := ratedInFleet(t)
	r.lines(3)
	x := r.e.Explain(&Record{Text: []byte("boom"), Source: web("c1"), Time: r.now}, r.now)
	if p := x[0].Preview; len(n.rated) != 3 || p.Alerts || p.Reason != ReasonThreshold.String() || !p.OfFleet || p.Rate == nil || p.Rate.Hits != 4 {
		t.Errorf("%+v", p)
	}
}
