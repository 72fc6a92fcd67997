package engine

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// fleetRule alerts for all nodes together.
func fleetRule(change ...func(*RuleSettings)) Settings {
	r := DefaultRule()
	r.Name, r.Pattern, r.Scope, r.CooldownBy, r.Cooldown = "boom", "boom", ScopeFleet, []string{"workload"}, time.Minute
	for _, fn := range change {
		fn(&r)
	}
	return Settings{Rules: []RuleSettings{r}, Limits: Limits{MaxKeys: 1000}}
}

func TestACandidateIsPendingUntilItIsDecided(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		r := newRun(t, fleetRule())
		got := r.line("boom 1")
		if len(got) != 1 || got[0].Candidate == 0 || got[0].Key == "" {
			t.Fatalf("%+v", got)
		}
		if c := r.counts()["boom"]; c.Pending != 1 || c.Alerts != 0 {
			t.Errorf("before the decision: %+v", c)
		}
		r.e.Decide(got[0].Candidate, leaves)
		c := r.counts()["boom"]
		if c.Pending != 0 || leaves != (c.Alerts == 1) || leaves == (c.Suppressed[ReasonFleet] == 1) {
			t.Errorf("leaves %v: %+v", leaves, c)
		}
		// A second answer, and one about a candidate of an earlier run, change nothing.
		r.e.Decide(got[0].Candidate, !leaves)
		r.e.Decide(99, true)
		if again := r.counts()["boom"]; again != c {
			t.Errorf("decided twice: %+v, want %+v", again, c)
		}
	}
}

// TestARollupOfAFleetRuleIsACandidate: one that is held made no roll-up, and its numbers are in the alert, for the fleet.
func TestARollupOfAFleetRuleIsACandidate(t *testing.T) {
	r := newRun(t, fleetRule())
	r.e.Decide(r.line("boom 1")[0].Candidate, false)
	r.line("boom 2")
	r.line("boom 3")
	r.pass(time.Minute)
	held := r.e.Tick(r.now, nil)
	if len(held) != 1 || held[0].Kind != KindRollup || held[0].Candidate == 0 || held[0].Suppressed[ReasonCooldown] != 2 {
		t.Fatalf("%+v", held)
	}
	r.e.Decide(held[0].Candidate, false)
	if c := r.counts()["boom"]; c.Rollups != 0 || c.Pending != 0 || r.unreported()["boom"] != 0 {
		t.Errorf("held: %+v", c)
	}
	r.line("boom 4")
	r.pass(time.Minute)
	led := r.e.Tick(r.now, nil)
	if len(led) != 1 {
		t.Fatalf("%+v", led)
	}
	r.e.Decide(led[0].Candidate, true)
	if c := r.counts()["boom"]; c.Rollups != 1 || c.Hits != 4 || c.Suppressed[ReasonFleet] != 1 || c.Suppressed[ReasonCooldown] != 3 {
		t.Errorf("led: %+v", c)
	}
}

// TestRulesOfANodeAskNobody, nor does a dry run, nor a hit that has no key of its own.
func TestRulesOfANodeAskNobody(t *testing.T) {
	r := newRun(t, fleetRule(func(s *RuleSettings) { s.Scope = ScopeNode }))
	if got := r.line("boom"); len(got) != 1 || got[0].Candidate != 0 {
		t.Errorf("%+v", got)
	}
	r = newRun(t, fleetRule(func(s *RuleSettings) { s.DryRun = true }))
	if got := r.line("boom"); len(got) != 0 || r.counts()["boom"].Suppressed[ReasonDryRun] != 1 {
		t.Errorf("a dry run: %+v", got)
	}
	many := fleetRule(func(s *RuleSettings) { s.CooldownBy = []string{"template"} })
	many.Limits.MaxKeys = 10_000
	r = newRun(t, many)
	r.pass(time.Second)
	asked, overflow := 0, 0
	for n := range 1100 { // a rule and container have at most 1,000 templates
		word := strings.Repeat("x", 1+n/26) + string(rune('a'+n%26))
		for _, a := range r.line("boom " + word) {
			if a.Candidate != 0 {
				asked++
			} else {
				overflow++
			}
		}
	}
	if asked != 1000 || overflow != 100 {
		t.Errorf("%d asked, %d of the overflow left", asked, overflow)
	}
}

func TestScopeIsStrict(t *testing.T) {
	refused := map[string]func(*RuleSettings){
		"resolve":    func(r *RuleSettings) { r.Resolve = time.Minute },
		"resolve_on": func(r *RuleSettings) { r.ResolveOn = "fine" },
		"scope":      func(r *RuleSettings) { r.Scope = "cluster" },
	}
	for field, change := range refused {
		s := fleetRule(change).Rules[0]
		faults := s.Validate()
		if len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %+v", field, faults)
		}
	}
	// Each other setting means the same on every node, or is of the part of a rule that is not shared. A new setting belongs to one of the two lists.
	means := []string{
		"name", "pattern", "keywords", "any", "all", "none", "event", "stream", "severity", "cooldown", "cooldown_by", "rollup", "where", "workloads",
		"exclude_workloads", "context", "summary", "fields", "labels", "runbook", "dry_run", "deploy", "scope",
		"first_seen",               // whose templates and images the engine knows
		"cooldown_max", "escalate", // whose windows and episodes are those of the engine
		"count", "within", "distinct", "rate", "ratio", "of", "at_least", // which the fleet counts
		"absent", "absent_from", // which the fleet waits for
		"after", "without", "by", // which the fleet is asked about
	}
	for f := range reflect.TypeFor[RuleSettings]().Fields() {
		key := f.Tag.Get("toml")
		if _, strict := refused[key]; key != "-" && !strict && !slices.Contains(means, key) {
			t.Errorf("nothing says whether a rule of the fleet may have %s", key)
		}
	}
	for field, change := range map[string]func(*RuleSettings){
		"rate.below": func(r *RuleSettings) { r.Rate.Below = 3 },
	} {
		s := fleetRule(change).Rules[0]
		if faults := rules.ScopeFaults(&s); len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %+v", field, faults)
		}
	}
	s := fleetRule(func(r *RuleSettings) { r.After, r.Within, r.FirstSeen = "other", time.Minute, FirstSeen(time.Hour) }).Rules[0]
	if faults := s.Validate(); len(faults) != 1 || faults[0].Field != "first_seen" {
		t.Errorf("after and first_seen: %+v", faults)
	}
	s = fleetRule(func(r *RuleSettings) { r.After, r.Within = "other", time.Minute }).Rules[0]
	if faults := s.Validate(); len(faults) != 0 {
		t.Errorf("after: %+v", faults)
	}
	s = fleetRule(func(r *RuleSettings) { r.Context.Before, r.Context.After = 3, 3 }).Rules[0]
	if faults := s.Validate(); len(faults) != 0 {
		t.Errorf("%+v", faults)
	}
	o := Override{Rule: "boom", Keys: []string{"scope"}}
	if faults := o.Validate(&RuleSettings{}); len(faults) != 1 || faults[0].Field != "scope" {
		t.Errorf("an override: %+v", faults)
	}
}

// TestAWindowThatIsClosedAlertsAgain: the next hit of its key reports what was suppressed; other keys stay as they are.
func TestAWindowThatIsClosedAlertsAgain(t *testing.T) {
	r := newRun(t, fleetRule(func(s *RuleSettings) { s.CooldownBy = []string{"container"} }))
	about := func(id string) []Alert { return r.record(Record{Text: []byte("boom"), Source: web(id)}) }
	key := about("c1")[0].Key
	about("c2")
	about("c1")
	r.e.CloseWindows(func(k string) bool { return k == key })
	r.pass(time.Second)
	if got := about("c1"); len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 1 {
		t.Errorf("the key that was closed: %+v", got)
	}
	if got := about("c2"); len(got) != 0 {
		t.Errorf("another key: %+v", got)
	}
}
