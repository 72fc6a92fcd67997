package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/internal/suggest"
)

type suggestCommand struct {
	logFlags
	Top    int    `default:"10" help:"How many templates are told."`
	Min    int64  `default:"2" help:"How many lines a template has at least."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text, which is TOML with the rest in comments, or json."`
	Quiet  bool   `short:"q" help:"Tell no progress."`
}

// Help gives examples.
func (suggestCommand) Help() string {
	return "Tells which lines a log holds most of, and writes for each a rule that finds them and an exclusion that leaves them out of another rule. Lines are " +
		"the same when they differ in numbers, ids, addresses, quoted values and times alone. Both were tried on lines of the log.\n\nExamples:\n" +
		"  docker-fluentbit suggest /var/log/app.log\n  docker-fluentbit suggest --top 30 --since 24h docker://shop-api-1\n" +
		"  docker-fluentbit suggest -o json app.log.gz"
}

// maxTop bounds how many templates are told.
const maxTop = 1000

// Run finds the noisiest lines.
func (cmd *suggestCommand) Run(c *console) error {
	if cmd.Top < 1 || cmd.Top > maxTop {
		return fmt.Errorf("--top: %d is not from 1 to %d", cmd.Top, maxTop)
	}
	if cmd.Min < 1 {
		return fmt.Errorf("--min: %d must be at least 1", cmd.Min)
	}
	options, err := cmd.options(time.Now(), chunk.DefaultSettings())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o := suggest.Options{Top: cmd.Top, Min: cmd.Min, Lines: &atomic.Int64{}}
	if o.Logs, err = replay.Open(ctx, cmd.Inputs, options); err != nil {
		return err
	}
	result, err := cmd.find(ctx, c, o)
	if err = errors.Join(err, o.Logs.Close()); err != nil {
		return err
	}
	tellProblems(c.err, o.Logs.Stats())
	if cmd.Output == "json" {
		e := json.NewEncoder(c.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(result)
	}
	return result.WriteTOML(c.out)
}

func (cmd *suggestCommand) find(ctx context.Context, c *console, o suggest.Options) (*suggest.Result, error) {
	if !cmd.Quiet {
		defer startProgress(c.err, o.Lines, o.Logs.Stats).end()
	}
	return suggest.Run(ctx, o)
}
