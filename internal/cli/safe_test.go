package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// evil is a text that tries all that a text can do to a terminal, and evilShown how it shows on one line.
const (
	evil      = "\u009b2J\u202e\u200b\U000e0041\u2028\u00ad\u061c"
	evilShown = `\u009b2J\u202e\u200b\udb40\udc41\u2028\u00ad\u061c`
)

// TestNoCommandWritesHostileText runs the commands that show lines, names, and errors on hostile ones, as text and as JSON.
func TestNoCommandWritesHostileText(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules := write("rules.toml", "[[rule]]\nname = \"boom"+evil+"\"\npattern = 'boom (?P<why>.*)'\ncooldown_by = [\"capture.why\"]\nfields = [\"f\"]\nsummary = \"{{ .Message }}\"\n")
	broken := write("broken.toml", "[[rule]]\nname = \"r"+evil+"\"\npattern = '("+evil+"'\n")
	log := write("old.log", strings.Repeat("2026-03-04T05:06:07Z boom "+evil+"\x1b\x07 x\xff\n", 5)+"2026-03-04T05:06:08Z boom\x00\n")
	tests := write("rules.test.toml", "[[test]]\nname = \"t"+evil+"\"\nrule = \"boom"+evil+"\"\nmisses = [\"boom "+evil+"\"]\n")
	for _, args := range [][]string{
		{"explain", "--rules", rules, "--workload", "w" + evil, "--container", "c" + evil, "--field", "f=" + evil, "boom " + evil + "\x1b[2J\a"},
		{"explain", "--rules", rules, "calm " + evil},
		{"explain", "--rules", broken, "x"},
		{"check", rules, broken, filepath.Join(dir, "missing"+evil)},
		{"check", "--cost", rules},
		{"test", tests},
		{"test", "--run", evil + "(", tests},
		{"backtest", "--rules", rules, log},
		{"backtest", "--rules", rules, "--expect", "boom" + evil + ": hits>3", log},
		{"backtest", "--rules", rules, filepath.Join(dir, "missing"+evil)},
		{"suggest", log},
		{"queue", "list", "--store", filepath.Join(dir, "missing"+evil)},
		{"status", "--url", "unix://" + dir + "/" + evil},
		{"nothing" + evil},
		{"explain", "--nothing" + evil},
	} {
		for _, more := range [][]string{nil, {"-o", "json"}} {
			var out, errOut bytes.Buffer
			execute(append(append([]string{}, args...), more...), &out, &errOut)
			text := out.String() + errOut.String()
			if text == "" && len(more) == 0 {
				t.Errorf("%.2q writes nothing", args)
			}
			for line := range strings.Lines(text) {
				if shown := safetext.Visible(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", " ")); shown != strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", " ") {
					t.Errorf("%q writes %q", args[:2], line)
				}
			}
			if strings.Contains(text, "boom ") && strings.Contains(text, "2J") && !strings.Contains(text, `\u009b2J`) {
				t.Errorf("%q does not show the text: %s", args[:2], text)
			}
		}
	}
	var out bytes.Buffer
	execute([]string{"explain", "--rules", rules, "boom " + evil}, &out, &out)
	if !strings.HasPrefix(out.String(), "boom "+evilShown+"\n") {
		t.Errorf("got %s", out.String())
	}
}

// TestOnlyTheConsoleReachesTheTerminal keeps commands from writing past the writers of safetext: sequences that steer the terminal are written in few places, which
// make their texts visible themselves.
func TestOnlyTheConsoleReachesTheTerminal(t *testing.T) {
	files, err := filepath.Glob("*.go")
	more, bad := filepath.Glob("*/*.go")
	if files = append(files, more...); err != nil || bad != nil || len(files) < 20 {
		t.Fatal(len(files), err, bad)
	}
	allowed := map[string][]string{
		"cli.go":              {"os.Stdout", "os.Stderr", "command.Terminal"},
		"command/env.go":      {"Terminal", "Unwrap"},
		"command/progress.go": {"Terminal"},
		"run/statusline.go":   {"command.Terminal"},
		"tap/tap.go":          {"command.Terminal"},
		"top/top.go":          {"command.Terminal"},
	}
	way := regexp.MustCompile(`os\.Stdout|os\.Stderr|\bcommand\.Terminal\(|\bTerminal\(|\.Unwrap\(\)|\bfmt\.Print(?:f|ln)?\(|\bprintln\(`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "clitest/") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range way.FindAllString(string(source), -1) {
			name := strings.Trim(found, ".()")
			ok := false
			for _, a := range allowed[file] {
				ok = ok || a == name
			}
			if !ok {
				t.Errorf("%s uses %s: write to the console, whose writers make texts visible", file, found)
			}
		}
	}
}
