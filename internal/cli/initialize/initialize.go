// Package initialize is the command init, which writes a first configuration.
package initialize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/check"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/triggers"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/starter"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

type initCommand struct {
	URL      string
	Format   string
	Name     string
	Set      []string
	Packs    []string
	Out      string
	Host     string
	Lines    int
	Frequent int
	NoTest   bool
	Yes      bool
	Force    bool

	outGiven bool
	asker    *asker
	trigger  starter.Trigger
	options  starter.Options
	survey   *starter.Survey // nil: no engine answers
}

// The words of --packs beside the names of packs.
const (
	packsAuto = "auto"
	packsAll  = "all"
	packsNone = "none"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &initCommand{Lines: 2000, Frequent: 5}
	c := &cobra.Command{
		Use: "init", Short: "Write a first configuration: where alerts go, and rules for the containers here.", Args: command.Arguments(),
		Long: "Write a first configuration.\n\nThe command asks where alerts go and finds the format by the address. It looks at the containers of the engine and at the last lines of their logs, chooses " +
			"rule packs for them, and writes a TOML file with comments. Then it checks the file, says how many alerts it would have sent for these lines, and sends a test alert.\n\n" +
			"Secrets go into files of their own beside the TOML file, which only their owner can read: the address, unless it names a server only, and tokens. The file names them by " +
			"absolute paths.\n\nEach question has a flag. With --yes, or without a terminal, the command asks nothing. An engine that does not answer is no error: the rules are those for any " +
			"container.\n\nExit codes: 0 success, 1 the test alert was not delivered, 2 the file has problems, 3 invalid arguments, or a file is there already.",
		Example: "  docker-fluentbit init\n  docker-fluentbit init --yes --url https://ntfy.sh/my-alerts --packs go,postgresql\n" +
			"  docker-fluentbit init --yes --format telegram --set token_file=/run/secrets/bot --set chat_id=-100123 --out /etc/fluentbit-trigger/rules.toml\n" +
			"  pass show slack | docker-fluentbit init --url -",
		RunE: func(c *cobra.Command, _ []string) error {
			cmd.outGiven = c.Flags().Changed("out")
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.URL, "url", "", "URL", "Where alerts go: the address of a webhook, or smtp://HOST. - reads it from standard input.")
	f.Choice(&cmd.Format, "format", "", receiver.Formats(), "Format of the receiver. Default: by the host of the address, else generic.")
	f.Text(&cmd.Name, "name", "", "NAME", "Name of the trigger. Default: the format.")
	f.Texts(&cmd.Set, "set", "s", "KEY=VALUE", "Another setting of the trigger, as in a file; a text needs no quotes.")
	f.List(&cmd.Packs, "packs", "", "NAME", "Rule packs: auto chooses by images and logs, all, none, or "+strings.Join(starter.PackNames(), ", ")+". Default: auto.").
		Complete(cobra.FixedCompletions(append([]string{packsAuto, packsAll, packsNone}, starter.PackNames()...), cobra.ShellCompDirectiveNoFileComp))
	f.Text(&cmd.Out, "out", "", "FILE", "File to write, in a folder that is created if need be. Default: rules.toml in the folder that FLUENTBIT_TRIGGER_CONFIG names, else here.").File()
	f.Text(&cmd.Host, "host", "H", "URL", "Docker engine: unix://, tcp:// or ssh://, as for the Docker CLI. Default: the engine of the current Docker context.").Env("DOCKER_HOST")
	f.Number(&cmd.Lines, "lines", "", "N", "How many of the last lines of each log to look at; 0: read no logs.")
	f.Number(&cmd.Frequent, "frequent", "", "N", "How many of the most frequent lines to describe in comments, with a rule for each.")
	f.Switch(&cmd.NoTest, "no-test", "", "Send no test alert.")
	f.Switch(&cmd.Yes, "yes", "y", "Ask nothing: use the flags and the defaults.")
	f.Switch(&cmd.Force, "force", "", "Replace files that are there.")
	return c
}

// Bounds of flags.
const (
	maxLines    = 100_000
	maxFrequent = 100
)

// run makes the configuration, one question after the other.
func (cmd *initCommand) run(c *command.Env) error {
	if cmd.Lines < 0 || cmd.Lines > maxLines {
		return fmt.Errorf("--lines: %d must be from 0 to %d", cmd.Lines, maxLines)
	}
	if cmd.Frequent < 0 || cmd.Frequent > maxFrequent {
		return fmt.Errorf("--frequent: %d must be from 0 to %d", cmd.Frequent, maxFrequent)
	}
	if err := cmd.checkPacks(cmd.Packs); err != nil {
		return err
	}
	cmd.asker = newAsker(c, cmd.Yes)
	if cmd.Out == "" {
		cmd.Out = defaultOut(c)
	}
	// Before the first question, so that nobody answers in vain.
	if err := cmd.free(cmd.Out); err != nil {
		return err
	}
	ctx, stop := command.Interruptible()
	defer stop()
	for _, step := range []func(context.Context, *command.Env) error{cmd.askTrigger, cmd.look, cmd.askPacks, cmd.askOut} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	if err := cmd.write(c); err != nil {
		return err
	}
	return cmd.finish(ctx, c)
}

// defaultOut returns rules.toml where run would read it.
func defaultOut(c *command.Env) string {
	const name = "rules.toml"
	at := c.Getenv(command.ConfigVariable)
	if info, err := os.Stat(at); at != "" && err == nil && info.IsDir() {
		return filepath.Join(at, name)
	}
	if strings.HasSuffix(at, ".toml") && !strings.ContainsAny(at, ",*") {
		return at
	}
	return name
}

// runs returns what run reads to get the file: the folder that the environment names if the file is in it, since other files there count as well, else the file.
func (cmd *initCommand) runs(c *command.Env) string {
	at := c.Getenv(command.ConfigVariable)
	if at != "" && (filepath.Clean(at) == filepath.Clean(cmd.Out) || filepath.Clean(at) == filepath.Dir(cmd.Out)) {
		return at
	}
	return cmd.Out
}

// free fails if a file is there that must not be replaced.
func (cmd *initCommand) free(path string) error {
	if _, err := os.Lstat(path); err == nil && !cmd.Force {
		return &command.Error{Code: command.Usage, Text: path + " is there already: name another file with --out, or replace it with --force"}
	}
	return nil
}

func (cmd *initCommand) checkPacks(names []string) error {
	for _, word := range []string{packsAuto, packsAll, packsNone} {
		if slices.Contains(names, word) && len(names) > 1 {
			return fmt.Errorf("--packs: %s must be alone", word)
		}
		if slices.Contains(names, word) {
			return nil
		}
	}
	if err := starter.CheckPacks(names); err != nil {
		return fmt.Errorf("--%w", err)
	}
	return nil
}

// look reads the images and the logs of the engine's containers. An engine that does not answer is no error.
func (cmd *initCommand) look(ctx context.Context, c *command.Env) error {
	api, err := c.EngineAt(cmd.Host)
	if err == nil {
		cmd.options = starter.Options{API: api, Own: docker.OwnContainer(), Lines: cmd.Lines, Frequent: cmd.Frequent, Now: c.Now()}
		cmd.survey, err = starter.Look(ctx, cmd.options)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		c.Warnf("no containers are looked at: %s", safetext.Visible(err.Error()))
		return nil
	}
	return cmd.show(c)
}

// maxShown bounds the containers and the problems that are shown.
const maxShown = 30

// show shows the containers, and the packs for each.
func (cmd *initCommand) show(c *command.Env) error {
	s := cmd.survey
	if len(s.Containers) == 0 {
		c.Printf("\nNo container is here yet: the rules are those for any container.\n")
		return nil
	}
	c.Printf("\n")
	var rows []string
	for i := range s.Containers[:min(len(s.Containers), maxShown)] {
		k := &s.Containers[i]
		packs := make([]string, len(k.Packs))
		for j, name := range k.Packs {
			if packs[j] = name; k.Hits[name] > 0 {
				packs[j] += fmt.Sprintf(" (%s)", quantity.Plural(k.Hits[name], "hit"))
			}
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%s", safetext.Visible(k.Name), safetext.Visible(command.Shorten(k.Image, 40)), k.Lines, command.OrDash(strings.Join(packs, ", "))))
	}
	if err := c.Table("CONTAINER\tIMAGE\tLINES\tRULE PACKS", rows); err != nil {
		return err
	}
	if more := len(s.Containers) - len(rows) + s.More; more > 0 {
		c.Printf("and %s\n", quantity.Plural(more, "other container"))
	}
	for _, problem := range s.Problems[:min(len(s.Problems), maxShown)] {
		c.Warnf("%s", safetext.Visible(problem))
	}
	c.Printf("\n")
	return nil
}

// askPacks asks for the packs, with those that were found as the default.
func (cmd *initCommand) askPacks(ctx context.Context, c *command.Env) error {
	survey := cmd.survey
	if survey == nil {
		survey = &starter.Survey{}
	}
	found := survey.Packs()
	switch {
	case len(cmd.Packs) == 0:
		for {
			answer, err := cmd.asker.ask(ctx, "Rule packs", strings.Join(found, ","))
			if err != nil {
				return err
			}
			cmd.Packs = strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ' ' })
			if err = cmd.checkPacks(cmd.Packs); err == nil {
				break
			}
			c.Warnf("%s", err)
		}
	case cmd.Packs[0] == packsAuto:
		cmd.Packs = found
	}
	switch {
	case len(cmd.Packs) == 0:
	case cmd.Packs[0] == packsAll:
		cmd.Packs = starter.PackNames()
	case cmd.Packs[0] == packsNone:
		cmd.Packs = nil
	case cmd.Packs[0] == packsAuto:
		cmd.Packs = found
	}
	return nil
}

// askOut asks for the file.
func (cmd *initCommand) askOut(ctx context.Context, c *command.Env) error {
	for !cmd.outGiven {
		answer, err := cmd.asker.ask(ctx, "File to write", cmd.Out)
		if err != nil {
			return err
		}
		if err = cmd.free(answer); err == nil {
			cmd.Out = answer
			return nil
		}
		if !cmd.asker.on {
			return err
		}
		c.Warnf("%s", err)
	}
	return nil
}

// write writes the files: the secrets first, since the TOML file names them.
func (cmd *initCommand) write(c *command.Env) error {
	path, err := filepath.Abs(cmd.Out)
	if err != nil {
		return err
	}
	secrets, err := cmd.trigger.TakeSecrets(strings.TrimSuffix(path, ".toml"))
	if err != nil {
		return err
	}
	for _, s := range secrets {
		if err := cmd.free(s.File); err != nil {
			return err
		}
	}
	document := starter.Document{Trigger: cmd.trigger, Packs: cmd.Packs, Survey: cmd.survey, Made: c.Now(), Check: "docker-fluentbit check " + shellWord(cmd.Out)}
	var text bytes.Buffer
	if err := document.Write(&text); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	for _, s := range secrets {
		if err := cmd.create(s.File, 0o600, []byte(s.Text.Reveal()+"\n")); err != nil {
			return err
		}
		c.Printf("wrote %s: the %s, for its owner only\n", safetext.Visible(s.File), strings.ReplaceAll(s.Key, "_", " "))
	}
	if err := cmd.create(cmd.Out, 0o644, text.Bytes()); err != nil {
		return err
	}
	c.Printf("wrote %s\n", safetext.Visible(cmd.Out))
	return nil
}

func (cmd *initCommand) create(path string, mode os.FileMode, text []byte) error {
	err := command.CreateFile(path, mode, cmd.Force, text)
	if errors.Is(err, fs.ErrExist) {
		return cmd.free(path)
	}
	return err
}

// finish checks the file, tries it on the lines, sends a test and prints the next command.
func (cmd *initCommand) finish(ctx context.Context, c *command.Env) error {
	// As the commands that they are, so that people can repeat them.
	c.Printf("\n$ docker-fluentbit check %s\n", shellWord(cmd.runs(c)))
	if err := check.Files(c, cmd.runs(c)); err != nil {
		return err
	}
	if cmd.survey != nil && cmd.survey.Lines > 0 {
		loaded := config.Load(config.Sources{Files: []string{cmd.Out}})
		if p, err := starter.Try(ctx, cmd.options, cmd.survey, &loaded.Settings); err != nil {
			c.Warnf("the rules were not tried on the logs: %s", safetext.Visible(err.Error()))
		} else {
			c.Printf("tried on the logs: %s since %s would have made %s\n", quantity.Plural(p.Lines, "line"), c.When(p.First), quantity.Plural(p.Alerts, "alert"))
		}
	}
	name, _ := cmd.trigger.Set["name"].(string)
	var failed error
	if !cmd.NoTest {
		send, err := cmd.asker.confirm(ctx, "Send a test alert now?")
		if err != nil {
			return err
		}
		if send {
			c.Printf("$ docker-fluentbit triggers test -c %s %s\n", shellWord(cmd.Out), shellWord(name))
			failed = triggers.SendTest(c, name, cmd.Out)
		}
	}
	c.Printf("\nNext:\n")
	if failed != nil {
		c.Printf("  docker-fluentbit triggers test -c %s %s\n", shellWord(cmd.Out), shellWord(name))
	}
	run := "  docker-fluentbit run"
	if cmd.runs(c) != c.Getenv(command.ConfigVariable) {
		run += " -c " + shellWord(cmd.Out)
	}
	if cmd.Host != "" && c.Getenv("DOCKER_HOST") != cmd.Host {
		run += " -H " + shellWord(cmd.Host)
	}
	c.Printf("%s\n", run)
	if path, err := filepath.Abs(cmd.runs(c)); err == nil && cmd.survey == nil {
		c.Printf("or in Fluent Bit, as a parameter of the output trigger:\n  config_file %s\n", safetext.Visible(path))
	}
	return failed
}

// shellWord returns a text as one word of a shell.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
