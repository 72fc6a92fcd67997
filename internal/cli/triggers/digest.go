package triggers

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

func newDigest(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "digest NAME", Short: "Show the digest that a trigger would send now.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "trigger"),
		Long: "Show the digest that a trigger would send now: what happened since its last one, or, if it sends none, since the instance started. Nothing is sent, and the next digest " +
			"is the same as without this command.",
		Example: "  docker-fluentbit triggers digest ops",
		RunE: func(_ *cobra.Command, args []string) error {
			request := client.Request{Method: http.MethodGet, Path: command.TriggerKind.Path + client.Path(args[0]) + "/digest"}
			return command.Ask(env, &r, request, func(d *adminapi.DigestResponse) error {
				for line := range strings.SplitSeq(d.Message, "\n") {
					env.Printf("%s\n", safetext.Visible(line))
				}
				return nil
			})
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}
