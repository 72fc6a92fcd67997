package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

type triggersCommand struct {
	List   triggersListCommand   `cmd:"" help:"List the triggers in force, with their state."`
	Show   triggersShowCommand   `cmd:"" help:"Show a trigger as it would stand in a file, without its secrets."`
	Add    triggersAddCommand    `cmd:"" help:"Make a trigger, in force at once."`
	Edit   triggersEditCommand   `cmd:"" help:"Change settings of a trigger that was made here."`
	Delete triggersDeleteCommand `cmd:"" help:"Delete a trigger that was made here."`
	Test   triggersTestCommand   `cmd:"" help:"Have the instance send a test alert, and tell how it went."`
}

// Help says what these are for, and what "trigger test" is.
func (triggersCommand) Help() string {
	return "These commands speak to a running instance: a test is sent by it, from where it runs, with the settings in force. \"docker-fluentbit trigger test\" needs no " +
		"instance: it reads files, and sends from here."
}

type triggersListCommand struct {
	remote
}

// Help gives an example.
func (triggersListCommand) Help() string { return "Example: docker-fluentbit triggers list" }

type triggerItem struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	origin
}

// Run lists triggers.
func (cmd *triggersListCommand) Run(c *console) error {
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		list, err := all[triggerItem](ctx, c, &cmd.remote, api, triggerKind)
		if err != nil || cmd.Output == "json" {
			return err
		}
		var stats adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: statsPath}, &stats); err != nil {
			return err
		}
		states := map[string]*adminapi.TriggerStats{}
		for i := range stats.Triggers {
			states[stats.Triggers[i].Name] = &stats.Triggers[i]
		}
		if len(list) == 0 {
			c.printf("there are no triggers\n")
			return nil
		}
		var rows []string
		for _, t := range list {
			s := states[t.Name]
			if s == nil {
				s = &adminapi.TriggerStats{}
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%s\t%s", safetext.Visible(t.Name), orDash(t.Format), s.Pending, s.Sent, s.Dead, triggerWords(s), safetext.Visible(t.from())))
		}
		return c.table("TRIGGER\tFORMAT\tPENDING\tSENT\tDEAD\tSTATE\tFROM", rows)
	})
}

type triggersShowCommand struct {
	remote
	Name string `arg:"" complete:"trigger" help:"The trigger's name."`
}

// Help gives an example.
func (triggersShowCommand) Help() string { return "Example: docker-fluentbit triggers show ops" }

// Run shows a trigger.
func (cmd *triggersShowCommand) Run(c *console) error {
	return ask(c, &cmd.remote, client.Request{Path: triggerKind.path + client.Path(cmd.Name)}, func(o *map[string]json.RawMessage) error { return c.settings(triggerKind, *o) })
}

type triggersAddCommand struct {
	remote
	addition
}

// Help gives examples.
func (triggersAddCommand) Help() string {
	return "Others on this machine can read a command line: an address that is a secret belongs into a file, or is named by url_file or url_env.\n\n" +
		"Examples:\n  docker-fluentbit triggers add ops -s url_file=/run/secrets/slack_url -s format=slack -s 'severity=[\"error\", \"critical\"]'\n" +
		"  docker-fluentbit triggers add -f triggers.toml"
}

// Run adds triggers.
func (cmd *triggersAddCommand) Run(c *console) error {
	return triggerKind.add(c, &cmd.remote, &cmd.addition)
}

type triggersEditCommand struct {
	remote
	Name string `arg:"" complete:"trigger" help:"The trigger's name."`
	edition
}

// Help gives an example.
func (triggersEditCommand) Help() string {
	return "What is not named stays as it is, secrets too. A trigger that somebody else changed at the same moment is left alone.\n\n" +
		"Example: docker-fluentbit triggers edit ops -s 'severity=[\"critical\"]' -u group_by"
}

// Run changes a trigger.
func (cmd *triggersEditCommand) Run(c *console) error {
	return triggerKind.edit(c, &cmd.remote, cmd.Name, &cmd.edition)
}

type triggersDeleteCommand struct {
	remote
	Name string `arg:"" complete:"trigger" help:"The trigger's name."`
}

// Help gives an example.
func (triggersDeleteCommand) Help() string { return "Example: docker-fluentbit triggers delete ops" }

// Run deletes a trigger.
func (cmd *triggersDeleteCommand) Run(c *console) error {
	return triggerKind.remove(c, &cmd.remote, cmd.Name)
}

type triggersTestCommand struct {
	remote `set:"timeout=65s"` // longer than the instance waits for the target, so that it is the one that tells
	Name   string              `arg:"" complete:"trigger" help:"The trigger's name."`
}

// Help says how it differs from trigger test.
func (triggersTestCommand) Help() string {
	return "The running instance sends the alert: its network, its secrets, its settings in force. To try files before they are used, from here and without an instance, " +
		"see \"docker-fluentbit trigger test\". A target that is silent is waited for as long as its timeout and its retries say, and 50 s at most.\n\n" +
		"Example: docker-fluentbit triggers test ops"
}

// Run has a test alert sent.
func (cmd *triggersTestCommand) Run(c *console) error {
	delivered := true
	request := client.Request{Method: http.MethodPost, Path: triggerKind.path + client.Path(cmd.Name) + "/test"}
	err := ask(c, &cmd.remote, request, func(t *adminapi.TriggerTestResponse) error {
		delivered = t.Outcome == trigger.Delivered.String()
		c.printf("trigger %q: %s", cmd.Name, safetext.Visible(t.Outcome))
		if t.Detail != "" {
			c.printf(": %s", safetext.Visible(t.Detail))
		}
		took := time.Duration(t.TookMS * float64(time.Millisecond)).Round(time.Millisecond)
		c.printf(" (%s, %s)\n", plural(t.Attempts, "attempt"), took)
		return nil
	})
	if err == nil && !delivered {
		return &codeError{code: exitFindings}
	}
	return err
}
