package engine

import (
	"strings"
	"testing"
	"time"
)

// ofAll returns settings whose last but one rule is of the fleet.
func ofAll(rules []RuleSettings, name string, change ...func(*RuleSettings)) Settings {
	for i := range rules {
		if r := &rules[i]; r.Name == name {
			r.Scope = ScopeFleet
			for _, c := range change {
				c(r)
			}
		}
	}
	return Settings{Rules: rules}
}

// inSequence returns a run in a fleet with a rule that asks for a hit of another one before.
func inSequence(t *testing.T, change ...func(*RuleSettings)) (*run, *nodes) {
	t.Helper()
	r := newRun(t, ofAll(followed(), "login", append([]func(*RuleSettings){func(s *RuleSettings) { s.Cooldown, s.Rollup = 5*time.Minute, true }}, change...)...))
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

// TestTheFleetIsAskedAboutHitsThatFollowNone, and told of the other rule's. One that follows on its own node alerts without a question.
func TestTheFleetIsAskedAboutHitsThatFollowNone(t *testing.T) {
	r, n := inSequence(t)
	if got := r.line("failed user=bob"); len(got) != 0 || len(n.steps) != 1 || n.steps[0].At != r.now || n.steps[0].Within != int64(time.Minute) {
		t.Fatalf("%+v, %+v", got, n.steps)
	}
	if got := r.line("login user=ann"); len(got) != 0 || len(n.follows) != 1 {
		t.Fatalf("%+v, %+v", got, n.follows)
	}
	f := n.follows[0]
	if f.At != r.now || f.Within != int64(time.Minute) || f.Sequence == n.steps[0].Sequence {
		t.Errorf("%+v", f)
	}
	r.line("failed user=ann")
	if len(n.steps) != 2 || n.steps[1].Sequence != f.Sequence {
		t.Errorf("the same values have another name: %+v", n.steps)
	}
	got := r.line("login user=ann")
	if len(got) != 1 || got[0].Kind != KindLog || got[0].Count != 1 || got[0].Candidate == 0 || len(n.follows) != 1 || got[0].Suppressed[ReasonSequence] != 1 {
		t.Errorf("it follows here: %+v, %d asked", got, len(n.follows))
	}
	r.e.Decide(got[0].Candidate, true)
	// The answer comes late: the alert has reported the hit.
	r.e.Follow(f.Key, f.Shown, r.now)
	if got := append(r.tick(), r.later(10*time.Minute)...); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if c := r.counts()["login"]; c.Hits != 2 || c.Alerts != 1 || c.Suppressed[ReasonSequence] != 1 {
		t.Errorf("%+v", c)
	}
}

// TestAHitThatFollowedOneElsewhereAlerts at once, with its line, and once.
func TestAHitThatFollowedOneElsewhereAlerts(t *testing.T) {
	r, n := inSequence(t)
	r.line("login user=ann")
	r.line("login user=bob")
	r.pass(time.Second)
	r.e.Follow(n.follows[1].Key, n.follows[1].Shown, r.now)
	r.e.Follow(n.follows[1].Key, n.follows[1].Shown, r.now) // answered twice
	got := r.tick()
	if len(got) != 1 || got[0].Kind != KindLog || got[0].Count != 0 || got[0].Message != "login user=bob" || got[0].Captures["who"] != "bob" || got[0].Candidate == 0 ||
		got[0].Suppressed[ReasonSequence] != 2 || got[0].Due != r.now || got[0].Summary != "login in shop/web: login user=bob" {
		t.Fatalf("%+v", got)
	}
	r.e.Decide(got[0].Candidate, true)
	if c := r.counts()["login"]; c.Hits != 2 || c.Suppressed[ReasonSequence] != 2 || c.Rollups != 1 || r.unreported()["login"] != 0 {
		t.Errorf("%+v", c)
	}
	// In the open window, a roll-up reports what follows.
	r.line("login user=eve")
	r.e.Follow(n.follows[2].Key, n.follows[2].Shown, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Errorf("within the cooldown: %+v", got)
	}
	if got := r.later(5 * time.Minute); len(got) != 1 || got[0].Kind != KindRollup || got[0].Suppressed[ReasonSequence] != 1 || got[0].Message != "login user=eve" {
		t.Errorf("%+v", got)
	}
}

// TestWhatTheFleetIsNotAskedAbout: hits that a silence suppresses, that lack the value, that came too late, and those of other rules.
func TestWhatTheFleetIsNotAskedAbout(t *testing.T) {
	for name, play := range map[string]func(r *run){
		"a silence":       func(r *run) { r.silence(during(Matchers{Rule: "login"})); r.line("login user=ann") },
		"without a value": func(r *run) { r.line("login user=") },
		"late":            func(r *run) { r.late(time.Minute, "login user=ann"); r.late(time.Minute, "failed user=ann") },
	} {
		r, n := inSequence(t)
		if play(r); len(n.follows) != 0 || len(n.steps) != 0 {
			t.Errorf("%s: %+v, %+v", name, n.follows, n.steps)
		}
	}
	for name, change := range map[string]func(*RuleSettings){
		"scope": func(s *RuleSettings) { s.Scope = ScopeNode }, "dry_run": func(s *RuleSettings) { s.DryRun = true },
	} {
		r, n := inSequence(t, change)
		r.line("failed user=bob")
		if r.line("login user=ann"); len(n.follows) != 0 || len(n.steps) != 0 {
			t.Errorf("%s: %+v, %+v", name, n.follows, n.steps)
		}
	}
}

// TestAnAnswerAndWhatComesBetween: under a silence it counts for nothing, and after a restart it counts.
func TestAnAnswerAndWhatComesBetween(t *testing.T) {
	r, n := inSequence(t)
	r.line("login user=ann")
	r.silence(during(Matchers{Rule: "login"}))
	r.e.Follow(n.follows[0].Key, n.follows[0].Shown, r.now)
	if got := append(r.tick(), r.later(2*time.Hour)...); len(got) != 0 {
		t.Errorf("under a silence: %+v", got)
	}
	r, n = inSequence(t)
	r.line("login user=ann")
	r.e.Follow(n.follows[0].Key, n.follows[0].Shown, r.now)
	due := r.now
	next := r.restart(ofAll(followed(), "login"), time.Second)
	if got := next.tick(); len(got) != 1 || got[0].Due != due || got[0].Message != "login user=ann" || got[0].Candidate == 0 {
		t.Errorf("after a restart: %+v", got)
	}
}

// TestExplainSaysThatTheFleetIsAsked, and asks nobody.
func TestExplainSaysThatTheFleetIsAsked(t *testing.T) {
	r, n := inSequence(t)
	rec := &Record{Text: []byte("login user=ann"), Source: web("c1"), Time: r.now}
	if p := r.e.Explain(rec, r.now)[1].Preview; !p.OfFleet || p.Reason != ReasonSequence.String() || len(n.follows) != 0 {
		t.Errorf("%+v", p)
	}
	r.line("failed user=ann")
	if p := r.e.Explain(rec, r.now)[1].Preview; p.OfFleet || !p.Alerts {
		t.Errorf("it follows here: %+v", p)
	}
}

// inWait returns a run in a fleet with a rule that waits for another one for an hour.
func inWait(t *testing.T) (*run, *nodes) {
	t.Helper()
	r := newRun(t, ofAll(awaited(), "begun"))
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

// TestTheFleetWaits: it gets the wait with the alert that would be sent, and reports it.
func TestTheFleetWaits(t *testing.T) {
	r, n := inWait(t)
	r.line("begin a")
	r.pass(time.Second)
	r.line("begin a") // one wait
	if len(n.waits) != 1 {
		t.Fatalf("%+v", n.waits)
	}
	w := n.waits[0]
	if w.At != t0 || w.From != t0 || w.Within != int64(time.Hour) || w.RuleID != "begun" || w.Workload != "shop/web" || w.Shown.Severity != SeverityError ||
		w.Shown.Summary != "no ended for 1h after: a began" || w.Shown.Message != "begin a" {
		t.Errorf("%+v", w)
	}
	if got := r.later(3 * time.Hour); len(got) != 0 {
		t.Errorf("the node reports it: %+v", got)
	}
	r.line("begin a")
	if len(n.waits) != 2 {
		t.Errorf("the next wait: %+v", n.waits)
	}
	r.line("end a")
	if len(n.steps) != 1 || n.steps[0].Sequence != w.Sequence {
		t.Errorf("%+v", n.steps)
	}
	a, later, ok := r.e.FleetMissing("begun", &w.Shown, t0, r.now)
	if !ok || later || a.Kind != KindMissing || a.Summary != w.Shown.Summary || a.First != t0 || a.Severity != SeverityError {
		t.Errorf("%v %v %+v", ok, later, a)
	}
	bare := &Alert{Source: &Source{Workload: "shop/web"}}
	if a, _, ok := r.e.FleetMissing("begun", bare, t0, r.now); !ok || a.Summary != "no ended for 1h after begun in shop/web" {
		t.Errorf("without a line: %+v", a)
	}
	r.e.FleetSent(&a, r.now)
	r.silence(during(Matchers{Rule: "begun"}))
	if _, later, _ := r.e.FleetMissing("begun", bare, t0, t0+1); !later {
		t.Error("under a silence it is not later")
	}
	if _, _, ok := r.e.FleetMissing("ended", bare, t0, r.now); ok {
		t.Error("of a rule that waits for nothing")
	}
	if c := r.counts()["begun"]; c.Absences != 1 || c.Hits != 3 || c.Suppressed[ReasonSequence] != 3 {
		t.Errorf("%+v", c)
	}
}

// TestWithoutAFleetANodeReportsItsOwnWaits, once the fleet has been away for long enough; those that are over it does not.
func TestWithoutAFleetANodeReportsItsOwnWaits(t *testing.T) {
	r, n := inWait(t)
	r.line("begin a")
	r.line("begin b")
	r.line("begin c")
	r.line("end c")
	r.e.WaitOver(n.waits[1].Sequence) // another node saw the end of b
	r.pass(58 * time.Minute)
	n.down, n.since = true, r.now
	if got := r.later(4 * time.Minute); len(got) != 0 {
		t.Fatalf("at once: %+v", got)
	}
	got := r.later(time.Minute)
	if len(got) != 1 || got[0].Kind != KindMissing || got[0].Candidate != 0 || got[0].Captures["id"] != "a" {
		t.Fatalf("%+v", got)
	}
	n.down = false
	if got := r.later(24 * time.Hour); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	r.e.WaitOver("begun\x1fx")
	r.counts()
}

// TestALineThatCameTooLateWaitsOnItsNode: the fleet waits for what is recent.
func TestALineThatCameTooLateWaitsOnItsNode(t *testing.T) {
	r, n := inWait(t)
	r.late(time.Hour, "begin a")
	if got := r.later(time.Hour); len(n.waits) != 0 || len(got) != 1 || got[0].Kind != KindMissing {
		t.Errorf("%+v, %+v", n.waits, got)
	}
}

// TestAWaitIsOfTheFleetAfterARestart, and after a fleet is set; its alert is masked by the settings in force.
func TestAWaitIsOfTheFleetAfterARestart(t *testing.T) {
	r, _ := inWait(t)
	r.line("begin a")
	s := ofAll(awaited(), "begun")
	s.Redact.Patterns = []string{"begin"}
	next := r.restart(s, time.Minute)
	n := &nodes{}
	next.e.SetFleet(n)
	if len(n.waits) != 1 || n.waits[0].At != t0 || strings.Contains(n.waits[0].Shown.Message, "begin") || n.waits[0].Shown.Message == "" {
		t.Errorf("%+v", n.waits)
	}
	if got := next.later(3 * time.Hour); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
