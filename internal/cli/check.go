package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

type checkCommand struct {
	Files   []string `arg:"" help:"TOML files, folders or globs, combined as config_file does; configurations of Fluent Bit (*.conf, *.yaml)."`
	Costs   bool     `help:"Show how each rule is filtered, and what it costs a line."`
	Strict  bool     `help:"Warnings count: exit with 1 when there are any."`
	Offline bool     `help:"Check for another machine: leave out what only that one can tell, such as variables, files of secrets and the store."`
	Ignore  []string `placeholder:"CODE" help:"Warnings that are not wanted, by the code in brackets behind them."`
	Output  string   `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help gives an example, and lists the codes.
func (checkCommand) Help() string {
	var b strings.Builder
	b.WriteString("Example: docker-fluentbit check /etc/fluent-bit/rules.d /etc/fluent-bit/fluent-bit.conf\n\nEvery finding is one line: file, line, column, rule, " +
		"field, value, and what is wrong. Errors do not run; warnings run and are probably not meant. What a start on this machine would find is found: variables " +
		"that are not set, files of secrets and certificates, a store that cannot be made; run it as the user and where the instance runs, or with --offline. A comment \"# check: ignore CODE\" above or behind " +
		"what it is about switches a warning off.\n\nCodes:\n")
	for _, c := range lint.Codes() {
		fmt.Fprintf(&b, "\n  %-20s %s", c[0], c[1])
	}
	return b.String()
}

// checkReport is the JSON form of what check found.
type checkReport struct {
	Findings  []lint.Finding `json:"findings"`
	Errors    int            `json:"errors"`
	Warnings  int            `json:"warnings"`
	Rules     int            `json:"rules"`
	Workloads int            `json:"workloads"`
	Triggers  int            `json:"triggers"`
	Elsewhere int            `json:"elsewhere"` // variables, files and stores that --offline left out
}

// Run checks the files with the code that the plugin loads them with.
func (cmd *checkCommand) Run(c *console) error {
	if err := knownCodes(cmd.Ignore); err != nil {
		return err
	}
	report := lint.Files(cmd.Files, lint.Options{Ignore: cmd.Ignore, Offline: cmd.Offline})
	errors := report.Errors()
	warnings := len(report.Findings) - errors
	if cmd.Output == "json" {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(&checkReport{
			Findings: report.Findings, Errors: errors, Warnings: warnings, Rules: report.Rules, Workloads: report.Workloads, Triggers: report.Triggers, Elsewhere: report.Elsewhere,
		}); err != nil {
			return err
		}
	} else {
		cmd.tell(c, report)
	}
	switch {
	case report.Unusable():
		return &codeError{exitUsage, plural(errors, "problem") + ", and not everything could be read"}
	case errors > 0:
		return &codeError{exitRules, plural(errors, "problem")}
	case cmd.Strict && warnings > 0:
		return &codeError{exitFindings, plural(warnings, "warning")}
	}
	if cmd.Output != "json" {
		with := ""
		if warnings > 0 {
			with = "; " + plural(warnings, "warning")
		}
		if report.Elsewhere > 0 {
			with += "; " + plural(report.Elsewhere, "setting") + " can be checked where it runs only"
		}
		c.printf("fine: %s, %s, %s%s\n", plural(report.Rules, "rule"), plural(report.Workloads, "workload"), plural(report.Triggers, "trigger"), with)
	}
	return nil
}

// knownCodes refuses a code that there is not.
func knownCodes(codes []string) error {
	var known []string
	for _, c := range lint.Codes() {
		known = append(known, c[0])
	}
	for _, code := range codes {
		if slices.Contains(known, code) {
			continue
		}
		hint := setting.DidYouMean(code, known)
		if hint != "" {
			hint = " (" + hint + ")"
		}
		return &codeError{exitUsage, fmt.Sprintf("--ignore %q is no code of a warning%s; check --help lists them", code, hint)}
	}
	return nil
}

// tell writes the findings, and the costs where they are asked for.
func (cmd *checkCommand) tell(c *console, r *lint.Report) {
	for i := range r.Findings {
		c.printf("%s\n", r.Findings[i].String())
	}
	if !cmd.Costs {
		return
	}
	for _, cost := range r.Costs {
		switch {
		case cost.Events:
			c.printf("rule %q: looks at events of containers: no line is tried\n", cost.Rule)
		case !cost.Filtered:
			c.printf("rule %q: no text to filter by: its fields are looked at in every line\n", cost.Rule)
		default:
			c.printf("rule %q: filter %s, about %.0f ns a line: %s\n", cost.Rule, cost.Filter, cost.EstimatedNsPerLine, cost.Detail)
		}
	}
}
