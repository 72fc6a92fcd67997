// Package cli is the command line of fluentbit-trigger, docker-fluentbit: the tree of commands, the exit codes, and the plugin protocol of the Docker CLI.
// The commands are in folders of their own, a folder for each noun.
package cli

//go:generate go run ./internal/gendoc ../../docs/commands.md

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	_ "time/tzdata" // images without a time zone database know zones, too

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/alerts"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/audit"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/check"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/containers"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/explain"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/initialize"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/links"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/page"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/queue"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/run"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/silences"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/status"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/suggest"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/tap"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/test"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/top"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/triggers"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// The names that users call the program by: its own, and the one of a plugin of the Docker CLI.
const (
	ownName    = "docker-fluentbit"
	pluginName = "docker fluentbit"
)

// Process returns the environment of this process, for a version of the program.
func Process(version string) *command.Env {
	return &command.Env{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Setenv: os.Setenv, Now: time.Now, Version: version}
}

// Run runs one command line and returns its exit code.
func Run(env *command.Env, args []string) int {
	safe := *env
	safe.Out, safe.Err = safetext.NewWriter(env.Out), safetext.NewWriter(env.Err)
	env = &safe
	if len(args) == 1 && args[0] == metadataWord {
		if printMetadata(env) != nil {
			return command.Usage
		}
		return command.Fine
	}
	name := ownName
	args, flags, byDocker, err := fromDocker(args, env.Getenv)
	if err == nil {
		err = flags.apply(env.Setenv)
	}
	if err != nil {
		env.Warnf("%s", err)
		return command.Usage
	}
	if byDocker {
		name = pluginName
		endWithDocker(env)
	}
	root := New(env, name)
	root.SetArgs(append([]string{}, args...)) // nil would be os.Args
	c, err := root.ExecuteC()
	if err == nil {
		return command.Fine
	}
	return report(env, c, err)
}

// report reports the error of a command, and returns the exit code.
func report(env *command.Env, c *cobra.Command, err error) int {
	var usage *command.UsageError
	var coded *command.Error
	switch {
	case errors.As(err, &usage):
		end := "."
		if strings.HasSuffix(usage.Text, "?") {
			end = ""
		}
		env.Warnf("%s%s Run %q for usage.", usage.Text, end, c.CommandPath()+" --help")
	case !errors.As(err, &coded):
		env.Warnf("%s", err)
	default:
		if coded.Text != "" {
			env.Warnf("%s", coded.Text)
		}
		return coded.Code
	}
	return command.Usage
}

// The groups of commands in the help.
const (
	groupWatch   = "watch"
	groupOperate = "operate"
	groupAuthor  = "author"
	groupRun     = "run"
)

// New returns the tree of commands of a program that users call by a name.
func New(env *command.Env, name string) *cobra.Command {
	root := &cobra.Command{
		Use: ownName, Short: "Alerts straight from container logs.", Version: env.Version,
		Long: "Alerts straight from container logs.\n\nThe program is named docker-fluentbit so that it is also a plugin of the Docker CLI: docker fluentbit.\n\n" +
			"Exit codes: 0 success, 1 a negative result, 2 broken rules or triggers, 3 invalid arguments or configuration.",
		SilenceErrors: true, SilenceUsage: true, DisableAutoGenTag: true,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: name},
	}
	root.SetVersionTemplate(ownName + " {{.Version}}\n")
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupWatch, Title: "Watch a running instance:"},
		&cobra.Group{ID: groupOperate, Title: "Operate a running instance:"},
		&cobra.Group{ID: groupAuthor, Title: "Write and try rules, on files:"},
	)
	in := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
		}
		command.Group(root, commands...)
	}
	in(groupRun, initialize.New(env), run.New(env), run.NewHealthcheck(env))
	in(groupWatch, status.New(env), top.New(env), tap.New(env), alerts.New(env), audit.New(env), containers.New(env), page.New(env))
	in(groupOperate, rules.New(env), triggers.New(env), silences.New(env), fleet.New(env), links.New(env), queue.New(env))
	in(groupAuthor, check.New(env), test.New(env), backtest.New(env), suggest.New(env), explain.New(env))
	in("", newCompletion(env), newVersion(env))
	help := newHelp(root)
	root.SetHelpCommand(help)
	root.AddCommand(help)
	cobra.EnableCommandSorting = false
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1)) // a group runs only to report an error
	command.Finish(env, root)
	return root
}

func newVersion(env *command.Env) *cobra.Command {
	output := ""
	c := &cobra.Command{
		Use: "version", Short: "Print the version.", Args: command.Arguments(), Example: "  docker-fluentbit version\n  docker-fluentbit version -o json",
		RunE: func(*cobra.Command, []string) error {
			if output == "json" {
				return json.NewEncoder(env.Out).Encode(map[string]string{"version": env.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			env.Printf("%s %s\n", ownName, env.Version)
			return nil
		},
	}
	command.FlagsOf(env, c).Output(&output, "Output: text or json.")
	return c
}

func newCompletion(env *command.Env) *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print a completion script for a shell.", ValidArgs: names,
		Long: "Print a script for bash, zsh, fish or powershell that completes commands, flags, their values, and the names of rules and triggers.\n\n" +
			"As a plugin of the Docker CLI, docker fluentbit is completed by Docker's own script. The script for bash needs the package bash-completion.",
		Example: "  source <(docker-fluentbit completion bash)\n" +
			"  docker-fluentbit completion bash | sudo tee /etc/bash_completion.d/docker-fluentbit\n" +
			"  docker-fluentbit completion zsh > \"${fpath[1]}/_docker-fluentbit\"\n" +
			"  docker-fluentbit completion fish > ~/.config/fish/completions/docker-fluentbit.fish\n" +
			"  docker-fluentbit completion powershell | Out-String | Invoke-Expression",
		Args: command.Arguments("SHELL"),
		RunE: func(c *cobra.Command, args []string) error {
			generate, ok := shells[args[0]]
			if !ok {
				return &command.UsageError{Text: fmt.Sprintf("shell %q: must be one of %s", args[0], strings.Join(names, ", "))}
			}
			return generate(c.Root(), command.Terminal(env.Out)) // scripts of our own, with nothing from outside in them
		},
	}
}

// newHelp returns the command help. Unlike cobra's it fails for a command that does not exist.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND…]", Short: "Show the help of a command.", Example: "  docker-fluentbit help rules add",
		ValidArgsFunction: func(_ *cobra.Command, args []string, toComplete string) (found []string, directive cobra.ShellCompDirective) {
			if c, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, sub := range c.Commands() {
					if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), toComplete) {
						found = append(found, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return c.RunE(c, rest)
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}
