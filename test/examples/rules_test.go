package examples

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// TestRuleFiles executes every rule file of examples/ over the lines of testdata/NAME.txtar, with the engine alone, all at one moment. The
// file "lines" holds a workload, a stream and the line, separated by " | "; "fields" before the line, when there are any, is a JSON object of
// the record's fields. The file "alerts" holds, one a line, what is expected: severity, rule and summary; the file "suppressed" the rules
// that had more hits than alerts, by reason.
func TestRuleFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "examples", "*.toml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
			if err != nil {
				t.Fatalf("%s needs lines to be executed over: %v", file, err)
			}
			result := config.Load(config.Sources{Files: []string{file}})
			for _, problem := range result.Problems {
				t.Error(problem.Error())
			}
			alerts, rules := execute(t, &result.Settings, section(t, archive, "lines"))
			if want := section(t, archive, "alerts"); alerts != want {
				t.Errorf("alerts:\n%s\nwant:\n%s", alerts, want)
			}
			if got, want := suppressed(rules), section(t, archive, "suppressed"); got != want {
				t.Errorf("suppressed:\n%s\nwant:\n%s", got, want)
			}
			for id, counts := range rules {
				if counts.Hits == 0 {
					t.Errorf("no line is a hit of rule %s: add one", id)
				}
			}
		})
	}
}

func section(t *testing.T, archive *txtar.Archive, name string) string {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("no file %q in the archive", name)
	return ""
}

// suppressed are the hits without an alert.
func suppressed(rules map[string]engine.RuleCounts) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		for why, n := range rules[id].Suppressed {
			if n > 0 {
				fmt.Fprintf(&b, "%s: %s %d\n", id, engine.Reason(why), n)
			}
		}
	}
	return b.String()
}

// execute returns the alerts as text, and the counts of each rule.
func execute(t *testing.T, s *config.Settings, lines string) (alerts string, rules map[string]engine.RuleCounts) {
	t.Helper()
	e := engine.New()
	snapshot, err := e.Compile(s.Engine())
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range snapshot.Broken() {
		t.Error(broken.Error())
	}
	e.Apply(snapshot)
	worker := e.Worker()
	defer worker.Release()

	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	var b strings.Builder
	for text := range strings.Lines(lines) {
		parts := strings.SplitN(strings.TrimSuffix(text, "\n"), " | ", 3)
		if len(parts) != 3 {
			t.Fatalf("not a line: %q", text)
		}
		rec := engine.Record{Time: now, Text: []byte(parts[2]), Source: &engine.Source{
			Kind: "log", Workload: parts[0], Container: engine.Container{Name: parts[0]},
		}}
		switch parts[1] {
		case "stdout":
			rec.Stream = engine.Stdout
		case "stderr":
			rec.Stream = engine.Stderr
		case "event": // of the container engine, with its fields
			rec.Source.Kind = engine.SourceContainer
		}
		if object, rest, ok := strings.Cut(parts[2], " | "); ok {
			fields := jsonFields{}
			if err := json.Unmarshal([]byte(object), &fields); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			rec.Fields, rec.Text = fields, []byte(rest)
		}
		for _, a := range e.ReleaseWaiting(worker.Process(&rec, now, nil)) { // no alert waits for the lines after it
			fmt.Fprintf(&b, "%s %s: %s\n", a.Severity, a.Rule, a.Summary)
		}
	}
	return b.String(), e.Stats().Rules
}

// jsonFields are the fields of a record, from a JSON object whose keys are dotted paths.
type jsonFields map[string]any

var _ engine.Fields = jsonFields(nil)

func (f jsonFields) AppendField(dst []byte, path string) (value []byte, ok bool) {
	v, ok := f[path]
	if !ok {
		return dst, false
	}
	return fmt.Append(dst, v), true
}
