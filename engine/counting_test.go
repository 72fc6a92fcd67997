package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// later returns what time has made after a while.
func (r *run) later(d time.Duration) []Alert {
	r.pass(d)
	return r.e.Tick(r.now, nil)
}

// restart returns a run whose engine was stopped, and started again after a while.
func (r *run) restart(s Settings, gap time.Duration) *run {
	r.t.Helper()
	entries := r.e.TakeState(false)
	next := newRun(r.t, Settings{})
	next.now = r.now
	next.pass(gap)
	if _, err := next.e.RestoreState(entries, next.now); err != nil {
		r.t.Fatal(err)
	}
	next.apply(s)
	return next
}

func TestAStormMakesOneAlertForEachWindow(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true, Summary: "oh {{ .Message }}"}}})
	var all []Alert
	for range 150 { // every second, for two and a half minutes
		all = append(all, r.line("x")...)
		r.pass(time.Second)
	}
	all = append(all, r.e.Tick(r.now+int64(time.Hour), nil)...)
	r.sums(all)
	if len(all) != 4 || all[0].Kind != KindLog {
		t.Fatalf("%d alerts, want one and three roll-ups", len(all))
	}
	for i, want := range []int64{59, 60, 30} {
		a := all[i+1]
		at := t0 + int64(i+1)*int64(time.Minute)
		if a.Kind != KindRollup || a.Suppressed[ReasonCooldown] != want || a.Count != 0 || a.Time != at || a.Due != at || a.Source.Workload != "shop/web" {
			t.Errorf("roll-up %d: %+v", i, a)
		}
	}
	if a := all[1]; a.First != t0+1e9 || a.Last != t0+59e9 || a.Message != "x" || a.Summary != "59 more in 59s: oh x" {
		t.Errorf("%+v", a)
	}
}

func TestARollUpNeedsAToken(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: 90 * time.Second}, Burst: 1}},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true}},
	})
	r.line("x")
	r.pass(time.Second)
	r.line("x")
	if got := r.later(time.Minute); len(got) != 0 {
		t.Fatalf("without a token: %+v", got)
	}
	r.pass(10 * time.Second)
	if got := r.line("x"); len(got) != 0 {
		t.Fatalf("the window does not stay open: %+v", got)
	}
	got := r.later(time.Minute)
	if len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 2 || got[0].Time != t0+90e9 || got[0].Due != t0+60e9 {
		t.Errorf("with a token: %+v", got)
	}
}

func TestContentsOfARollUp(t *testing.T) {
	for name, c := range map[string]struct {
		rule RuleSettings
		want int
	}{
		"off":       {RuleSettings{Cooldown: time.Minute}, 0},
		"dry run":   {RuleSettings{Cooldown: time.Minute, Rollup: true, DryRun: true}, 0},
		"threshold": {RuleSettings{Cooldown: time.Minute, Rollup: true, Count: 9, Within: time.Minute}, 0},
		"known":     {RuleSettings{Rollup: true, FirstSeen: FirstSeen(time.Hour)}, 0},
		"cooldown":  {RuleSettings{Cooldown: time.Minute, Rollup: true}, 1},
	} {
		c.rule.Name, c.rule.Pattern = "r", "x"
		r := newRun(t, Settings{Rules: []RuleSettings{c.rule}})
		r.line("x")
		r.line("x")
		if got := r.later(time.Hour); len(got) != c.want {
			t.Errorf("%s: %d roll-ups, want %d", name, len(got), c.want)
		}
	}
}

func TestHitsWithoutATokenAreRolledUpWithoutACooldown(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: 10 * time.Second}, Burst: 1}},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Rollup: true}},
	})
	r.line("x")
	r.pass(time.Second)
	r.line("x")
	got := r.later(time.Hour)
	if len(got) != 1 || got[0].Suppressed[ReasonRateLimit] != 1 || got[0].Time != t0+60e9 {
		t.Errorf("%+v", got)
	}
}

func TestAnOpenWindowSurvivesARestart(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "(?P<v>x)", Cooldown: time.Minute, Rollup: true, Severity: SeverityError}}}
	r := newRun(t, s)
	rec := Record{Text: []byte("x"), Stream: Stderr}
	r.record(rec)
	r.record(rec)
	want, _ := r.e.NextDue()
	r = r.restart(s, time.Hour)
	got := r.e.Tick(r.now, nil)
	if len(got) != 1 || got[0].Due != want || got[0].Suppressed[ReasonCooldown] != 1 || got[0].Stream != Stderr || got[0].Source.Host != "node-1" ||
		got[0].Severity != SeverityError || got[0].Captures["v"] != "x" {
		t.Errorf("%+v", got)
	}
}

func TestAReloadMovesDeadlines(t *testing.T) {
	rule := RuleSettings{Name: "r", Pattern: "x", Cooldown: time.Hour, Rollup: true}
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	r.line("x")
	r.line("x")
	rule.Cooldown = time.Minute
	r.apply(Settings{Rules: []RuleSettings{rule}})
	if got := r.later(time.Minute); len(got) != 1 || got[0].Time != t0+60e9 {
		t.Errorf("a shortened cooldown: %+v", got)
	}
	r.line("x")
	r.apply(Settings{Rules: []RuleSettings{{Name: "other", Pattern: "y"}}})
	if got := r.later(time.Hour); len(got) != 0 {
		t.Errorf("a removed rule reports: %+v", got)
	}
}

func TestThresholds(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Count: 3, Within: 10 * time.Second}}})
	reported := ""
	for range 8 {
		r.pass(4 * time.Second)
		reported += fmt.Sprint(len(r.line("x")))
	}
	if reported != "00100100" {
		t.Errorf("alerts %s, want every third", reported)
	}
	r.pass(6 * time.Second)
	if got := r.line("x"); len(got) != 0 {
		t.Errorf("two within the window, and yet an alert: %+v", got)
	}
	r.pass(3 * time.Second)
	got := r.line("x")
	if len(got) != 1 || got[0].Kind != KindThreshold || got[0].Count != 1 || got[0].Suppressed[ReasonThreshold] != 3 {
		t.Errorf("%+v", got)
	}
	r.counts()
}

func TestThresholdsOfDifferentValues(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: `x(?P<v>\d)?`, Count: 3, Within: 10 * time.Second, Distinct: "capture.v"}}})
	reported := ""
	for _, line := range []string{"x1", "x1", "x", "x2", "x", "x1", "x2", "x3"} {
		r.pass(time.Second)
		reported += fmt.Sprint(len(r.line(line)))
	}
	if reported != "00000001" {
		t.Errorf("alerts %s, want the third value's", reported)
	}
}

func TestEveryHitCountsForAThreshold(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Count: 3, Within: time.Minute, Cooldown: 30 * time.Second}}}
	r := newRun(t, s)
	reported := ""
	for i := range 10 {
		if i == 5 {
			r = r.restart(s, 0)
		}
		reported += fmt.Sprint(len(r.line("x")))
		r.pass(5 * time.Second)
	}
	// The third alerts; the sixth is the next of three, and in the cooldown, as are those after it until the window closes.
	if reported != "0010000010" {
		t.Errorf("alerts %s", reported)
	}
}

func TestAbsence(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "backup", Pattern: "done", Absent: time.Hour, Severity: SeverityError}}}
	r := newRun(t, s)
	r.line("hello") // arms it
	if got := r.later(time.Hour - 1); len(got) != 0 {
		t.Fatalf("too early: %+v", got)
	}
	got := r.later(1)
	if len(got) != 1 || got[0].Kind != KindAbsence || got[0].Severity != SeverityError || got[0].Source.Workload != "shop/web" || got[0].Count != 0 ||
		got[0].Summary != "no line of backup in shop/web for 1h" {
		t.Fatalf("%+v", got)
	}
	if got := r.later(24 * time.Hour); len(got) != 0 {
		t.Fatalf("reported twice: %+v", got)
	}
	r = r.restart(s, time.Minute)
	got = r.line("done")
	if len(got) != 1 || got[0].Kind != KindResolved || got[0].Count != 1 || got[0].Severity != SeverityError || !strings.Contains(got[0].Summary, "is back in shop/web") {
		t.Fatalf("%+v", got)
	}
	for range 3 {
		r.pass(30 * time.Minute)
		if got := r.line("done"); len(got) != 0 {
			t.Fatalf("a line that was to be expected alerts: %+v", got)
		}
	}
	got = r.later(time.Hour)
	if len(got) != 1 || got[0].Suppressed[ReasonExpected] != 3 || got[0].Last != r.now-int64(time.Hour) {
		t.Errorf("%+v", got)
	}
	if c := r.counts()["backup"]; c.Hits != 4 || c.Alerts != 1 || c.Absences != 1 {
		t.Errorf("%+v", c)
	}
}

func TestAbsenceFromTheStart(t *testing.T) {
	r := newRun(t, Settings{
		Rules: []RuleSettings{
			{Name: "named", Pattern: "x", Absent: time.Hour, AbsentFrom: "start", Workloads: []string{"a", "b"}},
			{Name: "any", Pattern: "x", Absent: time.Hour, AbsentFrom: "start"},
		},
		Workloads: []WorkloadSettings{{Match: "c", Rules: []RuleSettings{{Name: "own", Pattern: "x", Absent: time.Hour, AbsentFrom: "start"}}}},
	})
	if at, ok := r.e.NextDue(); !ok || at > r.now {
		t.Error("the waits are not begun as soon as time passes")
	}
	r.later(0)
	r.record(Record{Text: []byte("x"), Source: &Source{Workload: "b"}})
	var got []string
	for _, a := range r.later(time.Hour) {
		got = append(got, a.RuleID+" in "+a.Source.Workload)
	}
	if want := "[any in  named in a named in b own@c in c]"; fmt.Sprint(got) != want {
		t.Errorf("absent: %q, want %s", got, want)
	}
	back := r.record(Record{Text: []byte("x"), Source: &Source{Workload: "d"}})
	if len(back) != 1 || back[0].RuleID != "any" || back[0].Source.Workload != "" {
		t.Errorf("the recovery is not about what the absence was about: %+v", back)
	}
}

func TestAStopIsNoAbsence(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Absent: time.Hour}}}
	for gap, want := range map[time.Duration]time.Duration{
		time.Minute: 11 * time.Minute,    // 50 minutes were waited for, and the minute does not count
		time.Hour:   2 * time.Hour,       // restarts
		10:          10*time.Minute + 10, // on
	} {
		r := newRun(t, s)
		r.line("x")
		r.later(50 * time.Minute)
		r = r.restart(s, gap)
		due, ok := r.e.NextDue()
		if at := time.Duration(due - t0 - int64(50*time.Minute)); !ok || at != want {
			t.Errorf("a stop of %s: absent after another %s, want %s", gap, at, want)
		}
	}
	r := newRun(t, s)
	r.line("x")
	r.later(59 * time.Minute)
	r = r.restart(s, 2*time.Minute)
	if due, _ := r.e.NextDue(); due != r.now+int64(state.AbsenceGrace) {
		t.Errorf("reported %s after the start, before what came meanwhile is read", time.Duration(due-r.now))
	}
}

func TestAClockThatIsSetIsNoAbsence(t *testing.T) {
	s := Settings{Rules: []RuleSettings{
		{Name: "r", Pattern: "x", Absent: time.Hour}, {Name: "gone", Pattern: "gone", Absent: time.Minute}, {Name: "limits", Pattern: "x", Cooldown: 2 * time.Hour},
	}}
	for _, step := range []time.Duration{24 * time.Hour, 30 * time.Minute, -10 * time.Hour} {
		r := newRun(t, s)
		r.line("x")
		if got := r.later(20 * time.Minute); ruleNames(got) != "gone" {
			t.Fatalf("%+v", got)
		}
		r.e.Skip(int64(step), r.now)
		if got := r.later(step + 40*time.Minute - 1); len(got) != 0 {
			t.Errorf("a clock set by %s: absent after %s", step, time.Duration(r.now-t0)-step)
		}
		got := r.later(1)
		if ruleNames(got) != "r" || !strings.Contains(got[0].Summary, "for 1h,") {
			t.Errorf("a clock set by %s: want the absence after an hour: %+v", step, got)
		}
	}
}

func TestFirstSeen(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "error", FirstSeen: FirstSeen(24 * time.Hour)}}}
	r := newRun(t, s)
	reported := ""
	for _, line := range []string{"error 1", "error 2", "other error", "error 3"} {
		reported += fmt.Sprint(len(r.line(line)))
	}
	r = r.restart(s, 23*time.Hour)
	reported += fmt.Sprint(len(r.line("error 4")))
	r.pass(24 * time.Hour)
	reported += fmt.Sprint(len(r.line("error 5")))
	if reported != "101001" {
		t.Errorf("alerts %s", reported)
	}
	if got := r.record(Record{Text: []byte("error 5"), Source: &Source{Workload: "elsewhere"}}); len(got) != 1 {
		t.Error("known in another workload")
	}
}

func TestEscalation(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{
		Name: "r", Pattern: "x", Cooldown: 5 * time.Minute, Rollup: true, Severity: SeverityWarning,
		Escalate: []Escalation{{After: 3 * time.Minute, Severity: SeverityError}, {After: 12 * time.Minute, Severity: SeverityCritical}},
	}}})
	var got []string
	note := func(alerts []Alert) {
		for _, a := range alerts {
			got = append(got, fmt.Sprintf("%d:%s", (a.Time-t0)/int64(time.Minute), a.Severity))
		}
	}
	for range 15 {
		note(r.line("x"))
		r.pass(time.Minute)
	}
	r.pass(time.Hour)
	note(r.line("x"))
	if want := "[0:warning 3:error 8:error 12:critical 17:critical 75:warning]"; fmt.Sprint(got) != want {
		t.Errorf("alerts %v, want %s", got, want)
	}
}

// nthLine returns a line with an x whose template is like that of no other.
func nthLine(i int) string {
	b := []byte("x ")
	for ; i > 0; i /= 20 {
		b = append(b, byte('g'+i%20))
	}
	return string(b)
}

func TestTemplatesAreBounded(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100_000},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Hour, CooldownBy: []string{"template"}, Rollup: true}},
	})
	for i := range state.MaxTemplates {
		if first, again := len(r.line(nthLine(i))), len(r.line(nthLine(i))); first != 1 || again != 0 {
			t.Fatalf("template %d does not have a cooldown of its own", i)
		}
	}
	if s := r.e.Stats(); s.Overflow != 0 || s.Keys != state.MaxTemplates {
		t.Fatalf("%d overflows, %d keys", s.Overflow, s.Keys)
	}
	before := r.e.Stats().Overflow
	if first, again := len(r.line("x abc")), len(r.line("x abc")); first != 1 || again != 1 || r.e.Stats().Overflow != before+2 {
		t.Error("one template too many is suppressed, or not counted")
	}
	if got := r.record(Record{Text: []byte("x abc"), Source: web("c2")}); len(got) != 1 || r.e.Stats().Overflow != before+2 {
		t.Error("another container has no room")
	}
	r.later(2 * time.Hour) // the roll-ups
	r.later(2 * time.Hour)
	keys := r.e.Stats().Keys
	if s := r.explain(Record{Text: []byte("x abc")})[0].Preview; s.Overflow || r.e.Stats().Keys != keys {
		t.Errorf("templates that say nothing any more are in the way of what is explained, or were dropped for it: %+v", s)
	}
	if first, again := len(r.line("x abc")), len(r.line("x abc")); first != 1 || again != 0 {
		t.Error("templates that say nothing any more are in the way")
	}
	r.counts()
}

// TestTemplatesBelowTheirThresholdMakeRoom when their time is over, though no alert reported their hits: these are forgotten, and counted as that.
func TestTemplatesBelowTheirThresholdMakeRoom(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100_000},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", CooldownBy: []string{"template"}, Count: 2, Within: time.Minute}},
	})
	for i := range state.MaxTemplates {
		if got := r.line(nthLine(i)); len(got) != 0 {
			t.Fatalf("template %d alerts at its first hit", i)
		}
	}
	r.pass(time.Minute - 1)
	if got := r.line("x abc"); len(got) != 1 || r.e.Stats().Overflow != 1 {
		t.Errorf("one template too many is suppressed, or not counted: %+v", got)
	}
	r.pass(time.Second)
	if first, again := len(r.line("x abc")), len(r.line("x abc")); first != 0 || again != 1 || r.e.Stats().Overflow != 1 {
		t.Errorf("templates whose time is over are in the way: %d alerts of the first, %d of the second hit", first, again)
	}
	if n := r.e.Stats().Rules["r"].Forgotten; n != state.MaxTemplates {
		t.Errorf("%d hits are forgotten", n)
	}
	r.counts()
}

func TestARollUpIsNeverOlderThanItsHits(t *testing.T) {
	bucket := Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 1}, MaxKeys: 100}
	r := newRun(t, Settings{Limits: bucket, Rules: []RuleSettings{
		{Name: "other", Pattern: "y"},
		{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true, Count: 2, Within: time.Second},
	}})
	r.line("y") // takes the token
	r.line("x") // suppressed by the threshold: no roll-up is made for it
	r.pass(time.Hour - 30*time.Second)
	r.line("x")
	r.line("x") // suppressed by the bucket
	if got := r.later(59 * time.Second); len(got) != 0 {
		t.Errorf("a roll-up before a cooldown has passed: %+v", got)
	}
	if got := r.later(time.Second); len(got) != 1 || got[0].Time != r.now || got[0].Last != t0+int64(time.Hour-30*time.Second) {
		t.Errorf("want a roll-up one cooldown after hits without a token: %+v", got)
	}

	rule := RuleSettings{Name: "r", Pattern: "x", Cooldown: time.Hour, Rollup: true}
	r = newRun(t, Settings{Rules: []RuleSettings{rule}})
	r.line("x")
	r.pass(30 * time.Second)
	r.line("x")
	r.later(570 * time.Second)
	rule.Cooldown = time.Minute
	r.apply(Settings{Rules: []RuleSettings{rule}})
	if got := r.later(time.Second); len(got) != 1 || got[0].Time != t0+int64(10*time.Minute) {
		t.Errorf("want the roll-up of a window that a reload closes at the reload: %+v", got)
	}
}

func TestAnEscalationGoesOnByHitsThatAreSilenced(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{
		Name: "r", Pattern: "x", Cooldown: time.Minute, Escalate: []Escalation{{After: 100 * time.Second, Severity: SeverityCritical}},
	}}})
	r.line("x")
	r.pass(30 * time.Second)
	r.line("x")
	r.silence(Silence{ID: "s", Matchers: Matchers{Rule: "r"}, From: r.now + int64(20*time.Second), Until: r.now + int64(40*time.Second)})
	r.pass(30 * time.Second)
	r.line("x")
	if got := r.later(40 * time.Second); len(got) != 1 || got[0].Kind != KindRollup || got[0].Severity != SeverityCritical || got[0].Time != r.now {
		t.Errorf("want the step to be reported: %+v", got)
	}
}

func TestUnreportedHitsOfAForgottenAbsenceAreCounted(t *testing.T) {
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 1}, Rules: []RuleSettings{{Name: "r", Pattern: "x", Absent: time.Hour}}})
	for _, workload := range []string{"a", "b"} {
		r.record(Record{Text: []byte("x"), Source: &Source{Workload: workload}})
	}
	if c := r.counts()["r"]; c.Hits != 2 || c.Forgotten != 1 {
		t.Errorf("%+v: want one of two hits forgotten", c)
	}
}

func TestAWindowThatStaysOpenDoesNotOutlastAStepBack(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 1}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: 4 * time.Minute, Rollup: true}},
	})
	r.line("x")
	r.line("x")
	r.later(4 * time.Minute) // no token: it stays open for a minute
	r.pass(-time.Hour)
	r.line("x")
	if got := r.later(time.Minute); len(got) != 0 {
		t.Errorf("a roll-up without a token: %+v", got)
	}
	r.pass(3*time.Minute + time.Second)
	if got := r.later(time.Hour); len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 2 {
		t.Errorf("want the suppressed hits over a step back reported: %+v", got)
	}
}
