package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// fixtures returns the files of a pattern; a pattern that finds none fails the test.
func fixtures(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures match %s (%v)", pattern, err)
	}
	return files
}

func readString(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// errorText returns the problems one on a line, with the files' folders left out.
func errorText(problems []Problem, dir string) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(strings.ReplaceAll(p.Error(), dir+string(filepath.Separator), "") + "\n")
	}
	return b.String()
}

// lookUp serves flat parameters as Fluent Bit does: the case of keys is ignored, white space around values goes.
func lookUp(params map[string]string) func(string) string {
	folded := map[string]string{}
	for k, v := range params {
		folded[strings.ToLower(k)] = strings.TrimSpace(v)
	}
	return func(key string) string { return folded[strings.ToLower(key)] }
}

// TestGood loads every good document and wants no problem.
func TestGood(t *testing.T) {
	for _, file := range append(fixtures(t, "testdata/*.good.toml"), fixtures(t, "../../examples/*.toml")...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			res := Load(Sources{Files: []string{file}})
			for _, p := range res.Problems {
				t.Error(p)
			}
			if len(res.Settings.Rules) == 0 {
				t.Error("the file sets no rule")
			}
		})
	}
}

// TestBad compares the problems of every bad document with those written beside it. UPDATE=1 writes them.
func TestBad(t *testing.T) {
	for _, file := range fixtures(t, "testdata/*.bad.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			res := Load(Sources{Files: []string{file}})
			got := errorText(res.Problems, "testdata")
			wantFile := strings.TrimSuffix(file, ".toml") + ".want"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := readString(t, wantFile); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if got == "" {
				t.Error("a bad file has no problem")
			}
			if strings.Contains(got, "S3CR3T") {
				t.Error("a secret is shown")
			}
			for _, p := range res.Problems {
				if p.Origin != FileOrigin(file) {
					t.Errorf("the origin of %v is %q", p, p.Origin)
				}
				if p.Line == 0 {
					t.Errorf("%v has no line", p)
				}
			}
		})
	}
}

// ways returns the keys of which one must be shown: all ways to set a secret, in a table that exists once and can have it in one way only.
func ways(table, key string, typ reflect.Type) []string {
	base := strings.TrimSuffix(strings.TrimSuffix(key, setting.FileSuffix), setting.EnvSuffix)
	fields := structFields(typ)
	if _, secret := fields[base+setting.EnvSuffix]; !secret || !strings.HasPrefix(table, "top level") {
		return []string{key}
	}
	return []string{base, base + setting.FileSuffix, base + setting.EnvSuffix}
}

// TestFullExampleIsFull wants every key of the configuration in examples/full.toml.
func TestFullExampleIsFull(t *testing.T) {
	const file = "../../examples/full.toml"
	root, problem := parseDocument(FileOrigin(file), readString(t, file))
	if problem != nil {
		t.Fatal(problem)
	}
	var missing func(what string, tables []*node, typ reflect.Type)
	missing = func(what string, tables []*node, typ reflect.Type) {
		for key, f := range structFields(typ) {
			var set []*node
			for _, table := range tables {
				for _, way := range ways(what, key, typ) {
					if n := table.table[way]; n != nil {
						set = append(set, n)
					}
				}
			}
			if len(set) == 0 {
				t.Errorf("%s: the key %s %s is not shown", file, what, key)
			}
			if f.Type.Kind() == reflect.Struct && !isScalar(f.Type) {
				missing(what+" "+key, set, f.Type)
			}
		}
	}
	missing("top level", []*node{root}, reflect.TypeFor[Settings]())
	missing("rule", root.table["rule"].items, reflect.TypeFor[engine.RuleSettings]())
	missing("workload", root.table["workload"].items, reflect.TypeFor[WorkloadTable]())
	missing("silence", root.table["silence"].items, reflect.TypeFor[engine.SilenceSettings]())
	missing("inhibit", root.table["inhibit"].items, reflect.TypeFor[engine.InhibitSettings]())
	missing("trigger", root.table["trigger"].items, reflect.TypeFor[trigger.Settings]())
	workload := root.table["workload"].items[0].table
	if workload["override"] == nil || workload["rule"] == nil {
		t.Errorf("%s: a workload has no override or no rule", file)
	}
}
