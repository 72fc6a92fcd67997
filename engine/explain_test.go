package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// explain explains a record as record processes it.
func (r *run) explain(rec Record) []Explanation {
	if rec.Source == nil {
		rec.Source = web("c1")
	}
	if rec.Time == 0 {
		rec.Time = r.now
	}
	return r.e.Explain(&rec, r.now)
}

func TestExplainNamesTheFailedCheck(t *testing.T) {
	r := newRun(t, Settings{
		Rules: []RuleSettings{
			{Name: "panic", Pattern: `^panic: (?P<reason>.+)`, Stream: "stderr"},
			{Name: "failed", Keywords: []string{"failed", "broken"}, None: []string{"retry in \\d+s"}},
			{Name: "status", Where: map[string]string{"status": ">=500", "level": "error"}, Stream: "both"},
			{Name: "pair", All: []string{"out of (?:memory|disk)", `\d+ MB`}, Any: []string{"kernel", "oom"}},
			{Name: "elsewhere", Pattern: "x", Workloads: []string{"ops/*"}},
		},
		Workloads: []WorkloadSettings{{
			Match:     "shop/*",
			Overrides: []Override{{Rule: "panic", Keys: []string{"stream"}, Settings: RuleSettings{Stream: "stdout"}}},
			Rules:     []RuleSettings{{Name: "own", Pattern: `duration=(?P<ms>\d{4,})ms`}},
		}},
	})
	for _, c := range []struct {
		rec  Record
		want []string
	}{
		{Record{Text: []byte("panic: nil map"), Stream: Stderr}, []string{
			"panic: stream is stderr, and is to be stdout",
			`failed: keywords ["failed" "broken"] does not match: the line does not hold "failed" or "broken" in any case`,
			`status: where.level = "error": the record has no such field`,
			`pair: any /kernel/ or /oom/ does not match: the line does not hold "kernel" or "oom"`,
			`own: pattern /duration=(?P<ms>\d{4,})ms/ does not match: the line does not hold "duration="`,
		}},
		{Record{Text: []byte(`{"level":"error","status":404,"msg":"charge FAILED, retry in 5s"}`), Stream: Stdout}, []string{
			`panic: pattern /^panic: (?P<reason>.+)/ does not match: the line does not hold "panic: "`,
			`failed: none /retry in \d+s/ excludes the line: it matches "retry in 5s"`,
			`status: where.status = ">=500": it is "404"`,
			`pair: any /kernel/ or /oom/ does not match: the line does not hold "kernel" or "oom"`,
			`own: pattern /duration=(?P<ms>\d{4,})ms/ does not match: the line does not hold "duration="`,
		}},
		{Record{Text: []byte("oom: out of memory, broken, duration=99999ms")}, []string{
			"panic: stream must be stdout, but the record has none",
			"failed: hit",
			`status: where.level = "error": the record has no such field`,
			`pair: all /\d+ MB/ does not match: the line does not hold " MB"`,
			"own: hit",
		}},
	} {
		var got []string
		for _, x := range r.explain(c.rec) {
			if failed := x.Failed(); failed != nil {
				got = append(got, x.Rule+": "+failed.String())
			} else {
				got = append(got, x.Rule+": hit")
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant:\n%s", c.rec.Text, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestExplainPreviewsAHit(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Minute}, Burst: 2}},
		Rules: []RuleSettings{
			{Name: "a", Pattern: `a(?P<x>\d)`, Cooldown: 5 * time.Minute, CooldownBy: []string{"container", "capture.x"}, Severity: SeverityError},
			{Name: "b", Pattern: "b"},
		},
	})
	line := Record{Text: []byte("a1")}
	fresh := r.explain(line)[0].Preview
	if !fresh.Alerts || fresh.Reason != "" || fresh.Tokens != 2 || fresh.Burst != 2 || !fresh.LastAlert.IsZero() || !slices.Equal(fresh.Key, []string{"web-c1", "1"}) {
		t.Errorf("a fresh engine: %+v", fresh)
	}
	r.record(line)
	r.pass(30 * time.Second)
	r.record(line)
	held := r.explain(line)[0]
	if s := held.Preview; s.Alerts || s.Reason != "cooldown" || s.CooldownLeft != 270 || s.Suppressed != 1 || s.Tokens != 1 || s.TokenIn != 30 {
		t.Errorf("in the cooldown: %+v", s)
	}
	r.record(Record{Text: []byte("b")})
	other := r.explain(Record{Text: []byte("a2")})[0]
	if s := other.Preview; s.Alerts || s.Reason != "rate_limit" || s.Tokens != 0 || s.TokenIn != 30 || s.CooldownLeft != 0 {
		t.Errorf("with an empty bucket: %+v", s)
	}
	if a := other.Alert; a == nil || a.Severity != SeverityError || a.Message != "a2" || a.Captures["x"] != "2" {
		t.Errorf("the alert that is suppressed: %+v", a)
	}
	r.pass(5 * time.Minute)
	if a := r.explain(line)[0].Alert; a.Suppressed[ReasonCooldown] != 1 {
		t.Errorf("the alert reports %v suppressed, want 1", a.Suppressed)
	}
	text, err := json.Marshal(held)
	if err != nil || !strings.Contains(string(text), `"cooldown_left_seconds":270`) {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

// TestExplainReportsAWindowThatStaysOpen: its roll-up could not leave for want of a token, so that the cooldown goes on.
func TestExplainReportsAWindowThatStaysOpen(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 1}},
		Rules:  []RuleSettings{{Name: "a", Pattern: "a", Cooldown: time.Minute, Rollup: true}},
	})
	line := Record{Text: []byte("a")}
	r.record(line)
	r.record(line)
	r.pass(65 * time.Second)
	r.tick()
	if s := r.explain(line)[0].Preview; s.Reason != "cooldown" || s.CooldownLeft != 10 {
		t.Errorf("%+v", s)
	}
}

// TestExplainReportsASurplusTemplate: it has neither cooldown nor threshold, and shares with others the suppressed hits of them.
func TestExplainReportsASurplusTemplate(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100_000, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 2}},
		Rules: []RuleSettings{
			{Name: "r", Pattern: "x", Count: 5, Within: time.Hour, Cooldown: time.Hour, CooldownBy: []string{"container", "template"}, Rollup: true},
		},
	})
	for i := range state.MaxTemplates {
		r.line(nthLine(i))
	}
	line := Record{Text: []byte("x abc"), Source: web("c1")}
	for i := range 4 {
		x := r.explain(line)[0]
		s := x.Preview
		if !s.Overflow || s.Alerts != (i < 2) || s.CooldownLeft != 0 || s.Needed != 0 || s.Template != "x abc" || !slices.Equal(s.Key, []string{"web-c1", "x abc"}) {
			t.Errorf("hit %d: %+v", i, s)
		}
		got := r.record(line)
		if want := s.Alerts; want != (len(got) == 1) || want && fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", *x.Alert) {
			t.Errorf("hit %d reported %+v, explained was %+v", i, got, *x.Alert)
		}
	}
	if s := r.explain(Record{Text: []byte(nthLine(0))})[0].Preview; s.Overflow || s.Reason != "threshold" || s.Counted != 2 {
		t.Errorf("a template that has a key: %+v", s)
	}
}

// TestExplainReportsAnAbsenceRule: its workload and its last line, and neither a cooldown nor a bucket.
func TestExplainReportsAnAbsenceRule(t *testing.T) {
	limits := Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Minute}, Burst: 2}}
	r := newRun(t, Settings{Limits: limits, Rules: []RuleSettings{
		{Name: "a", Pattern: "a", Absent: time.Hour}, {Name: "b", Pattern: "a", Absent: time.Hour, AbsentFrom: "start"},
	}})
	line := Record{Text: []byte("a"), Source: &Source{Workload: "ops/backup", Container: Container{ID: "c1"}}}
	for i, key := range [][]string{{"ops/backup"}, nil} {
		s := r.explain(line)[i].Preview
		if !s.Waits || !slices.Equal(s.Key, key) || !s.LastHit.IsZero() || s.Burst != 0 || s.Reason != "expected" {
			t.Errorf("rule %d, before a line: %+v", i, s)
		}
	}
	r.record(line)
	came := r.now
	r.pass(30 * time.Minute)
	r.record(line)
	r.pass(90 * time.Minute)
	for i, x := range r.explain(line) {
		if s := x.Preview; !s.Alerts || s.LastHit.UnixNano() != came+int64(30*time.Minute) || x.Alert.Kind != KindResolved {
			t.Errorf("rule %d, after an absence: %+v", i, s)
		}
	}
}

// TestExplainAgreesWithProcess explains every record before it is processed: the hits, the alerts and the reasons of suppressed ones are the
// same, and explaining changes nothing.
func TestExplainAgreesWithProcess(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			settings := randomSettings(rnd)
			settings.Limits.MaxKeys = 10_000
			r := newRun(t, settings)
			for range 500 {
				r.pass(time.Duration(rnd.Int64N(int64(20 * time.Second))))
				rec := randomRecord(rnd)
				before := r.counts()
				explained := r.explain(rec)
				if fmt.Sprint(r.counts()) != fmt.Sprint(before) {
					t.Fatal("explaining counted something")
				}
				want := map[string]RuleCounts{}
				alerts := map[string]string{}
				for _, x := range explained {
					if x.Hit != (x.Failed() == nil) {
						t.Fatalf("%s on %q: hit %v, and the checks say %v", x.Rule, rec.Text, x.Hit, x.Failed())
					}
					if !x.Hit {
						continue
					}
					c := want[x.RuleID]
					c.Hits++
					if x.Preview.Alerts {
						c.Alerts++
						alerts[x.RuleID] = fmt.Sprintf("%+v", *x.Alert)
					}
					for i := range c.Suppressed {
						if Reason(i).String() == x.Preview.Reason {
							c.Suppressed[i]++
						}
					}
					want[x.RuleID] = c
				}
				for _, a := range r.record(rec) {
					if alerts[a.RuleID] != fmt.Sprintf("%+v", a) {
						t.Errorf("%s on %q reported %+v, explained was %s", a.RuleID, rec.Text, a, alerts[a.RuleID])
					}
				}
				for id, after := range r.counts() {
					got := RuleCounts{Hits: after.Hits - before[id].Hits, Alerts: after.Alerts - before[id].Alerts}
					for i := range got.Suppressed {
						got.Suppressed[i] = after.Suppressed[i] - before[id].Suppressed[i]
					}
					if got != want[id] {
						t.Fatalf("%s on %q did %+v, explained was %+v", id, rec.Text, got, want[id])
					}
				}
			}
		})
	}
}

// TestExplainKnowsHitsThatTheRecordItselfInhibits explains and processes a record that hits two rules, one of which holds the other back.
func TestExplainKnowsHitsThatTheRecordItselfInhibits(t *testing.T) {
	r := newRun(t, Settings{
		Rules:    []RuleSettings{{Name: "cause", Pattern: "down"}, {Name: "effect", Pattern: "timeout", Cooldown: time.Minute}},
		Inhibits: []InhibitSettings{{Source: Matchers{Rule: "cause"}, Target: Matchers{Rule: "effect"}, For: time.Minute}},
	})
	line := Record{Text: []byte("timeout: the database is down")}
	for range 2 { // explaining changes nothing
		x := r.explain(line)
		if !x[0].Preview.Alerts || x[1].Preview.Alerts || x[1].Preview.Reason != "inhibited" {
			t.Errorf("explained: %+v and %+v", x[0].Preview, x[1].Preview)
		}
	}
	r.record(line)
	if c := r.counts()["effect"]; c.Suppressed[ReasonInhibited] != 1 {
		t.Errorf("processed: %+v", c)
	}
}
