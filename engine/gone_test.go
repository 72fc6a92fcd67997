package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// TestTotalsOfRetiredRules deletes a rule while one of its alerts waits for lines after it, and makes it again: the totals go on.
func TestTotalsOfRetiredRules(t *testing.T) {
	with := around(0, 2)
	with.Rules[0].Cooldown = time.Hour
	r := newRun(t, with)
	total := func(when string, hits, alerts, pending, cooldown int64) {
		t.Helper()
		s := r.e.Stats()
		if c := s.Total(); c.Hits != hits || c.Alerts != alerts || c.Pending != pending || c.Suppressed[ReasonCooldown] != cooldown {
			t.Errorf("%s the totals are %+v", when, c)
		}
	}
	r.line("boom 1")
	r.line("boom 2")
	total("before", 2, 0, 1, 1)
	r.apply(Settings{Limits: Limits{MaxKeys: 1000}})
	total("while the alert of a rule that is gone waits", 2, 0, 1, 1)
	if s := r.e.Stats(); len(s.Rules) != 0 || s.Retired.Hits != 2 || s.Retired.Pending != 1 {
		t.Errorf("%+v", s)
	}
	if got := r.e.ReleaseWaiting(nil); len(got) != 1 {
		t.Errorf("%d alerts, want the one that waited", len(got))
	}
	total("when it does not any more", 2, 1, 0, 1)
	with.Limits = Limits{MaxKeys: 1000}
	r.apply(with)
	r.line("boom 3")
	if c := r.e.Stats().Rules["r"]; c.Hits != 1 {
		t.Errorf("the rule that was made again has %+v", c)
	}
	r.e.ReleaseWaiting(nil)
	total("when the rule is there again", 3, r.e.Stats().Rules["r"].Alerts+1, 0, 1+r.e.Stats().Rules["r"].Suppressed[ReasonCooldown])
}

// TestTotalsWhileRulesComeAndGo deletes and makes rules while lines are evaluated. Nothing is counted twice or lost, and no total falls.
func TestTotalsWhileRulesComeAndGo(t *testing.T) {
	always := RuleSettings{Name: "always", Pattern: "boom"}
	s := around(1, 1)
	s.Rules = append(s.Rules, always)
	s.Limits = Limits{MaxKeys: 1000, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Minute}, Burst: 10}}
	r := newRun(t, s)
	without := Settings{Limits: s.Limits, Rules: []RuleSettings{always}}
	var lines, changes sync.WaitGroup
	done := make(chan struct{})
	for g := range 3 {
		lines.Go(func() {
			for i := range 2000 {
				w := r.e.Worker()
				rec := Record{Text: []byte("boom"), Source: web(fmt.Sprint(g, i%3))}
				w.Process(&rec, t0+int64(i)*int64(time.Second), nil)
				w.Release()
			}
		})
	}
	changes.Go(func() {
		var before RuleCounts
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			n, err := r.e.Compile([]Settings{without, s}[n%2])
			if err != nil {
				t.Error(err)
				return
			}
			r.e.Apply(n)
			stats := r.e.Stats()
			now := stats.Total()
			if now.Hits < before.Hits || now.Alerts < before.Alerts || now.Suppressed[ReasonRateLimit] < before.Suppressed[ReasonRateLimit] {
				t.Errorf("totals fall from %+v to %+v", before, now)
			}
			before = now
		}
	})
	lines.Wait()
	close(done)
	changes.Wait()
	r.e.ReleaseWaiting(nil)
	stats := r.e.Stats()
	if c := stats.Total(); c.Hits != c.Accounted() || c.Pending != 0 || c.Hits < 6000 || stats.Rules["always"].Hits != 6000 {
		t.Errorf("%+v, of them %+v", c, stats.Rules["always"])
	}
}
