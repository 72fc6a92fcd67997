package lint

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// options are those of tests: nothing depends on the machine.
func options() Options {
	return Options{
		Offline: true,
		Measure: func(engine.RuleSettings) float64 { return 123 },
		Mode: func(path string) (fs.FileMode, error) {
			if strings.Contains(path, "reach") {
				return 0o644, nil
			}
			return 0o640, nil
		},
		LookupEnv: func(string) (string, bool) { return "", false },
		Shared:    func(path string) bool { return strings.Contains(path, "/shared/") },
	}
}

// TestFindings compares what is found in every file with what is written beside it. UPDATE=1 writes it. Every code is found somewhere, and no
// secret is shown.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	found := map[string]bool{}
	for _, file := range files {
		if filepath.Ext(file) == ".want" {
			continue
		}
		var b strings.Builder
		r := Files([]string{file}, options())
		for i := range r.Findings {
			f := &r.Findings[i]
			found[f.Code] = true
			b.WriteString(strings.ReplaceAll(f.String(), "testdata/", "") + "\n")
			if f.Line == 0 || f.Column == 0 || f.Code == "" || f.Severity == "" {
				t.Errorf("%s has no place, code or severity: %+v", f, f)
			}
		}
		got := b.String()
		if strings.Contains(got, "S3CR3T") {
			t.Errorf("a secret is shown:\n%s", got)
		}
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file+".want", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file + ".want")
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", file, got, want)
		}
	}
	for _, c := range Codes() {
		if !found[c[0]] {
			t.Errorf("no file shows %s", c[0])
		}
	}
}

// TestIgnoredByOption switches each code off that a file has.
func TestIgnoredByOption(t *testing.T) {
	all := Files([]string{"testdata/rules.toml"}, options()).Findings
	for i := range all {
		o := options()
		o.Ignore = []string{all[i].Code}
		for _, f := range Files([]string{"testdata/rules.toml"}, o).Findings {
			if f.Code == all[i].Code {
				t.Errorf("%s is found all the same", f.Code)
			}
		}
	}
}

func TestUnreadableIsTold(t *testing.T) {
	for _, file := range []string{"missing.toml", "missing.conf", "missing.yaml", "none-*.toml"} {
		r := Files([]string{filepath.Join("testdata", file)}, options())
		if !r.Unusable() || r.Errors() != 1 || r.Findings[0].Code != CodeUnreadable {
			t.Errorf("%s: %v", file, r.Findings)
		}
	}
}

// TestRulePackIsClean checks the rules that are shipped, each file by itself and all together: nothing is found.
func TestRulePackIsClean(t *testing.T) {
	files, err := filepath.Glob("../../examples/rules/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, entry := range append(files, "../../examples/rules") {
		if strings.HasSuffix(entry, ".test.toml") {
			continue
		}
		for _, f := range Files([]string{entry}, options()).Findings {
			t.Error(f.String())
		}
	}
}

// TestTheFleetsFilesAreLookedFor on the machine that runs the configuration.
func TestTheFleetsFilesAreLookedFor(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.toml")
	text := fmt.Sprintf("store = \"memory\"\n[fleet]\naddress = [\"10.0.0.1:6379\"]\nnamespace = \"prod\"\npassword_file = %q\n", filepath.Join(dir, "none"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Offline = false
	for _, f := range Files([]string{file}, o).Findings {
		if f.Code == CodeUnavailable && f.Field == "fleet.password_file" && f.Line == 5 {
			return
		}
	}
	t.Errorf("the file that is not there is not found: %+v", Files([]string{file}, o).Findings)
}

// TestCodesAreDocumented compares the document with Codes.
func TestCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Codes() {
		if !strings.Contains(string(text), "| `"+c[0]+"` | "+c[1]+" |\n") {
			t.Errorf("docs/testing.md does not list %s as %q", c[0], c[1])
		}
	}
}
