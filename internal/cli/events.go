package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tidwall/match"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

type eventsCommand struct {
	Store    string   `required:"" type:"path" env:"FLUENTBIT_TRIGGER_STORE" placeholder:"FILE" help:"The store's file: what the store parameter names, or /var/lib/fluentbit-trigger/ID.db."`
	Rule     string   `complete:"rule" placeholder:"GLOB" help:"Alerts of these rules."`
	Workload string   `placeholder:"GLOB" help:"Alerts of these workloads."`
	Kind     []string `placeholder:"NAME" enum:"log,threshold,absence,recovered,rollup,container,system,audit" help:"Alerts of these kinds; or audit alone: the changes made through the administration, with who made each, before and after."`
	Severity []string `placeholder:"NAME" enum:"debug,info,warning,error,critical" help:"Alerts of these severities: debug, info, warning, error, critical."`
	Since    string   `placeholder:"TIME" help:"Alerts since then: RFC 3339, seconds since 1970, or a length of time such as 10m ago."`
	Limit    int      `short:"n" default:"50" placeholder:"N" help:"How many alerts at most, the newest of them. Default: ${default}."`
	Follow   bool     `short:"f" help:"Go on, and show alerts as they are stored."`
	Output   string   `short:"o" enum:"text,json" default:"text" help:"text, or json: an object a line."`
}

// Help gives examples.
func (eventsCommand) Help() string {
	return "Shows the last alerts that the store holds, or with --kind audit the last changes, the newest below, each with what became of it. It reads the store's file, also while the plugin or run uses it.\n\n" +
		"Examples:\n  docker-fluentbit events --store /var/lib/fluentbit-trigger/ops.db\n  docker-fluentbit events --store FILE --severity error,critical --since 1h\n" +
		"  docker-fluentbit events --store FILE --workload 'shop/*' --follow -o json\n" +
		"  docker-fluentbit events --store FILE --kind audit --since 24h"
}

// event is an alert of the log, or a change of the audit, as it is shown.
type event struct {
	Seq        int64           `json:"seq"`
	Accepted   time.Time       `json:"accepted"`
	Alert      json.RawMessage `json:"alert,omitempty"`
	Audit      *change         `json:"audit,omitempty"`
	Deliveries []sent          `json:"deliveries,omitzero"`
	alert      trigger.Alert
}

// change is what somebody changed through the administration.
type change struct {
	Instance string          `json:"instance"`
	Who      string          `json:"who"`
	Action   string          `json:"action"`
	Kind     string          `json:"kind"`
	Workload string          `json:"workload,omitempty"`
	Name     string          `json:"name"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

// sent is what became of an alert at one trigger.
type sent struct {
	Trigger  string     `json:"trigger"`
	State    string     `json:"state"`
	Attempts int        `json:"attempts"`
	At       *time.Time `json:"at,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Message  string     `json:"message,omitempty"`
}

const (
	eventsPage  = 500 // read at once
	eventsEvery = time.Second
)

// Run lists alerts.
func (cmd *eventsCommand) Run(c *console) error {
	since, err := parseSince(cmd.Since, time.Now())
	if err != nil {
		return err
	}
	if cmd.Limit < 1 {
		return fmt.Errorf("--limit: %d must be 1 or more", cmd.Limit)
	}
	if cmd.audit() && (len(cmd.Kind) > 1 || cmd.Rule != "" || len(cmd.Severity) > 0) {
		return errors.New("--kind audit: goes with no other kind, and with no --rule or --severity")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return withStore(ctx, cmd.Store, func(s *store.Store) error {
		newest, err := cmd.show(ctx, c, s, 0, since, cmd.Limit)
		if !cmd.Follow || err != nil {
			return err
		}
		tick := time.NewTicker(eventsEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			now, err := cmd.show(ctx, c, s, newest, since, 0)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			newest = now
		}
	})
}

// audit reports whether changes are wanted, not alerts.
func (cmd *eventsCommand) audit() bool { return slices.Contains(cmd.Kind, "audit") }

// show writes the wanted events with numbers above after, at most limit of them unless it is 0, and returns the newest number there is.
func (cmd *eventsCommand) show(ctx context.Context, c *console, s *store.Store, after, since int64, limit int) (newest int64, err error) {
	read := cmd.alerts
	if cmd.audit() {
		read = cmd.changes
	}
	newest = after
	var wanted []event
	for before := int64(0); ; {
		page, err := read(ctx, s, before)
		if err != nil {
			return after, err
		}
		done := len(page) < eventsPage
		for i := range page {
			e := &page[i]
			newest = max(newest, e.Seq)
			if e.Seq <= after || e.Accepted.UnixNano() < since {
				done = true
				break
			}
			if cmd.wants(e) {
				wanted = append(wanted, *e)
			}
			if limit > 0 && len(wanted) == limit {
				done = true
				break
			}
			before = e.Seq
		}
		if done {
			break
		}
	}
	for i := range slices.Backward(wanted) {
		if err := cmd.print(c, &wanted[i]); err != nil {
			return after, err
		}
	}
	return newest, nil
}

// alerts reads alerts with numbers below before, the newest first.
func (cmd *eventsCommand) alerts(ctx context.Context, s *store.Store, before int64) ([]event, error) {
	page, err := s.Alerts(ctx, before, eventsPage)
	out := make([]event, len(page))
	for i := range page {
		out[i] = asEvent(&page[i])
	}
	return out, err
}

// changes reads changes likewise.
func (cmd *eventsCommand) changes(ctx context.Context, s *store.Store, before int64) ([]event, error) {
	page, err := s.Audit(ctx, "", before, eventsPage)
	out := make([]event, len(page))
	for i := range page {
		e := &page[i]
		out[i] = event{Seq: e.Seq, Accepted: e.Time.UTC(), Audit: &change{e.Instance, e.Who, e.Action, e.Kind, e.Scope, e.Name, e.Before, e.After}}
	}
	return out, err
}

func (cmd *eventsCommand) wants(e *event) bool {
	if e.Audit != nil {
		return cmd.Workload == "" || match.Match(e.Audit.Workload, cmd.Workload)
	}
	a := &e.alert
	return (len(cmd.Kind) == 0 || slices.Contains(cmd.Kind, a.Kind)) && (cmd.Rule == "" || match.Match(a.Rule, cmd.Rule)) && (cmd.Workload == "" || match.Match(a.Source.Workload, cmd.Workload)) &&
		(len(cmd.Severity) == 0 || slices.Contains(cmd.Severity, a.Severity))
}

// asEvent converts an event of the store. An alert that a newer program stored is shown as far as it is understood.
func asEvent(e *store.Alert) event {
	shown := event{Seq: e.Seq, Accepted: e.Accepted.UTC(), Alert: e.Payload, Deliveries: []sent{}}
	if !json.Valid(e.Payload) {
		shown.Alert = json.RawMessage("null")
	}
	if json.Unmarshal(e.Payload, &shown.alert) != nil || shown.alert.ID == "" {
		shown.alert.ID = e.ID
	}
	moment := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	for _, d := range e.Deliveries {
		shown.Deliveries = append(shown.Deliveries, sent{d.Trigger, d.State, d.Attempts, moment(d.At), moment(d.Due), d.Reason, d.Message})
	}
	return shown
}

// print writes one event: as an object in a line, or as a line with what became of it, or was changed, below.
func (cmd *eventsCommand) print(c *console, e *event) error {
	if cmd.Output == "json" {
		return json.NewEncoder(c.out).Encode(e)
	}
	if e.Audit != nil {
		_, err := fmt.Fprint(c.out, e.Accepted.Local().Format(time.DateTime), "  ", e.Audit.words(), "\n")
		return err
	}
	a := &e.alert
	_, err := fmt.Fprintf(c.out, "%s  %-8s  %s  %s  %s  %s\n    %s\n", e.Accepted.Local().Format(time.DateTime), a.Severity, safetext.Visible(a.Rule), safetext.Visible(a.Source.Workload),
		a.ID, safetext.Visible(a.Summary), e.outcome())
	return err
}

// words tell a change.
func (e *change) words() string {
	text := strings.Join(slices.DeleteFunc([]string{e.Instance, e.Who, e.Action + " " + e.Kind, e.Workload, e.Name}, func(s string) bool { return s == "" }), "  ")
	if e.Before != nil {
		text += "\n    before  " + string(e.Before)
	}
	if e.After != nil {
		text += "\n    after   " + string(e.After)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = safetext.Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// outcome tells what became of an alert.
func (e *event) outcome() string {
	if len(e.Deliveries) == 0 {
		return "no trigger wanted it"
	}
	words := make([]string, len(e.Deliveries))
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		words[i] = d.Trigger + ": " + d.State
		if d.Attempts > 1 || d.Reason != "" {
			words[i] += ", " + plural(d.Attempts, "attempt")
		}
		if d.Due != nil && d.Attempts > 0 {
			words[i] += ", next " + d.Due.Local().Format(time.TimeOnly)
		}
		if d.Reason != "" {
			words[i] += ": " + safetext.Visible(d.Reason)
		}
	}
	return strings.Join(words, "; ")
}
