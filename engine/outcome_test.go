package engine

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// tally is the outcomes of hits, by rule.
type tally map[string]*RuleCounts

func (t tally) add(hits []Hit) {
	for i := range hits {
		h := &hits[i]
		c := t[h.RuleID()]
		if c == nil {
			c = &RuleCounts{}
			t[h.RuleID()] = c
		}
		c.Hits++
		switch why, held := h.Outcome().Suppressed(); {
		case held:
			c.Suppressed[why]++
		case h.Outcome() == Alerted:
			c.Alerts++
		}
	}
}

// TestOutcomesAgreeWithTheCounters judges random lines by random rules, also from several sides at once, and wants what the hits say of themselves to be
// what the counters say.
func TestOutcomesAgreeWithTheCounters(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		s := countingSettings(rnd)
		for i := range s.Rules {
			if rnd.IntN(3) == 0 {
				s.Rules[i].Context.After = 1 + rnd.IntN(2)
			}
		}
		e := New()
		n, err := e.Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		e.Apply(n)
		if rnd.IntN(2) == 0 {
			silence := Silence{ID: "si_1", Matchers: Matchers{Rule: "r1"}, Until: t0 + int64(time.Hour)}
			if err := e.SetSilences([]Silence{silence}); err != nil {
				t.Fatal(err)
			}
		}
		sides := 1 + int(seed%3)
		tallies := make([]tally, sides)
		var wg sync.WaitGroup
		for side := range tallies {
			own := rand.New(rand.NewPCG(seed, uint64(side)))
			tallies[side] = tally{}
			wg.Go(func() {
				sources := []*Source{{Kind: "log", Workload: "shop/api"}, {Kind: "log", Workload: "other", Container: Container{ID: "c"}}}
				var alerts []Alert
				for i := range 300 {
					w := e.Worker()
					rec := &Record{Text: []byte(fmt.Sprint("abcd"[own.IntN(4):], own.IntN(4))), Source: sources[own.IntN(2)]}
					alerts = w.Process(rec, t0+int64(i)*int64(5*time.Second), alerts[:0])
					tallies[side].add(w.Hits())
					for i := range alerts {
						e.Decide(alerts[i].Candidate, true)
					}
					w.Release()
				}
			})
		}
		wg.Wait()
		for _, a := range e.ReleaseWaiting(nil) {
			e.Decide(a.Candidate, true)
		}
		for id, want := range e.Stats().Rules {
			var got RuleCounts
			for _, one := range tallies {
				if c := one[id]; c != nil {
					got.Hits, got.Alerts = got.Hits+c.Hits, got.Alerts+c.Alerts
					for why, held := range c.Suppressed {
						got.Suppressed[why] += held
					}
				}
			}
			if got.Hits != want.Hits || got.Alerts != want.Alerts || got.Suppressed != want.Suppressed || got.Accounted() != got.Hits {
				t.Errorf("seed %d, rule %s: the hits say %+v, the counters %+v", seed, id, got, want)
			}
		}
	}
}

// TestOutcomeWords: an outcome is shown by the words that alerts and metrics have.
func TestOutcomeWords(t *testing.T) {
	if got := fmt.Sprint((&Hit{}).Outcome(), Alerted, outcomeOf(ReasonCooldown), outcomeOf(ReasonDryRun)); got != "undecided alert cooldown dry_run" {
		t.Error(got)
	}
	for why := range NumReasons {
		if got, held := outcomeOf(why).Suppressed(); got != why || !held {
			t.Errorf("%s comes back as %s", why, got)
		}
	}
}
