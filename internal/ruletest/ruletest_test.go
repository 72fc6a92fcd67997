package ruletest

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/junit"
)

// load loads a file of tests, which must be sound.
func load(t *testing.T, path string) *File {
	t.Helper()
	f, problems := Load(path)
	for _, p := range problems {
		t.Error(p)
	}
	if f == nil {
		t.FailNow()
	}
	for _, p := range f.RuleProblems() {
		t.Fatal(p)
	}
	return f
}

func run(t *testing.T, f *File, only string) Report {
	t.Helper()
	report, err := f.Run(regexp.MustCompile(only))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestGoodTestsPass(t *testing.T) {
	report := run(t, load(t, "testdata/shop.test.toml"), "")
	if len(report.Results) != 4 {
		t.Errorf("%d tests ran", len(report.Results))
	}
	for _, r := range report.Results {
		for _, f := range r.Failures {
			t.Errorf("%s:%d: %s: %s\n%s", f.File, f.Line, r.Name, f.Message, f.Diff)
		}
	}
	for rule, hit := range report.Rules {
		if !hit {
			t.Errorf("no test hits %s", rule)
		}
	}
	const file = "testdata/shop.toml"
	one := run(t, load(t, "testdata/shop.test.toml"), "^panic$")
	if want := map[Rule]bool{{file, "panic"}: true, {file, "charge"}: false, {file, "own@staging/*"}: false}; len(one.Results) != 1 || !maps.Equal(one.Rules, want) {
		t.Errorf("only one test: %+v", one)
	}
}

// TestTimeMakesAlerts runs tests of what time makes: thresholds, roll-ups, absences.
func TestTimeMakesAlerts(t *testing.T) {
	report := run(t, load(t, "testdata/counting.test.toml"), "")
	if got := texts(report.Results); got != "" {
		t.Error(got)
	}
	for rule, hit := range report.Rules {
		if !hit {
			t.Errorf("no test hits %s", rule)
		}
	}
}

// TestWhatIsHeldBackFromOutside runs tests under silences and inhibitions of the configuration, at the time of the test, and of the lines around a hit.
func TestWhatIsHeldBackFromOutside(t *testing.T) {
	report := run(t, load(t, "testdata/muted.test.toml"), "")
	if got := texts(report.Results); got != "" {
		t.Error(got)
	}
	if len(report.Results) != 6 {
		t.Errorf("%d tests ran", len(report.Results))
	}
}

// texts is a report as the command line shows it.
func texts(results []Result) string {
	var b strings.Builder
	for _, r := range results {
		for _, f := range r.Failures {
			b.WriteString(filepath.Base(f.File) + ":" + fmt.Sprint(f.Line) + ": " + r.Name + ": " + f.Message + "\n" + f.Diff)
		}
	}
	return b.String()
}

// TestFailuresTellTheDifference runs tests that are wrong in every way, and compares what is reported with what is written beside them.
// UPDATE=1 writes it.
func TestFailuresTellTheDifference(t *testing.T) {
	golden(t, "testdata/failing.want", texts(run(t, load(t, "testdata/failing.test.toml"), "").Results))
}

// TestBadFilesAreRefused compares the problems of every bad file with those written beside it. UPDATE=1 writes them.
func TestBadFilesAreRefused(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.test.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		_, problems := Load(file)
		var b strings.Builder
		for _, p := range problems {
			b.WriteString(strings.ReplaceAll(p.Error(), "testdata/", "") + "\n")
		}
		golden(t, strings.TrimSuffix(file, ".toml")+".want", b.String())
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got == "" {
		t.Fatalf("%v, got %q", err, got)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestWatchedFiles wants every file that a test depends on.
func TestWatchedFiles(t *testing.T) {
	got := strings.Join(load(t, "testdata/shop.test.toml").Files(), " ")
	if want := "testdata/shop.test.toml testdata/shop.toml testdata/shop-chat.json"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.toml", "a.test.toml", "sub/b.test.toml", ".hidden/c.test.toml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for entry, want := range map[string]string{"": "a.test.toml sub/b.test.toml", "*.toml": "a.test.toml", "a.test.toml": "a.test.toml"} {
		files, err := Expand([]string{filepath.Join(dir, entry)})
		for i := range files {
			files[i], _ = filepath.Rel(dir, files[i])
		}
		if got := strings.Join(files, " "); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", entry, got, err, want)
		}
	}
	for _, entry := range []string{"missing.test.toml", "none-*.toml", "[", "sub/none"} {
		if files, err := Expand([]string{filepath.Join(dir, entry)}); err == nil {
			t.Errorf("%q: %v, want an error", entry, files)
		}
	}
}

// TestJUnit writes results and a file that cannot run, and reads them back.
func TestJUnit(t *testing.T) {
	var b strings.Builder
	results := run(t, load(t, "testdata/failing.test.toml"), "hits").Results
	results = append(results, Result{File: "testdata/shop.test.toml", Line: 3, Name: "fine <&>", Passed: true})
	if err := WriteJUnit(&b, results, []Broken{{File: "x.test.toml", Problems: []string{"x.test.toml:1: \x1b bad", "more"}}}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/junit.want", b.String())
	var all junit.Suites
	if err := xml.Unmarshal([]byte(b.String()), &all); err != nil || all.Tests != 3 || all.Failures != 1 || all.Errors != 1 || len(all.Suites) != 3 {
		t.Errorf("read back: %v, %+v", err, all)
	}
}

// FuzzParse reads any text as a file of tests: it is refused with places, or it runs.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.test.toml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	rules := config.Load(config.Sources{Files: []string{"testdata/shop.toml"}})
	f.Fuzz(func(t *testing.T, text string) {
		file, problems := parse("x.test.toml", text)
		for _, p := range problems {
			if p.Line == 0 && !p.Unusable {
				t.Errorf("%v has no line", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		file.config = rules
		total := 0
		for i := range file.Tests {
			file.Tests[i].Payloads = nil // goldens lie in files
			for _, l := range file.Tests[i].Lines {
				total += max(1, l.Repeat)
			}
		}
		if total > 1000 || len(file.references()) > 0 {
			return
		}
		report, err := file.Run(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if r.Passed != (len(r.Failures) == 0) || r.Line == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}
