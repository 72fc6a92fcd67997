package main

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

type checkCommand struct {
	Files []string `arg:"" help:"TOML files, folders or globs, combined as config_file does."`
	Costs bool     `help:"Show how each rule is filtered, and what it costs a line."`
}

// Help gives an example.
func (checkCommand) Help() string {
	return "Example: docker-fluentbit check /etc/fluent-bit/rules.d\n\nEvery problem is one line: file, line, rule, field, value, and what is wrong."
}

// Run checks the files with the code that the plugin loads them with.
func (cmd *checkCommand) Run(c *console) error {
	result := config.Load(config.Sources{Files: cmd.Files})
	for i := range result.Problems {
		c.printf("%s\n", result.Problems[i].Error())
	}
	s := &result.Settings
	snapshot, err := engine.New().Compile(s.Engine())
	if err != nil {
		return err
	}
	costs := snapshot.Costs()
	for i := range s.Rules {
		cost, filtered := costs[s.Rules[i].Name]
		switch {
		case filtered && (cmd.Costs || cost.Filter == match.Always):
			c.printf("rule %q: filter %s, about %.0f ns a line: %s\n", s.Rules[i].Name, cost.Filter, cost.EstimatedNsPerLine, cost.Detail)
		case !filtered && cmd.Costs:
			c.printf("rule %q: no text to filter by: its fields are looked at in every line\n", s.Rules[i].Name)
		}
	}
	switch {
	case result.Unusable():
		return &codeError{exitUsage, plural(len(result.Problems), "problem") + ", and not everything could be read"}
	case len(result.Problems) > 0:
		return &codeError{exitRules, plural(len(result.Problems), "problem")}
	}
	c.printf("fine: %s, %s, %s\n", plural(len(s.Rules), "rule"), plural(len(s.Workloads), "workload"), plural(len(s.Triggers), "trigger"))
	return nil
}
