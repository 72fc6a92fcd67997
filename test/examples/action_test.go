package examples

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what the tests use of action.yml.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Using string
		Steps []struct {
			ID, If, Shell, Run string
			Env                map[string]string
		}
	}
}

// repository is a checkout of somebody's rules, in which the steps of the action run as on a runner.
type repository struct {
	t       *testing.T
	action  action
	dir     string
	program string // built from this checkout
	ref     string // that the action is used by
}

// built is the program, built once for all tests. It stays in the temporary folder of the system.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fluentbit-trigger-action")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "docker-fluentbit")
	build := exec.Command("go", "build", "-o", program, "./docker-fluentbit")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

func newRepository(t *testing.T) *repository {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on PATH: the steps of action.yml were not run", tool)
		}
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r := &repository{t: t, dir: t.TempDir(), program: program}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "action.yml")))
	if err := decoder.Decode(&r.action); err != nil || r.action.Runs.Using != "composite" {
		t.Fatalf("action.yml: %v", err)
	}
	for _, name := range []string{"go.toml", "go.test.toml", "severity.toml", "severity.test.toml"} {
		r.write("rules/"+name, read(t, "examples/rules/"+name))
	}
	r.write("rules/mine.toml", "[[rule]]\nname = \"mine\"\npattern = '^::error'\n")
	r.write("logs/app.log", `{"log":"panic: nil map\n","stream":"stderr","time":"2026-11-25T10:00:00Z"}`+"\n"+
		`{"log":"::error::a line is no command\n","stream":"stderr","time":"2026-11-25T10:00:01Z"}`+"\n")
	return r
}

func (r *repository) write(path, text string) {
	r.t.Helper()
	path = filepath.Join(r.dir, path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

var (
	expression = regexp.MustCompile(`\$\{\{ *([\w.]+) *\}\}`)
	condition  = regexp.MustCompile(`^\$\{\{ *inputs\.(\w+) != '' *\}\}$`)
)

// run runs the steps with inputs until one fails. It returns the exit code, what they printed, and the summary.
func (r *repository) run(inputs map[string]string) (code int, out, summary string) {
	r.t.Helper()
	temp := r.t.TempDir()
	values := map[string]string{"github.action_ref": r.ref}
	for name, input := range r.action.Inputs {
		values["inputs."+name] = input.Default
	}
	for name, value := range inputs {
		if _, known := r.action.Inputs[name]; !known {
			r.t.Fatalf("the action has no input %s", name)
		}
		values["inputs."+name] = value
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		r.t.Fatal(err)
	}
	var printed bytes.Buffer
	for i, step := range r.action.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			r.t.Fatalf("step %d has an expression in its script: an input could be a part of the script", i+1)
		}
		if step.If != "" {
			m := condition.FindStringSubmatch(step.If)
			if m == nil {
				r.t.Fatalf("step %d: the test does not know the condition %s", i+1, step.If)
			}
			if values["inputs."+m[1]] == "" {
				continue
			}
		}
		output := filepath.Join(temp, "output")
		cmd := exec.CommandContext(r.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run) // as a runner calls it
		cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, &printed, &printed
		cmd.Env = append(os.Environ(), "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+filepath.Join(temp, "summary"), "GITHUB_ACTION_PATH="+absolute, "RUNNER_TEMP="+temp)
		for name, value := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+expression.ReplaceAllStringFunc(value, func(text string) string {
				value, known := values[expression.FindStringSubmatch(text)[1]]
				if !known {
					r.t.Fatalf("step %d: nothing sets %s", i+1, text)
				}
				return value
			}))
		}
		err := cmd.Run()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			r.t.Fatal(err)
		}
		text, _ := os.ReadFile(output) // a step may set nothing
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values["steps."+step.ID+".outputs."+name] = value
		}
		if code = cmd.ProcessState.ExitCode(); code != 0 {
			break
		}
	}
	text, _ := os.ReadFile(filepath.Join(temp, "summary")) // a run without a backtest has none
	return code, printed.String(), string(text)
}

// TestTheActionRuns runs the steps of action.yml over a repository of rules: one that is fine, and one with each kind of mistake.
func TestTheActionRuns(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	with := func(more map[string]string) map[string]string {
		inputs := map[string]string{"program": r.program, "logs": "logs", "html": "report.html", "expect": "go-panic >= 1\n\ngo-data-race = 0 hits\n"}
		maps.Copy(inputs, more)
		return inputs
	}
	check := func(name string, code int, inputs map[string]string, want ...string) (out, summary string) {
		t.Helper()
		got, out, summary := r.run(inputs)
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: does not print %q", name, text)
			}
		}
		if got != code {
			t.Errorf("%s: code %d, want %d", name, got, code)
		}
		if t.Failed() {
			t.Logf("%s:\n%s\n%s", name, out, summary)
		}
		return out, summary
	}
	out, summary := check("all", 0, with(nil), "fine: 11 rules", "ok    go-panic >= 1", "::add-matcher::")
	if !strings.HasPrefix(summary, "### Backtest\n\n    ") || !strings.Contains(summary, "go-panic") {
		t.Errorf("the summary is\n%s", summary)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "report.html")); err != nil {
		t.Error(err)
	}
	// Commands in lines of logs are printed only while the runner takes none.
	stopped := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch token, stops := strings.CutPrefix(line, "::stop-commands::"); {
		case stops && len(token) == 32:
			stopped = token
		case stopped != "" && line == "::"+stopped+"::":
			stopped = ""
		case stopped == "" && strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::add-matcher::"):
			t.Errorf("the runner would take %q", line)
		}
	}
	if stopped != "" || !strings.Contains(out, "::error::a line is no command") {
		t.Errorf("the runner takes no commands any more, or no sample was printed:\n%s", out)
	}
	check("without logs and tests", 0, map[string]string{"program": r.program, "tests": ""}, "fine: ")
	check("an expectation", 1, with(map[string]string{"expect": "go-data-race >= 1"}), "go-data-race")
	check("against", 0, with(map[string]string{"against": "rules/severity.toml", "rules": "rules/go.toml\n  rules/severity.toml "}), "fine: 10 rules")
	check("no such file", 3, with(map[string]string{"rules": "nothing"}), "nothing")
	check("an input is no script", 3, with(map[string]string{"rules": "$(touch owned); touch owned # ' \" `touch owned`"}))
	if _, err := os.Stat(filepath.Join(r.dir, "owned")); err == nil {
		t.Error("an input ran as a script")
	}
	r.write("rules/warn.toml", "[[rule]]\nname = \"all\"\npattern = '.*'\ncooldown_by = [\"template\"]\n")
	check("a warning", 0, with(nil), "rules/warn.toml:3:11: warning: ", "[matches-everything]")
	check("a warning, strict", 1, with(map[string]string{"strict": "true"}), "docker-fluentbit: 1 warning")
	r.write("rules/warn.toml", "[[rule]]\nname = \"bad\"\npattern = 'a('\n")
	check("a broken rule", 2, with(nil), "rules/warn.toml:3:11: rule \"bad\"")
	r.write("rules/warn.toml", "[[rule]]\nname = \"x\"\npattern = 'xyz'\n")
	r.write("rules/warn.test.toml", "[[test]]\nrule = \"x\"\nhits = [\"abc\"]\n")
	check("a failing test", 1, with(nil), "FAIL rules/warn.test.toml:1: x")
}

// TestTheActionDownloads serves a release. A program whose checksum differs, or that is not there, is not run.
func TestTheActionDownloads(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	name := "docker-fluentbit-" + runtime.GOOS + "-" + runtime.GOARCH
	program, err := os.ReadFile(r.program)
	if err != nil {
		t.Fatal(err)
	}
	sums := fmt.Sprintf("%x  docker-fluentbit-plan9-amd64\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256(program), name)
	files := map[string]string{
		"/download/v1.2.3/" + name: string(program), "/download/v1.2.3/SHA256SUMS": sums, "/latest/download/" + name: string(program), "/latest/download/SHA256SUMS": sums,
		"/download/v6.6.6/" + name: "#!/bin/sh\ntouch owned\n", "/download/v6.6.6/SHA256SUMS": sums,
		"/download/v7.7.7/" + name: string(program), "/download/v7.7.7/SHA256SUMS": strings.Split(sums, "\n")[0] + "\n",
	}
	var mu sync.Mutex
	var all []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		all = append(all, q.URL.Path)
		mu.Unlock()
		text, known := files[q.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, text)
	}))
	defer server.Close()
	for _, c := range []struct {
		version, ref, from string
		fine               bool
	}{
		{"v1.2.3", "main", "/download/v1.2.3/", true}, {"", "v1.2.3", "/download/v1.2.3/", true}, {"", "main", "/latest/download/", true}, {"", "", "/latest/download/", true},
		{"v6.6.6", "", "/download/v6.6.6/", false}, {"v7.7.7", "", "/download/v7.7.7/", false}, {"v9.9.9", "", "/download/v9.9.9/", false},
	} {
		r.ref = c.ref
		code, out, _ := r.run(map[string]string{"version": c.version, "releases": server.URL})
		mu.Lock()
		asked := all
		all = nil
		mu.Unlock()
		if len(asked) == 0 || slices.ContainsFunc(asked, func(path string) bool { return !strings.HasPrefix(path, c.from) }) || (code == 0) != c.fine || c.fine != strings.Contains(out, "fine: ") {
			t.Errorf("%+v: code %d, asked for %v\n%s", c, code, asked, out)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "owned")); err == nil {
		t.Error("a program with another checksum ran")
	}
}

// TestTheMatcherFindsFindings tries the expressions of the problem matcher on lines that check and test print.
func TestTheMatcherFindsFindings(t *testing.T) {
	t.Parallel()
	var file struct {
		ProblemMatcher []struct {
			Pattern []struct {
				Regexp                                string
				File, Line, Column, Severity, Message int
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, ".github/problem-matcher.json")), &file); err != nil || len(file.ProblemMatcher) != 2 {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		`rules/go.toml:3:11: warning: rule "slow": pattern: has no fixed text [no-literal]`: `rules/go.toml 3 11 warning rule "slow": pattern: has no fixed text [no-literal]`,
		`rules/go.toml:3:11: rule "panic": pattern: "a(b": must be a regular expression`:    `rules/go.toml 3 11  rule "panic": pattern: "a(b": must be a regular expression`,
		`fluent-bit.conf:12:5: warning: output "ops": Workers`:                              `fluent-bit.conf 12 5 warning output "ops": Workers`,
		`FAIL rules/go.test.toml:37: a crash loop`:                                          `rules/go.test.toml 37   a crash loop`,
		`  rules/go.test.toml:46: the alerts are not those expected`:                        "",
		`fine: 6 rules, 0 workloads, 0 triggers`:                                            "",
	} {
		got := ""
		for _, m := range file.ProblemMatcher {
			p := m.Pattern[0]
			groups := regexp.MustCompile(p.Regexp).FindStringSubmatch(line)
			if groups == nil {
				continue
			}
			part := func(n int) string {
				if n == 0 {
					return ""
				}
				return groups[n]
			}
			got += strings.Join([]string{part(p.File), part(p.Line), part(p.Column), part(p.Severity), part(p.Message)}, " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestTheWorkflowRuns runs the action as examples/github/rules.yaml uses it.
func TestTheWorkflowRuns(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "examples/github/rules.yaml")), &workflow); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, step := range workflow.Jobs["rules"].Steps {
		repo, ref, _ := strings.Cut(step.Uses, "@")
		if repo != "tinyforge/fluentbit-trigger" {
			continue
		}
		ran++
		inputs := maps.Clone(step.With)
		inputs["program"] = r.program
		if code, out, _ := r.run(inputs); code != 0 || !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(ref) {
			t.Errorf("%s: code %d\n%s", step.Uses, code, out)
		}
	}
	if ran != 1 {
		t.Errorf("the workflow uses the action %d times", ran)
	}
}
