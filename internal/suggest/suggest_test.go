package suggest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

func logs(t testing.TB, text string) *replay.Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := replay.Open(context.Background(), []string{path}, replay.Options{Now: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Records: chunk.DefaultSettings(), Form: replay.FormPlain})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func find(t testing.TB, text string, o Options) *Result {
	t.Helper()
	o.Logs = logs(t, text)
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheNoisiestLinesComeFirst(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "2026-11-25 10:00:%02d ERROR job %d failed: no route to 10.0.0.%d\n", i%60, i, i)
		if i%4 == 0 {
			fmt.Fprintf(&b, "2026-11-25 11:00:00 INFO user \"u%d\" logged in\n", i)
		}
	}
	b.WriteString("once only\n\n")
	r := find(t, b.String(), Options{Top: 10, Min: 2})
	if r.Lines != 126 || r.Templates != 3 || len(r.Found) != 2 {
		t.Fatalf("%+v", r)
	}
	first, second := r.Found[0], r.Found[1]
	if first.Count != 100 || first.Severity != "error" || first.Pattern != `ERROR job \S+ failed: no route to \S+` && !strings.Contains(first.Pattern, "no route to") {
		t.Errorf("%+v", first)
	}
	if first.Name != "job-failed-no-route-to" || first.Line != 1 || first.Workloads[0] != "app" || first.Share < 0.79 || first.Share > 0.8 {
		t.Errorf("%+v", first)
	}
	if second.Count != 25 || second.Severity != "info" || second.First.Hour() != 11 {
		t.Errorf("%+v", second)
	}
}

// TestSuggestionsShowNoSecret has lines that have a secret in common, whose rule must hit them all the same.
func TestSuggestionsShowNoSecret(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "2026-11-25 10:00:%02d ERROR job %d: login failed with password=hunter, giving up\n", i, i)
	}
	r := find(t, b.String(), Options{Top: 10, Min: 2})
	if len(r.Found) != 1 || r.Found[0].Rule == "" || r.Found[0].Exclusion == "" {
		t.Fatalf("%+v", r.Found)
	}
	if shown := fmt.Sprintf("%+v", r.Found[0]); strings.Contains(shown, "hunter") || !strings.Contains(r.Found[0].Sample, "[redacted:password]") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

// TestNumbersAloneAreNoPattern: what leaves out lines of a number alone would leave out any line of one word, such as a panic's.
func TestNumbersAloneAreNoPattern(t *testing.T) {
	r := find(t, "12345\n678\n2026-11-25 10:00:00 5\n2026-11-25 10:00:01 6\n= 7\n= 8\n", Options{Top: 10, Min: 2})
	var out bytes.Buffer
	if err := r.WriteTOML(&out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "nothing in common"); len(r.Found) != 3 || n != 2 || strings.Count(out.String(), "none = ") != 1 {
		t.Errorf("%s", out.String())
	}
}

// strange are lines that are hard to quote.
var strange = []string{
	`it's '' quoted "twice" and \d+ [a-z` + "\t\x1b[31mred\x1b[0m", "\xff\xfe not UTF-8 \x00 at all", `""" ''' # comment`, strings.Repeat("long line of words ", 400),
	"12 34 56", "<num> is written <str>", "\u202eturned \u2028 around", `{"a":{"b":[1,2,"x"]},"msg":"it's"}`, "ſpecial K (kelvin) \u212a", "=", "- - -", `\`, `path C:\new\table 7`,
}

// TestSuggestionsAreTakenByProduction: whatever lines hold, the document loads, and each rule hits the lines it was made for, and each exclusion
// leaves them out.
func TestSuggestionsAreTakenByProduction(t *testing.T) {
	for seed := range int64(2) {
		rng := rand.New(rand.NewSource(seed))
		var b strings.Builder
		for range 3000 {
			if rng.Intn(3) == 0 {
				b.WriteString(strange[rng.Intn(len(strange))] + "\n")
			} else {
				b.WriteString(matchtest.Line(rng) + "\n")
			}
		}
		r := find(t, b.String(), Options{Top: 100, Min: 1})
		var out bytes.Buffer
		if err := r.WriteTOML(&out); err != nil {
			t.Fatal(err)
		}
		loaded := config.Load(config.Sources{Inline: out.String()})
		for i := range loaded.Problems {
			t.Fatalf("seed %d: %s", seed, loaded.Problems[i].Error())
		}
		if strings.ContainsAny(out.String(), "\x1b\u202e\x00") {
			t.Errorf("seed %d: the document can steer a terminal", seed)
		}
		without := 0
		rules := loaded.Settings.Rules
		for i := range r.Found {
			s := &r.Found[i]
			if s.Rule == "" {
				without++
				continue
			}
			rule := rules[i-without]
			excluded := config.Load(config.Sources{Inline: "[[rule]]\nname = \"x\"\npattern = '(?s).'\n" + s.Exclusion}).Settings.Rules
			for want, set := range map[int][]engine.RuleSettings{1: {rule}, 0: excluded} {
				e := engine.New()
				snapshot, err := e.Compile(engine.Settings{Limits: engine.DefaultLimits(), Rules: set})
				if err != nil {
					t.Fatal(err)
				}
				e.Apply(snapshot)
				if got := e.Worker().Find(&engine.Record{Text: []byte(s.Sample), Source: &engine.Source{Workload: "w"}}, nil); len(got) != want {
					t.Errorf("seed %d: %s\nhits %q %d times, want %d", seed, s.Rule, s.Sample, len(got), want)
				}
			}
		}
		if len(rules) < 20 || without > 6 {
			t.Errorf("seed %d: %d rules, %d templates without one", seed, len(rules), without)
		}
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var b strings.Builder
	lines := 20_000
	if testing.Short() {
		lines = 8_000 // several blocks, so that several workers have one
	}
	for range lines {
		b.WriteString(matchtest.Line(rng) + "\n")
	}
	want := ""
	for _, workers := range []int{1, 2, 7} {
		r := find(t, b.String(), Options{Top: 50, Min: 1, Workers: workers})
		for i := range r.Found {
			r.Found[i].File = ""
		}
		got, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(got)
		}
		if string(got) != want {
			t.Errorf("%d workers find something else than one", workers)
		}
	}
}

// TestMemoryIsBounded: when there are too many templates, the rarest go, and their lines are counted.
func TestMemoryIsBounded(t *testing.T) {
	total := &counts{all: map[string]*found{}}
	add := func(template string, n int64) {
		total.take(&counts{lines: n, all: map[string]*found{template: {template: template, count: n}}})
	}
	add("often", 1000)
	for i := range maxTemplates + 10 {
		add(fmt.Sprint("rare ", i), 1)
	}
	kept := int64(0)
	for _, f := range total.all {
		kept += f.count
	}
	if len(total.all) > maxTemplates || total.all["often"] == nil || total.dropped != maxTemplates/2 || kept+total.dropped != total.lines {
		t.Errorf("%d templates, %d lines dropped, %d kept of %d", len(total.all), total.dropped, kept, total.lines)
	}
}
