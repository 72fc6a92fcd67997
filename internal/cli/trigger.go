package cli

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"syscall"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

type triggerCommand struct {
	Test triggerTestCommand `cmd:"" help:"Send a test alert through a trigger, and tell how it went."`
}

type triggerTestCommand struct {
	Name  string   `arg:"" complete:"trigger" help:"The trigger's name."`
	Files []string `short:"c" name:"config" required:"" env:"FLUENTBIT_TRIGGER_CONFIG" help:"TOML files, folders or globs; configurations of Fluent Bit (*.conf, *.yaml)."`
}

// Help gives an example.
func (triggerTestCommand) Help() string {
	return "Example: docker-fluentbit trigger test ops -c /etc/fluent-bit/rules.toml\n\nThe payload is real, of kind test, and takes the very way of any alert: the same client, signature and egress guard. " +
		"It is sent from here, with what the files say; \"docker-fluentbit triggers test\" has a running instance send it instead."
}

// Run sends the test alert.
func (cmd *triggerTestCommand) Run(c *console) error {
	var names []string
	var found []*config.Settings
	for _, result := range lint.Load(cmd.Files, nil) {
		for i := range result.Problems {
			_, _ = fmt.Fprintln(c.err, result.Problems[i].Error())
		}
		for i := range result.Settings.Triggers {
			names = append(names, result.Settings.Triggers[i].Name)
			if names[len(names)-1] == cmd.Name {
				found = append(found, &result.Settings)
			}
		}
	}
	switch {
	case len(found) == 0:
		return &codeError{exitUsage, noTrigger(cmd.Name, names)}
	case len(found) > 1:
		return &codeError{exitUsage, fmt.Sprintf("%d configurations have a trigger named %q: name one of them only", len(found), cmd.Name)}
	}
	s := found[0]
	at := slices.IndexFunc(s.Triggers, func(t trigger.Settings) bool { return t.Name == cmd.Name })
	sender, err := client.New(s.Triggers[at], client.Deps{Egress: s.Egress, UserAgent: "fluentbit-trigger/" + version})
	if err != nil {
		return &codeError{exitRules, err.Error()}
	}
	defer sender.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	sent := sender.Test(ctx)
	c.printf("trigger %q: %s\n", cmd.Name, sent)
	if sent.Detail != "" {
		c.printf("the answer begins with %q\n", sent.Detail)
	}
	if sent.Outcome != trigger.Delivered {
		return &codeError{code: exitFindings}
	}
	return nil
}
