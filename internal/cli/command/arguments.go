package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Arguments returns a check for commands that take these arguments. One in brackets may be missing, and a last one with … may be repeated.
func Arguments(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		for i, name := range names {
			if i >= len(args) && !strings.HasPrefix(name, "[") {
				return &UsageError{"missing " + strings.TrimSuffix(name, "…")}
			}
		}
		if more := len(names) == 0 || !strings.Contains(names[len(names)-1], "…"); more && len(args) > len(names) {
			return &UsageError{fmt.Sprintf("unexpected argument %q", args[len(names)])}
		}
		return nil
	}
}

// Argument returns an optional argument, "" where it is missing.
func Argument(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// Group makes a command of one that has nothing to do but to hold others.
func Group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.AddCommand(commands...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error { return unknownCommand(c, args) }
	return c
}

// unknownCommand is the error for a command line that ends at a group.
func unknownCommand(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(args) == 0 {
		return &UsageError{"missing command: must be one of " + strings.Join(names, ", ")}
	}
	if near := setting.Nearest(args[0], names); near != "" {
		return &UsageError{fmt.Sprintf("unknown command %q, did you mean %q?", args[0], near)}
	}
	return &UsageError{fmt.Sprintf("unknown command %q", args[0])}
}
