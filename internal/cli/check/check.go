// Package check is the command check.
package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

type checkCommand struct {
	Files   []string
	Costs   bool
	Strict  bool
	Offline bool
	Ignore  []string
	Output  string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &checkCommand{}
	c := &cobra.Command{
		Use: "check FILE…", Short: "Check rules, workloads and triggers.", Args: command.Arguments("FILE…"), Long: long(),
		Example: "  docker-fluentbit check /etc/fluent-bit/rules.d /etc/fluent-bit/fluent-bit.conf",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Files = args
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Switch(&cmd.Costs, "costs", "", "Show how each rule is filtered, and its cost per line.")
	f.Switch(&cmd.Strict, "strict", "", "Exit with 1 if there are warnings.")
	f.Switch(&cmd.Offline, "offline", "", "Check for another machine: skip variables, files of secrets, the store and the listener.")
	f.List(&cmd.Ignore, "ignore", "", "CODE", "Warnings to skip, by the code in brackets behind them.").Complete(cobra.FixedCompletions(codes(), cobra.ShellCompDirectiveNoFileComp))
	f.Output(&cmd.Output, "Output: text or json.")
	return c
}

// Files checks files as the command does without flags.
func Files(env *command.Env, files ...string) error { return (&checkCommand{Files: files}).run(env) }

// codes returns the codes of the warnings.
func codes() (all []string) {
	for _, c := range lint.Codes() {
		all = append(all, c[0])
	}
	return all
}

// long returns the description, with the codes.
func long() string {
	var b strings.Builder
	b.WriteString("Check TOML files, folders or globs, combined as config_file combines them, and Fluent Bit configurations (*.conf, *.yaml).\n\nEach finding is one line: file, line, column, rule, " +
		"field, value, and the fault. An error disables a rule or trigger; a warning is a setting that works, but probably not as you meant it. The command also checks the requirements of a start on this machine: " +
		"environment variables, files of secrets and certificates, the store, and the address of the admin API. Run it on the machine of the instance as its user, or use --offline.\n\nA comment \"# check: ignore CODE\" above or " +
		"after a setting turns a warning off.\n\nCodes:\n")
	for _, c := range lint.Codes() {
		fmt.Fprintf(&b, "\n  %-20s %s", c[0], c[1])
	}
	return b.String()
}

// checkReport is the JSON form of the findings.
type checkReport struct {
	Findings  []lint.Finding `json:"findings"`
	Errors    int            `json:"errors"`
	Warnings  int            `json:"warnings"`
	Rules     int            `json:"rules"`
	Workloads int            `json:"workloads"`
	Triggers  int            `json:"triggers"`
	Elsewhere int            `json:"elsewhere"` // variables, files and stores that --offline left out
}

// run checks the files with the code that the plugin loads them with.
func (cmd *checkCommand) run(c *command.Env) error {
	if err := knownCodes(cmd.Ignore); err != nil {
		return err
	}
	report := lint.Files(cmd.Files, lint.Options{Ignore: cmd.Ignore, Offline: cmd.Offline})
	errors := report.Errors()
	warnings := len(report.Findings) - errors
	if cmd.Output == "json" {
		e := json.NewEncoder(c.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(&checkReport{
			Findings: report.Findings, Errors: errors, Warnings: warnings, Rules: report.Rules, Workloads: report.Workloads, Triggers: report.Triggers, Elsewhere: report.Elsewhere,
		}); err != nil {
			return err
		}
	} else {
		cmd.write(c, report)
	}
	switch {
	case report.Unusable():
		return &command.Error{Code: command.Usage, Text: quantity.Plural(errors, "problem") + ", and not everything could be read"}
	case errors > 0:
		return &command.Error{Code: command.Rules, Text: quantity.Plural(errors, "problem")}
	case cmd.Strict && warnings > 0:
		return &command.Error{Code: command.Findings, Text: quantity.Plural(warnings, "warning")}
	}
	if cmd.Output != "json" {
		with := ""
		if warnings > 0 {
			with = "; " + quantity.Plural(warnings, "warning")
		}
		if report.Elsewhere > 0 {
			with += "; " + quantity.Plural(report.Elsewhere, "setting") + " can only be checked where it runs"
		}
		c.Printf("fine: %s, %s, %s%s\n", quantity.Plural(report.Rules, "rule"), quantity.Plural(report.Workloads, "workload"), quantity.Plural(report.Triggers, "trigger"), with)
	}
	return nil
}

// knownCodes fails for a code that does not exist.
func knownCodes(ignored []string) error {
	known := codes()
	for _, code := range ignored {
		if slices.Contains(known, code) {
			continue
		}
		hint := setting.DidYouMean(code, known)
		if hint != "" {
			hint = " (" + hint + ")"
		}
		return &command.Error{Code: command.Usage, Text: fmt.Sprintf("--ignore: %q is not the code of a warning%s; check --help lists them", code, hint)}
	}
	return nil
}

// write writes the findings, and with --costs the costs.
func (cmd *checkCommand) write(c *command.Env, r *lint.Report) {
	for i := range r.Findings {
		c.Printf("%s\n", r.Findings[i].String())
	}
	if !cmd.Costs {
		return
	}
	for _, cost := range r.Costs {
		switch {
		case cost.Events:
			c.Printf("rule %q: matches container events, not lines\n", cost.Rule)
		case !cost.Filtered:
			c.Printf("rule %q: no text to filter by, so its fields are compared in every line\n", cost.Rule)
		default:
			c.Printf("rule %q: filter %s, about %.0f ns a line: %s\n", cost.Rule, cost.Filter, cost.EstimatedNsPerLine, cost.Detail)
		}
	}
}
