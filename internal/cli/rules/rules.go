// Package rules is the commands for the rules of a running instance.
package rules

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
		Use: "rules", Short: "Manage the rules of a running instance.",
		Long: "Manage the rules of a running instance.\n\nRules that you add here are kept in the instance's store and survive restarts. Rules from files are listed, too, but can only be changed in their " +
			"files.\nTo check files before you use them, see \"docker-fluentbit check\".",
	}, newList(env), newShow(env), newAdd(env), newEdit(env), newDelete(env), newOverride(env), newDisable(env), newEnable(env), newTest(env))
}

// ofWorkload adds the flag for the rules of one [[workload]] block.
func ofWorkload(f *command.Flags, workload *string, usage string) {
	f.Text(workload, "workload", "", "GLOB", usage)
}

type listCommand struct {
	command.Remote
	Workload string
}

func newList(env *command.Env) *cobra.Command {
	cmd := &listCommand{}
	c := &cobra.Command{
		Use: "list", Short: "List the rules in force and their counts.", Args: command.Arguments(),
		Example: "  docker-fluentbit rules list -o json",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	ofWorkload(f, &cmd.Workload, "Only rules for the workloads of this glob. Default: all rules.")
	cmd.Add(f)
	return c
}

// ruleItem is a rule of a list.
type ruleItem struct {
	Name     string `json:"name"`
	Workload string `json:"workload"`
	Severity string `json:"severity"`
	DryRun   bool   `json:"dry_run"`
	command.Origin
}

// run lists rules.
func (cmd *listCommand) run(c *command.Env) error {
	return command.Show(c, &cmd.Remote, command.RulesOf(cmd.Workload), "RULE\tWORKLOAD\tSEVERITY\tHITS\tSENT\tSUPPRESSED\tFROM",
		func(stats *adminapi.StatsResponse) func(*ruleItem) string {
			counts := map[[2]string]adminapi.RuleStats{}
			for _, one := range stats.Rules {
				counts[[2]string{one.Workload, one.Name}] = one
			}
			return func(r *ruleItem) string {
				n, from := counts[[2]string{r.Workload, r.Name}], r.From()
				if r.DryRun {
					from += ", dry run"
				}
				return fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%s", safetext.Visible(r.Name), command.OrDash(safetext.Visible(r.Workload)), command.OrDash(r.Severity), n.Hits, n.Sent,
					n.SuppressedTotal(), safetext.Visible(from))
			}
		})
}

type showCommand struct {
	command.Remote
	Workload string
}

func newShow(env *command.Env) *cobra.Command {
	cmd := &showCommand{}
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a rule as TOML.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		Example: "  docker-fluentbit rules show go-panic",
		RunE: func(_ *cobra.Command, args []string) error {
			request := client.Request{Path: command.RulesOf(cmd.Workload).Path + client.Path(args[0])}
			return command.Ask(env, &cmd.Remote, request, func(o *map[string]json.RawMessage) error { return env.WriteSettings(command.RuleKind, *o) })
		},
	}
	f := command.FlagsOf(env, c)
	ofWorkload(f, &cmd.Workload, "The rule belongs to the workloads of this glob. Default: a global rule.")
	cmd.Add(f)
	return c
}

type addCommand struct {
	command.Remote
	command.Addition
	Workload string
}

func newAdd(env *command.Env) *cobra.Command {
	cmd := &addCommand{}
	c := &cobra.Command{
		Use: "add [NAME]", Short: "Add a rule. It applies at once.", Args: command.Arguments("[NAME]"), ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Add a rule. It applies at once.\n\nDescribe the rule with --set, or in a file. Keys are those of [[rule]] in docs/configuration.md. A name that is in use is rejected.",
		Example: "  docker-fluentbit rules add go-panic -s 'pattern=^panic: (?P<reason>.+)' -s severity=critical -s cooldown=10m\n" +
			"  docker-fluentbit rules add -f rules.toml\n  docker-fluentbit rules show go-panic | docker-fluentbit rules add --url http://node-2:2021 -f -",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Name = command.Argument(args)
			return command.RulesOf(cmd.Workload).Add(env, &cmd.Remote, &cmd.Addition)
		},
	}
	f := command.FlagsOf(env, c)
	ofWorkload(f, &cmd.Workload, "Add the rule for the workloads of this glob, as in a [[workload]] block. Default: a global rule.")
	cmd.Addition.Add(f)
	cmd.Remote.Add(f)
	return c
}

type editCommand struct {
	command.Remote
	command.Edition
	Workload string
}

func newEdit(env *command.Env) *cobra.Command {
	cmd := &editCommand{}
	c := &cobra.Command{
		Use: "edit NAME", Short: "Change settings of a runtime rule.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		Long:    "Change settings of a runtime rule.\n\nSettings that you do not name keep their values. If somebody else changes the rule at the same time, the command fails and changes nothing.",
		Example: "  docker-fluentbit rules edit go-panic -s cooldown=30m -s 'workloads=[\"shop/*\"]' -u runbook",
		RunE: func(_ *cobra.Command, args []string) error {
			return command.RulesOf(cmd.Workload).Edit(env, &cmd.Remote, args[0], &cmd.Edition)
		},
	}
	f := command.FlagsOf(env, c)
	ofWorkload(f, &cmd.Workload, "The rule belongs to the workloads of this glob. Default: a global rule.")
	cmd.Edition.Add(f)
	cmd.Remote.Add(f)
	return c
}

type deleteCommand struct {
	command.Remote
	Workload string
}

func newDelete(env *command.Env) *cobra.Command {
	cmd := &deleteCommand{}
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a runtime rule and its overrides.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		Example: "  docker-fluentbit rules delete slow-query",
		RunE: func(_ *cobra.Command, args []string) error {
			return command.RulesOf(cmd.Workload).Remove(env, &cmd.Remote, args[0])
		},
	}
	f := command.FlagsOf(env, c)
	ofWorkload(f, &cmd.Workload, "The rule belongs to the workloads of this glob. Default: a global rule.")
	cmd.Add(f)
	return c
}
