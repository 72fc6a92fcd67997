package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type overviewCommand struct {
	remote
}

// Help gives examples.
func (overviewCommand) Help() string {
	return "The exit code is 1 when something wants attention: a reason to alert nobody, a rule or trigger that is left out, a trigger on hold or failing, dead letters, a store that fails.\n\n" +
		"Examples:\n  docker-fluentbit status\n  docker-fluentbit status --url unix:///run/fluentbit-trigger.sock\n  docker-fluentbit status --url https://node-1:2021 --token-file /run/secrets/token -o json"
}

const statsPath = "/api/v1/stats"

// Run shows what an instance does.
func (cmd *overviewCommand) Run(c *console) error {
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		var s adminapi.StatsResponse
		answer, err := api.Do(ctx, client.Request{Path: statsPath}, &s)
		if err != nil {
			return err
		}
		if cmd.Output == "json" {
			err = c.json(answer.Body)
		} else {
			var list adminapi.InstancesResponse
			if _, err := api.Do(ctx, client.Request{Path: "/api/v1/instances", Everywhere: true}, &list); err != nil {
				return err
			}
			err = c.overview(&s, list.Find(s.Instance))
		}
		if err == nil && troubles(&s) {
			return &codeError{code: exitFindings}
		}
		return err
	})
}

// troubles reports whether something wants attention.
func troubles(s *adminapi.StatsResponse) bool {
	return len(s.Problems) > 0 || len(s.Warnings) > 0 || s.Store.Error != "" || slices.ContainsFunc(s.Triggers, func(t adminapi.TriggerStats) bool { return t.Hold != "" || t.Failures > 0 || t.Dead > 0 })
}

// overview writes everything about an instance that fits on a screen.
func (c *console) overview(s *adminapi.StatsResponse, i adminapi.Instance) error {
	state := "ready"
	if !i.Ready {
		state = "not ready: " + orDash(i.State)
	}
	rows := []string{fmt.Sprintf("up\t%s\t%s, %s", since(s.Started), orDash(strings.TrimSpace(i.Program+" "+i.Version)), safetext.Visible(state))}
	row := func(name string, n int64, more string) { rows = append(rows, fmt.Sprintf("%s\t%d\t%s", name, n, more)) }
	row("lines", s.Lines, sums(s.Tails))
	row("hits", s.Hits, "")
	row("sent", s.Sent, "alerts that receivers took, roll-ups included")
	row("suppressed", s.SuppressedTotal(), sums(s.Suppressed))
	row("pending", s.Pending, "hits of which no alert told yet")
	if lost := s.Lost(); lost > 0 {
		row("lost", lost, sums(s.Drops))
	}
	rows = append(rows, fmt.Sprintf("store\t%s\t%s", s.Store.Mode, storeWords(&s.Store)))
	if err := c.table("INSTANCE "+safetext.Visible(s.Instance)+"\t\t", rows); err != nil {
		return err
	}
	if len(s.Triggers) > 0 {
		rows = rows[:0]
		for _, t := range s.Triggers {
			rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%s", safetext.Visible(t.Name), t.Pending, t.Sent, t.Dead, t.Dropped, triggerWords(&t)))
		}
		c.printf("\n")
		if err := c.table("TRIGGER\tPENDING\tSENT\tDEAD\tDROPPED\tSTATE", rows); err != nil {
			return err
		}
	}
	if len(s.Warnings) > 0 {
		c.printf("\nWARNINGS\n")
		for _, w := range s.Warnings {
			c.printf("%s [%s]\n", safetext.Visible(w.Message), safetext.Visible(w.Code))
		}
	}
	if len(s.Problems) > 0 {
		c.printf("\nLEFT OUT\n")
		for _, p := range s.Problems {
			c.printf("%s\n", safetext.Visible(p))
		}
	}
	return nil
}

func since(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	return time.Since(at).Round(time.Second).String()
}

// sums tells the parts of a sum, the largest first.
func sums(by map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		if by[a] != by[b] {
			return int(max(-1, min(1, by[b]-by[a])))
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, key := range keys {
		if by[key] != 0 {
			parts = append(parts, strings.ReplaceAll(key, "_", " ")+" "+strconv.FormatInt(by[key], 10))
		}
	}
	return strings.Join(parts, ", ")
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

// triggerWords describes the state of a trigger.
func triggerWords(t *adminapi.TriggerStats) string {
	text := "works"
	switch {
	case t.Hold != "":
		text = strings.ReplaceAll(t.Hold, "_", " ")
	case t.Failures > 0:
		text = fmt.Sprintf("fails (%d)", t.Failures)
	default:
		return text
	}
	if !t.NextAttempt.IsZero() {
		text += ", next attempt " + when(t.NextAttempt)
	}
	if t.Reason != "" {
		text += ": " + safetext.Visible(t.Reason)
	}
	return text
}
