// Package cli is the command line of fluentbit-trigger, docker-fluentbit: it follows the containers of a Docker engine without Fluent Bit, checks
// configurations, tests triggers, and looks after dead letters.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// The exit codes.
const (
	exitFine     = 0
	exitFindings = 1 // what was asked for was done, and the answer is bad: a delivery failed, there is no such letter
	exitRules    = 2 // rules or triggers have problems
	exitUsage    = 3 // the command line or the configuration cannot be used
)

// console is where a command writes. Both writers are safetext's: whatever a name, a line, or an answer holds, it cannot steer the terminal. Sequences
// of our own go to terminalOf's result.
type console struct {
	out, err io.Writer
}

// terminalOf returns the writer below a console's, for sequences that steer the terminal and for texts that were made visible.
func terminalOf(w io.Writer) io.Writer {
	if safe, ok := w.(*safetext.Writer); ok {
		return safe.Unwrap()
	}
	return w
}

func (c *console) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format, args...) }

// plural gives a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// codeError is an error that ends the program with a code of its own. An empty text says that everything was told already.
type codeError struct {
	code int
	text string
}

func (e *codeError) Error() string { return e.text }

type commands struct {
	Run      runCommand      `cmd:"" help:"Follow the containers of a Docker engine, and send alerts."`
	Check    checkCommand    `cmd:"" help:"Check rules, workloads and triggers, and report everything that is wrong with them."`
	Test     testCommand     `cmd:"" help:"Run the tests of rules."`
	Backtest backtestCommand `cmd:"" help:"Tell what rules would have done with old logs."`
	Suggest  suggestCommand  `cmd:"" help:"Find the noisiest lines of old logs, with a rule and an exclusion for each."`
	Explain  explainCommand  `cmd:"" help:"Tell why a line hits rules or not, and what becomes of it."`
	Trigger  triggerCommand  `cmd:"" help:"Try triggers of files, without an instance."`
	Queue    queueCommand    `cmd:"" help:"Look after deliveries and dead letters, also while the plugin runs."`

	Status     overviewCommand   `cmd:"" help:"Show what a running instance does, and what wants attention."`
	Page       pageCommand       `cmd:"" help:"Print a link that logs a browser in to the page of a running instance."`
	Containers containersCommand `cmd:"" help:"List the containers of the engine, whether each is followed, and why not."`
	Top        topCommand        `cmd:"" help:"Show the busiest rules of a running instance, as it happens."`
	Tap        tapCommand        `cmd:"" help:"Watch records pass through a running instance, each with what was decided."`
	Silence    silenceCommand    `cmd:"" help:"Hold alerts of a running instance back for a time."`
	Rules      rulesCommand      `cmd:"" help:"Work with the rules of a running instance."`
	Triggers   triggersCommand   `cmd:"" help:"Work with the triggers of a running instance."`

	Events      eventsCommand      `cmd:"" help:"Show the last alerts in a store, with what became of them."`
	Healthcheck healthcheckCommand `cmd:"" help:"Tell by the exit code whether run is at work, for HEALTHCHECK."`
	Completion  completionCommand  `cmd:"" help:"Print a script that completes the command line in a shell."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

type versionCommand struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help gives examples.
func (versionCommand) Help() string {
	return "Examples:\n  docker-fluentbit version\n  docker-fluentbit version -o json"
}

// Run prints the version.
func (cmd versionCommand) Run(c *console) error {
	if cmd.Output == "json" {
		return json.NewEncoder(c.out).Encode(map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
	}
	c.printf("docker-fluentbit %s\n", version)
	return nil
}

// number reads the number of a flag, also one with a sign, which kong takes for another flag. The command says which numbers it takes.
type number struct{}

var _ kong.Mapper = number{}

// Decode sets target to the number that comes next.
func (number) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if next := ctx.Scan.Peek(); next.Type == kong.UntypedToken {
		if _, err := strconv.ParseInt(next.String(), 10, 64); err == nil {
			ctx.Scan.Pop()
			ctx.Scan.PushTyped(next.Value, kong.FlagValueToken)
		}
	}
	return kong.NewRegistry().RegisterDefaults().ForType(target.Type()).Decode(ctx, target)
}

// durations reads the durations of flags as the configuration does.
type durations struct{}

var _ kong.Mapper = durations{}

// Decode sets target to the duration that comes next.
func (durations) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := setting.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	target.SetInt(int64(d))
	return nil
}

// version is that of the program, which Run sets.
var version = "unknown"

// Run runs one command line of a version of the program and returns its exit code.
func Run(args []string, out, errOut io.Writer, programVersion string) int {
	version = programVersion
	return run(args, out, errOut)
}

// run runs one command line and returns its exit code.
func run(args []string, out, errOut io.Writer) int {
	out, errOut = safetext.NewWriter(out), safetext.NewWriter(errOut)
	c := &console{out: out, err: errOut}
	name, exit := "docker-fluentbit", -1
	if len(args) == 1 && args[0] == metadataWord {
		if printMetadata(out) != nil {
			return exitUsage
		}
		return exitFine
	}
	args, flags, byDocker, err := fromDocker(args, os.Getenv)
	if err == nil {
		err = flags.apply(os.Setenv)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "docker-fluentbit:", err)
		return exitUsage
	}
	if byDocker {
		name = "docker fluentbit"
		endWithDocker(errOut)
	}
	parser, err := newParser(c, name, func(code int) { exit = code })
	if err != nil {
		_, _ = fmt.Fprintln(errOut, err)
		return exitUsage
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	if isComplete(args) {
		complete(parser.Model, args, out)
		return exitFine
	}
	ctx, err := parser.Parse(args)
	if exit >= 0 { // --help was asked for
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "docker-fluentbit: %s; --help tells more\n", err)
		return exitUsage
	}
	if err := ctx.Run(); err != nil {
		var coded *codeError
		if !errors.As(err, &coded) {
			coded = &codeError{exitUsage, err.Error()}
		}
		if coded.text != "" {
			_, _ = fmt.Fprintln(errOut, "docker-fluentbit:", coded.text)
		}
		return coded.code
	}
	return exitFine
}

// newParser returns what reads the command lines of the program, which is called by name. exit is called where a flag is all that was asked for.
func newParser(c *console, name string, exit func(code int)) (*kong.Kong, error) {
	return kong.New(&commands{}, kong.Name(name), kong.Writers(c.out, c.err),
		kong.Description("Alerts straight from container logs.\n\nExit codes: 0 fine, 1 a bad answer, 2 broken rules or triggers, 3 unusable arguments or configuration."),
		kong.Exit(exit), kong.Bind(c), defaults, kong.Vars{"version": "docker-fluentbit " + version},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), durations{}), kong.KindMapper(reflect.Int, number{}), kong.KindMapper(reflect.Int64, number{}))
}
