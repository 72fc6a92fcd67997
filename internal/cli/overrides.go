package cli

import (
	"context"
	"errors"
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
)

type rulesOverrideCommand struct {
	remote
	Name     string   `arg:"" complete:"rule" help:"The global rule's name."`
	Workload string   `required:"" placeholder:"GLOB" help:"For the workloads of this glob."`
	Set      []string `short:"s" placeholder:"KEY=VALUE" sep:"none" help:"A setting, as in a file; a text needs no quotes."`
	Unset    []string `short:"u" placeholder:"KEY" help:"A setting that is the global rule's again."`
	Remove   bool     `help:"Take the whole override back."`
}

// Help gives examples.
func (rulesOverrideCommand) Help() string {
	return "Examples:\n  docker-fluentbit rules override http-5xx --workload 'staging/*' -s cooldown=1h\n  docker-fluentbit rules override http-5xx --workload 'staging/*' --remove"
}

// Run makes, changes or removes an override.
func (cmd *rulesOverrideCommand) Run(c *console) error {
	k := kind{"override", workloadsPath + client.Path(cmd.Workload, "overrides")}
	switch {
	case cmd.Remove && len(cmd.Set)+len(cmd.Unset) > 0:
		return errors.New("--remove takes the whole override back: no --set or --unset goes with it")
	case cmd.Remove:
		return k.remove(c, &cmd.remote, cmd.Name)
	case len(cmd.Set)+len(cmd.Unset) == 0:
		return errors.New("say what to change: --set KEY=VALUE or --unset KEY, or --remove")
	}
	there := true
	err := cmd.with(func(ctx context.Context, api *client.Client) error {
		_, err := api.Do(ctx, client.Request{Path: k.path + client.Path(cmd.Name)}, nil)
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
		return k.edit(c, &cmd.remote, cmd.Name, &edition{cmd.Set, cmd.Unset})
	}
	return cmd.create(c, k)
}

// create makes an override where there is none.
func (cmd *rulesOverrideCommand) create(c *console, k kind) error {
	body := map[string]any{"rule": cmd.Name}
	for _, assignment := range cmd.Set {
		if err := put(body, assignment); err != nil {
			return err
		}
	}
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: k.path, Body: body}, nil)
		if err != nil {
			return err
		}
		return cmd.done(c, answer, "rule %q is overridden for %s", cmd.Name, cmd.Workload)
	})
}

type rulesDisableCommand struct {
	remote
	Name     string `arg:"" complete:"rule" help:"The global rule's name."`
	Workload string `required:"" placeholder:"GLOB" help:"For the workloads of this glob."`
}

// Help gives an example.
func (rulesDisableCommand) Help() string {
	return "Example: docker-fluentbit rules disable go-panic --workload 'staging/*'"
}

// Run turns a rule off.
func (cmd *rulesDisableCommand) Run(c *console) error {
	return cmd.disabled(c, http.MethodPut, cmd.Workload, cmd.Name, "off")
}

type rulesEnableCommand struct {
	remote
	Name     string `arg:"" complete:"rule" help:"The global rule's name."`
	Workload string `required:"" placeholder:"GLOB" help:"For the workloads of this glob."`
}

// Help gives an example.
func (rulesEnableCommand) Help() string {
	return "Example: docker-fluentbit rules enable go-panic --workload 'staging/*'"
}

// Run takes back that a rule is off.
func (cmd *rulesEnableCommand) Run(c *console) error {
	return cmd.disabled(c, http.MethodDelete, cmd.Workload, cmd.Name, "as it is elsewhere")
}

func (r *remote) disabled(c *console, method, workload, name, now string) error {
	return r.with(func(ctx context.Context, api *client.Client) error {
		answer, err := api.Do(ctx, client.Request{Method: method, Path: workloadsPath + client.Path(workload, "disabled", name)}, nil)
		if err != nil {
			return err
		}
		return r.done(c, answer, "rule %q is %s for %s", name, now, workload)
	})
}
