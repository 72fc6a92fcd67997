package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type queueCommand struct {
	Store string `required:"" type:"path" env:"FLUENTBIT_TRIGGER_STORE" placeholder:"FILE" help:"The store's file: what the store parameter names, or /var/lib/fluentbit-trigger/ID.db."`

	List      queueListCommand      `cmd:"" help:"List the triggers with what is pending, and the dead letters."`
	Show      queueShowCommand      `cmd:"" help:"Show a dead letter with its alert."`
	Redeliver queueRedeliverCommand `cmd:"" help:"Make dead letters pending again; a running plugin sends them within seconds."`
	Drop      queueDropCommand      `cmd:"" help:"Drop dead letters for good."`
}

// Help gives examples.
func (queueCommand) Help() string {
	return "Examples:\n  docker-fluentbit queue list --store /var/lib/fluentbit-trigger/trigger.0.db\n  docker-fluentbit queue redeliver --store FILE --trigger ops\n  docker-fluentbit queue drop --store FILE al_0123…"
}

// which are the arguments that say which dead letters are meant.
type which struct {
	ID      string `arg:"" optional:"" help:"The alert's id."`
	Trigger string `complete:"trigger" help:"Letters of this trigger."`
	All     bool   `help:"All dead letters."`
}

// selected returns what is meant, and refuses to mean all of them by accident.
func (w *which) selected() (store.Select, error) {
	if w.ID == "" && w.Trigger == "" && !w.All {
		return store.Select{}, errors.New("say which: an alert's id, --trigger NAME or --all")
	}
	return store.Select{AlertID: w.ID, Trigger: w.Trigger}, nil
}

// with opens the store that the command line names and runs fn.
func (q *queueCommand) with(fn func(context.Context, *store.Store) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return withStore(ctx, q.Store, func(s *store.Store) error { return fn(ctx, s) })
}

// withStore opens a store beside the program that it belongs to, and runs fn. A file that is not a whole store is left as it is.
func withStore(ctx context.Context, path string, fn func(*store.Store) error) error {
	set := store.DefaultSettings()
	set.Path = path
	opened, err := (&store.Registry{}).Open(ctx, store.Options{Settings: set, Guest: true})
	if err != nil {
		return err
	}
	return errors.Join(fn(opened), opened.Close())
}

type queueListCommand struct {
	Trigger string `complete:"trigger" help:"Dead letters of this trigger."`
	Limit   int    `default:"50" help:"How many dead letters to list, the newest first; 0 is all."`
	Output  string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help gives examples.
func (queueListCommand) Help() string {
	return "Examples:\n  docker-fluentbit queue list --store /var/lib/fluentbit-trigger/ops.db\n  docker-fluentbit queue list --store FILE --trigger ops -o json"
}

// Run lists triggers and dead letters.
func (cmd *queueListCommand) Run(c *console, cli *commands) error {
	if cmd.Limit < 0 {
		return fmt.Errorf("--limit: %d must not be negative", cmd.Limit)
	}
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		targets, err := s.Triggers(ctx)
		if err != nil {
			return err
		}
		letters, err := newestLetters(ctx, s, store.Select{Trigger: cmd.Trigger}, cmd.Limit)
		if err != nil {
			return err
		}
		c.hintTrigger(cmd.Trigger, targets)
		if cmd.Output == "json" {
			return writeQueue(c, targets, letters)
		}
		table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "TRIGGER\tPENDING\tDELIVERED\tDEAD\tDROPPED\tSTATE")
		for i := range targets {
			t, n := &targets[i], &targets[i].Counts
			_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", safetext.Visible(t.Name), n.Pending, n.Delivered, n.Dead, n.Dropped, stateWords(&t.State))
		}
		if len(letters) > 0 {
			_, _ = fmt.Fprintln(table, "\nDEAD LETTER\tTRIGGER\tDIED\tATTEMPTS\tREASON")
		}
		for _, l := range letters {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", l.AlertID, safetext.Visible(l.Trigger), l.Died.Local().Format(time.DateTime), l.Attempts, safetext.Visible(l.Reason))
		}
		return table.Flush()
	})
}

// hintTrigger says on stderr that a store knows no trigger of a name. That is no fault: one that is new is known from the next start on.
func (c *console) hintTrigger(name string, known []store.TriggerInfo) {
	names := make([]string, len(known))
	for i := range known {
		names[i] = strconv.Quote(known[i].Name)
	}
	switch {
	case name == "" || slices.Contains(names, strconv.Quote(name)):
	case len(names) == 0:
		_, _ = fmt.Fprintf(c.err, "the store knows no trigger %q, and no other\n", name)
	default:
		_, _ = fmt.Fprintf(c.err, "the store knows no trigger %q: it knows %s\n", name, strings.Join(names, ", "))
	}
}

// lettersPage is how many dead letters are read at once: the alerts of thousands are more than is to be held.
const lettersPage = 500

// newestLetters returns the newest dead letters, at most limit unless it is 0, without their alerts.
func newestLetters(ctx context.Context, s *store.Store, which store.Select, limit int) (all []store.DeadLetter, err error) {
	for last := (store.DeadLetterMark{}); ; {
		want := lettersPage
		if limit > 0 {
			want = min(want, limit-len(all))
		}
		page, err := s.DeadLetters(ctx, which, last, want)
		if err != nil {
			return nil, err
		}
		for i := range page {
			page[i].Payload, last = nil, page[i].Mark
		}
		if all = append(all, page...); len(page) < want || len(all) == limit {
			return all, nil
		}
	}
}

// stateWords tells how a trigger is.
func stateWords(s *store.TriggerState) string {
	switch {
	case s.Hold == store.HoldDisabled:
		return s.Hold.String() + ": " + s.Reason
	case s.Failures == 0 && s.Hold == store.HoldNone:
		return "works"
	case s.Hold == store.HoldNone:
		return fmt.Sprintf("fails (%d), next attempt %s: %s", s.Failures, s.NotBefore.Local().Format(time.TimeOnly), s.Reason)
	}
	return fmt.Sprintf("%s, next attempt %s: %s", s.Hold, s.NotBefore.Local().Format(time.TimeOnly), s.Reason)
}

type queueShowCommand struct {
	ID      string `arg:"" help:"The alert's id."`
	Trigger string `complete:"trigger" help:"The letter of this trigger."`
	Output  string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help gives examples.
func (queueShowCommand) Help() string {
	return "Examples:\n  docker-fluentbit queue show --store FILE al_0123…\n  docker-fluentbit queue show --store FILE al_0123… -o json | jq .alert"
}

// Run shows one letter.
func (cmd *queueShowCommand) Run(c *console, cli *commands) error {
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		l, ok, err := s.DeadLetter(ctx, cmd.ID, cmd.Trigger)
		if err != nil {
			return err
		}
		if !ok {
			return cmd.none(ctx, s)
		}
		if cmd.Output == "json" {
			return writeJSON(c, asLetter(&l))
		}
		var alert bytes.Buffer
		if err := json.Indent(&alert, l.Payload, "", "  "); err != nil {
			return fmt.Errorf("the alert cannot be read: %w", err)
		}
		c.printf("trigger     %s\naccepted    %s\ndied        %s, after %s: %s\n", safetext.Visible(l.Trigger), l.Accepted.Local().Format(time.DateTime),
			l.Died.Local().Format(time.DateTime), plural(l.Attempts, "attempt"), safetext.Visible(l.Reason))
		if l.Answer != "" {
			c.printf("answer      %s\n", safetext.Visible(l.Answer))
		}
		c.printf("kept until  %s\n%s\n", l.Expires.Local().Format(time.DateTime), alert.String())
		return nil
	})
}

// none is the error when there is no such letter. It names the triggers that there is one of.
func (cmd *queueShowCommand) none(ctx context.Context, s *store.Store) error {
	others, err := newestLetters(ctx, s, store.Select{AlertID: cmd.ID}, lettersPage)
	if err != nil {
		return err
	}
	if len(others) == 0 {
		return &codeError{exitFindings, fmt.Sprintf("no dead letter has the id %q", cmd.ID)}
	}
	names := make([]string, len(others))
	for i := range others {
		names[i] = strconv.Quote(others[i].Trigger)
	}
	return &codeError{exitFindings, fmt.Sprintf("no dead letter of the trigger %q has the id %q: there is one of %s", cmd.Trigger, cmd.ID, strings.Join(names, ", "))}
}

type queueRedeliverCommand struct{ which }

// Help gives examples.
func (queueRedeliverCommand) Help() string {
	return "Examples:\n  docker-fluentbit queue redeliver --store FILE al_0123…\n  docker-fluentbit queue redeliver --store FILE --trigger ops"
}

// Run makes letters pending.
func (cmd *queueRedeliverCommand) Run(c *console, cli *commands) error {
	selected, err := cmd.selected()
	if err != nil {
		return err
	}
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		back, left, err := s.Redeliver(ctx, time.Now(), selected)
		if err != nil {
			return err
		}
		c.printf("pending again: %s\n", plural(back, "dead letter"))
		if left > 0 {
			c.printf("left as they are, since no more may be pending: %d\n", left)
		}
		if back+left == 0 {
			return &codeError{exitFindings, "no dead letter was meant"}
		}
		return nil
	})
}

type queueDropCommand struct{ which }

// Help gives examples.
func (queueDropCommand) Help() string {
	return "Examples:\n  docker-fluentbit queue drop --store FILE al_0123…\n  docker-fluentbit queue drop --store FILE --all"
}

// Run drops letters.
func (cmd *queueDropCommand) Run(c *console, cli *commands) error {
	selected, err := cmd.selected()
	if err != nil {
		return err
	}
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		n, err := s.Remove(ctx, time.Now(), selected)
		if err != nil {
			return err
		}
		c.printf("dropped: %s\n", plural(n, "dead letter"))
		if n == 0 {
			return &codeError{exitFindings, "no dead letter was meant"}
		}
		return nil
	})
}
