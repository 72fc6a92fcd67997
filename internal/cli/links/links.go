// Package links is the command links.
package links

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	c := &cobra.Command{Use: "links", Short: "Manage the links in messages."}
	command.Group(c, newRotate(env))
	return c
}

func newRotate(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "rotate", Short: "Replace the key of the links in messages.", Args: command.Arguments(),
		Long:    "Replace the key of the links by which messages silence their incident: no link that was sent before works any more. Silences that links created stay.",
		Example: "  docker-fluentbit links rotate\n  docker exec CONTAINER docker-fluentbit links rotate",
		RunE: func(*cobra.Command, []string) error {
			return r.With(env, func(ctx context.Context, api *client.Client) error {
				answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/api/v1/links/rotate"}, nil)
				if err != nil {
					return err
				}
				return r.Done(env, answer, "links that were sent before do not work any more")
			})
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}
