package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// followed are rules of which the second asks for a hit of the first before.
func followed() []RuleSettings {
	return []RuleSettings{
		{Name: "failed", Pattern: `^failed user=(?P<who>\w*)`, DryRun: true},
		{Name: "login", Pattern: `^login user=(?P<who>\w*)`, After: "failed", Within: time.Minute, By: []string{"capture.who"}},
	}
}

// outcomes returns the outcomes of the hits of a line, by rule.
func (r *run) outcomes(rec Record) string {
	r.t.Helper()
	if rec.Source == nil {
		rec.Source = web("c1")
	}
	if rec.Time == 0 {
		rec.Time = r.now
	}
	w := r.e.Worker()
	defer w.Release()
	w.Process(&rec, r.now, nil)
	var out []string
	for i := range w.Hits() {
		h := &w.Hits()[i]
		out = append(out, h.RuleID()+" "+h.Outcome().String())
	}
	return strings.Join(out, ", ")
}

func TestAHitAfterTheOtherRuleAlerts(t *testing.T) {
	const sec = time.Second
	for _, c := range []struct {
		name, want string
		steps      []any // lengths of time and lines
	}{
		{"in order", "login alert", []any{"failed user=ann", 59 * sec, "login user=ann"}},
		{"at the same moment", "login alert", []any{"failed user=ann", "login user=ann"}},
		{"too late", "login sequence", []any{"failed user=ann", 60 * sec, "login user=ann"}},
		{"of another value", "login sequence", []any{"failed user=ann", sec, "login user=bob"}},
		{"in the other order", "login sequence", []any{"login user=ann", sec, "failed user=ann", sec, "login user=bob"}},
		{"without the value", "login sequence", []any{"failed user=", sec, "login user="}},
		{"again, as long as it is in time", "login alert", []any{"failed user=ann", sec, "login user=ann", sec, "login user=ann"}},
		{"after the last of several", "login alert", []any{"failed user=ann", 50 * sec, "failed user=ann", 50 * sec, "login user=ann"}},
	} {
		r := newRun(t, Settings{Rules: followed()})
		got := ""
		for _, step := range c.steps {
			if d, ok := step.(time.Duration); ok {
				r.pass(d)
			} else {
				got = r.outcomes(Record{Text: []byte(step.(string))})
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		r.counts()
	}
}

// TestASequenceGoesByTheRecordsTimes: of two logs that are caught up with, one is read after the other.
func TestASequenceGoesByTheRecordsTimes(t *testing.T) {
	r := newRun(t, Settings{Rules: followed()})
	at := func(ago time.Duration, text string) string {
		return r.outcomes(Record{Time: r.now - int64(ago), Text: []byte(text)})
	}
	for minute := range 15 {
		at(time.Duration(20-minute)*time.Minute, "failed user=ann")
	}
	for ago, want := range map[time.Duration]string{
		21 * time.Minute: "login sequence", 20*time.Minute - time.Second: "login alert", 10 * time.Minute: "login alert", 4 * time.Minute: "login sequence",
	} {
		if got := at(ago, "login user=ann"); got != want {
			t.Errorf("%v ago: %s, want %s", ago, got, want)
		}
	}
}

// TestSuppressedHitsAreStepsOfASequence: a silence, a cooldown and a bucket leave a hit a step; a threshold and another sequence do not.
func TestSuppressedHitsAreStepsOfASequence(t *testing.T) {
	all := followed()
	all[0].DryRun, all[0].Count, all[0].Within, all[0].CooldownBy, all[0].Cooldown = false, 3, time.Minute, []string{"capture.who"}, time.Hour
	all = append(all, RuleSettings{Name: "root", Pattern: `sudo user=(?P<who>\w+)`, After: "login", Within: time.Hour, By: []string{"capture.who"}})
	r := newRun(t, Settings{Rules: all})
	play := func(want string, texts ...string) {
		t.Helper()
		got := ""
		for _, text := range texts {
			r.pass(time.Second)
			got = r.outcomes(Record{Text: []byte(text)})
		}
		if got != want {
			t.Errorf("%q: %s, want %s", texts, got, want)
		}
	}
	play("login sequence", "failed user=ann", "failed user=ann", "login user=ann")
	play("root sequence", "sudo user=ann")
	play("failed alert", "failed user=ann")
	play("login alert", "login user=ann")
	play("root alert", "sudo user=ann")
	play("failed cooldown", "failed user=ann", "failed user=ann", "failed user=ann")
	r.silence(Silence{ID: "s", Matchers: Matchers{Rule: "failed"}, From: r.now, Until: r.now + int64(time.Hour)})
	play("failed silence", "failed user=bob", "failed user=bob", "failed user=bob")
	play("login alert", "login user=bob")
}

// awaited are rules of which the first waits for a hit of the second.
func awaited() []RuleSettings {
	return []RuleSettings{
		{
			Name: "begun", Pattern: `^begin (?P<id>\w*)`, Without: "ended", Within: time.Hour, By: []string{"capture.id"}, Severity: SeverityError,
			Summary: "{{ .Captures.id }} began", Cooldown: 24 * time.Hour,
		},
		{Name: "ended", Pattern: `^end (?P<id>\w*)`, DryRun: true},
	}
}

func TestAHitThatNothingFollowsMakesAnAlert(t *testing.T) {
	r := newRun(t, Settings{Rules: awaited()})
	begun := r.now
	r.line("begin a")
	r.pass(time.Minute)
	r.line("begin b")
	r.pass(time.Minute)
	r.line("begin a")
	r.line("end b")
	r.line("end c")
	if got := r.later(58*time.Minute - time.Nanosecond); len(got) != 0 {
		t.Fatalf("before its time: %+v", got)
	}
	got := r.later(time.Nanosecond)
	if len(got) != 1 {
		t.Fatalf("%d alerts, want one about a", len(got))
	}
	a := got[0]
	if a.Kind != KindMissing || a.Rule != "begun" || a.Severity != SeverityError || a.Message != "begin a" || a.Captures["id"] != "a" || a.Count != 0 ||
		a.Suppressed[ReasonSequence] != 2 || a.First != begun || a.Last != begun+int64(2*time.Minute) || a.Time != r.now || a.Due != r.now || a.Key == "" ||
		a.Summary != "no ended for 1h after: a began" {
		t.Errorf("%+v", a)
	}
	if got := r.later(48 * time.Hour); len(got) != 0 {
		t.Errorf("one wait, a second alert: %+v", got)
	}
	r.line("begin a") // a cooldown plays no part
	if got := r.later(time.Hour); len(got) != 1 {
		t.Errorf("%d alerts about the next wait", len(got))
	}
	r.line("begin ") // it lacks the value
	if got := r.later(time.Hour); len(got) != 0 {
		t.Errorf("a hit without the value waits: %+v", got)
	}
	if c := r.counts()["begun"]; c.Absences != 2 || c.Hits != 5 {
		t.Errorf("%+v", c)
	}
}

// TestOfWaitsThatEndTogetherTheFirstKeyTakesTheToken, in whatever order the hits came. A masked value sorts by its mask and digest.
func TestOfWaitsThatEndTogetherTheFirstKeyTakesTheToken(t *testing.T) {
	for _, c := range []struct {
		mask  bool
		first bool // the key of 1 sorts before that of 31
	}{{false, true}, {true, refMasked("1") < refMasked("31")}} {
		for _, order := range [][]string{{"1", "31"}, {"31", "1"}} {
			s := Settings{Rules: awaited(), Limits: Limits{MaxKeys: 10, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 1}}}
			s.Rules[0].Pattern = `^begin code (?P<id>\d+)`
			if c.mask {
				s.Redact.Patterns = []string{refSecret.String()}
			}
			r := newRun(t, s)
			for i, id := range order {
				r.record(Record{Time: r.now - int64(i+1)*int64(time.Second), Text: []byte("begin code " + id)})
			}
			got := r.later(time.Hour)
			if len(got) != 1 {
				t.Fatalf("%d alerts, want one: there is one token", len(got))
			}
			if first := (got[0].First == r.now-int64(time.Hour+time.Second)) == (order[0] == "1"); first != c.first {
				t.Errorf("hits of %v, masked %v: the alert shows %q", order, c.mask, got[0].Message)
			}
			if got := r.later(time.Hour); len(got) != 1 {
				t.Errorf("%d alerts with the next token, want that about the other hit", len(got))
			}
		}
	}
}

// TestTheAnswerMayArriveFirst: it counts when it happened after the hit, and not when it happened before.
func TestTheAnswerMayArriveFirst(t *testing.T) {
	for _, c := range []struct {
		answer time.Duration
		alerts int
	}{{time.Second, 0}, {0, 0}, {-time.Second, 1}} {
		r := newRun(t, Settings{Rules: awaited()})
		r.pass(time.Minute)
		r.record(Record{Time: r.now - int64(30*time.Second) + int64(c.answer), Text: []byte("end a")})
		r.record(Record{Time: r.now - int64(30*time.Second), Text: []byte("begin a")})
		if got := r.later(time.Hour); len(got) != c.alerts {
			t.Errorf("an answer %v after the hit: %d alerts, want %d", c.answer, len(got), c.alerts)
		}
		r = newRun(t, Settings{Rules: awaited()})
		r.pass(time.Minute)
		r.record(Record{Time: r.now - int64(30*time.Second), Text: []byte("begin a")})
		r.record(Record{Time: r.now - int64(30*time.Second) + int64(c.answer), Text: []byte("end a")})
		if got := r.later(time.Hour); len(got) != c.alerts {
			t.Errorf("an answer %v after the hit that arrives last: %d alerts, want %d", c.answer, len(got), c.alerts)
		}
	}
}

// TestAWaitGoesOn over silences, reloads, clocks and restarts.
func TestAWaitGoesOn(t *testing.T) {
	t.Run("under a silence it is put off", func(t *testing.T) {
		r := newRun(t, Settings{Rules: awaited()})
		r.line("begin a")
		r.silence(Silence{ID: "s", Matchers: Matchers{Rule: "begun"}, From: r.now, Until: r.now + int64(90*time.Minute)})
		if got := r.later(89 * time.Minute); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		if got := r.later(2 * time.Minute); len(got) != 1 {
			t.Errorf("%d alerts after the silence", len(got))
		}
	})
	t.Run("a reload changes its length", func(t *testing.T) {
		r := newRun(t, Settings{Rules: awaited()})
		r.line("begin a")
		r.later(30 * time.Minute)
		shorter := awaited()
		shorter[0].Within = time.Minute
		r.apply(Settings{Rules: shorter})
		if got := r.later(0); len(got) != 1 || got[0].Time != r.now {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a reload ends it", func(t *testing.T) {
		r := newRun(t, Settings{Rules: awaited()})
		r.line("begin a")
		without := awaited()
		without[0].Without, without[0].Within, without[0].Summary = "", 0, ""
		r.apply(Settings{Rules: without})
		if got := r.later(24 * time.Hour); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("time that did not pass does not count", func(t *testing.T) {
		for _, slept := range []time.Duration{10 * time.Hour, -10 * time.Minute} {
			r := newRun(t, Settings{Rules: awaited()})
			r.pass(time.Hour)
			r.line("begin a")
			r.later(30 * time.Minute)
			r.pass(slept)
			r.e.Skip(int64(slept), r.now)
			if got := r.later(29 * time.Minute); len(got) != 0 {
				t.Errorf("%v: %+v", slept, got)
			}
			if got := r.later(time.Minute); len(got) != 1 {
				t.Errorf("%v: %d alerts", slept, len(got))
			}
		}
	})
	t.Run("a restart reads the lines of the time in between first", func(t *testing.T) {
		for _, answered := range []bool{false, true} {
			r := newRun(t, Settings{Rules: awaited()})
			r.line("begin a")
			began := r.now
			next := r.restart(Settings{Rules: awaited()}, 2*time.Hour)
			if got := next.later(4 * time.Minute); len(got) != 0 {
				t.Fatalf("%+v", got)
			}
			want := 1
			if answered {
				next.record(Record{Time: began + int64(time.Minute), Text: []byte("end a")})
				want = 0
			}
			if got := next.later(time.Minute); len(got) != want || want == 1 && got[0].Message != "begin a" {
				t.Errorf("answered %v: %+v", answered, got)
			}
		}
	})
	t.Run("a restart remembers the other rule's hits", func(t *testing.T) {
		r := newRun(t, Settings{Rules: followed()})
		r.line("failed user=ann")
		next := r.restart(Settings{Rules: followed()}, 30*time.Second)
		if got := next.outcomes(Record{Text: []byte("login user=ann")}); got != "login alert" {
			t.Error(got)
		}
	})
}

func TestExplainShowsTheOtherRuleOfASequence(t *testing.T) {
	r := newRun(t, Settings{Rules: append(followed(), awaited()...)})
	for _, c := range []struct{ text, want string }{
		{"login user=ann", "login sequence after failed, never"},
		{"failed user=ann", "failed dry_run"},
		{"login user=ann", "login alert after failed, 1s ago"},
		{"begin a", "begun sequence without ended, never"},
		{"end a", "ended dry_run"},
		{"begin a", "begun sequence without ended, 1s ago"},
	} {
		x := r.explain(Record{Text: []byte(c.text)})
		i := slices.IndexFunc(x, func(x Explanation) bool { return x.Hit })
		p := x[i].Preview
		got := x[i].RuleID + " alert"
		if !p.Alerts {
			got = x[i].RuleID + " " + p.Reason
		}
		last := "never"
		if !p.OtherHit.IsZero() {
			last = fmt.Sprint(time.Duration(r.now-p.OtherHit.UnixNano()), " ago")
		}
		if p.After != "" {
			got += " after " + p.After + ", " + last
		}
		if p.Without != "" {
			got += " without " + p.Without + ", " + last
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
		r.line(c.text)
		r.pass(time.Second)
	}
}

// TestExplainNamesNoSilenceForAWait: a silence is asked about when the wait is over, and does not suppress the hit.
func TestExplainNamesNoSilenceForAWait(t *testing.T) {
	r := newRun(t, Settings{Rules: append(followed(), awaited()...)})
	r.silence(Silence{ID: "s", Matchers: Matchers{Workload: "shop/*"}, From: r.now, Until: r.now + int64(time.Hour)})
	for text, want := range map[string]string{"begin a": "sequence ", "login user=ann": "silence s"} {
		x := r.explain(Record{Text: []byte(text)})
		i := slices.IndexFunc(x, func(x Explanation) bool { return x.Hit })
		if got := x[i].Preview.Reason + " " + x[i].Silence; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestTheHitsOfSequencesAreBounded: whoever writes lines of ever new values makes the oldest be forgotten, and counted.
func TestTheHitsOfSequencesAreBounded(t *testing.T) {
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 10}, Rules: followed()})
	for i := range 100 {
		r.line(fmt.Sprint("failed user=u", i))
	}
	if s := r.e.Stats(); s.Evicted < 90 || s.Keys > 30 {
		t.Errorf("%d keys, %d evicted", s.Keys, s.Evicted)
	}
	if got := r.outcomes(Record{Text: []byte("login user=u99")}); got != "login alert" {
		t.Errorf("the latest: %s", got)
	}
	if got := r.outcomes(Record{Text: []byte("login user=u0")}); got != "login sequence" {
		t.Errorf("the forgotten: %s", got)
	}
}

func TestSequencesAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*RuleSettings)
		want   string
	}{
		{func(r *RuleSettings) {}, ""},
		{func(r *RuleSettings) { r.By = nil }, ""},
		{func(r *RuleSettings) { r.After, r.Without = "", "other" }, ""},
		{func(r *RuleSettings) { r.Within = 0 }, "within: must be set together with after"},
		{func(r *RuleSettings) { r.After = "r" }, `after "r": must be the name of another rule`},
		{func(r *RuleSettings) { r.Without = "third" }, "must not be set together with without"},
		{func(r *RuleSettings) { r.Count = 5 }, "must not be set together with count"},
		{func(r *RuleSettings) { r.Absent = time.Hour }, "must not be set together with absent"},
		{func(r *RuleSettings) { r.By = []string{"template"} }, `by "template": must be one of container, workload`},
		{func(r *RuleSettings) { r.By = []string{"capture.y"} }, `the pattern has no group named "y"`},
		{func(r *RuleSettings) { r.By = slices.Repeat([]string{"host"}, 9) }, "by: must have at most 8 parts, has 9"},
		{func(r *RuleSettings) { r.After, r.Without, r.FirstSeen = "", "other", FirstSeen(time.Hour) }, "first_seen"},
		{func(r *RuleSettings) { r.After, r.Without, r.Context = "", "other", Context{Before: 1} }, "context"},
		{func(r *RuleSettings) {
			r.After, r.Without, r.Escalate = "", "other", []Escalation{{After: time.Minute, Severity: SeverityError}}
		}, "escalate"},
		{func(r *RuleSettings) { r.After = "" }, "must be set together with count, rate, ratio, after or without"},
	} {
		rule := RuleSettings{Name: "r", Pattern: `(?P<x>a)`, After: "other", Within: time.Minute, By: []string{"capture.x", "field.a.b", "host"}}
		c.change(&rule)
		var all []string
		for _, f := range rule.Validate() {
			all = append(all, f.Error())
		}
		if got := strings.Join(all, "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	over := WorkloadSettings{Match: "shop/*", Overrides: []Override{{Rule: "login", Keys: []string{"by"}, Settings: RuleSettings{By: []string{"host"}}}}}
	n, err := New().Compile(Settings{Rules: followed(), Workloads: []WorkloadSettings{over}})
	if err != nil || len(n.Broken()) != 1 || !strings.Contains(n.Broken()[0].Error(), "by: must not differ between workloads") {
		t.Errorf("%v, %+v", err, n.Broken())
	}
}

// BenchmarkSequence is a hit of a rule that another one asks for, and of the other one.
func BenchmarkSequence(b *testing.B) {
	e := benchEngine(b, Settings{Limits: Limits{MaxKeys: 100_000}, Rules: followed()})
	w := e.Worker()
	defer w.Release()
	rec := Record{Source: web("1")}
	lines := [][]byte{[]byte("failed user=ann"), []byte("login user=ann")}
	var dst []Alert
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		rec.Time, rec.Text = t0+int64(i)*int64(time.Millisecond), lines[i%2]
		dst = w.Process(&rec, rec.Time, dst[:0])
	}
}
