// Package tap is the command tap.
package tap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type tapCommand struct {
	command.Remote
	Workload  string
	Container string
	Stream    string
	Rule      string
	Match     string
	Hits      bool
	Limit     int
	Colour    string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &tapCommand{Colour: "auto"}
	c := &cobra.Command{
		Use: "tap", Short: "Watch records pass through a running instance, with the decision for each.", Args: command.Arguments(),
		Long: "Watch records pass through a running instance. Each record is one line with time, source, decision and text, or with -o json an object.\n\nRecords are shown as they are evaluated, until " +
			"Ctrl-C. If they come faster than this command reads, some are skipped and counted.",
		Example: "  docker-fluentbit tap --workload 'shop/*'\n  docker-fluentbit tap --hits --rule http-5xx -o json\n  docker-fluentbit tap --match '(?i)timeout' -n 20",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Workload, "workload", "", "GLOB", "Records of these workloads.")
	f.Text(&cmd.Container, "container", "", "GLOB", "Records of these containers.")
	f.Text(&cmd.Stream, "stream", "", "NAME", "Records of stdout, or of stderr.").Complete(cobra.FixedCompletions([]string{"stdout", "stderr"}, cobra.ShellCompDirectiveNoFileComp))
	f.Text(&cmd.Rule, "rule", "", "GLOB", "Records that are hits of these rules.").Names("rule")
	f.Text(&cmd.Match, "match", "", "REGEXP", "Records whose line matches.")
	f.Switch(&cmd.Hits, "hits", "", "Records that are hits of any rule.")
	f.Number(&cmd.Limit, "limit", "n", "N", "Stop after this many records.")
	f.Choice(&cmd.Colour, "color", "", []string{"auto", "always", "never"}, "When to use colours; auto: on a terminal only.")
	cmd.Add(f)
	return c
}

const tapPath = "/api/v1/tap"

// errEnough ends a stream.
var errEnough = errors.New("enough")

// run shows records as they pass.
func (cmd *tapCommand) run(c *command.Env) error {
	if cmd.Limit < 0 {
		return fmt.Errorf("--limit: %d must not be negative", cmd.Limit)
	}
	query := url.Values{}
	for name, value := range map[string]string{"workload": cmd.Workload, "container": cmd.Container, "stream": cmd.Stream, "rule": cmd.Rule, "match": cmd.Match} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if cmd.Hits {
		query.Set("hits", "true")
	}
	colour := cmd.Colour == "always" || cmd.Colour == "auto" && command.IsTerminal(c.Out)
	seen := 0
	err := cmd.With(c, func(ctx context.Context, api *client.Client) error {
		return api.Stream(ctx, client.Request{Path: tapPath, Query: query}, func(e client.Event) error {
			if err := cmd.show(c, e, colour); err != nil {
				return err
			}
			if e.Name != "record" {
				return nil
			}
			if seen++; seen == cmd.Limit {
				return errEnough
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// show writes one event.
func (cmd *tapCommand) show(c *command.Env, e client.Event, colour bool) error {
	switch {
	case e.Name == "missed":
		var missed struct{ Missed int64 }
		if err := json.Unmarshal(e.Data, &missed); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.Err, "docker-fluentbit: %s skipped, because they came too fast\n", quantity.Plural(missed.Missed, "record"))
		return err
	case e.Name != "record":
		return nil // of a newer server
	case cmd.Output == "json":
		_, err := fmt.Fprintf(c.Out, "%s\n", bytes.TrimSpace(e.Data))
		return err
	}
	var r adminapi.TapRecord
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return fmt.Errorf("cannot read a record: %w", err)
	}
	_, err := fmt.Fprintln(command.Terminal(c.Out), tapLine(&r, colour))
	return err
}

// The colours.
const (
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	plain  = "\x1b[0m"
)

// tapLine returns a record as one line. Nothing in it steers a terminal but its own colours.
func tapLine(r *adminapi.TapRecord, colour bool) string {
	paint := func(with, text string) string {
		if !colour || text == "" {
			return text
		}
		return with + text + plain
	}
	where := r.Workload
	if r.Container != "" && r.Container != r.Workload {
		where += " " + r.Container
	}
	if r.Stream != "" {
		where += " [" + r.Stream + "]"
	}
	var decisions []string
	for _, d := range r.Decisions {
		with := yellow
		if d.Outcome == "alert" {
			with = bold + red
		}
		decisions = append(decisions, paint(with, safetext.Visible(d.Rule)+": "+strings.ReplaceAll(safetext.Visible(d.Outcome), "_", " ")))
	}
	decision := paint(dim, "no hit")
	if len(decisions) > 0 {
		decision = strings.Join(decisions, ", ")
	}
	return paint(dim, r.Time.Local().Format("15:04:05.000")) + " " + paint(green, safetext.Visible(where)) + " " + decision + " | " + safetext.Visible(r.Text)
}
