package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type queueCommand struct {
	Store string `required:"" type:"path" placeholder:"FILE" help:"The store's file: what the store parameter names, or /var/lib/fluentbit-trigger/ID.db."`

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
	Trigger string `help:"Letters of this trigger."`
	All     bool   `help:"All dead letters."`
}

// selected returns what is meant, and refuses to mean all of them by accident.
func (w *which) selected() (store.Select, error) {
	if w.ID == "" && w.Trigger == "" && !w.All {
		return store.Select{}, errors.New("say which: an alert's id, --trigger NAME or --all")
	}
	return store.Select{AlertID: w.ID, Target: w.Trigger}, nil
}

// with opens the store that the command line names and runs fn. A file that is not there is not created.
func (q *queueCommand) with(fn func(context.Context, *store.Store) error) error {
	if _, err := os.Stat(q.Store); err != nil {
		return fmt.Errorf("there is no store: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	set := store.DefaultSettings()
	set.Path = q.Store
	opened, err := (&store.Registry{}).Open(ctx, store.Options{Settings: set})
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, opened), opened.Close())
}

type queueListCommand struct {
	Trigger string `help:"Dead letters of this trigger."`
	Limit   int    `default:"50" help:"How many dead letters to list, the newest first."`
}

// Run lists triggers and dead letters.
func (cmd *queueListCommand) Run(c *console, cli *commands) error {
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		targets, err := s.Targets(ctx)
		if err != nil {
			return err
		}
		letters, err := s.Letters(ctx, store.Select{Target: cmd.Trigger}, cmd.Limit)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "TRIGGER\tPENDING\tDELIVERED\tDEAD\tDROPPED\tSTATE")
		for _, t := range targets {
			_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", t.Name, t.Counts.Pending, t.Counts.Delivered, t.Counts.Dead, t.Counts.Dropped, t.State.Hold)
		}
		if len(letters) > 0 {
			_, _ = fmt.Fprintln(table, "\nDEAD LETTER\tTRIGGER\tDIED\tATTEMPTS\tREASON")
		}
		for _, l := range letters {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", l.AlertID, l.Target, l.Died.Local().Format(time.DateTime), l.Attempts, l.Reason)
		}
		return table.Flush()
	})
}

type queueShowCommand struct {
	ID      string `arg:"" help:"The alert's id."`
	Trigger string `help:"The letter of this trigger."`
}

// Run shows one letter.
func (cmd *queueShowCommand) Run(c *console, cli *commands) error {
	return cli.Queue.with(func(ctx context.Context, s *store.Store) error {
		l, ok, err := s.Letter(ctx, cmd.ID, cmd.Trigger)
		if err != nil {
			return err
		}
		if !ok {
			return &codeError{exitFindings, fmt.Sprintf("no dead letter has the id %q", cmd.ID)}
		}
		var alert bytes.Buffer
		if err := json.Indent(&alert, l.Payload, "", "  "); err != nil {
			return fmt.Errorf("the alert cannot be read: %w", err)
		}
		c.printf("trigger   %s\naccepted  %s\ndied      %s, after %d attempts: %s\nkept until %s\n%s\n", l.Target, l.Accepted.Local().Format(time.DateTime),
			l.Died.Local().Format(time.DateTime), l.Attempts, l.Reason, l.Expires.Local().Format(time.DateTime), alert.String())
		return nil
	})
}

type queueRedeliverCommand struct{ which }

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
		c.printf("%d dead letters are pending again\n", back)
		if left > 0 {
			c.printf("%d stay, since no more may be pending\n", left)
		}
		if back+left == 0 {
			return &codeError{exitFindings, "no dead letter was meant"}
		}
		return nil
	})
}

type queueDropCommand struct{ which }

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
		c.printf("%d dead letters dropped\n", n)
		if n == 0 {
			return &codeError{exitFindings, "no dead letter was meant"}
		}
		return nil
	})
}
