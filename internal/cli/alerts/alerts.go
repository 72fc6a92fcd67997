// Package alerts is the command alerts.
package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

type alertsCommand struct {
	command.Recent
	Rule     string
	Workload string
	Kind     []string
	Severity []string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &alertsCommand{Recent: command.Recent{Limit: 50}}
	c := &cobra.Command{
		Use: "alerts", Short: "Show the most recent alerts and the result of each delivery.", Args: command.Arguments(),
		Long: "Show the most recent alerts, oldest first, with the result of each delivery.\n\nThe command asks the running instance. With --store it reads the file of the store instead, whether or not " +
			"an instance is using it.",
		Example: "  docker-fluentbit alerts --severity error,critical --since 1h\n  docker-fluentbit alerts --workload 'shop/*' --follow -o json\n" +
			"  docker-fluentbit alerts --store /var/lib/fluentbit-trigger/ops.db",
		RunE: func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Text(&cmd.Rule, "rule", "", "GLOB", "Only alerts of rules that match this glob.").Names("rule")
	f.Text(&cmd.Workload, "workload", "", "GLOB", "Only alerts of workloads that match this glob.")
	f.Choices(&cmd.Kind, "kind", "", "NAME", trigger.Kinds(), "Only alerts of these kinds: "+strings.Join(trigger.Kinds(), ", ")+".")
	f.Choices(&cmd.Severity, "severity", "", "NAME", trigger.Severities(), "Only alerts of these severities: "+strings.Join(trigger.Severities(), ", ")+".")
	cmd.Add(f, "alerts", "stored")
	return c
}

// item is an alert as it is shown. The fields are those of the API.
type item struct {
	Seq        int64           `json:"seq"`
	Accepted   time.Time       `json:"accepted"`
	Alert      json.RawMessage `json:"alert,omitempty"`
	Deliveries []delivery      `json:"deliveries,omitzero"`
	alert      trigger.Alert
}

// delivery is the state of an alert at one trigger.
type delivery struct {
	Trigger  string     `json:"trigger"`
	State    string     `json:"state"`
	Attempts int        `json:"attempts"`
	At       *time.Time `json:"at,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Message  string     `json:"message,omitempty"`
}

// run lists alerts.
func (cmd *alertsCommand) run(env *command.Env) error {
	h := command.History[item]{
		Name: "alerts",
		Store: func(ctx context.Context, s *store.Store, before int64, limit int) ([]item, error) {
			page, err := s.Alerts(ctx, before, limit)
			out := make([]item, len(page))
			for i := range page {
				out[i] = itemOf(&page[i])
			}
			return out, err
		},
		API: func(e *item) { e.read("") },
		Seq: func(e *item) int64 { return e.Seq }, Time: func(e *item) int64 { return e.Accepted.UnixNano() },
		Match: cmd.matches, Print: func(e *item) error { return cmd.print(env, e) },
	}
	return h.Run(env, &cmd.Recent)
}

func (cmd *alertsCommand) matches(e *item) bool {
	a := &e.alert
	return (len(cmd.Kind) == 0 || slices.Contains(cmd.Kind, a.Kind)) && (cmd.Rule == "" || glob.Match(cmd.Rule, a.Rule)) && (cmd.Workload == "" || glob.Match(cmd.Workload, a.Source.Workload)) &&
		(len(cmd.Severity) == 0 || slices.Contains(cmd.Severity, a.Severity))
}

// read decodes the alert. The fields of one that a newer program stored are shown as far as they are known.
func (e *item) read(id string) {
	if json.Unmarshal(e.Alert, &e.alert) != nil || e.alert.ID == "" {
		e.alert.ID = id
	}
}

// itemOf converts an alert of the store.
func itemOf(e *store.Alert) item {
	shown := item{Seq: e.Seq, Accepted: e.Accepted.UTC(), Alert: e.Payload, Deliveries: []delivery{}}
	if !json.Valid(e.Payload) {
		shown.Alert = json.RawMessage("null")
	}
	shown.read(e.ID)
	moment := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	for _, d := range e.Deliveries {
		shown.Deliveries = append(shown.Deliveries, delivery{d.Trigger, d.State, d.Attempts, moment(d.At), moment(d.Due), d.Reason, d.Message})
	}
	return shown
}

// print writes one alert: as an object in a line, or as a line with the deliveries below.
func (cmd *alertsCommand) print(env *command.Env, e *item) error {
	if cmd.Output == "json" {
		return json.NewEncoder(env.Out).Encode(e)
	}
	a := &e.alert
	image := ""
	if text := render.ImageText(a); text != "" {
		image = " (" + safetext.Visible(text) + ")"
	}
	_, err := fmt.Fprintf(env.Out, "%s  %-8s  %s  %s  %s  %s%s\n    %s\n", e.Accepted.Local().Format(time.DateTime), a.Severity, safetext.Visible(a.Rule), safetext.Visible(a.Source.Workload),
		a.ID, safetext.Visible(a.Summary), image, e.outcome())
	return err
}

// outcome returns the deliveries in words.
func (e *item) outcome() string {
	if len(e.Deliveries) == 0 {
		return "no trigger matched"
	}
	words := make([]string, len(e.Deliveries))
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		words[i] = safetext.Visible(d.Trigger) + ": " + d.State
		if d.Attempts > 1 || d.Reason != "" {
			words[i] += ", " + quantity.Plural(d.Attempts, "attempt")
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
