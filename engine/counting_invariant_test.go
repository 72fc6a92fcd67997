package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// countingSettings makes rules that use everything that counts.
func countingSettings(rnd *rand.Rand) Settings {
	words := []string{"a", "b", "c", "ab", "[bc]", "a.*c", "d$"}
	by := [][]string{nil, {"container"}, {"workload"}, {"template"}, {"container", "template"}, {"capture.x"}}
	severities := []Severity{SeverityUnknown, SeverityInfo, SeverityWarning}
	s := Settings{Limits: Limits{MaxKeys: 10_000}}
	if rnd.IntN(3) > 0 {
		s.Limits.PerContainer = Bucket{Rate: setting.Rate{Count: 1 + rnd.IntN(5), Per: time.Minute}, Burst: 1 + rnd.IntN(5)}
	}
	for i := range 1 + rnd.IntN(5) {
		r := RuleSettings{
			Name: fmt.Sprintf("r%d", i), Pattern: "(?P<x>" + words[rnd.IntN(len(words))] + ")", Severity: severities[rnd.IntN(3)],
			Cooldown: time.Duration(rnd.IntN(4)) * time.Minute, CooldownBy: by[rnd.IntN(len(by))], DryRun: rnd.IntN(6) == 0, Rollup: rnd.IntN(4) > 0,
		}
		switch rnd.IntN(5) {
		case 0:
			r.Count, r.Within = 2+rnd.IntN(4), time.Duration(1+rnd.IntN(3))*time.Minute
			if rnd.IntN(2) == 0 {
				r.Distinct = "capture.x"
			}
		case 1:
			r.Absent = time.Duration(1+rnd.IntN(5)) * time.Minute
			if rnd.IntN(2) == 0 {
				r.AbsentFrom = rules.AbsentFromStart
			}
		case 2:
			r.FirstSeen = FirstSeen(time.Duration(1+rnd.IntN(10)) * time.Minute)
		}
		if len(rules.ScopeFaults(&r)) == 0 && rnd.IntN(3) == 0 {
			r.Scope = ScopeFleet
		} else if r.Absent == 0 && rnd.IntN(2) == 0 {
			r.Escalate = []Escalation{{After: time.Minute, Severity: SeverityError}, {After: 3 * time.Minute, Severity: SeverityCritical}}
		}
		s.Rules = append(s.Rules, r)
	}
	if rnd.IntN(2) == 0 {
		s.Workloads = []WorkloadSettings{{Match: "shop/*", Overrides: []Override{
			{Rule: "r0", Keys: []string{"cooldown", "rollup"}, Settings: RuleSettings{Cooldown: 2 * time.Minute, Rollup: true}},
		}}}
	}
	return s
}

// reported says what an alert says, for comparisons.
func reportedBy(a *Alert) string {
	return fmt.Sprintf("%d %s %s %s +%d %v %d..%d since %d due %d %s: %s", a.Time, a.Kind, a.RuleID, a.Severity, a.Count, a.Suppressed, a.First, a.Last,
		a.Since, a.Due, a.Source.Workload, a.Summary)
}

// unreported returns by rule how many suppressed hits no alert has reported yet.
func (r *run) unreported() map[string]int64 { return r.e.keyed.Unreported() }

// sums holds that the numbers which the alerts report, with those that are still unreported, are the hits.
func (r *run) sums(alerts []Alert) {
	r.t.Helper()
	waiting, hits, rollups, absences := r.unreported(), map[string]int64{}, map[string]int64{}, map[string]int64{}
	for i := range alerts {
		a := &alerts[i]
		r.e.Decide(a.Candidate, a.Candidate%2 == 0)
		hits[a.RuleID] += a.Count
		for _, n := range a.Suppressed {
			hits[a.RuleID] += n
		}
		switch a.Kind {
		case KindRollup:
			if a.Candidate == 0 || a.Candidate%2 == 0 {
				rollups[a.RuleID]++
			}
		case KindAbsence:
			absences[a.RuleID]++
		}
		if (a.Due != 0) != (a.Count == 0) || a.First > a.Last || a.Due != 0 && (a.Key == "" || a.Due > a.Time) {
			r.t.Fatalf("alert %+v", *a)
		}
	}
	for id, c := range r.counts() {
		if got := hits[id] + waiting[id] + c.Forgotten; got != c.Hits {
			r.t.Fatalf("rule %s: %d hits; %d reported, %d unreported, %d forgotten: %+v", id, c.Hits, hits[id], waiting[id], c.Forgotten, c)
		}
		if c.Rollups != rollups[id] || c.Absences != absences[id] {
			r.t.Fatalf("rule %s: %d roll-ups and %d absences made, counted %+v", id, rollups[id], absences[id], c)
		}
	}
}

// TestNumbersAddUpHoweverOftenTimeIsLookedAt feeds the same lines at the same times to engines that are ticked never, often and at random, one of
// which is stopped and started again, and holds that all report the same, and that the numbers add up at every moment.
func TestNumbersAddUpHoweverOftenTimeIsLookedAt(t *testing.T) {
	kinds := map[Kind]int{}
	escalated := 0
	for seed := range uint64(60) {
		settings := countingSettings(rand.New(rand.NewPCG(seed, 11)))
		var first []string
		for mode := range 4 {
			rnd, ticks := rand.New(rand.NewPCG(seed, 12)), rand.New(rand.NewPCG(seed, uint64(100+mode)))
			r := newRun(t, settings)
			alerts := r.e.Tick(r.now, nil) // the start, for what waits from there on
			for i := range 600 {
				step := rnd.Int64N(int64(40 * time.Second))
				if rnd.IntN(60) == 0 {
					step *= 20
				}
				end := r.now + step
				switch mode {
				case 1:
					for r.now < end {
						r.now = min(end, r.now+int64(5*time.Second))
						alerts = r.e.Tick(r.now, alerts)
					}
				case 2:
					for at, ok := r.e.NextDue(); ok && at <= end; at, ok = r.e.NextDue() {
						alerts = r.e.Tick(at, alerts)
					}
				case 3:
					if ticks.IntN(10) == 0 {
						alerts = r.e.Tick(r.now+ticks.Int64N(step+1), alerts)
					}
				}
				r.now = end
				rec := randomRecord(rnd)
				alerts = append(alerts, r.record(rec)...)
				if i%50 == 0 {
					r.sums(alerts)
				}
			}
			r.pass(time.Hour)
			alerts = r.e.Tick(r.now, alerts)
			r.sums(alerts)
			var all []string
			for i := range alerts {
				all = append(all, reportedBy(&alerts[i]))
				kinds[alerts[i].Kind]++
				if alerts[i].Severity >= SeverityError {
					escalated++
				}
			}
			if mode == 0 {
				first = all
				continue
			}
			sameAlerts(t, fmt.Sprintf("seed %d, mode %d", seed, mode), all, first)
		}
	}
	for _, k := range []Kind{KindLog, KindThreshold, KindAbsence, KindResolved, KindRollup} {
		if kinds[k] == 0 {
			t.Errorf("no alert of kind %s was made", k)
		}
	}
	if escalated == 0 {
		t.Error("nothing escalated")
	}
}

func sameAlerts(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%s: alert %d differs:\n%q\n%q", what, i, got[min(i, len(got)):min(i+2, len(got))], want[min(i, len(want)):min(i+2, len(want))])
		}
	}
}

// TestNumbersAddUpOverRestarts stops and starts the engine between any two lines; nothing that was unreported is lost, and nothing is reported twice.
func TestNumbersAddUpOverRestarts(t *testing.T) {
	for seed := range uint64(60) {
		settings := countingSettings(rand.New(rand.NewPCG(seed, 21)))
		rnd := rand.New(rand.NewPCG(seed, 22))
		r, plain := newRun(t, settings), newRun(t, settings)
		saved := map[string][]byte{}
		reported, hits := map[string]int64{}, map[string]int64{}
		var all, want []string
		count := func(alerts []Alert) {
			for i := range alerts {
				a := &alerts[i]
				all = append(all, reportedBy(a))
				reported[a.RuleID] += a.Count
				for _, n := range a.Suppressed {
					reported[a.RuleID] += n
				}
			}
		}
		absent := slices.ContainsFunc(settings.Rules, func(s RuleSettings) bool { return s.Absent > 0 })
		r.e.TakeState(false)
		for range 300 {
			step := time.Duration(rnd.Int64N(int64(40 * time.Second)))
			if rnd.IntN(20) == 0 {
				count(r.e.Tick(r.now, nil))
				for _, e := range r.e.TakeState(false) {
					if e.Value == nil {
						delete(saved, e.Key)
					} else {
						saved[e.Key] = e.Value
					}
				}
				for id, c := range r.counts() {
					hits[id] += c.Hits
				}
				next := newRun(t, Settings{})
				next.now = r.now
				var entries []StateEntry
				for k, v := range saved {
					entries = append(entries, StateEntry{Key: k, Value: v})
				}
				if _, err := next.e.RestoreState(entries, next.now); err != nil {
					t.Fatal(err)
				}
				next.apply(settings)
				r = next
			}
			r.pass(step)
			plain.pass(step)
			rec := randomRecord(rnd)
			count(r.record(rec))
			for _, a := range plain.record(rec) {
				want = append(want, reportedBy(&a))
			}
		}
		waiting := r.unreported()
		for id, c := range r.counts() {
			if got := reported[id] + waiting[id]; got != hits[id]+c.Hits {
				t.Fatalf("seed %d, rule %s: %d hits, %d reported, %d unreported", seed, id, hits[id]+c.Hits, reported[id], waiting[id])
			}
		}
		if !absent { // a wait goes on a little longer after a start
			sameAlerts(t, fmt.Sprintf("seed %d", seed), all, want)
		}
	}
}
