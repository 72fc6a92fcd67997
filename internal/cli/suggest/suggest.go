// Package suggest is the command suggest.
package suggest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/internal/suggest"
)

type suggestCommand struct {
	command.LogFlags
	Top    int
	Min    int
	Output string
	Quiet  bool
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &suggestCommand{Top: 10, Min: 2}
	c := &cobra.Command{
		Use: "suggest INPUT…", Short: "Find the noisiest lines of old logs, with a rule and an exclusion for each.", Args: command.Arguments("INPUT…"),
		Long: "Find the noisiest lines of old logs. For each, print a rule that matches it, and an exclusion that keeps it out of another rule. Both are tested on lines of the log.\n\nLines count as " +
			"the same if they differ only in numbers, ids, addresses, quoted values and times. Inputs are files, folders, globs, - for standard input, and docker://NAME for the log of a container.",
		Example: "  docker-fluentbit suggest /var/log/app.log\n  docker-fluentbit suggest --top 30 --since 24h docker://shop-api-1\n  docker-fluentbit suggest -o json app.log.gz",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Inputs = args
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	cmd.LogFlags.Add(f)
	f.Number(&cmd.Top, "top", "", "N", "How many templates to show.")
	f.Number(&cmd.Min, "min", "", "N", "How many lines a template must have.")
	f.Output(&cmd.Output, "Output: text, which is TOML with comments, or json.")
	f.Switch(&cmd.Quiet, "quiet", "q", "Show no progress.")
	return c
}

// maxTop bounds how many templates are shown.
const maxTop = 1000

// run finds the noisiest lines.
func (cmd *suggestCommand) run(c *command.Env) error {
	if cmd.Top < 1 || cmd.Top > maxTop {
		return fmt.Errorf("--top: %d must be from 1 to %d", cmd.Top, maxTop)
	}
	if cmd.Min < 1 {
		return fmt.Errorf("--min: %d must be at least 1", cmd.Min)
	}
	options, err := cmd.Options(c, chunk.DefaultSettings())
	if err != nil {
		return err
	}
	ctx, stop := command.Interruptible()
	defer stop()
	o := suggest.Options{Top: cmd.Top, Min: int64(cmd.Min), Lines: &atomic.Int64{}}
	if o.Logs, err = replay.Open(ctx, cmd.Inputs, options); err != nil {
		return err
	}
	result, err := cmd.find(ctx, c, o)
	if err = errors.Join(err, o.Logs.Close()); err != nil {
		return err
	}
	c.ReportProblems(o.Logs.Stats())
	if cmd.Output == "json" {
		e := json.NewEncoder(c.Out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(result)
	}
	return result.WriteTOML(c.Out)
}

func (cmd *suggestCommand) find(ctx context.Context, c *command.Env, o suggest.Options) (*suggest.Result, error) {
	if !cmd.Quiet {
		defer command.StartProgress(c, o.Lines, o.Logs.Stats).End()
	}
	return suggest.Run(ctx, o)
}
