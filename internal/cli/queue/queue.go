// Package queue is the commands for pending deliveries and dead letters.
package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	return command.Group(&cobra.Command{
		Use: "queue", Short: "Show deliveries, and redeliver or drop dead letters.",
		Long: "Show pending deliveries and dead letters, and redeliver or drop dead letters.\n\nBy default the command calls the running instance. With --store it reads the file of a store, " +
			"whether or not the plugin or run is using it.",
		Example: "  docker-fluentbit queue list\n  docker-fluentbit queue list --store /var/lib/fluentbit-trigger/trigger.0.db\n  docker-fluentbit queue redeliver --trigger ops",
	}, newList(env), newShow(env), newRedeliver(env), newDrop(env))
}

type listCommand struct {
	command.Source
	Trigger string
	Limit   int
}

func newList(env *command.Env) *cobra.Command {
	cmd := &listCommand{Limit: 50}
	c := &cobra.Command{
		Use: "list", Short: "List the triggers with their pending deliveries, and the dead letters.", Args: command.Arguments(),
		Example: "  docker-fluentbit queue list --trigger ops -o json\n  docker-fluentbit queue list --store /var/lib/fluentbit-trigger/ops.db",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Trigger, "trigger", "", "NAME", "Dead letters of this trigger.").Names("trigger")
	f.Number(&cmd.Limit, "limit", "", "N", "How many dead letters to list, the newest first; 0 is all.")
	cmd.Add(f)
	return c
}

// run lists triggers and dead letters.
func (cmd *listCommand) run(env *command.Env) error {
	if cmd.Limit < 0 {
		return fmt.Errorf("--limit: %d must not be negative", cmd.Limit)
	}
	var triggers []triggerState
	var dead []deadLetter
	err := cmd.Open(env, func(ctx context.Context, s *store.Store) (err error) {
		known, err := s.Triggers(ctx)
		if err != nil {
			return err
		}
		for i := range known {
			triggers = append(triggers, stateOf(&known[i]))
		}
		dead, err = newest(cmd.Limit, storePages(ctx, s, store.Select{Trigger: cmd.Trigger}))
		return err
	}, func(ctx context.Context, api *client.Client) (err error) {
		var stats adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: command.StatsPath}, &stats); err != nil {
			return err
		}
		for i := range stats.Triggers {
			triggers = append(triggers, stateOfStats(&stats.Triggers[i]))
		}
		dead, err = newest(cmd.Limit, apiPages(ctx, api, url.Values{"trigger": {cmd.Trigger}}))
		return err
	})
	if err != nil {
		return err
	}
	hintTrigger(env, cmd.Trigger, triggers)
	if cmd.Output == "json" {
		return writeQueue(env, triggers, dead)
	}
	table := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TRIGGER\tPENDING\tDELIVERED\tDEAD\tDROPPED\tSTATE")
	for i := range triggers {
		t := &triggers[i]
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", safetext.Visible(t.Name), t.Pending, t.Delivered, t.Dead, t.Dropped, safetext.Visible(t.words()))
	}
	if len(dead) > 0 {
		_, _ = fmt.Fprintln(table, "\nDEAD LETTER\tTRIGGER\tDIED\tATTEMPTS\tREASON")
	}
	for i := range dead {
		l := &dead[i]
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", safetext.Visible(l.ID), safetext.Visible(l.Trigger), l.Died.Local().Format(time.DateTime), l.Attempts, safetext.Visible(l.Reason))
	}
	return table.Flush()
}

// hintTrigger reports on Err that no trigger has a name. That is no error: a new one is known from the next start on.
func hintTrigger(env *command.Env, name string, known []triggerState) {
	names := make([]string, len(known))
	for i := range known {
		names[i] = strconv.Quote(known[i].Name)
	}
	switch {
	case name == "" || slices.Contains(names, strconv.Quote(name)):
	case len(names) == 0:
		_, _ = fmt.Fprintf(env.Err, "unknown trigger %q: no trigger is known\n", name)
	default:
		_, _ = fmt.Fprintf(env.Err, "unknown trigger %q: must be one of %s\n", name, strings.Join(names, ", "))
	}
}

type showCommand struct {
	command.Source
	ID      string
	Trigger string
}

func newShow(env *command.Env) *cobra.Command {
	cmd := &showCommand{}
	c := &cobra.Command{
		Use: "show ID", Short: "Show a dead letter with its alert.", Args: command.Arguments("ID"), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  docker-fluentbit queue show al_0123…\n  docker-fluentbit queue show --store FILE al_0123… -o json | jq .alert",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.ID = args[0]
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Trigger, "trigger", "", "NAME", "The dead letter of this trigger, if several triggers have one of the alert.").Names("trigger")
	cmd.Add(f)
	return c
}

// run shows one dead letter.
func (cmd *showCommand) run(env *command.Env) error {
	var letter *deadLetter
	err := cmd.Open(env, func(ctx context.Context, s *store.Store) error {
		l, ok, err := s.DeadLetter(ctx, cmd.ID, cmd.Trigger)
		if err != nil {
			return err
		}
		if !ok {
			return cmd.notFound(storePages(ctx, s, store.Select{AlertID: cmd.ID}))
		}
		one := deadLetterOf(&l)
		letter = &one
		return nil
	}, func(ctx context.Context, api *client.Client) error {
		all, err := newest(0, apiPages(ctx, api, url.Values{"alert_id": {cmd.ID}}))
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(l deadLetter) bool { return cmd.Trigger == "" || l.Trigger == cmd.Trigger })
		if at < 0 {
			return cmd.notFound(func(_ int, behind *deadLetter) ([]deadLetter, error) {
				if behind != nil {
					return nil, nil
				}
				return all, nil
			})
		}
		var answer apiDeadLetter
		_, err = api.Do(ctx, client.Request{Path: deadLettersPath + client.Path(all[at].Trigger, cmd.ID)}, &answer)
		one := answer.shown()
		letter = &one
		return err
	})
	if err != nil {
		return err
	}
	if cmd.Output == "json" {
		return env.WriteJSON(letter)
	}
	var alert bytes.Buffer
	if err := json.Indent(&alert, letter.Alert, "", "  "); err != nil {
		return fmt.Errorf("cannot read the alert: %w", err)
	}
	env.Printf("trigger     %s\naccepted    %s\ndied        %s, after %s: %s\n", safetext.Visible(letter.Trigger), letter.Accepted.Local().Format(time.DateTime),
		letter.Died.Local().Format(time.DateTime), quantity.Plural(letter.Attempts, "attempt"), safetext.Visible(letter.Reason))
	if letter.Answer != "" {
		env.Printf("answer      %s\n", safetext.Visible(letter.Answer))
	}
	env.Printf("kept until  %s\n%s\n", letter.Expires.Local().Format(time.DateTime), alert.String())
	return nil
}

// notFound is the error for a dead letter that does not exist. It names the triggers that have one of the alert.
func (cmd *showCommand) notFound(others pages) error {
	all, err := newest(0, others)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return &command.Error{Code: command.Findings, Text: fmt.Sprintf("no dead letter has the id %q", cmd.ID)}
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = strconv.Quote(all[i].Trigger)
	}
	return &command.Error{Code: command.Findings, Text: fmt.Sprintf("no dead letter of trigger %q has the id %q, but one of %s has", cmd.Trigger, cmd.ID, strings.Join(names, ", "))}
}

// selection are the arguments that select dead letters.
type selection struct {
	command.Source
	ID      string
	Trigger string
	All     bool
}

// add adds the flags and the argument to a command, which run runs.
func (s *selection) add(env *command.Env, c *cobra.Command, run func() error) *cobra.Command {
	c.Args, c.ValidArgsFunction = command.Arguments("[ID]"), cobra.NoFileCompletions
	c.RunE = func(_ *cobra.Command, args []string) error {
		s.ID = command.Argument(args)
		// Nobody means all of them by accident.
		if s.ID == "" && s.Trigger == "" && !s.All {
			return errors.New("missing selection: must be an alert's id, --trigger NAME or --all")
		}
		return run()
	}
	f := command.FlagsOf(env, c)
	f.Text(&s.Trigger, "trigger", "", "NAME", "Dead letters of this trigger.").Names("trigger")
	f.Switch(&s.All, "all", "", "All dead letters.")
	s.Add(f)
	return c
}

func (s *selection) inStore() store.Select { return store.Select{AlertID: s.ID, Trigger: s.Trigger} }

// body is the selection for the API, which takes all as a choice of its own.
func (s *selection) body() map[string]any {
	if s.ID == "" && s.Trigger == "" {
		return map[string]any{"all": true}
	}
	body := map[string]any{}
	if s.ID != "" {
		body["alert_id"] = s.ID
	}
	if s.Trigger != "" {
		body["trigger"] = s.Trigger
	}
	return body
}

// errNothing is the error for a selection without dead letters.
func errNothing() error {
	return &command.Error{Code: command.Findings, Text: "no dead letter matches"}
}

func newRedeliver(env *command.Env) *cobra.Command {
	s := &selection{}
	return s.add(env, &cobra.Command{
		Use: "redeliver [ID]", Short: "Make dead letters pending again; they are sent within seconds.",
		Example: "  docker-fluentbit queue redeliver al_0123…\n  docker-fluentbit queue redeliver --store FILE --trigger ops",
	}, func() error {
		var done struct {
			Redelivered int `json:"redelivered"`
			Left        int `json:"left"`
		}
		err := s.Open(env, func(ctx context.Context, opened *store.Store) (err error) {
			done.Redelivered, done.Left, err = opened.Redeliver(ctx, env.Now(), s.inStore())
			return err
		}, func(ctx context.Context, api *client.Client) error {
			_, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: deadLettersPath + "/redeliver", Body: s.body()}, &done)
			return err
		})
		if err != nil {
			return err
		}
		if s.Output == "json" {
			err = env.WriteJSON(done)
		} else {
			env.Printf("pending again: %s\n", quantity.Plural(done.Redelivered, "dead letter"))
			if done.Left > 0 {
				env.Printf("unchanged, because no more deliveries may be pending: %d\n", done.Left)
			}
		}
		if err == nil && done.Redelivered+done.Left == 0 {
			return errNothing()
		}
		return err
	})
}

func newDrop(env *command.Env) *cobra.Command {
	s := &selection{}
	return s.add(env, &cobra.Command{
		Use: "drop [ID]", Short: "Drop dead letters for good.",
		Example: "  docker-fluentbit queue drop al_0123…\n  docker-fluentbit queue drop --store FILE --all",
	}, func() error {
		var done struct {
			Dropped int `json:"dropped"`
		}
		err := s.Open(env, func(ctx context.Context, opened *store.Store) (err error) {
			done.Dropped, err = opened.Remove(ctx, env.Now(), s.inStore())
			return err
		}, func(ctx context.Context, api *client.Client) error {
			_, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: deadLettersPath + "/drop", Body: s.body()}, &done)
			return err
		})
		if err != nil {
			return err
		}
		if s.Output == "json" {
			err = env.WriteJSON(done)
		} else {
			env.Printf("dropped: %s\n", quantity.Plural(done.Dropped, "dead letter"))
		}
		if err == nil && done.Dropped == 0 {
			return errNothing()
		}
		return err
	})
}
