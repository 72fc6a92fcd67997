package engine

import (
	"slices"
	"testing"
	"time"
)

// rollups ticks for a length of time with a hit each ten seconds, calls decided for each alert, and returns when they came.
func (r *run) rollups(length time.Duration, decided func(ticket uint64)) (at []time.Duration) {
	for from := r.now; r.now < from+int64(length); r.pass(10 * time.Second) {
		for _, a := range append(r.tick(), r.line("boom")...) {
			at = append(at, time.Duration(a.Time-t0))
			decided(a.Candidate)
		}
	}
	return at
}

func longer(s *RuleSettings) {
	s.Cooldown, s.CooldownMax, s.Rollup = time.Minute, 10*time.Minute, true
	s.Escalate = []Escalation{{After: 150 * time.Second, Severity: SeverityCritical}}
}

// TestWindowsDoubleOnANodeThatIsAlone: the windows of a node stay as long as the cooldown while the fleet answers, so that it hears of the hits. While the fleet does not, they
// double, from the cooldown on.
func TestWindowsDoubleOnANodeThatIsAlone(t *testing.T) {
	without := func(s *RuleSettings) { longer(s); s.Escalate = nil }
	r := newRun(t, fleetRule(without))
	r.e.SetFleet(&nodes{})
	minutes := func(all ...time.Duration) (out []time.Duration) {
		for _, m := range all {
			out = append(out, m*time.Minute)
		}
		return out
	}
	held := func(ticket uint64) { r.e.Decide(ticket, false) }
	if got := r.rollups(4*time.Minute, held); !slices.Equal(got, minutes(0, 1, 2, 3)) {
		t.Errorf("held: %v", got)
	}
	if got := r.rollups(9*time.Minute, r.e.Alone); !slices.Equal(got, minutes(4, 5, 7, 11)) {
		t.Errorf("alone: %v", got)
	}
	r = r.restart(fleetRule(without), 0)
	r.e.SetFleet(&nodes{})
	if got := r.rollups(7*time.Minute, held); !slices.Equal(got, minutes(19)) {
		t.Errorf("restarted in a window of eight minutes: %v", got)
	}
	if got := r.rollups(2*time.Minute, func(ticket uint64) { r.e.Decide(ticket, true) }); !slices.Equal(got, minutes(20, 21)) {
		t.Errorf("the fleet answers again: %v", got)
	}
	r.e.Alone(99) // of an earlier run
	if c := r.counts()["boom"]; c.Pending != 0 || c.Hits != c.Alerts+c.Suppressed[ReasonCooldown]+c.Suppressed[ReasonFleet] {
		t.Errorf("%+v", c)
	}
}

// TestAStepIsACandidate: a node asks at the moment of its own step, so that the engine has its hits, and has the severity ready for when it is alone.
func TestAStepIsACandidate(t *testing.T) {
	r := newRun(t, fleetRule(longer))
	r.e.SetFleet(&nodes{})
	var severities []Severity
	for from := r.now; r.now < from+int64(4*time.Minute); r.pass(10 * time.Second) {
		for _, a := range append(r.tick(), r.line("boom")...) {
			severities = append(severities, a.Severity)
			if at := time.Duration(a.Time - t0); a.Severity == SeverityCritical && len(severities) == 4 && at != 150*time.Second {
				t.Errorf("the step is a candidate after %v", at)
			}
			r.e.Decide(a.Candidate, false)
		}
	}
	if want := SeverityCritical; len(severities) != 5 || severities[2] == want || severities[3] != want || severities[4] != want {
		t.Errorf("%v", severities)
	}
}

// TestAnImageOfTheFleet: the fleet is asked whether a template was seen anywhere before its image appeared. One that was is known on this node, too, from then on.
func TestAnImageOfTheFleet(t *testing.T) {
	r := newRun(t, fleetRule(func(s *RuleSettings) { s.FirstSeen, s.CooldownBy = FirstSeenImage, []string{"workload", "template"} }))
	n := &nodes{}
	r.e.SetFleet(n)
	source := func(image string) *Source {
		s := web("c-" + image)
		s.Container.Image = image
		return s
	}
	about := func(image, text string) []Alert {
		defer r.pass(time.Second)
		return r.record(Record{Text: []byte(text), Source: source(image)})
	}
	about("web:1", "boom with glass")
	r.pass(time.Hour)
	about("web:2", "starts")
	appeared := r.now - int64(time.Second)
	if got := about("web:2", "boom with glass"); len(got) != 0 || len(n.seen) != 1 || n.seen[0].Image == "" || n.seen[0].First != t0 || n.seen[0].Appeared != appeared {
		t.Errorf("one that this node knows: %+v, %+v", got, n.seen)
	}
	got := about("web:2", "boom with wood")
	if len(got) != 1 || got[0].Sight == nil || got[0].Sight.Appeared != appeared || got[0].Sight.First != got[0].Time || got[0].Sight.Image != n.seen[0].Image {
		t.Fatalf("one that is new here: %+v", got)
	}
	if !r.e.Known(got[0].Candidate) {
		t.Fatal("it is not asked about")
	}
	if again := about("web:2", "boom with wood"); len(again) != 0 {
		t.Errorf("known elsewhere, it alerts again: %+v", again)
	}
	got = about("web:2", "boom with stone and iron")
	if len(got) != 1 {
		t.Fatalf("another one: %+v", got)
	}
	r.e.Decide(got[0].Candidate, true)
	r.pass(2 * time.Minute)
	if again := about("web:2", "boom with stone and iron"); len(again) != 1 || again[0].Sight == nil {
		t.Errorf("each hit of a new one may alert: %+v", again)
	}
	if c := r.counts()["boom"]; c.Suppressed[ReasonKnown] != 3 {
		t.Errorf("%+v", c)
	}
}
