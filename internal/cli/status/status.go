// Package status is the command status.
package status

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &statusCommand{}
	c := &cobra.Command{
		Use: "status", Short: "Show the state of a running instance.", Args: command.Arguments(),
		Long: "Show the state of a running instance. Until its first run is complete, a checklist shows which of these are missing: containers, rules, triggers, and a test of each trigger.\n\nThe exit code is 1 if something needs attention: nobody would be alerted, a rule or trigger was left out, a trigger is on hold " +
			"or failing, there are dead letters, or the store fails.",
		Example: "  docker-fluentbit status\n  docker-fluentbit status --url unix:///run/fluentbit-trigger.sock\n" +
			"  docker-fluentbit status --url https://node-1:2021 --token-file /run/secrets/token -o json",
		RunE: func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	cmd.Add(command.FlagsOf(env, c))
	return c
}

type statusCommand struct {
	command.Remote
}

// run shows the state of an instance.
func (cmd *statusCommand) run(c *command.Env) error {
	return cmd.With(c, func(ctx context.Context, api *client.Client) error {
		var s adminapi.StatsResponse
		answer, err := api.Do(ctx, client.Request{Path: command.StatsPath}, &s)
		if err != nil {
			return err
		}
		if cmd.Output == "json" {
			err = c.JSON(answer.Body)
		} else {
			var list adminapi.InstancesResponse
			if _, err := api.Do(ctx, client.Request{Path: "/api/v1/instances", Everywhere: true}, &list); err != nil {
				return err
			}
			err = write(c, &s, list.Find(s.Instance))
		}
		if err == nil && troubles(&s) {
			return &command.Error{Code: command.Findings}
		}
		return err
	})
}

// troubles reports whether something needs attention.
func troubles(s *adminapi.StatsResponse) bool {
	return len(s.Problems) > 0 || len(s.Warnings) > 0 || s.Store.Error != "" || slices.ContainsFunc(s.Triggers, func(t adminapi.TriggerStats) bool { return t.Hold != "" || t.Failures > 0 || t.Dead > 0 })
}

// write writes everything about an instance that fits on a screen.
func write(c *command.Env, s *adminapi.StatsResponse, i adminapi.Instance) error {
	state := "ready"
	if !i.Ready {
		state = "not ready: " + command.OrDash(i.State)
	}
	rows := []string{fmt.Sprintf("up\t%s\t%s, %s", since(c, s.Started), command.OrDash(strings.TrimSpace(i.Program+" "+i.Version)), safetext.Visible(state))}
	row := func(name string, n int64, more string) { rows = append(rows, fmt.Sprintf("%s\t%d\t%s", name, n, more)) }
	row("lines", s.Lines, command.Sums(s.Tails))
	row("hits", s.Hits, "")
	row("sent", s.Sent, "deliveries that receivers accepted, roll-ups included")
	row("suppressed", s.SuppressedTotal(), command.Sums(s.Suppressed))
	row("pending", s.Pending, "hits that no alert has reported yet")
	if n := s.RedactedTotal(); n > 0 {
		row("redacted", n, command.Sums(s.Redacted))
	}
	if lost := s.Lost(); lost > 0 {
		row("lost", lost, command.Sums(s.Drops))
	}
	rows = append(rows, fmt.Sprintf("store\t%s\t%s", s.Store.Mode, storeWords(&s.Store)))
	if f := s.Fleet; f != nil {
		state := "the engine answers"
		if !f.Up {
			state = "the engine does not answer: each node alerts by itself"
		}
		rows = append(rows, fmt.Sprintf("fleet\t%d\tnodes of %s; %s", f.Nodes, safetext.Visible(f.Namespace), state))
	}
	if h := s.Heartbeat; h != nil {
		rows = append(rows, fmt.Sprintf("heartbeat\t%d\t%s", h.Sent, heartbeatWords(c, h)))
	}
	if err := c.Table("INSTANCE "+safetext.Visible(s.Instance)+"\t\t", rows); err != nil {
		return err
	}
	if len(s.Triggers) > 0 {
		rows = rows[:0]
		for _, t := range s.Triggers {
			rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%s", safetext.Visible(t.Name), t.Pending, t.Sent, t.Dead, t.Dropped, c.StateOf(&t)))
		}
		c.Printf("\n")
		if err := c.Table("TRIGGER\tPENDING\tSENT\tDEAD\tDROPPED\tSTATE", rows); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.Checklist, func(i adminapi.ChecklistItem) bool { return !i.Done }) {
		c.Printf("\nCHECKLIST\n")
		for _, item := range s.Checklist {
			mark, hint := "[x]", ""
			if !item.Done {
				mark = "[ ]"
			}
			if item.Hint != "" {
				hint = " (" + safetext.Visible(item.Hint) + ")"
			}
			c.Printf("%s %s%s\n", mark, safetext.Visible(item.Detail), hint)
		}
	}
	if len(s.Warnings) > 0 {
		c.Printf("\nWARNINGS\n")
		for _, w := range s.Warnings {
			c.Printf("%s [%s]\n", safetext.Visible(w.Message), safetext.Visible(w.Code))
		}
	}
	if len(s.Problems) > 0 {
		c.Printf("\nLEFT OUT\n")
		for _, p := range s.Problems {
			c.Printf("%s\n", safetext.Visible(p))
		}
	}
	return nil
}

func since(c *command.Env, at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	return c.Now().Sub(at).Round(time.Second).String()
}

func storeWords(s *adminapi.StoreStats) string {
	text := bytesWords(s.Used)
	if s.Max > 0 {
		text += " of " + bytesWords(s.Max)
	}
	if s.Error != "" {
		text += ", fails: " + safetext.Visible(s.Error)
	}
	return text
}

func heartbeatWords(c *command.Env, h *adminapi.HeartbeatStats) string {
	switch {
	case h.Reason != "":
		return "not sent: " + safetext.Visible(h.Reason)
	case h.Last.IsZero():
		return "none sent yet"
	}
	return "the last " + since(c, h.Last) + " ago"
}

func bytesWords(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
