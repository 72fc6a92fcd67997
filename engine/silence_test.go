package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func (r *run) silence(list ...Silence) {
	r.t.Helper()
	if err := r.e.SetSilences(list); err != nil {
		r.t.Fatal(err)
	}
}

// during is a silence from t0 on for an hour.
func during(m Matchers) Silence {
	return Silence{ID: "s", Matchers: m, From: t0, Until: t0 + int64(time.Hour)}
}

// TestASilenceSuppressesAndIsReported by the next alert after it.
func TestASilenceSuppressesAndIsReported(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: time.Minute}}})
	s := during(Matchers{Rule: "r"})
	s.From += int64(time.Minute)
	r.silence(s)
	if got := r.line("boom"); len(got) != 1 {
		t.Fatal("suppressed before it begins")
	}
	r.pass(time.Minute)
	for range 3 {
		if got := r.line("boom"); len(got) != 0 {
			t.Fatal("not suppressed")
		}
		r.pass(10 * time.Minute)
	}
	r.pass(29 * time.Minute)
	got := r.line("boom")
	if len(got) != 1 || got[0].Suppressed[ReasonSilence] != 3 || got[0].Since != t0+int64(time.Minute) {
		t.Fatalf("after its end: %+v", got)
	}
	if c := r.counts()["r"]; c.Suppressed[ReasonSilence] != 3 || c.Alerts != 2 {
		t.Errorf("%+v", c)
	}
}

// TestASilenceOfOneIncident is about one key of a rule: its hits, its roll-up and its preview, and about no other incident.
func TestASilenceOfOneIncident(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: `boom (?P<part>\w+)`, CooldownBy: []string{"capture.part"}, Cooldown: time.Minute, Rollup: true}}})
	s := during(Matchers{Rule: "r"})
	s.Key = strings.Repeat("a0", 16)
	r.silence(s)
	if got := r.line("boom db"); len(got) != 1 {
		t.Fatal("without a way to compare keys, the silence is about none")
	}
	r.line("boom db") // for the roll-up
	key := ""
	r.e.SetAlertKeys(func(alert string, state []byte) bool { return alert == s.Key && string(state) == key })
	r.silence()
	r.silence(s)
	key = "r\x1fdb"
	r.pass(time.Minute)
	if got := r.e.Tick(r.now, nil); len(got) != 0 {
		t.Errorf("the roll-up left: %+v", got)
	}
	if got := r.line("boom db"); len(got) != 0 {
		t.Error("the hit of the silenced incident alerts")
	}
	if got := r.line("boom web"); len(got) != 1 {
		t.Error("a hit of another incident does not alert")
	}
	if c := r.counts()["r"]; c.Suppressed[ReasonSilence] != 1 {
		t.Errorf("%+v", c)
	}
	for _, wrong := range []string{"a0", strings.Repeat("A0", 16), strings.Repeat("g0", 16), strings.Repeat("a0", 17)} {
		s.Key = wrong
		if bad := s.Validate(); len(bad) != 1 || bad[0].Field != "key" {
			t.Errorf("%q: %v", wrong, bad)
		}
	}
}

// TestASilencedHitConsumesNothing: neither the cooldown nor the container's tokens.
func TestASilencedHitConsumesNothing(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 10, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 1}},
		Rules:  []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: time.Hour}},
	})
	r.silence(during(Matchers{Workload: "shop/*"}))
	r.line("boom")
	r.silence()
	if got := r.line("boom"); len(got) != 1 || got[0].Suppressed[ReasonSilence] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestMatchersOfASilence(t *testing.T) {
	r := newRun(t, Settings{
		Rules:     []RuleSettings{{Name: "go-panic", Pattern: "boom", Severity: SeverityError}, {Name: "graded", Pattern: "level"}},
		Workloads: []WorkloadSettings{{Match: "shop/web", Rules: []RuleSettings{{Name: "own", Pattern: "mine"}}}},
	})
	cases := []struct {
		matchers Matchers
		line     string
		held     bool
	}{
		{Matchers{Rule: "go-panic"}, "boom", true},
		{Matchers{Rule: "go-*"}, "boom", true},
		{Matchers{Rule: "go"}, "boom", false},
		{Matchers{Rule: "own"}, "mine", true},
		{Matchers{Rule: "own@shop/web"}, "mine", true},
		{Matchers{Rule: "own@*"}, "mine", true},
		{Matchers{Rule: "own@shop/api"}, "mine", false},
		{Matchers{Workload: "shop/web"}, "boom", true},
		{Matchers{Workload: "shop/?eb"}, "boom", true},
		{Matchers{Workload: "ops/*"}, "boom", false},
		{Matchers{Container: "web-c1"}, "boom", true},
		{Matchers{Container: "c1"}, "boom", true},
		{Matchers{Container: "web-*"}, "boom", true},
		{Matchers{Container: "web-c2"}, "boom", false},
		{Matchers{Severity: []Severity{SeverityCritical, SeverityError}}, "boom", true},
		{Matchers{Severity: []Severity{SeverityCritical}}, "boom", false},
		{Matchers{Severity: []Severity{SeverityWarning}}, "level?", true},
		{Matchers{Severity: []Severity{SeverityCritical}}, `{"level":"fatal"}`, true},
		{Matchers{Message: "^bo+m"}, "boom", true},
		{Matchers{Message: "^om"}, "boom", false},
		{Matchers{Rule: "go-*", Workload: "shop/*", Container: "*", Severity: []Severity{SeverityError}, Message: "."}, "boom", true},
		{Matchers{Rule: "go-*", Workload: "shop/*", Message: "x"}, "boom", false},
	}
	for _, c := range cases {
		r.silence(during(c.matchers))
		r.pass(time.Nanosecond)
		if held := len(r.line(c.line)) == 0; held != c.held {
			t.Errorf("%+v of %q: suppressed: %v", c.matchers, c.line, held)
		}
	}
	if s := r.e.Silences(); len(s) != 1 || s[0].ID != "s" {
		t.Errorf("in force: %+v", s)
	}
	r.counts()
}

func TestBrokenSilencesAreNamedAndTheOthersHold(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom"}}})
	bad := during(Matchers{Message: "("})
	bad.ID = "bad"
	err := r.e.SetSilences([]Silence{bad, during(Matchers{Rule: "r"})})
	if err == nil || !strings.Contains(err.Error(), `"bad": message`) {
		t.Errorf("%v", err)
	}
	if got := r.line("boom"); len(got) != 0 {
		t.Error("the good one does not hold")
	}
}

func TestSilenceValidate(t *testing.T) {
	hour := int64(time.Hour)
	for _, c := range []struct {
		s    Silence
		want string
	}{
		{Silence{Until: hour}, "needs at least one of rule, workload, container, severity, message and where"},
		{Silence{Matchers: Matchers{Rule: "r"}}, "until: must be set"},
		{Silence{Matchers: Matchers{Rule: "r"}, From: 2 * hour, Until: hour}, `until "1970-01-01T01:00:00Z": must be after from, 1970-01-01T02:00:00Z`},
		{Silence{Matchers: Matchers{Rule: "r"}, From: -1, Until: hour}, "must not be before 1970"},
		{Silence{Matchers: Matchers{Rule: "r"}, From: t0, Until: t0 + 9000*hour}, "at most 366 days after from"},
		{Silence{Matchers: Matchers{Rule: strings.Repeat("r", 2000)}, Until: hour}, "must have at most 1024 bytes, has 2000"},
		{Silence{Matchers: Matchers{Message: strings.Repeat("r", 9000)}, Until: hour}, "must have at most 8192 bytes, has 9000"},
		{Silence{Matchers: Matchers{Message: "(?=x)"}, Until: hour}, "RE2 has no look-around"},
		{Silence{Matchers: Matchers{Severity: []Severity{0}}, Until: hour}, "must be one of debug"},
		{Silence{Matchers: Matchers{Rule: "r"}, Until: hour, Comment: strings.Repeat("x", 5000)}, "comment"},
		{Silence{Matchers: Matchers{Rule: "r"}, Until: hour, Author: strings.Repeat("x", 300)}, "must have at most 256 bytes, has 300"},
	} {
		errs := c.s.Validate()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want) || strings.HasPrefix(errs[0].Error(), ":") {
			t.Errorf("%v, want %q", errs, c.want)
		}
	}
}

// TestSilencesAgree compares the indexed set, and what a worker remembers of it, with each silence asked by itself.
func TestSilencesAgree(t *testing.T) {
	names := []string{"", "a", "b", "a*", "?"}
	var list []Silence
	for i, rule := range names {
		for j, workload := range names {
			for k, container := range names {
				s := Silence{
					ID: fmt.Sprint(i, j, k), Matchers: Matchers{Rule: rule, Workload: workload, Container: container},
					From: int64(i + 1), Until: int64(10 + j + k),
				}
				if !s.Empty() {
					list = append(list, s)
				}
			}
		}
	}
	set, err := mute.NewSilenceSet(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	memo := &mute.SilenceMemo{}
	for _, name := range []string{"a", "b", "c", "ab"} {
		for _, workload := range []string{"a", "b", "ccc"} {
			for _, container := range []string{"a", "ab", ""} {
				s := &rules.Subject{
					Rule:   &rules.Rule{ID: name + "@x", Settings: RuleSettings{Name: name}},
					Source: &Source{Workload: workload, Container: Container{ID: container, Name: workload}},
				}
				for now := range int64(20) {
					want := false
					for i := range list {
						m, err := list[i].Compile()
						want = want || err == nil && list[i].From <= now && now < list[i].Until && m.Matches(s)
					}
					one := set.Suppressing(s, now)
					if got := one != nil; got != want {
						t.Fatalf("rule %s, workload %s, container %q at %d: %v, want %v", name, workload, container, now, got, want)
					}
					if got := memo.Suppressing(set, s, now); got != one {
						t.Fatalf("rule %s, workload %s, container %q at %d: remembered %v, want %v", name, workload, container, now, got, one)
					}
				}
			}
		}
	}
}

func TestASilenceCountsItsHits(t *testing.T) {
	s := Settings{Rules: []RuleSettings{
		{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true}, {Name: "beat", Pattern: "x", Absent: time.Hour},
	}}
	r := newRun(t, s)
	held := func() string {
		var all []string
		for _, one := range r.e.Silences() {
			all = append(all, fmt.Sprintf("%s:%d", one.ID, one.Suppressed))
		}
		return strings.Join(all, " ")
	}
	first, second := during(Matchers{Rule: "r"}), during(Matchers{Workload: "shop/*", Message: "x"})
	first.ID, second.ID = "a", "b"
	r.silence(first, second)
	r.line("x") // r is silenced by both, and counted for one; beat gets what it expects
	r.line("x")
	if got := held(); got != "a:0 b:2" && got != "a:2 b:0" {
		t.Errorf("%s: want two hits, each at one silence", got)
	}
	r.silence(first)
	r.line("x")
	before := held()
	r.apply(s)
	rec := Record{Text: []byte("x"), Source: web("c1"), Time: r.now}
	r.e.Explain(&rec, r.now)
	first.Until += int64(time.Minute)
	r.silence(first)
	if got := held(); got != before || got != "a:1" && got != "a:3" {
		t.Errorf("%s, before %s: a change, a reload and an explanation change no count", got, before)
	}
	r.silence()
	r.silence(first)
	if got := held(); got != "a:0" {
		t.Errorf("%s: want one that was away to restart", got)
	}
}

func TestASilenceMemoIsBounded(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}})
	list := make([]Silence, mute.FewGlobs+1)
	for i := range list {
		list[i] = during(Matchers{Rule: "r*"})
	}
	r.silence(list...)
	w := r.e.Worker()
	defer w.Release()
	for i := range 3 * mute.MaxMemo {
		rec := Record{Text: []byte("x"), Source: web(fmt.Sprint(i)), Time: r.now}
		if got := w.Process(&rec, r.now, nil); len(got) != 0 {
			t.Fatalf("not silenced: %+v", got)
		}
	}
	if n := len(w.muteCache.Memo.About); n > mute.MaxMemo {
		t.Errorf("%d remembered, at most %d", n, mute.MaxMemo)
	}
}

func TestSilenceAsJSON(t *testing.T) {
	s := during(Matchers{Rule: "r", Severity: []Severity{SeverityError}})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Silence
	if err := json.Unmarshal(text, &back); err != nil || fmt.Sprint(back) != fmt.Sprint(s) {
		t.Errorf("%s comes back as %+v, %v", text, back, err)
	}
}
