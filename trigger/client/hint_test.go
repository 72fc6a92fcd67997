package client

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestMissingFormat(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("https://hooks.slack.com/services/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) { return "https://discord.com/api/webhooks/1/x", name == "URL" }
	s := trigger.DefaultSettings()
	for want, set := range map[string]func(*trigger.Settings){
		"slack": func(s *trigger.Settings) { s.URL.File = file }, "discord": func(s *trigger.Settings) { s.URL.Env = "URL" }, "ntfy": func(s *trigger.Settings) { s.URL = setting.SecretText("https://ntfy.sh/x") },
	} {
		one := s
		set(&one)
		if got := MissingFormat(&one, env); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		one.Body = "{}"
		if got := MissingFormat(&one, env); got != "" {
			t.Errorf("with a body of its own: %q", got)
		}
		one.Body, one.Format = "", want
		if got := MissingFormat(&one, env); got != "" {
			t.Errorf("with its format: %q", got)
		}
	}
	s.URL.File = filepath.Join(t.TempDir(), "missing")
	if got := MissingFormat(&s, env); got != "" {
		t.Errorf("a file that is missing: %q", got)
	}
}

// TestTheResultHintsAtTheFormat: Slack answers 400 "no_text" to a generic payload, and ntfy takes it and shows JSON.
func TestTheResultHintsAtTheFormat(t *testing.T) {
	t.Parallel()
	status := http.StatusBadRequest
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("no_text"))
	})
	c := mustNew(t, testSettings(server.URL), loopback())
	c.missing = "slack" // as for an address of Slack's
	for _, got := range []trigger.Result{c.Test(t.Context()), c.Send(t.Context(), "id", []trigger.Alert{triggertest.Sample()})} {
		if !strings.Contains(got.Reason, `set format = "slack"`) || got.Detail != "no_text" {
			t.Errorf("%s", got)
		}
	}
	status = http.StatusOK
	if got := c.Test(t.Context()); got.Outcome != trigger.Delivered || !strings.Contains(got.String(), `set format = "slack"`) {
		t.Errorf("%s", got)
	}
	if got := c.Send(t.Context(), "id", []trigger.Alert{triggertest.Sample()}); strings.Contains(got.Reason, "format") {
		t.Errorf("%s", got)
	}
	status = http.StatusServiceUnavailable
	if got := c.Test(t.Context()); strings.Contains(got.Reason, "format") {
		t.Errorf("%s", got)
	}
}
