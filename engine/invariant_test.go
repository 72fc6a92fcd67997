package engine

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// TestEveryHitIsAccountedFor feeds random lines at random times through random rules and reloads, and holds the promise of the package:
// hits = alerts + suppressed + pending for each rule, with the alerts and the counts that the alerts report adding up to the same.
func TestEveryHitIsAccountedFor(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			settings := randomSettings(rnd)
			r := newRun(t, settings)
			alerts, reported := map[string]int64{}, map[string]int64{}
			untouched := true // no reload and no eviction, so that what alerts report can be added up
			for range 2000 {
				r.pass(time.Duration(rnd.Int64N(int64(20 * time.Second))))
				if rnd.IntN(400) == 0 {
					r.pass(-time.Minute)
				}
				if rnd.IntN(1000) == 0 {
					r.apply(randomSettings(rnd))
					untouched = false
					alerts, reported = map[string]int64{}, map[string]int64{}
				}
				for _, a := range r.record(randomRecord(rnd)) {
					alerts[a.RuleID]++
					for _, n := range a.Suppressed {
						reported[a.RuleID] += n
					}
				}
			}
			stats := r.e.Stats()
			for id, c := range r.counts() {
				if !untouched || stats.Evicted > 0 {
					continue
				}
				var suppressed int64
				for _, n := range c.Suppressed {
					suppressed += n
				}
				waiting := r.e.keyed.Unreported()[id]
				if c.Alerts != alerts[id] || suppressed != reported[id]+waiting {
					t.Errorf("rule %s: %d alerts counted, %d made; %d suppressed counted, %d reported and %d unreported",
						id, c.Alerts, alerts[id], suppressed, reported[id], waiting)
				}
			}
		})
	}
}

func randomSettings(rnd *rand.Rand) Settings {
	words := []string{"a", "b", "c", "ab", "[bc]", "a.*c", "d$"}
	by := [][]string{nil, {"container"}, {"workload"}, {"container", "stream"}, {"capture.x"}}
	s := Settings{Limits: Limits{MaxKeys: 5 + rnd.IntN(100)}}
	if rnd.IntN(3) > 0 {
		s.Limits.PerContainer = Bucket{Rate: setting.Rate{Count: 1 + rnd.IntN(5), Per: time.Minute}, Burst: 1 + rnd.IntN(5)}
	}
	for i := range 1 + rnd.IntN(6) {
		s.Rules = append(s.Rules, RuleSettings{
			Name: fmt.Sprintf("r%d", i), Pattern: "(?P<x>" + words[rnd.IntN(len(words))] + ")",
			Cooldown: time.Duration(rnd.IntN(4)) * time.Minute, CooldownBy: by[rnd.IntN(len(by))], DryRun: rnd.IntN(5) == 0,
		})
		if rnd.IntN(3) == 0 {
			s.Rules[i].None = []string{words[rnd.IntN(len(words))]}
		}
	}
	for i := range rnd.IntN(3) {
		w := WorkloadSettings{Match: []string{"shop/*", "shop/web", "*"}[i]}
		if rnd.IntN(2) == 0 {
			w.Disable = []string{"r0"}
		}
		w.Overrides = []Override{{Rule: "r0", Keys: []string{"cooldown", "pattern"}, Settings: RuleSettings{Pattern: "(?P<x>c)", Cooldown: time.Second}}}
		w.Rules = []RuleSettings{{Name: "own", Keywords: []string{"d"}}}
		s.Workloads = append(s.Workloads, w)
	}
	return s
}

func randomRecord(rnd *rand.Rand) Record {
	text := make([]byte, rnd.IntN(5))
	for i := range text {
		text[i] = "abcd"[rnd.IntN(4)]
	}
	src := &Source{Workload: []string{"shop/web", "shop/api", "ops/db"}[rnd.IntN(3)], Container: Container{ID: fmt.Sprint(rnd.IntN(8))}}
	return Record{Text: text, Stream: Stream(rnd.IntN(3)), Source: src}
}

// TestConcurrentWorkers runs workers and reloads at once; the race detector sees what the counts do not.
func TestConcurrentWorkers(t *testing.T) {
	r := newRun(t, randomSettings(rand.New(rand.NewPCG(1, 2))))
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(g, 3))
			for range 50 {
				w := r.e.Worker()
				for range 100 {
					rec := randomRecord(rnd)
					w.Process(&rec, t0+rnd.Int64N(int64(time.Hour)), nil)
				}
				w.Release()
			}
		})
	}
	wg.Go(func() {
		for seed := range uint64(20) {
			s := randomSettings(rand.New(rand.NewPCG(seed, 4)))
			n, err := r.e.Compile(s)
			if err != nil {
				t.Error(err)
				return
			}
			r.e.Apply(n)
			r.e.Stats()
			r.e.TakeState(false)
		}
	})
	wg.Wait()
	if s := r.e.Stats(); s.Lines != 4*50*100 {
		t.Errorf("%d lines, want %d", s.Lines, 4*50*100)
	}
	r.counts()
}

func TestStateSurvivesARestart(t *testing.T) {
	s := Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 2}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Hour}, {Name: "s", Pattern: "y"}},
	}
	first := newRun(t, s)
	saved := map[string][]byte{}
	save := func() {
		for _, e := range first.e.TakeState(false) {
			if e.Value == nil {
				delete(saved, e.Key)
			} else {
				saved[e.Key] = e.Value
			}
		}
	}
	first.line("x")
	save()
	first.line("x")
	first.line("y")
	save()

	second := newRun(t, s)
	second.now = first.now
	second.pass(30 * time.Minute)
	var entries []StateEntry
	for k, v := range saved {
		entries = append(entries, StateEntry{Key: k, Value: v})
	}
	n, err := second.e.RestoreState(append(entries, StateEntry{Key: "key/bad", Value: []byte("{")}, StateEntry{Key: "what", Value: nil}), second.now)
	if err == nil || n != len(entries) {
		t.Errorf("%d of %d entries restored, error %v: want all, and an error about the broken ones", n, len(entries), err)
	}
	if len(second.line("x")) != 0 || len(second.line("y")) != 0 {
		t.Error("the cooldown or the bucket does not survive")
	}
	second.pass(45 * time.Minute)
	got := second.line("x")
	if len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 2 {
		t.Errorf("the count of the suppressed hits does not survive: %+v", got)
	}
	var gone []string
	for _, e := range second.e.TakeState(false) {
		if e.Value == nil {
			gone = append(gone, e.Key)
		}
	}
	if len(gone) != 2 {
		t.Errorf("entries that mean nothing are not given back as forgotten: %q", gone)
	}
	if more := second.e.TakeState(false); len(more) != 0 {
		t.Errorf("%d entries, and nothing changed", len(more))
	}
}

func TestEvictedStateIsForgotten(t *testing.T) {
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 1}, Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Hour, CooldownBy: []string{"container"}}}})
	r.e.TakeState(false)
	r.record(Record{Text: []byte("x"), Source: web("1")})
	r.record(Record{Text: []byte("x"), Source: web("2")})
	got := map[string]bool{}
	for _, e := range r.e.TakeState(false) {
		if e.Key != state.ClockKey {
			got[e.Key] = e.Value != nil
		}
	}
	if want := map[string]bool{"key/r\x1fweb-1": false, "key/r\x1fweb-2": true}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("entries %v, want %v", got, want)
	}
}

func TestAMissCostsNoAllocation(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "needle"}, {Name: "s", Where: map[string]string{"level": "error"}}}})
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Text: []byte("GET / 200 12ms"), Source: web("1"), Fields: fieldMap{"level": "info"}}
	var dst []Alert
	w.Process(&rec, t0, dst)
	if n := testing.AllocsPerRun(100, func() { dst = w.Process(&rec, t0, dst[:0]) }); n != 0 {
		t.Errorf("%v allocations for a record that matches nothing", n)
	}
}
