// Package audit is the command audit.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type auditCommand struct {
	command.Recent
	Workload string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &auditCommand{Recent: command.Recent{Limit: 50}}
	c := &cobra.Command{
		Use: "audit", Short: "Show the changes made through the API, and who made them.", Args: command.Arguments(),
		Long: "Show the most recent changes made through the API, oldest first: who made each one, and the settings before and after it.\n\nThe command asks the running instance. With --store it reads " +
			"the file of the store instead, which has the changes of all instances that share it.",
		Example: "  docker-fluentbit audit --since 24h\n  docker-fluentbit audit --store /var/lib/fluentbit-trigger/ops.db -o json",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Workload, "workload", "", "GLOB", "Only changes for workloads that match this glob.")
	cmd.Add(f, "changes", "made")
	return c
}

// entry is a change. The fields are those of the API; the instance is known from a store.
type entry struct {
	Seq      int64           `json:"seq"`
	Time     time.Time       `json:"time"`
	Instance string          `json:"instance,omitempty"`
	Who      string          `json:"who"`
	Action   string          `json:"action"`
	Kind     string          `json:"kind"`
	Workload string          `json:"workload,omitempty"`
	Name     string          `json:"name"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

// run lists changes.
func (cmd *auditCommand) run(env *command.Env) error {
	h := command.History[entry]{
		Name: "audit",
		Store: func(ctx context.Context, s *store.Store, before int64, limit int) ([]entry, error) {
			page, err := s.Audit(ctx, "", before, limit)
			out := make([]entry, len(page))
			for i := range page {
				e := &page[i]
				out[i] = entry{e.Seq, e.Time.UTC(), e.Instance, e.Who, e.Action, e.Kind, e.Scope, e.Name, e.Before, e.After}
			}
			return out, err
		},
		Seq: func(e *entry) int64 { return e.Seq }, Time: func(e *entry) int64 { return e.Time.UnixNano() },
		Match: func(e *entry) bool { return cmd.Workload == "" || glob.Match(cmd.Workload, e.Workload) },
		Print: func(e *entry) error { return cmd.print(env, e) },
	}
	return h.Run(env, &cmd.Recent)
}

// print writes one change: as an object in a line, or as a line with the settings below.
func (cmd *auditCommand) print(env *command.Env, e *entry) error {
	if cmd.Output == "json" {
		return json.NewEncoder(env.Out).Encode(e)
	}
	_, err := fmt.Fprint(env.Out, e.Time.Local().Format(time.DateTime), "  ", e.words(), "\n")
	return err
}

// words returns a change in words.
func (e *entry) words() string {
	text := strings.Join(slices.DeleteFunc([]string{e.Instance, e.Who, e.Action + " " + e.Kind, e.Workload, e.Name}, func(s string) bool { return s == "" }), "  ")
	if e.Before != nil {
		text += "\n    before  " + string(e.Before)
	}
	if e.After != nil {
		text += "\n    after   " + string(e.After)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = safetext.Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}
