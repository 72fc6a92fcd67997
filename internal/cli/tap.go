package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type tapCommand struct {
	remote
	Workload  string `placeholder:"GLOB" help:"Records of these workloads."`
	Container string `placeholder:"GLOB" help:"Records of these containers."`
	Stream    string `placeholder:"NAME" help:"Records of stdout, or of stderr."`
	Rule      string `complete:"rule" placeholder:"GLOB" help:"Records that these rules hit."`
	Match     string `placeholder:"REGEXP" help:"Records whose line matches."`
	Hits      bool   `help:"Records that some rule hits."`
	Limit     int    `short:"n" placeholder:"N" help:"End after so many records."`
	Colour    string `name:"color" enum:"auto,always,never" default:"auto" help:"Colours: auto, which is on a terminal alone, always or never."`
}

// Help gives examples.
func (tapCommand) Help() string {
	return "Each record is one line: when, from where, what was decided, and the text. Records come as they are evaluated, until Ctrl-C; what this program is too " +
		"slow to take is left out, and told. With -o json each is an object.\n\n" +
		"Examples:\n  docker-fluentbit tap --workload 'shop/*'\n  docker-fluentbit tap --hits --rule http-5xx -o json\n  docker-fluentbit tap --match '(?i)timeout' -n 20"
}

const tapPath = "/api/v1/tap"

// errEnough ends a stream.
var errEnough = errors.New("enough")

// Run shows records as they pass.
func (cmd *tapCommand) Run(c *console) error {
	if cmd.Limit < 0 {
		return fmt.Errorf("-n: %d must not be negative", cmd.Limit)
	}
	query := url.Values{}
	for name, value := range map[string]string{"workload": cmd.Workload, "container": cmd.Container, "stream": cmd.Stream, "rule": cmd.Rule, "match": cmd.Match} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if cmd.Hits {
		query.Set("hits", "true")
	}
	colour := cmd.Colour == "always" || cmd.Colour == "auto" && isTerminal(c.out)
	seen := 0
	err := cmd.with(func(ctx context.Context, api *client.Client) error {
		return api.Stream(ctx, client.Request{Path: tapPath, Query: query}, func(e client.Event) error {
			if err := cmd.show(c, e, colour); err != nil {
				return err
			}
			if e.Name != "record" {
				return nil
			}
			if seen++; seen == cmd.Limit {
				return errEnough
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// show writes one event.
func (cmd *tapCommand) show(c *console, e client.Event, colour bool) error {
	switch {
	case e.Name == "missed":
		var missed struct{ Missed int64 }
		if err := json.Unmarshal(e.Data, &missed); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.err, "docker-fluentbit: %s left out, since they came too fast\n", plural(int(missed.Missed), "record"))
		return err
	case e.Name != "record":
		return nil // of a newer server
	case cmd.Output == "json":
		_, err := fmt.Fprintf(c.out, "%s\n", bytes.TrimSpace(e.Data))
		return err
	}
	var r adminapi.TapRecord
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return fmt.Errorf("a record cannot be read: %w", err)
	}
	_, err := fmt.Fprintln(terminalOf(c.out), tapLine(&r, colour))
	return err
}

// Colours, by what they tell.
const (
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	plain  = "\x1b[0m"
)

// tapLine is a record on one line, which holds nothing that moves a terminal's cursor but colours of its own.
func tapLine(r *adminapi.TapRecord, colour bool) string {
	paint := func(with, text string) string {
		if !colour || text == "" {
			return text
		}
		return with + text + plain
	}
	where := r.Workload
	if r.Container != "" && r.Container != r.Workload {
		where += " " + r.Container
	}
	if r.Stream != "" {
		where += " [" + r.Stream + "]"
	}
	var decisions []string
	for _, d := range r.Decisions {
		with := yellow
		if d.Outcome == "alert" {
			with = bold + red
		}
		decisions = append(decisions, paint(with, safetext.Visible(d.Rule)+": "+strings.ReplaceAll(safetext.Visible(d.Outcome), "_", " ")))
	}
	decision := paint(dim, "no hit")
	if len(decisions) > 0 {
		decision = strings.Join(decisions, ", ")
	}
	return paint(dim, r.Time.Local().Format("15:04:05.000")) + " " + paint(green, safetext.Visible(where)) + " " + decision + " | " + safetext.Visible(r.Text)
}
