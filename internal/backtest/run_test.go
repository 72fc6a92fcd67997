package backtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func asJSON(t testing.TB, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestWorkersDoNotMatter: the result does not depend on the number of workers or on their scheduling.
func TestWorkersDoNotMatter(t *testing.T) {
	for seed := range int64(4) {
		dir := writeLogs(t, seed, 20_000, 7)
		rules := withContexts(t)
		old := ruleSet(t, strings.Replace(rules, `cooldown = "30s"`, `cooldown = "10m"`, 1))
		want := ""
		for _, workers := range []int{1, 2, 5, 16} {
			r := backtest(t, Options{Logs: openLogs(t, dir), New: ruleSet(t, rules), Against: &old, Samples: 3, Workers: workers})
			accounted(t, r)
			got := asJSON(t, r)
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("seed %d: the result of %d workers is another than that of one", seed, workers)
			}
		}
	}
}

// withContexts returns testRules with a context for some rules.
func withContexts(t testing.TB) string {
	rules := testRules
	for _, change := range [][2]string{
		{`cooldown = "30s"`, `cooldown = "30s"` + "\ncontext = { before = 4, after = 5 }"},
		{`cooldown = "20s"`, `cooldown = "20s"` + "\ncontext = { before = 2 }"},
		{`cooldown = "5m"` + "\n[[workload.rule]]", `cooldown = "5m"` + "\ncontext = { after = 50 }\n[[workload.rule]]"},
	} {
		changed := strings.Replace(rules, change[0], change[1], 1)
		if changed == rules {
			t.Fatalf("the rules do not hold %q", change[0])
		}
		rules = changed
	}
	return rules
}

// engineOf returns an engine with the rules and silences of a set.
func engineOf(t *testing.T, set *RuleSet) *engine.Engine {
	t.Helper()
	e := engine.New()
	snapshot, err := e.Compile(set.Engine)
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(snapshot)
	if err := e.SetSilences(set.Silences); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestSamplesShowTheLinesAroundThem: samples carry the same lines as the alerts of one worker that evaluates line by line. A run without samples has the
// same counts.
func TestSamplesShowTheLinesAroundThem(t *testing.T) {
	dir := writeLogs(t, 3, 20_000, 5)
	set := ruleSet(t, withContexts(t))
	e := engineOf(t, &set)
	w := e.Worker()
	var alerts []engine.Alert
	records := merged(t, openLogs(t, dir))
	for i := range records {
		alerts = e.Tick(records[i].key, alerts)
		alerts = w.Process(&records[i].Record, records[i].key, alerts)
	}
	w.Release()
	alerts = e.ReleaseWaiting(alerts)
	want := map[string]string{}
	for i := range alerts {
		a := &alerts[i]
		want[fmt.Sprintf("%s %s %s %s", a.RuleID, utc(a.Time), a.Kind, a.Message)] = fmt.Sprintf("%q %q", a.Before, a.After)
	}
	r := backtest(t, Options{Logs: openLogs(t, dir), New: set, Samples: 20, Workers: 3})
	compareCounts(t, r, e.Stats().Rules)
	before, after := 0, 0
	for i := range r.Rules {
		for _, s := range r.Rules[i].Samples {
			key := fmt.Sprintf("%s %s %s %s", r.Rules[i].ID, s.Time, s.Kind, s.Text)
			if s.Kind != "absence" && want[key] != fmt.Sprintf("%q %q", s.Before, s.After) {
				t.Fatalf("%s: %q %q, want %s", key, s.Before, s.After, want[key])
			}
			before, after = before+len(s.Before), after+len(s.After)
		}
	}
	if before == 0 || after == 0 {
		t.Errorf("%d lines before samples, %d after: they show nothing", before, after)
	}
	bare := backtest(t, Options{Logs: openLogs(t, dir), New: set})
	compareCounts(t, bare, e.Stats().Rules)
}

// keyed is a record with its arrival, which orders it among all records. It is no earlier than the arrival of the record before it in its log.
type keyed struct {
	engine.Record
	key          int64
	series, line int
}

// merged returns all records of the logs in the order of evaluation. It is deliberately simple.
func merged(t testing.TB, logs *replay.Set) []keyed {
	var all []keyed
	for i, s := range logs.Series() {
		latest := int64(math.MinInt64)
		for {
			b := &replay.Block{}
			err := s.Next(context.Background(), b, 1<<16)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range b.Records {
				latest = max(latest, r.Time)
				all = append(all, keyed{r, latest, i, len(all)})
			}
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.series, b.series), cmp.Compare(a.line, b.line))
	})
	return all
}

// TestParallelIsSequential: reading, matching and evaluating in parallel has the same result as one worker that evaluates line by line.
func TestParallelIsSequential(t *testing.T) {
	for seed := range int64(4) {
		dir := writeLogs(t, seed, 20_000, 5)
		set := ruleSet(t, testRules)
		e := engineOf(t, &set)
		w := e.Worker()
		var last int64
		var alerts []engine.Alert
		records := merged(t, openLogs(t, dir))
		for i := range records {
			now := records[i].key
			if at, ok := e.NextDue(); ok && at <= now {
				alerts = e.Tick(now, alerts)
			}
			alerts = w.Process(&records[i].Record, now, alerts)
			last = now
		}
		w.Release()
		alerts = e.Tick(last, alerts)
		sent := map[string]int64{}
		for i := range alerts {
			sent[alerts[i].RuleID+" "+alerts[i].Kind.String()]++
		}
		if sent["grows resolved"] == 0 {
			t.Errorf("seed %d: no line ended an incident", seed)
		}
		r := backtest(t, Options{Logs: openLogs(t, dir), New: set, Workers: 3})
		compareCounts(t, r, e.Stats().Rules)
		for i := range r.Rules {
			for kind, n := range r.Rules[i].Sent {
				if key := r.Rules[i].ID + " " + kind; sent[key] != n {
					t.Errorf("seed %d: %s: %d alerts, want %d", seed, key, n, sent[key])
				}
			}
		}
		var silenced int64
		for i := range r.Rules {
			silenced += r.Rules[i].Suppressed["silence"]
		}
		if len(r.Silences) != 1 || r.Silences[0].ID != "config:maintenance" || r.Silences[0].Suppressed != silenced || silenced == 0 {
			t.Errorf("seed %d: %+v, %d hits were silenced", seed, r.Silences, silenced)
		}
		if r.Lines != int64(len(records)) {
			t.Errorf("seed %d: %d lines, want %d", seed, r.Lines, len(records))
		}
	}
}

// compareCounts compares a backtest's counts of each rule with an engine's counters.
func compareCounts(t testing.TB, r *Result, want map[string]engine.RuleCounts) {
	t.Helper()
	hits := int64(0)
	for i := range r.Rules {
		one, c := &r.Rules[i], want[r.Rules[i].ID]
		hits += one.Hits
		if one.Hits != c.Hits || one.Alerts != c.Alerts || one.Pending != c.Pending {
			t.Errorf("rule %s: %d hits, %d alerts, %d pending; want %d, %d, %d", one.ID, one.Hits, one.Alerts, one.Pending, c.Hits, c.Alerts, c.Pending)
		}
		if kinds := [2]int64{one.RollUps(), one.Sent[engine.KindAbsence.String()]}; kinds != [2]int64{c.Rollups, c.Absences} {
			t.Errorf("rule %s: time made %v roll-ups and absences; want %d and %d", one.ID, kinds, c.Rollups, c.Absences)
		}
		for why, n := range c.Suppressed {
			if reason := engine.Reason(why).String(); one.Suppressed[reason] != n {
				t.Errorf("rule %s: %d suppressed by %s, want %d", one.ID, one.Suppressed[reason], reason, n)
			}
		}
	}
	if len(r.Rules) < 5 || hits < r.Lines/20 {
		t.Errorf("%d rules had %d hits in %d lines: they show nothing", len(r.Rules), hits, r.Lines)
	}
	accounted(t, r)
}

// TestCountsAreThoseOfTheLivePipeline feeds the lines of a backtest to the live pipeline, at the times at which they were written, and compares all
// counts. FLUENTBIT_TRIGGER_BACKTEST_LINES sets the number of lines.
func TestCountsAreThoseOfTheLivePipeline(t *testing.T) {
	n := 30_000
	if text := os.Getenv("FLUENTBIT_TRIGGER_BACKTEST_LINES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("FLUENTBIT_TRIGGER_BACKTEST_LINES: %v", err)
		}
	}
	dir := writeLogs(t, 42, n, 8)
	var clock atomic.Int64
	clock.Store(testStart.UnixNano())
	rules, _, _ := strings.Cut(testRules, "[[trigger]]") // no triggers: another test covers them
	p, err := pipeline.New(pipeline.Options{
		ID: "backtest", Sources: config.Sources{Inline: "store = \"memory\"\n" + rules},
		Stores: &store.Registry{}, LogTo: io.Discard, Origin: "test", Now: func() time.Time { return time.Unix(0, clock.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	logs := openLogs(t, dir)
	records := merged(t, logs)
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
	for i := range records {
		r := &records[i]
		clock.Store(r.key)
		batch := docker.Batch{Source: r.Source, Lines: []docker.Line{{Time: r.Time, Stream: r.Stream, Text: r.Text, Truncated: r.Truncated, Ordinal: uint64(i)}}}
		if err := p.OnLines(context.Background(), &batch); err != nil {
			t.Fatal(err)
		}
	}
	live := p.Stats(context.Background())
	start := time.Now()
	r := backtest(t, Options{Logs: openLogs(t, dir), New: ruleSet(t, testRules)})
	if r.Lines != live.Engine.Lines {
		t.Errorf("%d lines, live %d", r.Lines, live.Engine.Lines)
	}
	compareCounts(t, r, live.Engine.Rules)
	var b strings.Builder
	for i := range r.Rules {
		one := &r.Rules[i]
		fmt.Fprintf(&b, "\n%-12s %7d hits = %6d alerts + %v + %d pending", one.ID, one.Hits, one.Alerts, one.Suppressed, one.Pending)
	}
	t.Logf("%d lines in %s:%s", r.Lines, time.Since(start).Round(time.Millisecond), b.String())
}

func TestARunOverAPlainLog(t *testing.T) {
	path := logOf(t,
		"2026-11-25 10:00:00 boom 1", "2026-11-25 10:00:01 boom 2", "\tat trace boom", "2026-11-25 10:06:00 boom 3",
		"[2026/11/25 10:07:00.000] [error] [docker-fluentbit] boom of our own", "2026-11-25 10:08:00 fine")
	set := ruleSet(t, `
[[rule]]
name = "boom"
keywords = ["boom"]
severity = "error"
[[rule]]
name = "never"
keywords = ["nothing holds this"]
[[trigger]]
name = "ops"
url = "https://example.com"
severity = ["critical"]
`)
	r := backtest(t, Options{Logs: openLogs(t, path), New: set, Samples: 2})
	accounted(t, r)
	boom := &r.Rules[0]
	if r.Lines != 6 || r.Own != 1 || boom.Hits != 4 || boom.Alerts != 1 || boom.Suppressed["cooldown"] != 3 || boom.RollUps() != 1 {
		t.Errorf("%s", asJSON(t, r))
	}
	if len(boom.Samples) == 0 || boom.Samples[0].Line != 1 || boom.Samples[0].File != path || len(boom.SuppressedSamples) != 2 || boom.SuppressedSamples[1].Text != "\tat trace boom" {
		t.Errorf("%s", asJSON(t, boom))
	}
	if r.Triggers[0].Alerts != 0 || r.Unwanted != boom.SentTotal() {
		t.Errorf("%+v, %d unwanted", r.Triggers, r.Unwanted)
	}
	if !r.First.Equal(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)) || r.Rules[1].Hits != 0 {
		t.Errorf("%s", asJSON(t, r))
	}
}

// TestABacktestShowsWhatIsMasked runs over lines with secrets, which no report shows.
func TestABacktestShowsWhatIsMasked(t *testing.T) {
	path := logOf(t, "2026-11-25 10:00:00 boom password=hunter2", "2026-11-25 10:00:01 boom password=hunter2", "2026-11-25 10:10:00 boom fine")
	set := ruleSet(t, "[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n")
	r := backtest(t, Options{Logs: openLogs(t, path), New: set, Samples: 3})
	accounted(t, r)
	if n := r.Rules[0].Redacted; len(n) != 1 || n["password"] != 1 {
		t.Errorf("masked %v, want the secret of one alert", n)
	}
	var text, page bytes.Buffer
	if err := r.WriteText(&text, TextOptions{Samples: 3, Width: 200}); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteHTML(&page, nil); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), page.String(), asJSON(t, r)} {
		if strings.Contains(out, "hunter2") || !strings.Contains(out, "[redacted:password]") {
			t.Errorf("a secret, or no mask, in %s", out)
		}
	}
	if !strings.Contains(text.String(), "MASKED") || !strings.Contains(page.String(), "Masked secrets") {
		t.Errorf("no table of masks in %s", text.String())
	}
}

// TestHoursInABacktest: the hours of triggers and silences go by the times of the lines.
func TestHoursInABacktest(t *testing.T) {
	path := logOf(t, "2026-11-30T06:59:00Z boom 1", "2026-11-30T07:01:00Z boom 2", "2026-11-30T12:30:00Z boom 3", "2026-11-30T17:01:00Z boom 4", "2026-12-01T10:00:00Z boom 3")
	set := ruleSet(t, `
[[rule]]
name = "boom"
pattern = 'boom (?P<n>\d)'
cooldown = "0s"
[[trigger]]
name = "team"
url = "https://hooks.example.com/a"
where = { "capture.n" = "!=3" }
during = ["weekdays 08:00-18:00"]
zone = "Europe/Berlin"
[[silence]]
name = "lunch"
rule = "boom"
every = ["daily 13:00-14:00"]
zone = "Europe/Berlin"
`)
	r := backtest(t, Options{Logs: openLogs(t, path), New: set})
	if one := r.Triggers[0]; one.Alerts != 1 || one.OutsideHours != 2 || r.Unwanted != 3 {
		t.Errorf("%+v, %d unwanted", one, r.Unwanted)
	}
	if one := r.Silences[0]; one.Suppressed != 1 || !one.Until.IsZero() || one.When() != "daily 13:00-14:00 Europe/Berlin" {
		t.Errorf("%+v", one)
	}
}

func TestComparisonOfTwoSets(t *testing.T) {
	path := logOf(t, "2026-11-25 10:00:00 error one", "2026-11-25 10:00:01 warning two", "2026-11-25 10:10:00 error three healthz")
	rules := func(none string) string {
		return `
[[rule]]
name = "error"
keywords = ["error"]
` + none + "\n"
	}
	old := ruleSet(t, rules("")+"[[rule]]\nname = \"gone\"\nkeywords = [\"two\"]\n")
	r := backtest(t, Options{Logs: openLogs(t, path), New: ruleSet(t, rules("none = ['healthz']")+"[[rule]]\nname = \"new\"\nkeywords = [\"one\"]\n"), Against: &old, Samples: 5})
	c := r.Against
	if c.OnlyNew != 0 || c.OnlyOld != 2 || len(c.Rules) != 3 {
		t.Fatalf("%s", asJSON(t, c))
	}
	for i, want := range []struct {
		id, change       string
		onlyNew, onlyOld int64
	}{{"error", ChangeChanged, 0, 1}, {"new", ChangeAdded, 1, 0}, {"gone", ChangeRemoved, 0, 1}} {
		if got := &c.Rules[i]; got.ID != want.id || got.Change != want.change || got.OnlyNew != want.onlyNew || got.OnlyOld != want.onlyOld || !got.Differs() {
			t.Errorf("%s, want %+v", asJSON(t, got), want)
		}
	}
	if s := c.Rules[0].OldSamples; len(s) != 1 || s[0].Line != 3 {
		t.Errorf("%+v", s)
	}
}

// TestRulesThatPrintAlikeAreDifferent: rules, overrides and blocks are compared by value.
func TestRulesThatPrintAlikeAreDifferent(t *testing.T) {
	path := logOf(t, "2026-11-25 10:00:00 the disk is nearly full")
	for _, c := range []struct{ name, old, new string }{
		{"keywords", `keywords = ["disk full"]`, `keywords = ["disk", "full"]`},
		{
			"an override", "keywords = [\"disk\"]\n[[workload]]\nmatch = \"*\"\n[[workload.override]]\nrule = \"r\"\nnone = ['a b']",
			"keywords = [\"disk\"]\n[[workload]]\nmatch = \"*\"\n[[workload.override]]\nrule = \"r\"\nnone = ['a', 'b']",
		},
	} {
		rules := func(text string) RuleSet { return ruleSet(t, "[[rule]]\nname = \"r\"\n"+text+"\n") }
		old := rules(c.old)
		for text, want := range map[string]string{c.old: ChangeSame, c.new: ChangeChanged} {
			r := backtest(t, Options{Logs: openLogs(t, path), New: rules(text), Against: &old, Samples: 5})
			if got := r.Against.Rules[0].Change; got != want {
				t.Errorf("%s: %s, want %s", c.name, got, want)
			}
		}
	}
}

func TestABrokenRuleIsAnError(t *testing.T) {
	var broken *BrokenError
	_, err := Run(context.Background(), Options{Logs: openLogs(t, logOf(t, "x")), New: RuleSet{Engine: engine.Settings{
		Limits: engine.DefaultLimits(), Rules: []engine.RuleSettings{{Name: "a", Pattern: "("}},
	}}})
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), `rule "a"`) {
		t.Errorf("%v", err)
	}
}

func TestARunThatIsGivenUpEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Options{Logs: openLogs(t, writeLogs(t, 1, 1000, 3)), New: ruleSet(t, testRules)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestManyLogsThatDoNotOverlap: a log is opened when the merge reaches its first line, and closed at its end.
func TestManyLogsThatDoNotOverlap(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		text := testStart.Add(time.Duration(i)*time.Hour).Format(time.RFC3339) + " job failed\n"
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("app%03d.log", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := backtest(t, Options{Logs: openLogs(t, dir), New: ruleSet(t, testRules)})
	if r.Lines != 300 || r.Rules[1].Alerts != 300 {
		t.Errorf("%d lines, %d alerts", r.Lines, r.Rules[1].Alerts)
	}
}

// TestABacktestGoesByTheTimesOfTheLines, in whatever order they come, like a live run that catches up.
func TestABacktestGoesByTheTimesOfTheLines(t *testing.T) {
	rules := ruleSet(t, "[[rule]]\nname = \"storm\"\nkeywords = [\"storm\"]\ncount = 5\nwithin = \"5s\"\ncooldown = \"0s\"\n")
	for _, c := range []struct {
		name    string
		seconds []int
		alerts  int64
	}{
		{"three seconds apart", []int{0, 3, 6, 9, 12}, 0},
		{"a second apart", []int{0, 1, 2, 3, 4}, 1},
		{"a second apart, and back", []int{4, 0, 3, 1, 2}, 1},
		{"three seconds apart, and back", []int{12, 0, 9, 3, 6}, 0},
	} {
		var lines []string
		for _, s := range c.seconds {
			lines = append(lines, fmt.Sprintf("2026-11-25 10:00:%02d storm", s))
		}
		set := rules
		r := backtest(t, Options{Logs: openLogs(t, logOf(t, lines...)), New: set, Samples: 5})
		if got := r.Rules[0].Alerts; got != c.alerts || r.Rules[0].Hits != 5 {
			t.Errorf("%s: %d alerts, want %d", c.name, got, c.alerts)
		}
		e := engineOf(t, &set)
		w := e.Worker()
		now := time.Date(2026, 11, 25, 10, 20, 0, 0, time.UTC)
		for _, s := range c.seconds {
			rec := engine.Record{
				Time: time.Date(2026, 11, 25, 10, 0, s, 0, time.UTC).UnixNano(), Text: []byte("storm"), Source: &engine.Source{Kind: "log", Workload: "x"},
			}
			w.Process(&rec, now.UnixNano(), nil)
		}
		w.Release()
		if got := e.Stats().Rules["storm"].Alerts; got != c.alerts {
			t.Errorf("%s: %d alerts when they are read twenty minutes later, want %d", c.name, got, c.alerts)
		}
	}
}
