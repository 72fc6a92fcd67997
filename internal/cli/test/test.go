// Package test is the command test.
package test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
)

type testCommand struct {
	Files  []string
	Only   string
	Cover  bool
	Output string
	JUnit  string
	Watch  bool
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &testCommand{}
	c := &cobra.Command{
		Use: "test FILE…", Short: "Run the tests of rules.", Args: command.Arguments("FILE…"),
		Long:    "Run the tests in files (*.test.toml), folders or globs.\n\nThe tests of a.toml are in a.test.toml beside it. They run on the production engine; each test sets its own time.",
		Example: "  docker-fluentbit test /etc/fluent-bit/rules.d",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Files = args
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Only, "run", "", "REGEXP", "Run only the tests whose name matches.")
	f.Switch(&cmd.Cover, "cover", "", "Fail if no test hits a rule.")
	f.Output(&cmd.Output, "Output: text or json.")
	f.Text(&cmd.JUnit, "junit", "", "FILE", "Also write the results as JUnit XML.").File()
	f.Switch(&cmd.Watch, "watch", "", "Run again whenever a file changes, until Ctrl-C.")
	return c
}

// run runs the tests.
func (cmd *testCommand) run(c *command.Env) error {
	only, err := regexp.Compile(cmd.Only)
	if err != nil {
		return &command.Error{Code: command.Usage, Text: fmt.Sprintf("--run: %q: not a regular expression: %s", cmd.Only, strings.TrimPrefix(err.Error(), "error parsing regexp: "))}
	}
	if !cmd.Watch {
		_, err := cmd.once(c, only)
		return err
	}
	ctx, stop := command.Interruptible()
	defer stop()
	tick := time.NewTicker(watchTests)
	defer tick.Stop()
	watchFiles(ctx, tick.C, func() []string {
		files, err := cmd.once(c, only)
		if err != nil && err.Error() != "" {
			c.Warnf("%s", err)
		}
		return files
	})
	return nil
}

// watchTests is how often --watch reads the files.
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
			for f := range known { // the run may have read a file before it changed: run again
				if before, ok := now[f]; ok {
					known[f] = before
				}
			}
		}
	}
}

// contents returns a digest of each file; for one that cannot be read its error, and for a folder the names in it.
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

// once runs the tests and writes the report. It returns the files that the tests depend on.
func (cmd *testCommand) once(c *command.Env, only *regexp.Regexp) (depends []string, err error) {
	depends = append(depends, cmd.Files...)
	files, err := ruletest.Expand(cmd.Files)
	if err != nil {
		return depends, &command.Error{Code: command.Usage, Text: err.Error()}
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
			return depends, &command.Error{Code: command.Rules, Text: err.Error()}
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
	if err := cmd.write(c, &report); err != nil {
		return depends, err
	}
	if cmd.JUnit != "" {
		if err := command.WriteFile(cmd.JUnit, func(w io.Writer) error { return ruletest.WriteJUnit(w, report.Results, broken) }); err != nil {
			return depends, &command.Error{Code: command.Usage, Text: err.Error()}
		}
	}
	return depends, cmd.result(&report, unusable)
}

func (cmd *testCommand) result(r *testReport, unusable bool) error {
	switch {
	case unusable:
		return &command.Error{Code: command.Usage, Text: "not everything could be read"}
	case len(r.Problems) > 0:
		return &command.Error{Code: command.Rules, Text: quantity.Plural(len(r.Problems), "problem")}
	case r.Failed > 0:
		return &command.Error{Code: command.Findings, Text: fmt.Sprintf("%d of %s failed", r.Failed, quantity.Plural(r.Tests, "test"))}
	case r.Tests == 0:
		return &command.Error{Code: command.Findings, Text: "no test ran"}
	case cmd.Cover && len(r.Untested) > 0:
		return &command.Error{Code: command.Findings, Text: quantity.Plural(len(r.Untested), "rule") + " without a test"}
	}
	return nil
}

// write writes the report.
func (cmd *testCommand) write(c *command.Env, r *testReport) error {
	if cmd.Output == "json" {
		e := json.NewEncoder(c.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for _, p := range r.Problems {
		c.Printf("%s\n", p)
	}
	for i := range r.Results {
		t := &r.Results[i]
		if t.Passed {
			continue
		}
		c.Printf("FAIL %s:%d: %s\n", t.File, t.Line, t.Name)
		for _, f := range t.Failures {
			c.Printf("  %s:%d: %s\n", f.File, f.Line, f.Message)
			for _, line := range strings.SplitAfter(f.Diff, "\n") {
				if line != "" {
					c.Printf("    %s", line)
				}
			}
		}
	}
	if len(r.Untested) > 0 {
		c.Printf("no test hits %s\n", strings.Join(r.Untested, ", "))
	}
	if r.Failed == 0 && len(r.Problems) == 0 && r.Tests > 0 {
		c.Printf("fine: %s\n", quantity.Plural(r.Tests, "test"))
	}
	return nil
}
