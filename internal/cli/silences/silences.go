// Package silences is the commands for silences.
package silences

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/trigger"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	return command.Group(&cobra.Command{Use: "silences", Short: "Manage the silences of a running instance."}, newAdd(env), newList(env), newExpire(env))
}

// defaultSilence is how long a silence lasts unless a flag sets it.
const defaultSilence = time.Hour

const silencesPath = "/api/v1/silences"

type addCommand struct {
	command.Remote
	Rule      string
	Workload  string
	Container string
	Severity  []string
	Message   string
	Where     []string
	Every     []string
	Zone      string
	For       time.Duration
	Until     string
	Comment   string
	Fleet     bool

	endless bool // it has hours, and no end
}

func newAdd(env *command.Env) *cobra.Command {
	cmd := &addCommand{For: defaultSilence}
	c := &cobra.Command{
		Use: "add", Short: "Suppress matching alerts for a time.", Args: command.Arguments(),
		Long: "Suppress matching alerts for a time.\n\nA hit must match all given flags. Matching hits make no alert; they are counted, and the next alert reports their number.",
		Example: "  docker-fluentbit silences add --workload 'shop/*' --for 30m -m 'deploy 1.4'\n" +
			"  docker-fluentbit silences add --rule http-5xx --message 'GET /legacy' --until 2026-12-01T06:00:00Z\n" +
			"  docker-fluentbit silences add --workload ops/backup --every 'sun 02:00-04:00' --zone Europe/Berlin -m 'weekly backup'",
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("for") && c.Flags().Changed("until") {
				return &command.UsageError{Text: "--for and --until cannot be used together"}
			}
			cmd.endless = len(cmd.Every) > 0 && !c.Flags().Changed("for") && !c.Flags().Changed("until")
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Rule, "rule", "", "GLOB", "Rules with this name.").Names("rule")
	f.Text(&cmd.Workload, "workload", "", "GLOB", "Workloads with this name.")
	f.Text(&cmd.Container, "container", "", "GLOB", "Containers with this name.")
	f.List(&cmd.Severity, "severity", "", "NAME", "Severities: debug, info, warning, error, critical.").Complete(cobra.FixedCompletions(trigger.Severities(), cobra.ShellCompDirectiveNoFileComp))
	f.Text(&cmd.Message, "message", "", "REGEXP", "Lines that match.")
	f.Texts(&cmd.Where, "where", "", "NAME=CONDITION", "A condition on the alert, such as host=/^edge-/ or label.team=payments; repeat the flag for several.")
	f.Texts(&cmd.Every, "every", "", "HOURS", `Times of the week at which the silence applies, such as "sun 02:00-04:00"; repeat the flag for several. It repeats every week until you expire it, unless --for or --until is set.`)
	f.Text(&cmd.Zone, "zone", "", "ZONE", "The time zone of --every, such as Europe/Berlin. Default: UTC.")
	f.Duration(&cmd.For, "for", "", "How long the silence lasts.")
	f.Text(&cmd.Until, "until", "", "TIME", `When the silence ends (RFC 3339), or "next image": for each workload when a new image appears. Instead of --for.`)
	f.Text(&cmd.Comment, "comment", "m", "TEXT", "The reason, for others who see the silence.")
	f.Switch(&cmd.Fleet, "fleet", "", "On all nodes of the fleet, not only on this one. It needs an end, and has no --every.")
	cmd.Add(f)
	return c
}

// run adds a silence.
func (cmd *addCommand) run(c *command.Env) error {
	if cmd.Rule == "" && cmd.Workload == "" && cmd.Container == "" && cmd.Message == "" && len(cmd.Severity)+len(cmd.Where) == 0 {
		return errors.New("nothing to silence: must have at least one of --rule, --workload, --container, --severity, --message and --where")
	}
	conditions := map[string]string{}
	for _, text := range cmd.Where {
		name, condition, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("--where: %q: must be NAME=CONDITION", text)
		}
		conditions[name] = condition
	}
	until := c.Now().Add(cmd.For)
	if cmd.endless {
		until = time.Time{}
	} else if cmd.Until == engine.NextImageWord {
		until = time.Time{}
	} else if cmd.Until != "" {
		var err error
		if until, err = time.Parse(time.RFC3339, cmd.Until); err != nil {
			return fmt.Errorf("--until: %q is not a time such as 2026-12-01T06:00:00Z", cmd.Until)
		}
	} else if cmd.For <= 0 {
		return errors.New("--for: must be above 0s")
	}
	body := adminapi.SilenceRequest{Every: cmd.Every, Zone: cmd.Zone, NextImage: cmd.Until == engine.NextImageWord, Comment: cmd.Comment, Author: whoAmI(), SilenceMatchers: adminapi.SilenceMatchers{
		Rule: cmd.Rule, Workload: cmd.Workload, Container: cmd.Container, Severity: cmd.Severity, Message: cmd.Message, Where: conditions}}
	if cmd.Fleet {
		body.Scope = engine.ScopeFleet
	}
	if !until.IsZero() {
		body.Until = until.UTC().Truncate(time.Second)
	}
	return command.Ask(c, &cmd.Remote, client.Request{Method: http.MethodPost, Path: silencesPath, Body: body}, func(s *adminapi.Silence) error {
		if len(s.Every) > 0 {
			c.Printf("%s: %s\n", s.ID, nextWords(c, s))
			return nil
		}
		if s.NextImage {
			c.Printf("%s lasts until the next image, at most until %s\n", s.ID, s.Until.Local().Format(time.DateTime))
			return nil
		}
		c.Printf("%s lasts until %s\n", s.ID, s.Until.Local().Format(time.DateTime))
		return nil
	})
}

// whoAmI returns the name of the user, for others who find the silence.
func whoAmI() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

type listCommand struct {
	command.Remote
	All bool
}

func newList(env *command.Env) *cobra.Command {
	cmd := &listCommand{}
	c := &cobra.Command{
		Use: "list", Short: "List the silences.", Args: command.Arguments(), Example: "  docker-fluentbit silences list --all",
		RunE: func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Switch(&cmd.All, "all", "a", "Also those that expired.")
	cmd.Add(f)
	return c
}

// run lists silences.
func (cmd *listCommand) run(c *command.Env) error {
	return command.Ask(c, &cmd.Remote, client.Request{Path: silencesPath}, func(list *struct{ Silences []adminapi.Silence }) error {
		var rows []string
		for _, s := range list.Silences {
			if s.State == "expired" && !cmd.All {
				continue
			}
			state := s.State
			if s.Scope == engine.ScopeFleet {
				state += ", fleet"
			}
			rows = append(rows, strings.Join([]string{s.ID, state, nextWords(c, &s), fmt.Sprint(s.Suppressed), safetext.Visible(matcherWords(&s.SilenceMatchers)), safetext.Visible(s.Author), safetext.Visible(s.Comment)}, "\t"))
		}
		if len(rows) == 0 {
			c.Printf("no silences\n")
			return nil
		}
		return c.Table("ID\tSTATE\tWHEN\tSUPPRESSED\tMATCHERS\tAUTHOR\tCOMMENT", rows)
	})
}

// nextWords returns until when the silence suppresses hits, or from when.
func nextWords(c *command.Env, s *adminapi.Silence) string {
	words := "-"
	switch p := s.Period; {
	case s.State == "expired":
		words = "ended " + c.When(s.Until)
	case p != nil && p.From.IsZero() && p.Until.IsZero():
		words = "now"
	case p != nil && p.From.IsZero():
		words = "now until " + c.When(p.Until)
	case p != nil && p.Until.IsZero():
		words = "from " + c.When(p.From)
	case p != nil:
		words = "next " + c.When(p.From) + " until " + c.When(p.Until)
	}
	if s.NextImage && s.State != "expired" {
		words += " or the next image"
	}
	if len(s.Every) > 0 {
		words += " (" + safetext.Visible(strings.Join(s.Every, ", ")+" "+cmp.Or(s.Zone, "UTC")) + ")"
	}
	return words
}

func matcherWords(m *adminapi.SilenceMatchers) string {
	var parts []string
	for _, p := range [][2]string{{"rule", m.Rule}, {"workload", m.Workload}, {"container", m.Container}, {"severity", strings.Join(m.Severity, "|")}, {"message", m.Message}, {"key", m.Key}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Where)) {
		parts = append(parts, name+"="+m.Where[name])
	}
	return strings.Join(parts, " ")
}

func newExpire(env *command.Env) *cobra.Command {
	var r command.Remote
	c := &cobra.Command{
		Use: "expire ID…", Short: "End silences now.", Args: command.Arguments("ID…"), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  docker-fluentbit silences expire si_0123…",
		RunE: func(_ *cobra.Command, ids []string) error {
			return r.With(env, func(ctx context.Context, api *client.Client) error {
				for _, id := range ids {
					answer, err := api.Do(ctx, client.Request{Method: http.MethodDelete, Path: silencesPath + client.Path(id)}, nil)
					if err != nil {
						return err
					}
					if err := r.Done(env, answer, "%s expired", id); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	r.Add(command.FlagsOf(env, c))
	return c
}
