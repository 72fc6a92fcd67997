package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

// leaves returns the commands that do something.
func leaves(c *cobra.Command) (all []*cobra.Command) {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		all = append(all, leaves(sub)...)
	}
	return all
}

// TestEveryCommandHasAnExample asks each for help.
func TestEveryCommandHasAnExample(t *testing.T) {
	all := leaves(New(Process("test"), ownName))
	if len(all) < 30 {
		t.Fatalf("%d commands", len(all))
	}
	for _, leaf := range all {
		names := strings.Fields(leaf.CommandPath())[1:]
		var out, errOut bytes.Buffer
		if code := execute(append(names, "--help"), &out, &errOut); code != command.Fine {
			t.Errorf("%q: code %d: %s", names, code, &errOut)
		}
		_, examples, _ := strings.Cut(out.String(), "Example")
		if !strings.Contains(examples, "docker-fluentbit "+names[0]) {
			t.Errorf("docker-fluentbit %s: its help has no example", strings.Join(names, " "))
		}
		if leaf.Short == "" || !strings.HasSuffix(leaf.Short, ".") {
			t.Errorf("docker-fluentbit %s: %q is no sentence", strings.Join(names, " "), leaf.Short)
		}
	}
}

// TestNoTwoCommandsDifferByAnS keeps one noun for one thing.
func TestNoTwoCommandsDifferByAnS(t *testing.T) {
	names := map[string]bool{}
	for _, c := range New(Process("test"), ownName).Commands() {
		names[c.Name()] = true
	}
	for name := range names {
		if names[name+"s"] {
			t.Errorf("there are %s and %ss", name, name)
		}
	}
}
