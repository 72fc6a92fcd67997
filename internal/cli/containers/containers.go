// Package containers is the command containers.
package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type containersCommand struct {
	command.Remote

	Left bool
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &containersCommand{}
	c := &cobra.Command{
		Use: "containers", Short: "List the containers, whether each is followed, and why not.", Args: command.Arguments(),
		Long:    "List all containers of the engine that a running \"docker-fluentbit run\" watches.\n\nShows for each whether it is followed, or why not, its workload, and its lines, hits and joined lines of stack traces since the start.",
		Example: "  docker-fluentbit containers\n  docker-fluentbit containers --left-out\n  docker exec CONTAINER docker-fluentbit containers",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Switch(&cmd.Left, "left-out", "", "Only containers that are not followed, or whose logs cannot be read.")
	cmd.Add(f)
	return c
}

// run lists the containers.
func (cmd *containersCommand) run(c *command.Env) error {
	return cmd.With(c, func(ctx context.Context, api *client.Client) error {
		all := []adminapi.Container{}
		for query := (url.Values{"limit": {"1000"}}); ; {
			var page adminapi.ContainersResponse
			if _, err := api.Do(ctx, client.Request{Path: "/api/v1/containers", Query: query}, &page); err != nil {
				return err
			}
			for _, one := range page.Containers {
				if !cmd.Left || !one.Followed || one.Reason != "" {
					all = append(all, one)
				}
			}
			if page.Next == "" {
				break
			}
			query.Set("cursor", page.Next)
		}
		if cmd.Output == "json" {
			body, err := json.Marshal(adminapi.ContainersResponse{Containers: all})
			if err != nil {
				return err
			}
			return c.JSON(body)
		}
		if len(all) == 0 {
			c.Printf("no containers\n")
			return nil
		}
		rows := make([]string, len(all))
		for i, one := range all {
			followed := "no: " + one.Reason
			if one.Followed {
				followed = command.OrDash(one.State)
				if one.Reason != "" {
					followed += ": " + one.Reason
				}
			}
			rows[i] = fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s", command.OrDash(safetext.Visible(one.Name)), command.OrDash(safetext.Visible(one.Workload)), command.OrDash(safetext.Visible(one.Engine)),
				one.Lines, one.Hits, one.JoinedLines, c.When(one.LastLine), safetext.Visible(followed))
		}
		return c.Table("CONTAINER\tWORKLOAD\tENGINE\tLINES\tHITS\tJOINED\tLAST LINE\tFOLLOWED", rows)
	})
}
