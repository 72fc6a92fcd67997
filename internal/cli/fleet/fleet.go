// Package fleet is the commands for the fleet of a running instance.
package fleet

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

const path = "/api/v1/fleet"

// New returns the command.
func New(env *command.Env) *cobra.Command {
	return command.Group(&cobra.Command{Use: "fleet", Short: "Look at the fleet that a running instance is in."}, newStatus(env), newWindows(env), newClose(env))
}

func newStatus(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "status", Short: "Show the nodes of the fleet, and the account of its hits.", Args: command.Arguments(), Example: "  docker-fluentbit fleet status",
		Long: "Show the nodes of the fleet, and the account of its hits.\n\nThe exit code is 1 if the engine does not answer, or if it lost hits.",
		RunE: func(*cobra.Command, []string) error {
			var s adminapi.FleetResponse
			err := command.Ask(env, &r, client.Request{Path: path}, func(got *adminapi.FleetResponse) error {
				s = *got
				return write(env, &s)
			})
			if err == nil && (s.Error != "" || s.Lost > 0) {
				return &command.Error{Code: command.Findings}
			}
			return err
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}

// write writes what the fleet is doing.
func write(c *command.Env, s *adminapi.FleetResponse) error {
	state := "the engine answers"
	if s.Error != "" {
		state = s.Error
	} else if !s.Up {
		state = "the engine does not answer: " + command.OrDash(s.Reason)
	}
	rows := []string{
		fmt.Sprintf("node\t%s\t%s", safetext.Visible(s.Node), safetext.Visible(state)),
		fmt.Sprintf("windows\t%d\tcooldowns of incidents", s.Windows),
		fmt.Sprintf("given\t%d\thits, of all nodes", s.Given),
		fmt.Sprintf("reported\t%d\tof them, by roll-ups", s.Reported),
		fmt.Sprintf("unreported\t%d\tof them, until the next roll-up", s.Unreported),
		fmt.Sprintf("lost\t%d\tof them, with the engine's data", s.Lost),
		fmt.Sprintf("outbox\t%d\thits that this node has not given yet", s.Outbox),
		fmt.Sprintf("alone\t%d\talerts of this node without an answer %s", sum(s.Alone), command.Sums(s.Alone)),
	}
	if err := c.Table("FLEET "+safetext.Visible(s.Namespace)+"\t\t", rows); err != nil || len(s.Members) == 0 {
		return err
	}
	rows = rows[:0]
	for _, m := range s.Members {
		keeper := "-"
		if m.Keeper {
			keeper = "keeper"
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", safetext.Visible(m.Node), command.OrDash(safetext.Visible(m.Version)), seconds(m.Age), keeper))
	}
	c.Printf("\n")
	return c.Table("NODE\tVERSION\tLAST SEEN\tROLE", rows)
}

func sum(counts map[string]int64) (n int64) {
	for _, one := range counts {
		n += one
	}
	return n
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

type windowsCommand struct {
	command.Remote
	Rule string
}

func newWindows(env *command.Env) *cobra.Command {
	cmd := &windowsCommand{}
	c := &cobra.Command{
		Use: "windows [KEY]", Short: "List the cooldowns of the fleet's incidents.", Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  docker-fluentbit fleet windows --rule 'db-*'",
		RunE: func(_ *cobra.Command, keys []string) error {
			return command.Ask(env, &cmd.Remote, client.Request{Path: path + "/windows"}, func(list *adminapi.FleetWindowsResponse) error {
				var rows []string
				for i := range list.Windows {
					w := &list.Windows[i]
					if cmd.Rule != "" && !glob.Match(cmd.Rule, w.Rule) || len(keys) > 0 && keys[0] != w.Key {
						continue
					}
					lead := command.OrDash(safetext.Visible(w.Lead))
					if w.Waiting {
						lead += " (not delivered yet)"
					}
					rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d", w.Key, safetext.Visible(w.Rule), command.OrDash(safetext.Visible(w.Workload)), lead,
						seconds(w.Left), w.Unreported, w.Nodes))
				}
				if len(rows) == 0 {
					env.Printf("no windows\n")
					return nil
				}
				return env.Table("KEY\tRULE\tWORKLOAD\tALERTED\tLEFT\tUNREPORTED\tNODES", rows)
			})
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Rule, "rule", "", "GLOB", "Rules with this name.").Names("rule")
	cmd.Add(f)
	return c
}

func newClose(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "close KEY…", Short: "Close windows of the fleet: the next hit alerts.", Args: command.Arguments("KEY…"), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  docker-fluentbit fleet close 9f86d081884c7d659a2feaa0c55ad015",
		RunE: func(_ *cobra.Command, keys []string) error {
			return r.With(env, func(ctx context.Context, api *client.Client) error {
				for _, key := range keys {
					answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: path + "/windows" + client.Path(key) + "/close"}, nil)
					if err != nil {
						return err
					}
					if err := r.Done(env, answer, "%s closed", key); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}
