package rules

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type testCommand struct {
	command.Remote
	Name     string
	File     string
	Set      []string
	Line     []string
	Workload string
	Stream   string
}

func newTest(env *command.Env) *cobra.Command {
	cmd := &testCommand{Stream: "stdout"}
	c := &cobra.Command{
		Use: "test [NAME]", Short: "Try lines on a rule. Nothing is sent or counted.", Args: command.Arguments("[NAME]"), ValidArgsFunction: command.NamesOnce(env, "rule"),
		Long: "Try lines on a rule of the running instance, or on one that you describe with --set or --file. Nothing is sent or counted.\n\nThe exit code is 1 if no line is a hit.",
		Example: "  docker-fluentbit rules test go-panic -l 'panic: oh no'\n" +
			"  docker logs shop-api-1 2>&1 | tail -100 | docker-fluentbit rules test -s 'pattern=timeout after (?P<ms>\\d+)ms'",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Name = command.Argument(args)
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.File, "file", "f", "FILE", "Test the rule in this file (TOML or JSON) instead of one in force.").File()
	f.Texts(&cmd.Set, "set", "s", "KEY=VALUE", "A setting of the rule to test, instead of one in force.")
	f.Texts(&cmd.Line, "line", "l", "TEXT", "A line to try. Default: the lines of standard input.")
	f.Text(&cmd.Workload, "workload", "", "NAME", "Workload of the lines.")
	f.Choice(&cmd.Stream, "stream", "", []string{"stdout", "stderr"}, "Stream of the lines.")
	cmd.Add(f)
	return c
}

// maxTestLines bounds how many lines are tried at once.
const maxTestLines = 1000

// run tries lines.
func (cmd *testCommand) run(c *command.Env) error {
	body := map[string]any{"workload": cmd.Workload, "stream": cmd.Stream}
	switch given := cmd.File != "" || len(cmd.Set) > 0; {
	case given == (cmd.Name != ""):
		return errors.New("missing rule: must be the name of one in force, or --file or --set for a new one")
	case cmd.Name != "":
		body["name"] = cmd.Name
	default:
		settings := map[string]any{"name": "test"}
		if cmd.File != "" {
			list, err := command.RuleKind.ReadSettings(c, cmd.File)
			if err != nil {
				return err
			}
			if len(list) != 1 {
				return fmt.Errorf("%s: contains %d rules: must be 1", cmd.File, len(list))
			}
			settings = list[0]
		}
		for _, assignment := range cmd.Set {
			if err := command.Put(settings, assignment); err != nil {
				return err
			}
		}
		body["rule"] = settings
	}
	lines := cmd.Line
	if len(lines) == 0 {
		if cmd.File == "-" {
			return errors.New("--file - reads standard input, so lines must be given with --line")
		}
		var err error
		if lines, err = readLines(c.In); err != nil {
			return err
		}
	}
	body["lines"] = lines
	hits := 0
	err := command.Ask(c, &cmd.Remote, client.Request{Method: http.MethodPost, Path: command.RuleKind.Path + "/test", Body: body}, func(t *adminapi.RuleTestResponse) error {
		for i := range t.Results {
			r := &t.Results[i]
			verdict := "no hit"
			if r.Matched {
				verdict = "hit   "
				hits++
			}
			c.Printf("%s  %s\n", verdict, safetext.Visible(r.Line))
			for _, shown := range []map[string]string{r.Captures, r.Fields} {
				for _, name := range slices.Sorted(maps.Keys(shown)) {
					c.Printf("        %s = %s\n", safetext.Visible(name), safetext.Visible(shown[name]))
				}
			}
			for _, more := range [][2]string{{"summary", r.Summary}, {"template", r.Template}, {"because", r.Why}} {
				if more[1] != "" {
					c.Printf("        %s: %s\n", more[0], safetext.Visible(more[1]))
				}
			}
		}
		c.Printf("%s of %s\n", quantity.Plural(hits, "hit"), quantity.Plural(len(t.Results), "line"))
		return nil
	})
	if err == nil && hits == 0 && cmd.Output != "json" {
		return &command.Error{Code: command.Findings}
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
			return nil, fmt.Errorf("must be at most %d lines; \"docker-fluentbit backtest\" reads whole logs", maxTestLines)
		}
		lines = append(lines, strings.TrimSuffix(scanner.Text(), "\r"))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(lines) == 0 {
		return nil, errors.New("no line to try")
	}
	return lines, nil
}
