package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

func rateRule(change func(*RuleSettings)) Settings {
	s := RuleSettings{Name: "errors", Pattern: "^error", Within: 5 * time.Minute, Cooldown: time.Hour, CooldownBy: []string{"workload"}, Rollup: true}
	change(&s)
	return Settings{Rules: []RuleSettings{s}}
}

// steady has a line come every so often for so long, and fails if one of them alerts.
func (r *run) steady(text string, every, length time.Duration) {
	r.t.Helper()
	for range length / every {
		if alerts := r.line(text); len(alerts) != 0 {
			r.t.Fatalf("after %v: %+v", time.Duration(r.now-t0), alerts)
		}
		r.pass(every)
	}
}

func TestABurstAlertsAndSaysWhy(t *testing.T) {
	r := newRun(t, rateRule(func(s *RuleSettings) { s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 3000, time.Hour, 20 }))
	r.steady("error", 25*time.Second, 2*time.Hour)
	for n := int64(12); ; n++ { // the recent slices have one hit each
		alerts := r.line("error of a burst")
		if n <= 36 {
			if len(alerts) != 0 {
				t.Fatalf("%d hits, and 12 are usual: %+v", n, alerts)
			}
			continue
		}
		if len(alerts) != 1 || alerts[0].Kind != KindThreshold || *alerts[0].Rate != (model.Rate{Hits: 37, Usual: 12, Within: int64(5 * time.Minute)}) {
			t.Fatalf("%+v", alerts)
		}
		if want := "errors in shop/web: error of a burst (37 in 5m, usually 12: 3.1×)"; alerts[0].Summary != want {
			t.Errorf("%q, want %q", alerts[0].Summary, want)
		}
		break
	}
	if r.line("error"); r.counts()["errors"].Suppressed[ReasonCooldown] != 1 {
		t.Errorf("%+v", r.counts()["errors"])
	}
}

func TestAKeyDoesNotAlertBeforeItsPastIsKnown(t *testing.T) {
	r := newRun(t, rateRule(func(s *RuleSettings) { s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 3000, time.Hour, 20 }))
	for range 1000 {
		if alerts := r.line("error"); len(alerts) != 0 {
			t.Fatalf("%+v", alerts)
		}
	}
	rec := Record{Time: r.now, Text: []byte("error"), Source: web("c1")}
	x := r.e.Explain(&rec, r.now)[0]
	at := time.Unix(0, t0).Add(time.Hour + 5*time.Minute - 25*time.Second).Truncate(25 * time.Second).UTC()
	if x.Preview.Rate == nil || !x.Preview.Rate.LearnedAt.Equal(at) || x.Preview.Reason != "threshold" {
		t.Fatalf("%+v", x.Preview.Rate)
	}
	want := "1001 in 5m, usually none; alerts above 3x, with at least 20, and not before " + at.Format(time.RFC3339) + ", when enough of the past is known"
	if got := x.Preview.Rate.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAKeyThatGoesQuietIsReportedOnceAndEnds(t *testing.T) {
	r := newRun(t, rateRule(func(s *RuleSettings) {
		s.Rate.Below, s.Rate.Than, s.Rate.AtLeast, s.CooldownBy = 200, time.Hour, 10, []string{"workload", "stream"}
	}))
	r.steady("error", 10*time.Second, 2*time.Hour)
	stopped := r.now
	var alerts []Alert
	for len(alerts) == 0 && r.now < stopped+int64(time.Hour) {
		r.pass(time.Second)
		alerts = r.e.Tick(r.now, nil)
	}
	if quiet := time.Duration(r.now - stopped); quiet < 3*time.Minute || quiet > 5*time.Minute {
		t.Errorf("quiet after %v", quiet)
	}
	a := &alerts[0]
	if len(alerts) != 1 || a.Kind != KindAbsence || !a.Resolves || a.Count != 0 || a.Suppressed[ReasonExpected] != 720 || a.Source.Container.ID != "" {
		t.Fatalf("%+v", a)
	}
	if !strings.HasPrefix(a.Summary, "fewer lines of errors in shop/web (") || !strings.Contains(a.Summary, "usually 30: 0.") {
		t.Errorf("%q", a.Summary)
	}
	r.pass(5 * time.Minute)
	if alerts := r.e.Tick(r.now, nil); len(alerts) != 0 {
		t.Errorf("it is reported again: %+v", alerts)
	}
	for n := 1; ; n++ {
		alerts := r.line("error again")
		if len(alerts) == 0 {
			r.pass(10 * time.Second)
			continue
		}
		// What is usual faded while nothing came, so fewer than 18 of 30 suffice.
		if a := &alerts[0]; a.Kind != KindResolved || a.Suppressed[ReasonExpected] != int64(n-1) || n < 14 || n > 18 {
			t.Errorf("after %d: %+v", n, a)
		}
		break
	}
	c := r.counts()["errors"]
	if c.Alerts != 1 || c.Absences != 1 || c.Hits != c.Alerts+c.Suppressed[ReasonExpected] {
		t.Errorf("%+v", c)
	}
}

// Lines of the time in which the program did not run count for their time; if there are none to read, that time does not count.
func TestThePastIsCarriedOverAStop(t *testing.T) {
	for _, caughtUp := range []bool{false, true} {
		t.Run(fmt.Sprint("caught up ", caughtUp), func(t *testing.T) {
			settings := rateRule(func(s *RuleSettings) { s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 3000, time.Hour, 5 })
			r := newRun(t, settings)
			r.steady("error", 25*time.Second, 2*time.Hour)
			r.e.Tick(r.now, nil)
			saved := r.e.TakeState(true)
			began := r.now
			r.pass(6 * time.Hour)
			r.e = New()
			if _, err := r.e.RestoreState(saved, r.now); err != nil {
				t.Fatal(err)
			}
			r.apply(settings)
			if caughtUp { // nothing was logged but one line at the beginning, so almost nothing is usual
				w := r.e.Worker()
				w.Process(&Record{Time: began + 1, Text: []byte("error"), Source: web("c1")}, r.now, nil)
				w.Release()
			}
			burst := 0
			for range 20 {
				burst += len(r.line("error"))
			}
			if caughtUp != (burst == 1) {
				t.Errorf("%d alerts", burst)
			}
		})
	}
}

// TestAnotherOtherRuleBeginsTheCountsAgain: after a reload, hits of the rule that was named before do not count for the one that is named now.
func TestAnotherOtherRuleBeginsTheCountsAgain(t *testing.T) {
	of := func(other string) Settings {
		return Settings{Rules: []RuleSettings{
			{Name: "failed", Pattern: "^failed", Within: 5 * time.Minute, Ratio: Ratio{Millionths: 50_000}, Of: other, AtLeast: 100, By: []string{"workload"}, Cooldown: time.Hour},
			{Name: "passed", Pattern: "^passed", DryRun: true},
			{Name: "asked", Pattern: "^asked", DryRun: true},
		}}
	}
	r := newRun(t, of("passed"))
	for range 200 {
		r.line("passed")
	}
	r.apply(of("asked"))
	for range 50 {
		if alerts := r.line("failed"); len(alerts) != 0 {
			t.Fatalf("%+v", alerts)
		}
	}
	for range 100 {
		r.line("asked")
	}
	if alerts := r.line("failed"); len(alerts) != 1 || alerts[0].Ratio.OfHits != 100 || alerts[0].Ratio.Hits != 51 {
		t.Errorf("%+v", alerts)
	}
}

// TestAPastWithoutAllHitsIsForgotten: while the rule compares by ratio, nobody counts the hits of its keys by time.
func TestAPastWithoutAllHitsIsForgotten(t *testing.T) {
	byRate := rateRule(func(s *RuleSettings) { s.Rate.Above, s.Rate.Than, s.Rate.AtLeast = 3000, time.Hour, 5 })
	r := newRun(t, byRate)
	r.steady("error", 25*time.Second, 2*time.Hour)
	byRatio := rateRule(func(s *RuleSettings) {
		s.Ratio, s.Of, s.AtLeast, s.By = Ratio{Millionths: 50_000}, "all", 1000, []string{"workload"}
	})
	byRatio.Rules = append(byRatio.Rules, RuleSettings{Name: "all", Pattern: "^error", DryRun: true})
	r.apply(byRatio)
	r.steady("error", 25*time.Second, 6*time.Hour)
	r.apply(byRate)
	for range 20 { // more than usual in the hour before, if those of the six hours were none
		if alerts := r.line("error"); len(alerts) != 0 {
			t.Fatalf("%+v", alerts)
		}
	}
}

func TestARatioComparesTwoRules(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{
		{Name: "failed", Pattern: "^failed", Within: 5 * time.Minute, Ratio: Ratio{Millionths: 50_000}, Of: "all", AtLeast: 100, By: []string{"workload"}, Cooldown: time.Hour},
		{Name: "all", Pattern: "", Keywords: []string{"failed", "passed"}, DryRun: true},
	}})
	for range 10 {
		if alerts := r.line("failed"); len(alerts) != 0 { // 10 of 10, which are too few
			t.Fatalf("%+v", alerts)
		}
	}
	for range 180 {
		r.line("passed")
	}
	if alerts := r.line("failed"); len(alerts) != 1 || *alerts[0].Ratio != (model.Ratio{Hits: 11, Of: "all", OfHits: 190, Within: int64(5 * time.Minute)}) ||
		!strings.HasSuffix(alerts[0].Summary, "(11 in 5m, 5.8% of all)") {
		t.Fatalf("%+v", alerts)
	}
	if c := r.counts()["failed"]; c.Suppressed[ReasonThreshold] != 10 || c.Alerts != 1 {
		t.Errorf("%+v", c)
	}
	r.pass(10 * time.Minute)
	rec := Record{Time: r.now, Text: []byte("failed"), Source: web("c1")}
	if x := r.e.Explain(&rec, r.now)[0].Preview; x.Ratio == nil || x.Ratio.String() != "1 in 5m, 100% of all, which has 0; alerts for >5%, if it has at least 100" {
		t.Errorf("%+v", x.Ratio)
	}
}
