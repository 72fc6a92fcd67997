package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type pageCommand struct {
	remote

	At string `placeholder:"URL" help:"The address by which the browser calls, where that is not --url: of a published port, or a proxy."`
}

// Help says how long the link is good.
func (pageCommand) Help() string {
	return "The link logs one browser in, once, within ten minutes. It opens nothing: a browser that is started with the link shows it to all users of the machine.\n\n" +
		"Examples:\n  docker-fluentbit page\n  docker exec CONTAINER docker-fluentbit page\n  docker exec CONTAINER docker-fluentbit page --at http://nas:3000"
}

// Run prints a link.
func (cmd *pageCommand) Run(c *console) error {
	base := cmd.At
	if base == "" {
		address, _ := cmd.address()
		if strings.HasPrefix(address, "unix:") {
			return fmt.Errorf("no browser opens %s: --at says how it is reached, through a proxy", address)
		}
		base = address
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--at: must be an address such as http://nas:3000, not %q", base)
	}
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		var code adminapi.LoginCodeResponse
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/api/v1/login-codes", Everywhere: true}, &code)
		if err != nil {
			return err
		}
		return cmd.done(c, answer, "%s", listen.Link(base, safetext.Visible(code.Code)))
	})
}
