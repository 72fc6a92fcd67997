package cli

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
)

type testCommand struct {
	Files  []string `arg:"" help:"Files of tests (*.test.toml), folders or globs."`
	Only   string   `name:"run" placeholder:"REGEXP" help:"Run only the tests whose name matches."`
	Cover  bool     `help:"Fail when a rule is hit by no test."`
	Output string   `short:"o" enum:"text,json" default:"text" help:"text or json."`
	JUnit  string   `name:"junit" placeholder:"FILE" help:"Also write the results in JUnit's XML form."`
	Watch  bool     `help:"Run again whenever a file changes, until interrupted."`
}

// Help gives an example.
func (testCommand) Help() string {
	return "Example: docker-fluentbit test /etc/fluent-bit/rules.d\n\nThe tests of a.toml lie beside it in a.test.toml. They run on the production engine, with the time that they say."
}

// Run runs the tests.
func (cmd *testCommand) Run(c *console) error {
	only, err := regexp.Compile(cmd.Only)
	if err != nil {
		return &codeError{exitUsage, fmt.Sprintf("--run: %q: not a regular expression: %s", cmd.Only, strings.TrimPrefix(err.Error(), "error parsing regexp: "))}
	}
	if !cmd.Watch {
		_, err := cmd.once(c, only)
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(watchTests)
	defer tick.Stop()
	watchFiles(ctx, tick.C, func() []string {
		files, err := cmd.once(c, only)
		if err != nil && err.Error() != "" {
			_, _ = fmt.Fprintln(c.err, "docker-fluentbit:", err)
		}
		return files
	})
	return nil
}

// watchTests is how often --watch looks at the files.
const watchTests = time.Second

// watchFiles calls run, and again after each tick that finds another content in the files that run returned last. It returns when ctx is done.
func watchFiles(ctx context.Context, tick <-chan time.Time, run func() []string) {
	files := run()
	known := contents(files)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		if now := contents(files); !maps.Equal(now, known) {
			files = run()
			known = contents(files)
			for f := range known { // what changed during the run was perhaps read before: it is run again
				if before, ok := now[f]; ok {
					known[f] = before
				}
			}
		}
	}
}

// contents returns a digest of each file; of one that cannot be read, and of a folder, what there is to say of it.
func contents(files []string) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		if entries, err := os.ReadDir(f); err == nil {
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			out[f] = strings.Join(names, "\x00")
			continue
		}
		text, err := config.ReadFile(f)
		if err != nil {
			out[f] = err.Error()
			continue
		}
		sum := sha256.Sum256(text)
		out[f] = string(sum[:])
	}
	return out
}

// testReport is the JSON form of a run.
type testReport struct {
	Tests    int               `json:"tests"`
	Failed   int               `json:"failed"`
	Results  []ruletest.Result `json:"results"`
	Problems []string          `json:"problems,omitempty"` // of files whose tests did not run
	Untested []string          `json:"untested,omitempty"` // rules that no test hits
}

// once runs the tests and tells how it went. It returns the files that the tests depend on.
func (cmd *testCommand) once(c *console, only *regexp.Regexp) (depends []string, err error) {
	depends = append(depends, cmd.Files...)
	files, err := ruletest.Expand(cmd.Files)
	if err != nil {
		return depends, &codeError{exitUsage, err.Error()}
	}
	report := testReport{Results: []ruletest.Result{}}
	var broken []ruletest.Broken
	unusable, rules := false, map[ruletest.Rule]bool{}
	for _, path := range files {
		depends = append(depends, path)
		f, problems := ruletest.Load(path)
		if f != nil {
			depends = append(depends, f.Files()...)
			problems = append(problems, f.RuleProblems()...)
		}
		if len(problems) > 0 {
			b := ruletest.Broken{File: path}
			for _, p := range problems {
				unusable = unusable || p.Unusable
				b.Problems = append(b.Problems, p.Error())
			}
			broken = append(broken, b)
			report.Problems = append(report.Problems, b.Problems...)
			continue
		}
		part, err := f.Run(only)
		if err != nil {
			return depends, &codeError{exitRules, err.Error()}
		}
		report.Results = append(report.Results, part.Results...)
		for rule, hit := range part.Rules {
			rules[rule] = rules[rule] || hit
		}
	}
	for rule, hit := range rules {
		if !hit && cmd.Only == "" {
			report.Untested = append(report.Untested, rule.String())
		}
	}
	slices.Sort(report.Untested)
	report.Tests = len(report.Results)
	for i := range report.Results {
		if !report.Results[i].Passed {
			report.Failed++
		}
	}
	if err := cmd.tell(c, &report); err != nil {
		return depends, err
	}
	if cmd.JUnit != "" {
		if err := writeFile(cmd.JUnit, func(w io.Writer) error { return ruletest.WriteJUnit(w, report.Results, broken) }); err != nil {
			return depends, &codeError{exitUsage, err.Error()}
		}
	}
	return depends, cmd.verdict(&report, unusable)
}

func (cmd *testCommand) verdict(r *testReport, unusable bool) error {
	switch {
	case unusable:
		return &codeError{exitUsage, "not everything could be read"}
	case len(r.Problems) > 0:
		return &codeError{exitRules, plural(len(r.Problems), "problem")}
	case r.Failed > 0:
		return &codeError{exitFindings, fmt.Sprintf("%d of %s failed", r.Failed, plural(r.Tests, "test"))}
	case r.Tests == 0:
		return &codeError{exitFindings, "no test ran"}
	case cmd.Cover && len(r.Untested) > 0:
		return &codeError{exitFindings, plural(len(r.Untested), "rule") + " without a test"}
	}
	return nil
}

// tell writes the report.
func (cmd *testCommand) tell(c *console, r *testReport) error {
	if cmd.Output == "json" {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for _, p := range r.Problems {
		c.printf("%s\n", p)
	}
	for i := range r.Results {
		t := &r.Results[i]
		if t.Passed {
			continue
		}
		c.printf("FAIL %s:%d: %s\n", t.File, t.Line, t.Name)
		for _, f := range t.Failures {
			c.printf("  %s:%d: %s\n", f.File, f.Line, f.Message)
			for _, line := range strings.SplitAfter(f.Diff, "\n") {
				if line != "" {
					c.printf("    %s", line)
				}
			}
		}
	}
	if len(r.Untested) > 0 {
		c.printf("no test hits %s\n", strings.Join(r.Untested, ", "))
	}
	if r.Failed == 0 && len(r.Problems) == 0 && r.Tests > 0 {
		c.printf("fine: %s\n", plural(r.Tests, "test"))
	}
	return nil
}

// writeFile writes a file as a whole.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
