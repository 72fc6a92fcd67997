package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

type backtestCommand struct {
	Rules   []string `short:"c" required:"" placeholder:"FILE" help:"The configuration that is tried: TOML files, folders or globs, or a configuration of Fluent Bit."`
	Against []string `placeholder:"FILE" help:"Another one: tell what changes from it."`
	logFlags
	Expect  []string `placeholder:"FILE|RULE>=N" sep:"none" help:"What a rule has to do: a file of [[expect]], or as in 'oom>=1', 'noise=0 hits'. Exit code 1 when it does not, or when an input was not read to its end."`
	Samples int      `default:"3" help:"How many lines are shown for each rule, of each sort."`
	All     bool     `help:"Also list rules without hits."`
	Output  string   `short:"o" enum:"text,json" default:"text" help:"text or json."`
	HTML    string   `name:"html" placeholder:"FILE" help:"Also write a report with plots, as one page that loads nothing."`
	JUnit   string   `name:"junit" placeholder:"FILE" help:"Also write what became of the expectations, or what is wrong with the rules, in JUnit's XML form."`
	Quiet   bool     `short:"q" help:"Tell no progress."`
}

// Help gives examples.
func (backtestCommand) Help() string {
	return "Tells for each rule what it would have done with old logs: hits, alerts, what is held back by what, when, and sample lines. The rules run on the " +
		"production engine, with the time of the lines. Logs are plain text, lines of JSON, Docker's json-file or Kubernetes' CRI form, also as gzip or zstd, and " +
		"rotated ones are read in order.\n\nExamples:\n" +
		"  docker-fluentbit backtest --rules rules.toml /var/log/app\n" +
		"  docker-fluentbit backtest --rules new.toml --against old.toml --html report.html app.log*\n" +
		"  docker-fluentbit backtest --rules rules.toml --expect 'oom>=1' --expect 'noise=0' docker://shop-api-1\n" +
		"  kubectl logs deploy/api --timestamps | docker-fluentbit backtest --rules rules.toml --workload shop/api -\n\n" +
		"Exit codes: 0 fine, 1 an expectation is not met, or with expectations an input was not read to its end, 2 broken rules, 3 unusable arguments."
}

// Run tries the rules. CI is told of rules that are broken, too.
func (cmd *backtestCommand) Run(c *console) error {
	err := cmd.run(c)
	var broken *brokenRules
	if cmd.JUnit != "" && errors.As(err, &broken) {
		if err := writeFile(cmd.JUnit, func(w io.Writer) error { return backtest.WriteJUnitProblems(w, broken.problems) }); err != nil {
			return err
		}
	}
	return err
}

func (cmd *backtestCommand) run(c *console) error {
	if cmd.Samples < 0 || cmd.Samples > maxSamples {
		return fmt.Errorf("--samples: %d is not from 0 to %d", cmd.Samples, maxSamples)
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
	options, err := cmd.options(time.Now(), now.Records)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if o.Logs, err = replay.Open(ctx, cmd.Inputs, options); err != nil {
		return err
	}
	result, err := cmd.try(ctx, c, o)
	if err = errors.Join(err, o.Logs.Close()); err != nil {
		var broken *backtest.BrokenError
		if errors.As(err, &broken) {
			return &brokenRules{codeError{exitRules, err.Error()}, []string{err.Error()}}
		}
		return err
	}
	tellProblems(c.err, o.Logs.Stats())
	return cmd.report(c, result, expected)
}

// maxSamples bounds how many lines are kept for a rule.
const maxSamples = 1000

func (cmd *backtestCommand) try(ctx context.Context, c *console, o backtest.Options) (*backtest.Result, error) {
	if !cmd.Quiet {
		defer startProgress(c.err, o.Lines, o.Logs.Stats).end()
	}
	return backtest.Run(ctx, o)
}

// report writes the result in all forms that are asked for.
func (cmd *backtestCommand) report(c *console, result *backtest.Result, expected []backtest.Expectation) error {
	outcomes := result.Judge(expected)
	if cmd.Output == "json" {
		e := json.NewEncoder(c.out)
		e.SetIndent("", "  ")
		if err := e.Encode(struct {
			*backtest.Result
			Expectations []backtest.Outcome `json:"expectations,omitempty"`
		}{result, outcomes}); err != nil {
			return err
		}
	} else {
		if err := result.WriteText(c.out, backtest.TextOptions{Width: width(c.out), Quiet: !cmd.All, Samples: cmd.Samples}); err != nil {
			return err
		}
		if len(outcomes) > 0 {
			c.printf("\n")
		}
		if err := backtest.WriteOutcomes(c.out, outcomes); err != nil {
			return err
		}
	}
	if cmd.HTML != "" {
		if err := writeFile(cmd.HTML, func(w io.Writer) error { return result.WriteHTML(w, outcomes) }); err != nil {
			return err
		}
	}
	if cmd.JUnit != "" {
		if err := writeFile(cmd.JUnit, func(w io.Writer) error { return result.WriteJUnit(w, outcomes) }); err != nil {
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
		bad = append(bad, plural(missed, "expectation")+" not met")
	}
	if len(outcomes) > 0 && result.BadFiles > 0 { // what is expected of the rest was not tried
		bad = append(bad, plural(int(result.BadFiles), "input")+" not read, or not to the end")
	}
	if len(outcomes) > 0 && result.Untimed != nil { // what came when is a guess
		bad = append(bad, plural(int(result.Untimed.Lines), "line")+" without a time that is known")
	}
	if len(bad) > 0 {
		return &codeError{exitFindings, strings.Join(bad, ", ")}
	}
	return nil
}

// expectations reads what --expect says: a file where there is one of that name, else an expectation.
func (cmd *backtestCommand) expectations(c *console, rules *config.Settings) ([]backtest.Expectation, error) {
	var all []backtest.Expectation
	for _, text := range cmd.Expect {
		if _, err := os.Stat(text); err != nil {
			e, bad := backtest.ParseExpectation(text)
			if bad != nil && errors.Is(err, os.ErrNotExist) && !backtest.IsExpression(text) {
				return nil, fmt.Errorf("--expect: there is no such file, and %w", bad)
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
			_, _ = fmt.Fprintln(c.err, problems[i].Error())
		}
		if len(problems) > 0 {
			return nil, &codeError{exitUsage, plural(len(problems), "problem") + " in the expectations"}
		}
		all = append(all, read...)
	}
	settings := rules.Engine()
	return all, backtest.Unknown(&settings, all)
}

// brokenRules says that rules cannot be tried, and why.
type brokenRules struct {
	codeError
	problems []string
}

// Unwrap returns the error with the exit code.
func (e *brokenRules) Unwrap() error { return &e.codeError }

// rulesOf loads a configuration, all of which has to be sound.
func rulesOf(c *console, files []string) (*config.Settings, error) {
	result := loadOne(files)
	var problems []string
	for i := range result.Problems {
		problems = append(problems, result.Problems[i].Error())
		_, _ = fmt.Fprintln(c.err, problems[i])
	}
	switch {
	case result.Unusable():
		return nil, &brokenRules{codeError{exitUsage, plural(len(problems), "problem") + ", and not everything could be read"}, problems}
	case len(problems) > 0:
		return nil, &brokenRules{codeError{exitRules, plural(len(problems), "problem")}, problems}
	case len(result.Settings.Rules) == 0 && !slices.ContainsFunc(result.Settings.Workloads, hasRules):
		return nil, &codeError{exitUsage, "there are no rules in " + fmt.Sprint(files)}
	}
	return &result.Settings, nil
}

func hasRules(w engine.WorkloadSettings) bool { return len(w.Rules) > 0 }
