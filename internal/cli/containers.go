package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type containersCommand struct {
	remote

	Left bool `name:"left-out" help:"Only those that are not followed, or whose logs cannot be read."`
}

// Help says what is listed.
func (containersCommand) Help() string {
	return "Lists every container of the engine that a running \"docker-fluentbit run\" follows: whether it is followed and why not, its workload, and its lines and hits since the " +
		"start.\n\nExamples:\n  docker-fluentbit containers\n  docker-fluentbit containers --left-out\n  docker exec CONTAINER docker-fluentbit containers"
}

// Run lists the containers.
func (cmd *containersCommand) Run(c *console) error {
	return cmd.with(func(ctx context.Context, api *client.Client) error {
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
			return c.json(body)
		}
		if len(all) == 0 {
			c.printf("there are none\n")
			return nil
		}
		rows := make([]string, len(all))
		for i, one := range all {
			followed := "no: " + one.Reason
			if one.Followed {
				followed = orDash(one.State)
				if one.Reason != "" {
					followed += ": " + one.Reason
				}
			}
			rows[i] = fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%s\t%s", orDash(safetext.Visible(one.Name)), orDash(safetext.Visible(one.Workload)), orDash(safetext.Visible(one.Engine)),
				one.Lines, one.Hits, when(one.LastLine), safetext.Visible(followed))
		}
		return c.table("CONTAINER\tWORKLOAD\tENGINE\tLINES\tHITS\tLAST LINE\tFOLLOWED", rows)
	})
}
