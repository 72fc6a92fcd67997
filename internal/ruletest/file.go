package ruletest

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// File is a file of tests.
type File struct {
	// The files, folders or globs of the rules, relative to the file of the tests. Unset: the file beside it whose name is the same without
	// ".test".
	Rules []string `toml:"rules"`
	// The tests.
	Tests []Test `toml:"test"`

	path   string
	root   config.Part
	config *config.Result
}

// Test is one test. It has lines, whose alerts and suppressions are compared with the expected ones, or it names a rule with texts that
// hit it and texts that miss it, or both.
type Test struct {
	// Names the test. Unset: the rule.
	Name string `toml:"name"`

	// The rule that hits, misses and ends are about: its name, or for a workload's own rule "name@match".
	Rule string `toml:"rule"`
	// Texts that must be hits of the rule, each by itself.
	Hits []string `toml:"hits"`
	// Texts that must be no hits of the rule.
	Misses []string `toml:"misses"`
	// Texts that must end an incident of the rule, if one is open: they match its resolve_on, and are no hits.
	Ends []string `toml:"ends"`

	// Where the lines come from, unless they say otherwise.
	Origin
	// When the test begins, as in "2026-01-02T15:04:05Z".
	Start string `toml:"start"`
	// How long after its beginning the test ends. Unset: with its last line. Roll-ups and absences that are due until then count.
	Until time.Duration `toml:"until"`
	// The lines, in the order in which they come.
	Lines []Line `toml:"line"`

	// The alerts that come of the lines: all of them, in their order. Only the settings that are given are compared.
	Alerts []Alert `toml:"alert"`
	// The hits that make no alert of their own: all of them, by rule and reason.
	Suppressed []Suppressed `toml:"suppressed"`
	// Payloads of alerts.
	Payloads []Payload `toml:"payload"`

	start time.Time
}

// Origin says where a line comes from.
type Origin struct {
	// The workload. Unset: "test".
	Workload string `toml:"workload"`
	// The container's name. Unset: "test-1".
	Container string `toml:"container"`
	// The container's image.
	Image string `toml:"image"`
	// The host. Unset: "node-1".
	Host string `toml:"host"`
	// Fluent Bit's tag.
	Tag string `toml:"tag"`
	// The kind of source: log, or container for an event of the container engine. Unset: log.
	Source string `toml:"source"`
	// The stream: stdout or stderr. Unset: unknown.
	Stream string `toml:"stream"`
	// The severity of the record. Unset: unknown.
	Severity engine.Severity `toml:"severity"`
	// Fields of the record, beside those of a line that is a JSON object.
	Fields map[string]string `toml:"fields"`
}

// Line is a line that comes, once or several times.
type Line struct {
	// When: "10s" after the beginning of the test, or "+10s" after the line before. Unset: with the line before.
	At Moment `toml:"at"`
	// The text.
	Text string `toml:"text"`
	// How often the line comes. Unset: once.
	Repeat int `toml:"repeat"`
	// How long after each other the repetitions come. Unset: at once.
	Every time.Duration `toml:"every"`
	Origin
}

// Moment is a length of time after the beginning of a test, or after the line before.
type Moment struct {
	set      bool
	relative bool
	after    time.Duration
}

// UnmarshalText reads "10s" or "+10s".
func (m *Moment) UnmarshalText(text []byte) error {
	s, relative := strings.CutPrefix(string(text), "+")
	d, err := setting.ParseDuration(s)
	if err != nil {
		return fmt.Errorf(`must be a time such as "10s" (after the beginning) or "+10s" (after the line before)`)
	}
	m.set, m.relative, m.after = true, relative, d
	return nil
}

// Alert is an alert that is expected. Settings that are not given are not compared.
type Alert struct {
	// The rule's name.
	Rule string `toml:"rule"`
	// The kind: log, threshold, absence, resolved, rollup or container.
	Kind string `toml:"kind"`
	// When the alert is made, after the beginning of the test.
	At Moment `toml:"at"`
	// The severity.
	Severity string `toml:"severity"`
	// The summary.
	Summary string `toml:"summary"`
	// The line.
	Message string `toml:"message"`
	// The hits that the alert stands for itself.
	Count int64 `toml:"count"`
	// The captures, each that is given.
	Captures map[string]string `toml:"captures"`
	// The fields that the alert carries, each that is given.
	Fields map[string]string `toml:"fields"`
	// The labels, each that is given.
	Labels map[string]string `toml:"labels"`
	// The suppressed hits that the alert reports, by reason.
	Suppressed map[string]int64 `toml:"suppressed"`
	// The workload, container and stream.
	Workload  string `toml:"workload"`
	Container string `toml:"container"`
	Stream    string `toml:"stream"`
	// The lines before and after that the alert carries.
	Before []string `toml:"before"`
	After  []string `toml:"after"`
	// The triggers that accept the alert, of those in the rules' files.
	Triggers []string `toml:"triggers"`
}

// Suppressed is a number of hits that make no alert of their own.
type Suppressed struct {
	// The rule's name, or for a workload's own rule "name@match".
	Rule string `toml:"rule"`
	// Why: cooldown, rate_limit, threshold, silence, inhibited, known, expected, dry_run, sequence; or pending for hits that are undecided at the end.
	Reason string `toml:"reason"`
	// How many.
	Count int64 `toml:"count"`
}

// Payload is the request body that a receiver gets for an alert.
type Payload struct {
	// Which of the alerts, counted from 1.
	Alert int `toml:"alert"`
	// The trigger that sends it, of those in the rules' files.
	Trigger string `toml:"trigger"`
	// A format, for the payload of a trigger that sets nothing else.
	Format string `toml:"format"`
	// JSON that the payload holds: its objects may have further keys.
	Match string `toml:"match"`
	// A file that the payload equals, relative to the file of the tests. JSON is compared by its meaning.
	Golden string `toml:"golden"`
}

// Bounds of a test.
const (
	maxLines  = 1_000_000
	maxLength = 366 * 24 * time.Hour
)

// defaultStart is when a test begins that does not say it.
var defaultStart = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

// Load reads a file of tests, and the rules that it is about. With problems of the tests the file is not to be run; those of the rules hurt
// only the rules that they are about, but a test of the others would not say much: RuleProblems.
func Load(path string) (*File, []config.Problem) {
	text, err := config.ReadFile(path)
	if err != nil {
		return nil, []config.Problem{{Place: config.Place{Origin: config.FileOrigin(path)}, Unusable: true, Message: err.Error()}}
	}
	f, problems := parse(path, string(text))
	if len(problems) > 0 {
		return nil, problems
	}
	files := []string{strings.TrimSuffix(path, ".test.toml") + ".toml"}
	if f.Rules != nil {
		files = nil
		for _, r := range f.Rules {
			if !filepath.IsAbs(r) {
				r = filepath.Join(filepath.Dir(path), r)
			}
			files = append(files, r)
		}
	}
	f.config = config.Load(config.Sources{Files: files})
	return f, f.references()
}

// RuleProblems lists the problems of the rules.
func (f *File) RuleProblems() []config.Problem { return f.config.Problems }

// Files lists the files that the tests depend on.
func (f *File) Files() []string {
	files := append([]string{f.path}, f.config.Files...)
	for i := range f.Tests {
		for _, p := range f.Tests[i].Payloads {
			if p.Golden != "" {
				files = append(files, f.beside(p.Golden))
			}
		}
	}
	return files
}

func (f *File) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.path), name)
}

// parse reads the text of a file of tests.
func parse(path, text string) (*File, []config.Problem) {
	f := &File{path: path}
	root, problems := config.Decode(path, text, f)
	if !root.Sets("test") && (root.Sets("rule") || root.Sets("workload") || root.Sets("trigger")) {
		tests := strings.TrimSuffix(path, ".toml") + ".test.toml"
		return nil, []config.Problem{{
			Place: config.Place{Origin: config.FileOrigin(path)}, Message: "has rules, and no tests of them",
			Hint: "tests of it are [[test]] blocks in " + tests + `, which "docker-fluentbit test ` + tests + `" runs; "docker-fluentbit check" checks rules`,
		}}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	f.root = root
	c := checker{}
	if len(f.Tests) == 0 {
		c.add(root, "", "", "holds no [[test]]", "")
	}
	names := map[string]config.Place{}
	for i := range f.Tests {
		t, p := &f.Tests[i], root.Item("test", i)
		c.test(t, p)
		if first, twice := names[t.Name]; twice && t.Name != "" {
			c.add(p, "name", "", "is already used at "+first.String(), "")
		} else {
			names[t.Name] = p.Place("name", "")
		}
	}
	config.SortProblems(c.problems)
	return f, c.problems
}
