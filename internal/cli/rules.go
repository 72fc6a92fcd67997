package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type rulesCommand struct {
	List     rulesListCommand     `cmd:"" help:"List the rules in force, with what they did."`
	Show     rulesShowCommand     `cmd:"" help:"Show a rule as it would stand in a file."`
	Add      rulesAddCommand      `cmd:"" help:"Make a rule, in force at once."`
	Edit     rulesEditCommand     `cmd:"" help:"Change settings of a rule that was made here."`
	Delete   rulesDeleteCommand   `cmd:"" help:"Delete a rule that was made here, with its overrides."`
	Override rulesOverrideCommand `cmd:"" help:"Change settings of a global rule for some workloads."`
	Disable  rulesDisableCommand  `cmd:"" help:"Turn a global rule off for some workloads."`
	Enable   rulesEnableCommand   `cmd:"" help:"Take back that a global rule is off for some workloads."`
	Test     rulesTestCommand     `cmd:"" help:"Try lines against a rule; nothing is sent and nothing is counted."`
}

// Help says what these are for.
func (rulesCommand) Help() string {
	return "These commands speak to a running instance. Rules of files are shown, and changed in their files alone; rules made here are kept in the instance's store. " +
		"To check files before they are used, see \"docker-fluentbit check\"."
}

type rulesListCommand struct {
	remote
	Workload string `placeholder:"GLOB" help:"Rules of the workloads of this glob alone. Default: all rules."`
}

// Help gives an example.
func (rulesListCommand) Help() string { return "Example: docker-fluentbit rules list -o json" }

// ruleItem is a rule of a list: its settings, and what the API tells of it beside them.
type ruleItem struct {
	Name     string `json:"name"`
	Workload string `json:"workload"`
	Severity string `json:"severity"`
	DryRun   bool   `json:"dry_run"`
	origin
}

// Run lists rules.
func (cmd *rulesListCommand) Run(c *console) error {
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		list, err := all[ruleItem](ctx, c, &cmd.remote, api, managedRules(cmd.Workload))
		if err != nil || cmd.Output == "json" {
			return err
		}
		var stats adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: statsPath}, &stats); err != nil {
			return err
		}
		counts := map[string]*adminapi.RuleStats{}
		for i := range stats.Rules {
			counts[stats.Rules[i].Workload+"\x00"+stats.Rules[i].Name] = &stats.Rules[i]
		}
		if len(list) == 0 {
			c.printf("there are no rules\n")
			return nil
		}
		var rows []string
		for _, r := range list {
			n := counts[r.Workload+"\x00"+r.Name]
			if n == nil {
				n = &adminapi.RuleStats{}
			}
			from := r.from()
			if r.DryRun {
				from += ", dry run"
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%s", safetext.Visible(r.Name), orDash(safetext.Visible(r.Workload)), orDash(r.Severity), n.Hits, n.Sent, n.SuppressedTotal(), safetext.Visible(from)))
		}
		return c.table("RULE\tWORKLOAD\tSEVERITY\tHITS\tSENT\tSUPPRESSED\tFROM", rows)
	})
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

type rulesShowCommand struct {
	remote
	Workload string `placeholder:"GLOB" help:"The rule is of the workloads of this glob alone."`
	Name     string `arg:"" complete:"rule" help:"The rule's name."`
}

// Help gives an example.
func (rulesShowCommand) Help() string { return "Example: docker-fluentbit rules show go-panic" }

// Run shows a rule.
func (cmd *rulesShowCommand) Run(c *console) error {
	return ask(c, &cmd.remote, client.Request{Path: managedRules(cmd.Workload).path + client.Path(cmd.Name)}, func(o *map[string]json.RawMessage) error { return c.settings(ruleKind, *o) })
}

type rulesAddCommand struct {
	remote
	Workload string `placeholder:"GLOB" help:"The rule is for the workloads of this glob alone, as in a [[workload]] block."`
	addition
}

// Help gives examples.
func (rulesAddCommand) Help() string {
	return "Keys are those of docs/configuration.md. A name that is taken is refused.\n\n" +
		"Examples:\n  docker-fluentbit rules add go-panic -s 'pattern=^panic: (?P<reason>.+)' -s severity=critical -s cooldown=10m\n" +
		"  docker-fluentbit rules add -f rules.toml\n  docker-fluentbit rules show go-panic | docker-fluentbit rules add --url http://node-2:2021 -f -"
}

// Run adds rules.
func (cmd *rulesAddCommand) Run(c *console) error {
	return managedRules(cmd.Workload).add(c, &cmd.remote, &cmd.addition)
}

type rulesEditCommand struct {
	remote
	Workload string `placeholder:"GLOB" help:"The rule is of the workloads of this glob alone."`
	Name     string `arg:"" complete:"rule" help:"The rule's name."`
	edition
}

// Help gives examples.
func (rulesEditCommand) Help() string {
	return "What is not named stays as it is. A rule that somebody else changed at the same moment is left alone.\n\n" +
		"Example: docker-fluentbit rules edit go-panic -s cooldown=30m -s 'workloads=[\"shop/*\"]' -u runbook"
}

// Run changes a rule.
func (cmd *rulesEditCommand) Run(c *console) error {
	return managedRules(cmd.Workload).edit(c, &cmd.remote, cmd.Name, &cmd.edition)
}

type rulesDeleteCommand struct {
	remote
	Workload string `placeholder:"GLOB" help:"The rule is of the workloads of this glob alone."`
	Name     string `arg:"" complete:"rule" help:"The rule's name."`
}

// Help gives an example.
func (rulesDeleteCommand) Help() string { return "Example: docker-fluentbit rules delete slow-query" }

// Run deletes a rule.
func (cmd *rulesDeleteCommand) Run(c *console) error {
	return managedRules(cmd.Workload).remove(c, &cmd.remote, cmd.Name)
}

type rulesTestCommand struct {
	remote
	Name     string   `arg:"" optional:"" complete:"rule" help:"The name of a rule in force; or none, with --file or --set."`
	File     string   `short:"f" placeholder:"FILE" help:"A rule of a file, TOML or JSON, that need not be in force."`
	Set      []string `short:"s" placeholder:"KEY=VALUE" sep:"none" help:"A setting of a rule that need not be in force."`
	Line     []string `short:"l" sep:"none" placeholder:"TEXT" help:"A line. Default: those of the standard input."`
	Workload string   `placeholder:"NAME" help:"The workload that the lines are of."`
	Stream   string   `enum:"stdout,stderr" default:"stdout" help:"The stream that the lines are of."`
}

// Help gives examples.
func (rulesTestCommand) Help() string {
	return "The exit code is 1 when no line is a hit.\n\n" +
		"Examples:\n  docker-fluentbit rules test go-panic -l 'panic: oh no'\n  docker logs shop-api-1 2>&1 | tail -100 | docker-fluentbit rules test -s 'pattern=timeout after (?P<ms>\\d+)ms'"
}

// maxTestLines bounds how many lines are tried at once.
const maxTestLines = 1000

// Run tries lines.
func (cmd *rulesTestCommand) Run(c *console) error {
	body := map[string]any{"workload": cmd.Workload, "stream": cmd.Stream}
	switch given := cmd.File != "" || len(cmd.Set) > 0; {
	case given == (cmd.Name != ""):
		return errors.New("say which rule: the name of one in force, or --file or --set for one that is not")
	case cmd.Name != "":
		body["name"] = cmd.Name
	default:
		settings := map[string]any{"name": "test"}
		if cmd.File != "" {
			list, err := ruleKind.readSettings(cmd.File)
			if err != nil {
				return err
			}
			if len(list) != 1 {
				return fmt.Errorf("%s: holds %d rules: one can be tried at a time", cmd.File, len(list))
			}
			settings = list[0]
		}
		for _, assignment := range cmd.Set {
			if err := put(settings, assignment); err != nil {
				return err
			}
		}
		body["rule"] = settings
	}
	lines := cmd.Line
	if len(lines) == 0 {
		if cmd.File == "-" {
			return errors.New("--file - leaves no standard input for lines: give them with --line")
		}
		var err error
		if lines, err = readLines(os.Stdin); err != nil {
			return err
		}
	}
	body["lines"] = lines
	hits := 0
	err := ask(c, &cmd.remote, client.Request{Method: http.MethodPost, Path: ruleKind.path + "/test", Body: body}, func(t *adminapi.RuleTestResponse) error {
		for i := range t.Results {
			r := &t.Results[i]
			verdict := "no hit"
			if r.Matched {
				verdict = "hit   "
				hits++
			}
			c.printf("%s  %s\n", verdict, safetext.Visible(r.Line))
			for _, shown := range []map[string]string{r.Captures, r.Fields} {
				for _, name := range slices.Sorted(maps.Keys(shown)) {
					c.printf("        %s = %s\n", safetext.Visible(name), safetext.Visible(shown[name]))
				}
			}
			for _, more := range [][2]string{{"summary", r.Summary}, {"template", r.Template}, {"because", r.Why}} {
				if more[1] != "" {
					c.printf("        %s: %s\n", more[0], safetext.Visible(more[1]))
				}
			}
		}
		c.printf("%s of %s\n", plural(hits, "hit"), plural(len(t.Results), "line"))
		return nil
	})
	if err == nil && hits == 0 && cmd.Output != "json" {
		return &codeError{code: exitFindings}
	}
	return err
}

// readLines reads lines to try.
func readLines(from io.Reader) ([]string, error) {
	var lines []string
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if len(lines) == maxTestLines {
			return nil, fmt.Errorf("more than %d lines: that many can be tried at once; see \"docker-fluentbit backtest\" for whole logs", maxTestLines)
		}
		lines = append(lines, strings.TrimSuffix(scanner.Text(), "\r"))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(lines) == 0 {
		return nil, errors.New("there is no line to try")
	}
	return lines, nil
}

// settings writes what the API tells of one thing as it would stand in a file.
func (c *console) settings(k kind, o map[string]json.RawMessage) error {
	settings := map[string]any{}
	text := o["settings"]
	if text == nil {
		whole, err := json.Marshal(o)
		if err != nil {
			return err
		}
		text = whole
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&settings); err != nil {
		return err
	}
	written, err := k.toml(settings)
	if err != nil {
		return err
	}
	c.printf("%s", written)
	return nil
}
