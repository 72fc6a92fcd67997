// Package backtest is the command backtest.
package backtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

type backtestCommand struct {
	Rules   []string
	Against []string
	command.LogFlags
	Expect  []string
	Samples int
	All     bool
	Output  string
	HTML    string
	JUnit   string
	Quiet   bool
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &backtestCommand{Samples: 3}
	c := &cobra.Command{
		Use: "backtest INPUT…", Short: "Replay old logs through your rules.", Args: command.Arguments("INPUT…"),
		Long: "Replay old logs through your rules.\n\nReports per rule how many lines it would have matched, which alerts it would have sent and when, and what cooldowns and rate limits would have " +
			"suppressed, with sample lines. Uses the production engine and the timestamps in the logs.\n\nInputs are files, folders, globs, - for standard input, and docker://NAME for the log of a " +
			"container. They can be plain text, JSON lines, Docker's json-file or Kubernetes' CRI format, also compressed with gzip or zstd. Rotated files are read in order.\n\n" +
			"Exit codes: 0 success, 1 an expectation was not met, or with --expect an input was not read to its end, 2 broken rules, 3 invalid arguments.",
		Example: "  docker-fluentbit backtest --rules rules.toml /var/log/app\n" +
			"  docker-fluentbit backtest --rules new.toml --against old.toml --html report.html app.log*\n" +
			"  docker-fluentbit backtest --rules rules.toml --expect 'oom>=1' --expect 'noise=0' docker://shop-api-1\n" +
			"  kubectl logs deploy/api --timestamps | docker-fluentbit backtest --rules rules.toml --workload shop/api -",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Inputs = args
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.List(&cmd.Rules, "rules", "c", "FILE", "Configuration to try: TOML files, folders or globs, or a Fluent Bit configuration.").Required().File()
	f.List(&cmd.Against, "against", "", "FILE", "Another configuration to compare with: report the differences.").File()
	cmd.LogFlags.Add(f)
	f.Texts(&cmd.Expect, "expect", "", "FILE|RULE>=N", "Expectation for a rule: a file of [[expect]], or text such as 'oom>=1', 'noise=0 hits'. Exit with 1 if it is not met, or an input was not read to its end.").File()
	f.Number(&cmd.Samples, "samples", "", "N", "How many lines to show per rule and sort.")
	f.Switch(&cmd.All, "all", "", "Also list rules without hits.")
	f.Output(&cmd.Output, "Output: text or json.")
	f.Text(&cmd.HTML, "html", "", "FILE", "Also write a report with plots, as one page that loads nothing.").File()
	f.Text(&cmd.JUnit, "junit", "", "FILE", "Also write the results of the expectations, or the faults of the rules, as JUnit XML.").File()
	f.Switch(&cmd.Quiet, "quiet", "q", "Show no progress.")
	return c
}

// run tries the rules. The JUnit report has rules that are broken, too: CI shows it.
func (cmd *backtestCommand) run(c *command.Env) error {
	err := cmd.replay(c)
	var broken *brokenRules
	if cmd.JUnit != "" && errors.As(err, &broken) {
		if err := command.WriteFile(cmd.JUnit, func(w io.Writer) error { return backtest.WriteJUnitProblems(w, broken.problems) }); err != nil {
			return err
		}
	}
	return err
}

func (cmd *backtestCommand) replay(c *command.Env) error {
	if cmd.Samples < 0 || cmd.Samples > maxSamples {
		return fmt.Errorf("--samples: %d must be from 0 to %d", cmd.Samples, maxSamples)
	}
	now, err := rulesOf(c, cmd.Rules)
	if err != nil {
		return err
	}
	o := backtest.Options{New: backtest.RuleSetOf(now), Samples: cmd.Samples, Lines: &atomic.Int64{}}
	if len(cmd.Against) > 0 {
		old, err := rulesOf(c, cmd.Against)
		if err != nil {
			return err
		}
		against := backtest.RuleSetOf(old)
		o.Against = &against
	}
	expected, err := cmd.expectations(c, now)
	if err != nil {
		return err
	}
	options, err := cmd.Options(c, now.Records)
	if err != nil {
		return err
	}
	ctx, stop := command.Interruptible()
	defer stop()
	if o.Logs, err = replay.Open(ctx, cmd.Inputs, options); err != nil {
		return err
	}
	result, err := cmd.try(ctx, c, o)
	if err = errors.Join(err, o.Logs.Close()); err != nil {
		var broken *backtest.BrokenError
		if errors.As(err, &broken) {
			return &brokenRules{command.Error{Code: command.Rules, Text: err.Error()}, []string{err.Error()}}
		}
		return err
	}
	c.ReportProblems(o.Logs.Stats())
	return cmd.report(c, result, expected)
}

// maxSamples bounds how many lines are kept for a rule.
const maxSamples = 1000

func (cmd *backtestCommand) try(ctx context.Context, c *command.Env, o backtest.Options) (*backtest.Result, error) {
	if !cmd.Quiet {
		defer command.StartProgress(c, o.Lines, o.Logs.Stats).End()
	}
	return backtest.Run(ctx, o)
}

// report writes the result in each form that a flag names.
func (cmd *backtestCommand) report(c *command.Env, result *backtest.Result, expected []backtest.Expectation) error {
	outcomes := result.Check(expected)
	if cmd.Output == "json" {
		e := json.NewEncoder(c.Out)
		e.SetIndent("", "  ")
		if err := e.Encode(struct {
			*backtest.Result
			Expectations []backtest.Outcome `json:"expectations,omitempty"`
		}{result, outcomes}); err != nil {
			return err
		}
	} else {
		if err := result.WriteText(c.Out, backtest.TextOptions{Width: c.Width(c.Out), Quiet: !cmd.All, Samples: cmd.Samples}); err != nil {
			return err
		}
		if len(outcomes) > 0 {
			c.Printf("\n")
		}
		if err := backtest.WriteOutcomes(c.Out, outcomes); err != nil {
			return err
		}
	}
	if cmd.HTML != "" {
		if err := command.WriteFile(cmd.HTML, func(w io.Writer) error { return result.WriteHTML(w, outcomes) }); err != nil {
			return err
		}
	}
	if cmd.JUnit != "" {
		if err := command.WriteFile(cmd.JUnit, func(w io.Writer) error { return result.WriteJUnit(w, outcomes) }); err != nil {
			return err
		}
	}
	missed := 0
	for i := range outcomes {
		if !outcomes[i].Met {
			missed++
		}
	}
	var bad []string
	if missed > 0 {
		bad = append(bad, quantity.Plural(missed, "expectation")+" not met")
	}
	if len(outcomes) > 0 && result.BadFiles > 0 { // the expectations were not tried on the rest
		bad = append(bad, quantity.Plural(result.BadFiles, "input")+" not read, or not to the end")
	}
	if len(outcomes) > 0 && result.Untimed != nil { // the times are a guess
		bad = append(bad, quantity.Plural(result.Untimed.Lines, "line")+" without a known time")
	}
	if len(bad) > 0 {
		return &command.Error{Code: command.Findings, Text: strings.Join(bad, ", ")}
	}
	return nil
}

// expectations reads the values of --expect: files where they exist, else expectations.
func (cmd *backtestCommand) expectations(c *command.Env, rules *config.Settings) ([]backtest.Expectation, error) {
	var all []backtest.Expectation
	for _, text := range cmd.Expect {
		if _, err := os.Stat(text); err != nil {
			e, bad := backtest.ParseExpectation(text)
			if bad != nil && errors.Is(err, os.ErrNotExist) && !backtest.IsExpression(text) {
				return nil, fmt.Errorf("--expect: no such file, and %w", bad)
			} else if bad != nil {
				return nil, fmt.Errorf("--expect: %w", bad)
			}
			all = append(all, e)
			continue
		}
		content, err := config.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("--expect %s: %w", text, err)
		}
		read, problems := backtest.ReadExpectations(text, string(content))
		for i := range problems {
			_, _ = fmt.Fprintln(c.Err, problems[i].Error())
		}
		if len(problems) > 0 {
			return nil, &command.Error{Code: command.Usage, Text: quantity.Plural(len(problems), "problem") + " in the expectations"}
		}
		all = append(all, read...)
	}
	settings := rules.Engine()
	return all, backtest.Unknown(&settings, all)
}

// brokenRules is the error for rules that cannot be tried.
type brokenRules struct {
	err      command.Error // with the exit code
	problems []string
}

func (e *brokenRules) Error() string { return e.err.Error() }

// Unwrap returns the error with the exit code.
func (e *brokenRules) Unwrap() error { return &e.err }

// rulesOf loads a configuration, which must have no problem.
func rulesOf(c *command.Env, files []string) (*config.Settings, error) {
	result := command.LoadOne(files)
	var problems []string
	for i := range result.Problems {
		problems = append(problems, result.Problems[i].Error())
		_, _ = fmt.Fprintln(c.Err, problems[i])
	}
	switch {
	case result.Unusable():
		return nil, &brokenRules{command.Error{Code: command.Usage, Text: quantity.Plural(len(problems), "problem") + ", and not everything could be read"}, problems}
	case len(problems) > 0:
		return nil, &brokenRules{command.Error{Code: command.Rules, Text: quantity.Plural(len(problems), "problem")}, problems}
	case len(result.Settings.Rules) == 0 && !slices.ContainsFunc(result.Settings.Workloads, hasRules):
		return nil, &command.Error{Code: command.Usage, Text: "no rules in " + strings.Join(files, ", ")}
	}
	return &result.Settings, nil
}

func hasRules(w engine.WorkloadSettings) bool { return len(w.Rules) > 0 }
