package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type silenceCommand struct {
	Add    silenceAddCommand    `cmd:"" help:"Hold back the alerts of what matches, for a time."`
	List   silenceListCommand   `cmd:"" help:"List the silences."`
	Expire silenceExpireCommand `cmd:"" help:"End silences now."`
}

// defaultSilence is how long a silence holds that does not say.
const defaultSilence = time.Hour

const silencesPath = "/api/v1/silences"

type silenceAddCommand struct {
	remote
	Rule      string         `complete:"rule" placeholder:"GLOB" help:"Rules by name."`
	Workload  string         `placeholder:"GLOB" help:"Workloads by name."`
	Container string         `placeholder:"GLOB" help:"Containers by name."`
	Severity  []string       `placeholder:"NAME" help:"Severities: debug, info, warning, error, critical."`
	Message   string         `placeholder:"REGEXP" help:"Lines."`
	For       *time.Duration `xor:"end" placeholder:"DURATION" help:"How long. Default: 1h."`
	Until     string         `placeholder:"TIME" xor:"end" help:"Until when (RFC 3339), instead of --for."`
	Comment   string         `short:"m" help:"Why, for those who find it."`
}

// Help gives examples.
func (silenceAddCommand) Help() string {
	return "All that is given must match. Hits that match make no alert; they are counted, and the next alert tells how many there were.\n\n" +
		"Examples:\n  docker-fluentbit silence add --workload 'shop/*' --for 30m -m 'deploy 1.4'\n  docker-fluentbit silence add --rule http-5xx --message 'GET /legacy' --until 2026-12-01T06:00:00Z"
}

// Run adds a silence.
func (cmd *silenceAddCommand) Run(c *console) error {
	if cmd.Rule == "" && cmd.Workload == "" && cmd.Container == "" && cmd.Message == "" && len(cmd.Severity) == 0 {
		return errors.New("say what to silence: at least one of --rule, --workload, --container, --severity and --message")
	}
	length := defaultSilence
	if cmd.For != nil {
		length = *cmd.For
	}
	until := time.Now().Add(length)
	if cmd.Until != "" {
		var err error
		if until, err = time.Parse(time.RFC3339, cmd.Until); err != nil {
			return fmt.Errorf("--until: %q is no time, such as 2026-12-01T06:00:00Z", cmd.Until)
		}
	} else if length <= 0 {
		return errors.New("--for: must be above zero")
	}
	body := adminapi.SilenceRequest{Until: until.UTC().Truncate(time.Second), Comment: cmd.Comment, Author: whoAmI(), SilenceMatchers: adminapi.SilenceMatchers{
		Rule: cmd.Rule, Workload: cmd.Workload, Container: cmd.Container, Severity: cmd.Severity, Message: cmd.Message}}
	return ask(c, &cmd.remote, client.Request{Method: http.MethodPost, Path: silencesPath, Body: body}, func(s *adminapi.Silence) error {
		c.printf("%s holds until %s\n", s.ID, s.Until.Local().Format(time.DateTime))
		return nil
	})
}

// whoAmI names the user, for those who find the silence.
func whoAmI() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

type silenceListCommand struct {
	remote
	All bool `short:"a" help:"Also those that ended."`
}

// Help gives an example.
func (silenceListCommand) Help() string { return "Example: docker-fluentbit silence list --all" }

// Run lists silences.
func (cmd *silenceListCommand) Run(c *console) error {
	return ask(c, &cmd.remote, client.Request{Path: silencesPath}, func(list *struct{ Silences []adminapi.Silence }) error {
		now := time.Now()
		var rows []string
		for _, s := range list.Silences {
			state := "active"
			switch {
			case !s.Until.After(now):
				state = "expired"
			case !s.From.IsZero() && s.From.After(now):
				state = "pending"
			}
			if state == "expired" && !cmd.All {
				continue
			}
			rows = append(rows, strings.Join([]string{s.ID, state, when(s.Until), fmt.Sprint(s.Suppressed), safetext.Visible(matcherWords(&s.SilenceMatchers)), safetext.Visible(s.Author), safetext.Visible(s.Comment)}, "\t"))
		}
		if len(rows) == 0 {
			c.printf("nothing is silenced\n")
			return nil
		}
		return c.table("ID\tSTATE\tUNTIL\tSUPPRESSED\tWHAT\tBY\tCOMMENT", rows)
	})
}

func matcherWords(m *adminapi.SilenceMatchers) string {
	var parts []string
	for _, p := range [][2]string{{"rule", m.Rule}, {"workload", m.Workload}, {"container", m.Container}, {"severity", strings.Join(m.Severity, "|")}, {"message", m.Message}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	return strings.Join(parts, " ")
}

type silenceExpireCommand struct {
	remote
	IDs []string `arg:"" name:"id" help:"Ids, as list shows them."`
}

// Help gives an example.
func (silenceExpireCommand) Help() string {
	return "Example: docker-fluentbit silence expire si_0123…"
}

// Run ends silences.
func (cmd *silenceExpireCommand) Run(c *console) error {
	return cmd.with(func(ctx context.Context, api *client.Client) error {
		for _, id := range cmd.IDs {
			answer, err := api.Do(ctx, client.Request{Method: http.MethodDelete, Path: silencesPath + client.Path(id)}, nil)
			if err != nil {
				return err
			}
			if err := cmd.done(c, answer, "%s ended", id); err != nil {
				return err
			}
		}
		return nil
	})
}
