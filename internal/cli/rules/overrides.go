package rules

import (
	"context"
	"errors"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
)

type overrideCommand struct {
	command.Remote
	Name     string
	Workload string
	Set      []string
	Unset    []string
	Remove   bool
}

func newOverride(env *command.Env) *cobra.Command {
	cmd := &overrideCommand{}
	c := &cobra.Command{
		Use: "override NAME", Short: "Change settings of a global rule for some workloads.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		Example: "  docker-fluentbit rules override http-5xx --workload 'staging/*' -s cooldown=1h\n  docker-fluentbit rules override http-5xx --workload 'staging/*' --remove",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Name = args[0]
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Workload, "workload", "", "GLOB", "The workloads, as a glob.").Required()
	f.Texts(&cmd.Set, "set", "s", "KEY=VALUE", "A setting, as in a file; a text needs no quotes.")
	f.List(&cmd.Unset, "unset", "u", "KEY", "Use the value of the global rule for this setting again.")
	f.Switch(&cmd.Remove, "remove", "", "Remove the override.")
	cmd.Add(f)
	return c
}

// run makes, changes or removes an override.
func (cmd *overrideCommand) run(c *command.Env) error {
	k := command.Kind{Noun: "override", Path: command.WorkloadsPath + client.Path(cmd.Workload, "overrides")}
	switch {
	case cmd.Remove && len(cmd.Set)+len(cmd.Unset) > 0:
		return errors.New("--remove removes the whole override, so --set and --unset cannot be used with it")
	case cmd.Remove:
		return k.Remove(c, &cmd.Remote, cmd.Name)
	case len(cmd.Set)+len(cmd.Unset) == 0:
		return errors.New("nothing to change: must have --set KEY=VALUE, --unset KEY or --remove")
	}
	there := true
	err := cmd.With(c, func(ctx context.Context, api *client.Client) error {
		_, err := api.Do(ctx, client.Request{Path: k.Path + client.Path(cmd.Name)}, nil)
		var problem *client.Problem
		if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
			there, err = false, nil
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case there:
		return k.Edit(c, &cmd.Remote, cmd.Name, &command.Edition{Set: cmd.Set, Unset: cmd.Unset})
	}
	return cmd.create(c, k)
}

// create makes a new override.
func (cmd *overrideCommand) create(c *command.Env, k command.Kind) error {
	body := map[string]any{"rule": cmd.Name}
	for _, assignment := range cmd.Set {
		if err := command.Put(body, assignment); err != nil {
			return err
		}
	}
	return cmd.With(c, func(ctx context.Context, api *client.Client) error {
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: k.Path, Body: body}, nil)
		if err != nil {
			return err
		}
		return cmd.Done(c, answer, "rule %q overridden for %s", cmd.Name, cmd.Workload)
	})
}

func newDisable(env *command.Env) *cobra.Command {
	c := disabling(env, http.MethodPut, "disabled")
	c.Use, c.Short, c.Example = "disable NAME", "Disable a global rule for some workloads.", "  docker-fluentbit rules disable go-panic --workload 'staging/*'"
	return c
}

func newEnable(env *command.Env) *cobra.Command {
	c := disabling(env, http.MethodDelete, "enabled")
	c.Use, c.Short, c.Example = "enable NAME", "Re-enable a global rule for some workloads.", "  docker-fluentbit rules enable go-panic --workload 'staging/*'"
	return c
}

// disabling returns a command that adds or removes the entry of a disabled rule. now is the state of the rule afterwards.
func disabling(env *command.Env, method, now string) *cobra.Command {
	var r command.Remote
	workload := ""
	c := &cobra.Command{
		Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		RunE: func(_ *cobra.Command, args []string) error {
			return r.With(env, func(ctx context.Context, api *client.Client) error {
				answer, err := api.Do(ctx, client.Request{Method: method, Path: command.WorkloadsPath + client.Path(workload, "disabled", args[0])}, nil)
				if err != nil {
					return err
				}
				return r.Done(env, answer, "rule %q %s for %s", args[0], now, workload)
			})
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&workload, "workload", "", "GLOB", "The workloads, as a glob.").Required()
	r.Add(f)
	return c
}
