// Package page is the command page.
package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type pageCommand struct {
	command.Remote

	At string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &pageCommand{}
	c := &cobra.Command{
		Use: "page", Short: "Print a link that logs a browser in to the page of a running instance.", Args: command.Arguments(),
		Long: "Print a link that logs a browser in to the page of a running instance.\n\nThe link works once, within ten minutes. This command does not open it, because other " +
			"users of the machine could read the link from the arguments of the browser.",
		Example: "  docker-fluentbit page\n  docker exec CONTAINER docker-fluentbit page\n  docker exec CONTAINER docker-fluentbit page --at http://nas:3000",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.At, "at", "", "URL", "Address for the browser if it differs from --url, such as that of a published port or a proxy.")
	cmd.Add(f)
	return c
}

// run prints a link.
func (cmd *pageCommand) run(c *command.Env) error {
	base := cmd.At
	if base == "" {
		address, _ := cmd.Address(c)
		if strings.HasPrefix(address, "unix:") {
			return fmt.Errorf("a browser cannot open %s: --at must be the address of a proxy to it", address)
		}
		base = address
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--at: must be an address such as http://nas:3000, not %q", base)
	}
	return cmd.With(c, func(ctx context.Context, api *client.Client) error {
		var code adminapi.LoginCodeResponse
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/api/v1/login-codes", Everywhere: true}, &code)
		if err != nil {
			return err
		}
		return cmd.Done(c, answer, "%s", listen.Link(base, safetext.Visible(code.Code)))
	})
}
