package triggers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	triggerclient "github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// testTimeout is longer than an instance waits for a receiver, so that the instance reports the failure.
const testTimeout = 65 * time.Second

type testCommand struct {
	command.Remote
	Name  string
	Files []string
}

func newTest(env *command.Env) *cobra.Command {
	cmd := &testCommand{Remote: command.Remote{Timeout: testTimeout}}
	c := &cobra.Command{
		Use: "test NAME", Short: "Send a test alert through a trigger.", Args: command.Arguments("NAME"), ValidArgsFunction: command.NamesOnce(env, "trigger"),
		Long: "Send a test alert through a trigger, and report the result. The alert is of kind test, and is sent like any other: with the same payload format, client, signature and egress guard.\n\n" +
			"Without --config the running instance sends it, from its network and with its secrets and current settings. The timeout and retries of the trigger limit the wait for the " +
			"receiver, to at most 50 s. With --config this command sends it itself, using the trigger in the files; no instance is needed.",
		Example: "  docker-fluentbit triggers test ops\n  docker-fluentbit triggers test -c /etc/fluent-bit/rules.toml ops",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Name = args[0]
			if len(cmd.Files) > 0 {
				return cmd.fromFiles(env)
			}
			return cmd.byInstance(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.List(&cmd.Files, "config", "c", "FILE", "Test the trigger in these files, without an instance: TOML files, folders or globs; Fluent Bit configurations (*.conf, *.yaml).").File()
	cmd.Add(f)
	return c
}

// SendTest sends a test alert through a trigger in files, as the command does with --config.
func SendTest(env *command.Env, name string, files ...string) error {
	return (&testCommand{Name: name, Files: files}).fromFiles(env)
}

// byInstance lets the instance send a test alert.
func (cmd *testCommand) byInstance(c *command.Env) error {
	delivered := true
	request := client.Request{Method: http.MethodPost, Path: command.TriggerKind.Path + client.Path(cmd.Name) + "/test"}
	err := command.Ask(c, &cmd.Remote, request, func(t *adminapi.TriggerTestResponse) error {
		delivered = t.Outcome == trigger.Delivered.String()
		c.Printf("trigger %q: %s", cmd.Name, safetext.Visible(t.Outcome))
		if t.Detail != "" {
			c.Printf(": %s", safetext.Visible(t.Detail))
		}
		took := time.Duration(t.TookMS * float64(time.Millisecond)).Round(time.Millisecond)
		c.Printf(" (%s, %s)\n", quantity.Plural(t.Attempts, "attempt"), took)
		return nil
	})
	if err == nil && !delivered {
		return &command.Error{Code: command.Findings}
	}
	return err
}

// fromFiles sends a test alert through a trigger in files.
func (cmd *testCommand) fromFiles(c *command.Env) error {
	var names []string
	var found []*config.Settings
	for _, result := range lint.Load(cmd.Files, nil) {
		for i := range result.Problems {
			_, _ = fmt.Fprintln(c.Err, result.Problems[i].Error())
		}
		for i := range result.Settings.Triggers {
			names = append(names, result.Settings.Triggers[i].Name)
			if names[len(names)-1] == cmd.Name {
				found = append(found, &result.Settings)
			}
		}
	}
	switch {
	case len(found) == 0:
		return &command.Error{Code: command.Usage, Text: noTrigger(cmd.Name, names)}
	case len(found) > 1:
		return &command.Error{Code: command.Usage, Text: fmt.Sprintf("%d configurations have a trigger named %q: name one of them only", len(found), cmd.Name)}
	}
	s := found[0]
	at := slices.IndexFunc(s.Triggers, func(t trigger.Settings) bool { return t.Name == cmd.Name })
	sender, err := triggerclient.New(s.Triggers[at], triggerclient.Deps{Egress: s.Egress, UserAgent: "fluentbit-trigger/" + c.Version})
	if err != nil {
		return &command.Error{Code: command.Rules, Text: err.Error()}
	}
	defer sender.Close()
	ctx, stop := command.Interruptible()
	defer stop()
	sent := sender.Test(ctx)
	if cmd.Output == "json" {
		shown := adminapi.TriggerTestResponse{Outcome: sent.Outcome.String(), Detail: strings.Join(slices.DeleteFunc([]string{sent.Reason, sent.Detail}, func(s string) bool { return s == "" }), ": "),
			Attempts: sent.Attempts, TookMS: float64(sent.Elapsed) / float64(time.Millisecond)}
		if err := c.WriteJSON(shown); err != nil {
			return err
		}
	} else {
		c.Printf("trigger %q: %s\n", cmd.Name, sent)
		if sent.Detail != "" {
			c.Printf("the answer begins with %q\n", sent.Detail)
		}
	}
	if sent.Outcome != trigger.Delivered {
		return &command.Error{Code: command.Findings}
	}
	return nil
}

// noTrigger is the error for a name that no usable trigger has, with a suggestion.
func noTrigger(name string, names []string) string {
	text := fmt.Sprintf("no usable trigger is named %q", name)
	switch hint := setting.DidYouMean(name, names); {
	case hint != "":
		return text + ": " + hint
	case len(names) == 0:
		return text + ": there are no triggers"
	default:
		return text + ": the triggers are " + strings.Join(names, ", ")
	}
}
