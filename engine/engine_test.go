package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// run is an engine with a clock, fed line by line.
type run struct {
	t   *testing.T
	e   *Engine
	now int64
}

const t0 = int64(1_700_000_000_000_000_000)

func newRun(t *testing.T, s Settings) *run {
	t.Helper()
	if s.Limits == (Limits{}) {
		s.Limits = Limits{MaxKeys: 1000}
	}
	r := &run{t: t, e: New(), now: t0}
	r.apply(s)
	return r
}

func (r *run) apply(s Settings) Change {
	r.t.Helper()
	if s.Limits == (Limits{}) {
		s.Limits = Limits{MaxKeys: 1000}
	}
	n, err := r.e.Compile(s)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, b := range n.Broken() {
		r.t.Fatal(b.Error())
	}
	return r.e.Apply(n)
}

func web(id string) *Source {
	return &Source{Kind: "log", Workload: "shop/web", Host: "node-1", Tag: "docker.web", Container: Container{ID: id, Name: "web-" + id}}
}

func (r *run) record(rec Record) []Alert {
	if rec.Source == nil {
		rec.Source = web("c1")
	}
	if rec.Time == 0 {
		rec.Time = r.now
	}
	w := r.e.Worker()
	defer w.Release()
	return w.Process(&rec, r.now, nil)
}

func (r *run) line(text string) []Alert { return r.record(Record{Text: []byte(text)}) }

func (r *run) pass(d time.Duration) { r.now += int64(d) }

// ruleNames returns the names of the rules that alerted, in order.
func ruleNames(alerts []Alert) string {
	var names []string
	for _, a := range alerts {
		names = append(names, a.Rule)
	}
	return strings.Join(names, " ")
}

// holdsFor fails the test unless hits = alerts + suppressed + pending for every rule, and returns the counts.
func (r *run) counts() map[string]RuleCounts {
	r.t.Helper()
	s := r.e.Stats()
	for id, c := range s.Rules {
		if c.Hits != c.Accounted() {
			r.t.Fatalf("rule %s: %d hits, %d accounted for: %+v", id, c.Hits, c.Accounted(), c)
		}
	}
	return s.Rules
}

func TestWhichRulesHit(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{
		{Name: "pattern", Pattern: `^panic: (?P<why>.+)`},
		{Name: "keywords", Keywords: []string{"Out of Memory", "oom-kill"}},
		{Name: "any", Any: []string{`\b5\d\d\b`, `(?i)bad gateway$`}},
		{Name: "all", All: []string{"alpha", "beta", "gamma"}},
		{Name: "none", Pattern: "timeout", None: []string{"retrying", "^debug"}},
		{Name: "stderr", Pattern: "fatal", Stream: "stderr"},
		{Name: "where", Pattern: "request", Where: map[string]string{"status": ">=500", "level": "/^err/"}},
		{Name: "field only", Where: map[string]string{"level": "critical"}},
		{Name: "exclusion only", None: []string{"."}},
		{Name: "mixed", Pattern: "disk", Keywords: []string{"full"}, Any: []string{"sda", "sdb"}, All: []string{"[0-9]+%"}},
	}})
	cases := []struct {
		text   string
		stream Stream
		fields Fields
		want   string
	}{
		{text: "panic: boom", want: "pattern"},
		{text: "a panic: boom", want: ""},
		{text: "killed: OUT OF MEMORY", want: "keywords"},
		{text: "invoked oom-killer", want: "keywords"},
		{text: "GET / 502 12ms", want: "any"},
		{text: "upstream: Bad Gateway", want: "any"},
		{text: "code 5021", want: ""},
		{text: "gamma beta alpha", want: "all"},
		{text: "gamma beta", want: ""},
		{text: "timeout after 5s", want: "none"},
		{text: "timeout, retrying", want: ""},
		{text: "debug: timeout", want: ""},
		{text: "fatal: x", stream: Stderr, want: "stderr"},
		{text: "fatal: x", stream: Stdout, want: ""},
		{text: "fatal: x", want: ""},
		{text: `{"msg":"request failed","status":503,"level":"error"}`, want: "any where"},
		{text: `{"msg":"request failed","status":404,"level":"error"}`, want: ""},
		{text: "request failed", fields: fieldMap{"status": "500", "level": "err"}, want: "where"},
		{text: "anything", fields: fieldMap{"level": "critical"}, want: "field only"},
		{text: "", want: "exclusion only"},
		{text: "disk sda full at 99%", want: "mixed"},
		{text: "disk sdc full at 99%", want: ""},
	}
	for _, c := range cases {
		r.pass(time.Hour)
		if got := ruleNames(r.record(Record{Text: []byte(c.text), Stream: c.stream, Fields: c.fields})); got != c.want {
			t.Errorf("%q (%s): %q, want %q", c.text, c.stream, got, c.want)
		}
	}
	r.counts()
}

func TestAlertDescribesTheHit(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{
		Name: "go-panic", Pattern: `^panic: (?P<reason>\S+)(?P<rest> .*)?`, Severity: SeverityCritical, Cooldown: time.Minute,
		Summary: "{{ .Workload }} panicked: {{ .Captures.reason }}", Labels: map[string]string{"team": "payments"}, Runbook: "https://runbook",
	}}})
	src := web("c1")
	got := r.record(Record{Text: []byte("panic: boom\xff"), Stream: Stderr, Severity: SeverityInfo, Source: src, Time: t0 - 42})
	if len(got) != 1 {
		t.Fatalf("%d alerts, want 1", len(got))
	}
	a := got[0]
	if a.Summary != "shop/web panicked: boom\uFFFD" || a.Message != "panic: boom\uFFFD" || a.Severity != SeverityCritical || a.Time != t0-42 ||
		a.Stream != Stderr || a.Source != src || a.Labels["team"] != "payments" || a.Runbook != "https://runbook" || a.Truncated {
		t.Errorf("alert: %+v", a)
	}
	if want := map[string]string{"reason": "boom\uFFFD"}; !maps.Equal(a.Captures, want) {
		t.Errorf("captures %v, want %v", a.Captures, want)
	}
}

// TestFindAndEvaluateAreProcess takes the steps of Process one by one.
func TestFindAndEvaluateAreProcess(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{
		{Name: "a", Pattern: "x", Cooldown: time.Minute, Severity: SeverityError}, {Name: "b", Keywords: []string{"x"}}, {Name: "c", Pattern: "y"},
	}})
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Text: []byte("x"), Source: &Source{Kind: "log", Workload: "shop/web"}, Time: t0 - 7}
	hits := w.Find(&rec, nil)
	if len(hits) != 2 || hits[0].RuleID() != "a" || hits[1].Rule().Name != "b" || hits[0].Severity() != SeverityError {
		t.Fatalf("hits %+v", hits)
	}
	if c := r.counts()["a"]; c.Hits != 0 {
		t.Errorf("a search counts: %+v", c)
	}
	got := w.Evaluate(&hits[0], t0, nil)
	if len(got) != 1 || got[0].Kind != KindLog || got[0].Count != 1 || got[0].First != t0-7 || got[0].Last != t0-7 {
		t.Errorf("alerts %+v", got)
	}
	if again := w.Evaluate(&hits[0], t0+1, nil); len(again) != 0 {
		t.Errorf("the cooldown holds nothing back: %+v", again)
	}
	if c := r.counts()["a"]; c.Hits != 2 || c.Alerts != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestKindsAndReasonsHaveWords(t *testing.T) {
	seen := map[string]bool{"": true}
	for k := range NumKinds {
		if seen[k.String()] {
			t.Errorf("kind %d: the word %q is empty or used twice", k, k)
		}
		seen[k.String()] = true
	}
	clear(seen)
	for r := range NumReasons {
		if seen[r.String()] {
			t.Errorf("reason %d: the word %q is empty or used twice", r, r)
		}
		seen[r.String()] = true
	}
}

func TestAlertSeverityFallsBackToTheRecords(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}})
	for given, want := range map[Severity]Severity{SeverityUnknown: SeverityWarning, SeverityError: SeverityError} {
		if a := r.record(Record{Text: []byte("x"), Severity: given}); a[0].Severity != want {
			t.Errorf("record of severity %q: alert of %q, want %q", given, a[0].Severity, want)
		}
	}
}

func TestAlertSeverityFallsBackToTheLines(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}})
	for line, want := range map[string]Severity{
		`{"level":"ERROR","m":"x"}`: SeverityError, `{"level":50,"m":"x"}`: SeverityError, `{"log.level":"info","m":"x"}`: SeverityInfo,
		`{"level":{"x":1}}`: SeverityWarning, `{"m":"x"}`: SeverityWarning, `level=error x`: SeverityWarning,
	} {
		if a := r.line(line); a[0].Severity != want {
			t.Errorf("%s: alert of %q, want %q", line, a[0].Severity, want)
		}
	}
	if a := r.record(Record{Text: []byte(`{"level":"error","m":"x"}`), Severity: SeverityInfo}); a[0].Severity != SeverityInfo {
		t.Errorf("the line's level %q counts more than the record's severity", a[0].Severity)
	}
}

func TestLongLines(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "needle"}}})
	inside := strings.Repeat("é", (model.MaxMatched-len("needle"))/2) + "needle" + strings.Repeat("z", 100)
	got := r.line(inside)
	if len(got) != 1 || !got[0].Truncated || len(got[0].Message) > model.MaxMessage || strings.Contains(got[0].Message, "\uFFFD") {
		t.Errorf("a match within the first 64 KiB: %d alerts", len(got))
	}
	if got := r.line(strings.Repeat("z", model.MaxMatched-3) + "needle"); len(got) != 0 {
		t.Error("a match beyond the first 64 KiB alerts")
	}
	if got := r.record(Record{Text: []byte("needle"), Truncated: true}); !got[0].Truncated {
		t.Error("a line that was cut before is not marked")
	}
}

func TestCooldown(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Minute, CooldownBy: []string{"container"}}}}
	r := newRun(t, s)
	if len(r.line("x")) != 1 {
		t.Fatal("the first hit did not alert")
	}
	first := r.now
	for range 3 {
		r.pass(time.Second)
		if len(r.line("x")) != 0 {
			t.Fatal("a hit within the cooldown alerted")
		}
	}
	if got := r.record(Record{Text: []byte("x"), Source: web("c2")}); len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 0 {
		t.Error("another container is suppressed")
	}
	r.now = first + int64(time.Minute)
	got := r.line("x")
	if len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 3 || got[0].Since != first+int64(time.Second) {
		t.Fatalf("after the cooldown: %+v", got)
	}
	r.pass(time.Minute)
	if got := r.line("x"); len(got) != 1 || got[0].Suppressed != [NumReasons]int64{} || got[0].Since != 0 {
		t.Errorf("reported hits are reported again: %+v", got)
	}
	if c := r.counts()["r"]; c.Hits != 7 || c.Alerts != 4 || c.Suppressed[ReasonCooldown] != 3 {
		t.Errorf("counts %+v", c)
	}
}

func TestCooldownKeys(t *testing.T) {
	base := Record{Text: []byte("user=ann x"), Stream: Stdout, Fields: fieldMap{"a.b": "1"}}
	other := map[string]func(*Record){
		"container": func(r *Record) {
			r.Source = &Source{Workload: "shop/web", Container: Container{ID: "c2"}}
		},
		"workload": func(r *Record) {
			r.Source = &Source{Workload: "shop/api", Container: Container{ID: "c1"}}
		},
		"host": func(r *Record) {
			r.Source = &Source{Workload: "shop/web", Host: "node-2", Container: Container{ID: "c1"}}
		},
		"tag": func(r *Record) {
			r.Source = &Source{Workload: "shop/web", Tag: "t2", Container: Container{ID: "c1"}}
		},
		"stream":       func(r *Record) { r.Stream = Stderr },
		"capture.user": func(r *Record) { r.Text = []byte("user=bob x") },
		"field.a.b":    func(r *Record) { r.Fields = fieldMap{"a.b": "2"} },
	}
	for by := range other {
		r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: `user=(?P<user>\w+)`, Cooldown: time.Hour, CooldownBy: []string{by}}}})
		if len(r.record(base)) != 1 || len(r.record(base)) != 0 {
			t.Errorf("%s: the same key twice does not make one alert", by)
		}
		for changed, change := range other {
			if changed == by {
				continue
			}
			rec := base
			change(&rec)
			// Every change but that of the container keeps the container's id, so only "container" distinguishes c2.
			if by == "container" || changed == "container" || by == "host" || by == "tag" {
				continue
			}
			if len(r.record(rec)) != 0 {
				t.Errorf("cooldown by %s: another %s makes another key", by, changed)
			}
		}
		rec := base
		other[by](&rec)
		if len(r.record(rec)) != 1 {
			t.Errorf("cooldown by %s: another %s is suppressed", by, by)
		}
	}
}

func TestShortenedCooldownAppliesAtOnce(t *testing.T) {
	s := func(d time.Duration) Settings {
		return Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: d, CooldownBy: []string{"container"}}}}
	}
	r := newRun(t, s(time.Hour))
	r.line("x")
	r.pass(time.Minute)
	if len(r.line("x")) != 0 {
		t.Fatal("suppressed for an hour, and yet an alert after a minute")
	}
	change := r.apply(s(30 * time.Second))
	if !slices.Equal(change.Changed, []string{"r"}) {
		t.Errorf("change %+v", change)
	}
	got := r.line("x")
	if len(got) != 1 || got[0].Suppressed[ReasonCooldown] != 1 {
		t.Errorf("the shorter cooldown does not apply at once, or the count is lost: %+v", got)
	}
}

// TestSettingsThatPrintAlikeAreDifferent holds that a reload compares rules by value: lists whose texts look the same when printed are changes.
func TestSettingsThatPrintAlikeAreDifferent(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after Settings
		changed       string
	}{
		{
			"keywords", Settings{Rules: []RuleSettings{{Name: "r", Keywords: []string{"disk full"}}}},
			Settings{Rules: []RuleSettings{{Name: "r", Keywords: []string{"disk", "full"}}}}, "r",
		},
		{
			"labels", Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Labels: map[string]string{"a": "1 b:2"}}}},
			Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Labels: map[string]string{"a": "1", "b": "2"}}}}, "r",
		},
		{
			"a field that swallows the next", Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x Keywords:[y]"}}},
			Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Keywords: []string{"y"}}}}, "r",
		},
		{
			"an override",
			Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}, Workloads: []WorkloadSettings{
				{Match: "shop/*", Overrides: []Override{{Rule: "r", Keys: []string{"none"}, Settings: RuleSettings{None: []string{"a b"}}}}},
			}},
			Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}, Workloads: []WorkloadSettings{
				{Match: "shop/*", Overrides: []Override{{Rule: "r", Keys: []string{"none"}, Settings: RuleSettings{None: []string{"a", "b"}}}}},
			}}, "r@shop/*",
		},
	} {
		r := newRun(t, c.before)
		if got := r.apply(c.after).Changed; !slices.Equal(got, []string{c.changed}) {
			t.Errorf("%s: changed %q, want %q", c.name, got, c.changed)
		}
		if got := r.apply(c.after).Changed; got != nil {
			t.Errorf("%s: %q changed, and nothing did", c.name, got)
		}
	}
}

func TestReloadKeepsStateOfTheOtherRules(t *testing.T) {
	a := RuleSettings{Name: "a", Pattern: "x", Cooldown: time.Hour}
	b := RuleSettings{Name: "b", Pattern: "x", Cooldown: time.Hour}
	r := newRun(t, Settings{Rules: []RuleSettings{a}})
	r.line("x")
	change := r.apply(Settings{Rules: []RuleSettings{b, a}})
	if !slices.Equal(change.Added, []string{"b"}) || !slices.Equal(change.Kept, []string{"a"}) || change.Removed != nil {
		t.Errorf("change %+v", change)
	}
	if got := ruleNames(r.line("x")); got != "b" {
		t.Errorf("after the reload %q alerts, want b alone: a is in its cooldown", got)
	}
	if change := r.apply(Settings{Rules: []RuleSettings{b}}); !slices.Equal(change.Removed, []string{"a"}) {
		t.Errorf("change %+v", change)
	}
	if _, ok := r.counts()["a"]; ok {
		t.Error("the counters of a rule that is gone are kept")
	}
}

func TestTokenBucketIsPerContainer(t *testing.T) {
	s := Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 2, Per: time.Minute}, Burst: 3}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "a", Pattern: "x"}, {Name: "b", Pattern: "y"}},
	}
	r := newRun(t, s)
	if got := ruleNames(slices.Concat(r.line("x"), r.line("y"), r.line("xy"))); got != "a b a" {
		t.Fatalf("burst of 3 over both rules: %q", got)
	}
	if got := r.record(Record{Text: []byte("x"), Source: web("c2")}); len(got) != 1 {
		t.Error("one container's bucket holds back another")
	}
	r.pass(30 * time.Second)
	if got := r.line("y"); len(got) != 1 || got[0].Suppressed[ReasonRateLimit] != 1 {
		t.Errorf("half a minute makes one token, and the alert reports the one suppressed: %+v", got)
	}
	if len(r.line("y")) != 0 {
		t.Error("one token makes two alerts")
	}
	c := r.counts()
	if c["b"].Suppressed[ReasonRateLimit] != 2 {
		t.Errorf("counts %+v", c["b"])
	}
}

func TestRateLimitedHitStartsNoCooldown(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Minute}, Burst: 1}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "a", Pattern: "x"}, {Name: "b", Pattern: "y", Cooldown: time.Hour}},
	})
	r.line("x")
	if len(r.line("y")) != 0 {
		t.Fatal("the bucket is empty, and yet an alert")
	}
	r.pass(time.Minute)
	if got := r.line("y"); len(got) != 1 || got[0].Suppressed[ReasonRateLimit] != 1 {
		t.Errorf("a hit that made no alert began a cooldown: %+v", got)
	}
}

func TestDryRunTakesNoToken(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Minute}, Burst: 1}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "dry", Pattern: "x", DryRun: true, Cooldown: time.Minute}, {Name: "real", Pattern: "x"}},
	})
	if got := ruleNames(r.line("x")); got != "real" {
		t.Errorf("%q alerts, want real alone", got)
	}
	r.line("x")
	if c := r.counts()["dry"]; c.Suppressed[ReasonDryRun] != 1 || c.Suppressed[ReasonCooldown] != 1 {
		t.Errorf("a dry run counts what it would have done: %+v", c)
	}
}

func TestClockThatStepsBack(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Second}, Burst: 2}, MaxKeys: 100},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Minute}, {Name: "s", Pattern: "y"}},
	})
	r.line("x")
	r.line("y")
	r.pass(-24 * time.Hour)
	if len(r.line("x")) != 0 {
		t.Error("the cooldown does not restart")
	}
	r.pass(time.Minute)
	if len(r.line("x")) != 1 {
		t.Error("a clock that stepped back by a day prolongs a cooldown of a minute")
	}
	r.pass(2 * time.Second)
	if len(r.line("y")) != 1 {
		t.Error("a clock that stepped back locks a container out")
	}
	r.counts()
}

func TestKeyedStateIsBounded(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 10},
		Rules:  []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Hour, CooldownBy: []string{"container"}}},
	})
	for i := range 25 {
		if len(r.record(Record{Text: []byte("x"), Source: web(fmt.Sprint(i))})) != 1 {
			t.Fatal("a new key is suppressed")
		}
	}
	if len(r.record(Record{Text: []byte("x"), Source: web("24")})) != 0 {
		t.Error("the newest key is forgotten")
	}
	if len(r.record(Record{Text: []byte("x"), Source: web("0")})) != 1 {
		t.Error("an evicted key hides its next hit")
	}
	if s := r.e.Stats(); s.Keys != 10 || s.Evicted != 16 {
		t.Errorf("%d keys, %d evicted, want 10 and 16", s.Keys, s.Evicted)
	}
	r.counts()
}

func TestBrokenRulesHurtOnlyThemselves(t *testing.T) {
	e := New()
	n, err := e.Compile(Settings{
		Limits: DefaultLimits(),
		Rules:  []RuleSettings{{Name: "bad", Pattern: "("}, {Name: "good", Pattern: "x"}},
		Workloads: []WorkloadSettings{{Match: "*",
			Overrides: []Override{{Rule: "good", Keys: []string{"pattern"}, Settings: RuleSettings{Pattern: ")"}}, {Rule: "bad"}, {Rule: "none"}},
			Rules:     []RuleSettings{{Name: "own", Pattern: "["}}}, {Match: ""}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, b := range n.Broken() {
		ids = append(ids, b.ID)
		if !strings.Contains(b.Error(), b.ID) {
			t.Errorf("an error does not name its rule: %v", b.Error())
		}
	}
	if want := []string{"bad", "good@*", "own@*", "workload "}; !slices.Equal(ids, want) {
		t.Errorf("broken %q, want %q", ids, want)
	}
	e.Apply(n)
	r := &run{t: t, e: e, now: t0}
	if got := ruleNames(r.line("x")); got != "good" {
		t.Errorf("%q alerts, want good", got)
	}
}

func TestOverridesChangeTheConditionsOnALine(t *testing.T) {
	s := Settings{
		Rules: []RuleSettings{{Name: "r", Pattern: "one"}, {Name: "s", Pattern: "one", Where: map[string]string{"level": "error"}}},
		Workloads: []WorkloadSettings{
			{Match: "shop/*", Overrides: []Override{{Rule: "r", Keys: []string{"pattern"}, Settings: RuleSettings{Pattern: "two"}}}},
			{Match: "shop/web", Overrides: []Override{{Rule: "r", Keys: []string{"all"}, Settings: RuleSettings{All: []string{"three", "four"}}}}},
			{Match: "shop/mute", Disable: []string{"r", "s"}},
			{Match: "ops/*", Overrides: []Override{{Rule: "r", Keys: []string{"pattern", "none"}, Settings: RuleSettings{None: []string{"x"}}}}},
		},
	}
	r := newRun(t, s)
	cases := []struct{ workload, text, want string }{
		{"other", "one", "r"},
		{"shop/api", "one", ""}, {"shop/api", "two", "r"},
		{"shop/web", "two", ""}, {"shop/web", "four two three", "r"},
		{"shop/mute", "one two", ""},
		{"ops/db", "anything", "r"}, {"ops/db", "axe", ""},
		{"other", `{"level":"error","m":"one"}`, "r s"},
		{"shop/api", `{"level":"error","m":"one"}`, "s"},
	}
	for _, c := range cases {
		r.pass(time.Hour)
		if got := ruleNames(r.record(Record{Text: []byte(c.text), Source: &Source{Workload: c.workload}})); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.workload, c.text, got, c.want)
		}
	}
}
