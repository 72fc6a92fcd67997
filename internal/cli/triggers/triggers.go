// Package triggers is the commands for the triggers of a running instance, and the test of those in files.
package triggers

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	return command.Group(&cobra.Command{
		Use: "triggers", Short: "Manage and test the triggers of a running instance.",
		Long: "Manage and test the triggers of a running instance.\n\nTriggers from files can be shown here, but changed only in their files. Triggers that you add here are kept in the instance's store.",
	}, newList(env), newShow(env), newAdd(env), newEdit(env), newDelete(env), newTest(env), newDigest(env))
}

type listCommand struct {
	command.Remote
}

func newList(env *command.Env) *cobra.Command {
	cmd := &listCommand{}
	c := &cobra.Command{
		Use: "list", Short: "List the triggers in force, with their state.", Args: command.Arguments(),
		Example: "  docker-fluentbit triggers list",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	cmd.Add(command.FlagsOf(env, c))
	return c
}

type triggerItem struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	command.Origin
}

// run lists triggers.
func (cmd *listCommand) run(c *command.Env) error {
	return command.Show(c, &cmd.Remote, command.TriggerKind, "TRIGGER\tFORMAT\tPENDING\tSENT\tDEAD\tSTATE\tFROM",
		func(stats *adminapi.StatsResponse) func(*triggerItem) string {
			states := map[string]adminapi.TriggerStats{}
			for _, one := range stats.Triggers {
				states[one.Name] = one
			}
			return func(t *triggerItem) string {
				s := states[t.Name]
				return fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%s\t%s", safetext.Visible(t.Name), command.OrDash(t.Format), s.Pending, s.Sent, s.Dead, c.StateOf(&s), safetext.Visible(t.From()))
			}
		})
}

func newShow(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a trigger as TOML, without its secrets.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "trigger"),
		Example: "  docker-fluentbit triggers show ops",
		RunE: func(_ *cobra.Command, args []string) error {
			request := client.Request{Path: command.TriggerKind.Path + client.Path(args[0])}
			return command.Ask(env, &r, request, func(o *map[string]json.RawMessage) error { return env.WriteSettings(command.TriggerKind, *o) })
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}

func newAdd(env *command.Env) *cobra.Command {
	var r command.Remote
	var a command.Addition
	c := &cobra.Command{
		Use: "add [NAME]", Short: "Add a trigger, in force at once.", Args: command.Arguments("[NAME]"), ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Add a trigger, in force at once.\n\nOther users of this machine can read the command line, so do not write a secret URL there: use url_file, url_env or --file.",
		Example: "  docker-fluentbit triggers add ops -s url_file=/run/secrets/slack_url -s format=slack -s 'severity=[\"error\", \"critical\"]'\n" +
			"  docker-fluentbit triggers add -f triggers.toml",
		RunE: func(_ *cobra.Command, args []string) error {
			a.Name = command.Argument(args)
			return command.TriggerKind.Add(env, &r, &a)
		},
	}
	f := command.FlagsOf(env, c)
	a.Add(f)
	r.Add(f)
	return c
}

func newEdit(env *command.Env) *cobra.Command {
	var r command.Remote
	var e command.Edition
	c := &cobra.Command{
		Use: "edit NAME", Short: "Change settings of a runtime trigger.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "trigger"),
		Long:    "Change settings of a runtime trigger.\n\nSettings that you do not name stay as they are, secrets too. If somebody else changed the trigger at the same moment, nothing is changed.",
		Example: "  docker-fluentbit triggers edit ops -s 'severity=[\"critical\"]' -u group_by",
		RunE:    func(_ *cobra.Command, args []string) error { return command.TriggerKind.Edit(env, &r, args[0], &e) },
	}
	f := command.FlagsOf(env, c)
	e.Add(f)
	r.Add(f)
	return c
}

func newDelete(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a runtime trigger.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "trigger"),
		Example: "  docker-fluentbit triggers delete ops",
		RunE:    func(_ *cobra.Command, args []string) error { return command.TriggerKind.Remove(env, &r, args[0]) },
	}
	r.Add(command.FlagsOf(env, c))
	return c
}
