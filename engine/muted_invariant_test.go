package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// TestEveryHitIsAccountedForWhenMuted feeds random lines through random rules with contexts, silences and inhibitions, with a Tick now and then.
// Always hits = alerts + suppressed + pending; what comes out is what was counted, each alert that waited once; and another engine that is
// ticked at other moments reports the same.
func TestEveryHitIsAccountedForWhenMuted(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd, ticks := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
			settings := mutedSettings(rnd)
			often, seldom := newRun(t, settings), newRun(t, settings)
			var first, second []Alert
			begun := map[uint64]bool{}
			for range 2000 {
				pass := time.Duration(rnd.Int64N(int64(4 * time.Second)))
				often.pass(pass)
				seldom.pass(pass)
				if rnd.IntN(50) == 0 {
					list := mutedSilences(rnd, often.now)
					often.silence(list...)
					seldom.silence(list...)
				}
				if ticks.IntN(2) == 0 {
					first = append(first, often.tick()...)
				}
				if ticks.IntN(100) == 0 {
					second = append(second, seldom.tick()...)
				}
				rec := randomRecord(rnd)
				rec.Time = often.now
				w := often.e.Worker()
				w.OnWait = func(a *Alert) { begun[a.Ticket] = true }
				first = w.Process(&rec, often.now, first)
				w.Release()
				second = append(second, seldom.record(rec)...)
				often.counts()
			}
			first, second = often.e.ReleaseWaiting(first), seldom.e.ReleaseWaiting(second)
			out, waited := map[string]int64{}, 0
			for _, a := range first {
				out[a.RuleID]++
				if a.Ticket != 0 {
					waited++
					if !begun[a.Ticket] {
						t.Fatalf("ticket %d comes out twice, or before it began", a.Ticket)
					}
					delete(begun, a.Ticket)
				}
			}
			if len(begun) != 0 {
				t.Errorf("%d alerts that waited never came out", len(begun))
			}
			others := seldom.counts()
			for id, c := range often.counts() {
				if c.Pending != 0 || c.Alerts != out[id] {
					t.Errorf("rule %s: %d alerts counted, %d came out, %d pending", id, c.Alerts, out[id], c.Pending)
				}
				if c != others[id] {
					t.Errorf("rule %s: the counts depend on the ticks: %+v and %+v", id, c, others[id])
				}
			}
			if a, b := contents(first), contents(second); !maps.Equal(a, b) {
				maps.DeleteFunc(a, func(text string, n int) bool { return b[text] == n })
				t.Errorf("the alerts depend on the ticks: %.500v", a)
			}
		})
	}
}

// contents is what alerts say, whatever their order.
func contents(alerts []Alert) map[string]int {
	seen := map[string]int{}
	for _, a := range alerts {
		seen[fmt.Sprint(a.RuleID, a.Time, a.Before, a.Message, a.After, a.Suppressed, a.Since)]++
	}
	return seen
}

func mutedSettings(rnd *rand.Rand) Settings {
	s := randomSettings(rnd)
	s.Limits.MaxKeys = 1000 // the limiter forgets nothing, in whatever order it is asked
	for i := range s.Rules {
		if rnd.IntN(2) == 0 {
			s.Rules[i].Context = Context{Before: rnd.IntN(4), After: rnd.IntN(4)}
		}
	}
	for range rnd.IntN(3) {
		s.Inhibits = append(s.Inhibits, InhibitSettings{
			Source: mutedMatchers(rnd), Target: mutedMatchers(rnd), For: time.Duration(1+rnd.IntN(60)) * time.Second,
			Equal: [][]string{nil, {"workload"}, {"container"}}[rnd.IntN(3)],
		})
	}
	return s
}

func mutedMatchers(rnd *rand.Rand) Matchers {
	m := Matchers{Rule: fmt.Sprint("r", rnd.IntN(6))}
	switch rnd.IntN(4) {
	case 0:
		m = Matchers{Workload: "shop/*"}
	case 1:
		m.Message = "[ab]"
	case 2:
		m = Matchers{Container: fmt.Sprint(rnd.IntN(8)), Severity: []Severity{SeverityWarning}}
	}
	return m
}

func mutedSilences(rnd *rand.Rand, now int64) []Silence {
	var list []Silence
	for i := range rnd.IntN(4) {
		from := now + rnd.Int64N(int64(time.Minute))
		list = append(list, Silence{ID: fmt.Sprint(i), Matchers: mutedMatchers(rnd), From: from, Until: from + 1 + rnd.Int64N(int64(time.Minute))})
	}
	return list
}
