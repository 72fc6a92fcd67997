package main

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

type triggerCommand struct {
	Test triggerTestCommand `cmd:"" help:"Send a test alert through a trigger, and tell how it went."`
}

type triggerTestCommand struct {
	Name  string   `arg:"" complete:"trigger" help:"The trigger's name."`
	Files []string `short:"c" name:"config" required:"" env:"FLUENTBIT_TRIGGER_CONFIG" help:"TOML files, folders or globs."`
}

// Help gives an example.
func (triggerTestCommand) Help() string {
	return "Example: docker-fluentbit trigger test ops -c /etc/fluent-bit/rules.toml\n\nThe payload is real, of kind test, and takes the very way of any alert: the same client, signature and egress guard. " +
		"It is sent from here, with what the files say; \"docker-fluentbit triggers test\" has a running instance send it instead."
}

// Run sends the test alert.
func (cmd *triggerTestCommand) Run(c *console) error {
	result := config.Load(config.Sources{Files: cmd.Files})
	for i := range result.Problems {
		_, _ = fmt.Fprintln(c.err, result.Problems[i].Error())
	}
	s := &result.Settings
	at := slices.IndexFunc(s.Triggers, func(t trigger.Settings) bool { return t.Name == cmd.Name })
	if at < 0 {
		return &codeError{exitUsage, fmt.Sprintf("no usable trigger is named %q: %s", cmd.Name, named(s.Triggers))}
	}
	client, err := trigger.New(s.Triggers[at], trigger.Deps{Egress: s.Egress, UserAgent: "fluentbit-trigger/" + version})
	if err != nil {
		return &codeError{exitRules, err.Error()}
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	sent := client.Test(ctx)
	c.printf("trigger %q: %s\n", cmd.Name, sent)
	if sent.Detail != "" {
		c.printf("the answer begins with %q\n", sent.Detail)
	}
	if sent.Outcome != trigger.Delivered {
		return &codeError{code: exitFindings}
	}
	return nil
}

// named tells which triggers there are.
func named(triggers []trigger.Settings) string {
	if len(triggers) == 0 {
		return "there are none"
	}
	names := make([]string, len(triggers))
	for i := range triggers {
		names[i] = triggers[i].Name
	}
	return "there is " + strings.Join(names, ", ")
}
