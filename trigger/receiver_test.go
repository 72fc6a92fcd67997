package trigger

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func TestReceiverOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://hooks.slack.com/services/T0/B0/x": FormatSlack, "https://HOOKS.slack.com./services/x": FormatSlack, "https://hooks.slack-gov.com/x": FormatSlack,
		"https://discord.com/api/webhooks/1/x": FormatDiscord, "https://ptb.discord.com/api/webhooks/1/x": FormatDiscord, "https://discordapp.com/api/webhooks/1/x": FormatDiscord,
		"https://acme.webhook.office.com/webhookb2/x": FormatTeams, "https://prod-12.westeurope.logic.azure.com:443/workflows/x": FormatTeams,
		"https://default1.2.environment.api.powerplatform.com/powerautomate/x": FormatTeams,
		"https://events.pagerduty.com/v2/enqueue":                              FormatPagerDuty, "https://events.eu.pagerduty.com/v2/enqueue": FormatPagerDuty,
		"https://api.telegram.org/bot1:x/sendMessage": FormatTelegram, "https://ntfy.sh/topic": FormatNtfy, "https://ntfy.example.com/topic": FormatNtfy,
		"http://gotify/message": FormatGotify, "http://alertmanager.monitoring.svc:9093": FormatAlertmanager,
		"https://example.com/hooks.slack.com": "", "https://notdiscord.com/x": "", "https://slack.com/api/chat.postMessage": "", "http://gotify2/": "", "": "", "%zz": "",
	} {
		if got := ReceiverOf(setting.NewSecret(address)); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestMissingFormat(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("https://hooks.slack.com/services/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) { return "https://discord.com/api/webhooks/1/x", name == "URL" }
	s := DefaultSettings()
	for want, set := range map[string]func(*Settings){
		FormatSlack: func(s *Settings) { s.URLFile = file }, FormatDiscord: func(s *Settings) { s.URLEnv = "URL" }, FormatNtfy: func(s *Settings) { s.URL = setting.NewSecret("https://ntfy.sh/x") },
	} {
		one := s
		set(&one)
		if got := one.MissingFormat(env); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		one.Body = "{}"
		if got := one.MissingFormat(env); got != "" {
			t.Errorf("with a body of its own: %q", got)
		}
		one.Body, one.Format = "", want
		if got := one.MissingFormat(env); got != "" {
			t.Errorf("with its format: %q", got)
		}
	}
	s.URLFile = filepath.Join(t.TempDir(), "missing")
	if got := s.MissingFormat(env); got != "" {
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
	c.missing = FormatSlack // as for an address of Slack's
	for _, got := range []Result{c.Test(t.Context()), c.Send(t.Context(), "id", []Alert{sampleAlert()})} {
		if !strings.Contains(got.Reason, `wants format = "slack"`) || got.Detail != "no_text" {
			t.Errorf("%s", got)
		}
	}
	status = http.StatusOK
	if got := c.Test(t.Context()); got.Outcome != Delivered || !strings.Contains(got.String(), `wants format = "slack"`) {
		t.Errorf("%s", got)
	}
	if got := c.Send(t.Context(), "id", []Alert{sampleAlert()}); strings.Contains(got.Reason, "format") {
		t.Errorf("%s", got)
	}
	status = http.StatusServiceUnavailable
	if got := c.Test(t.Context()); strings.Contains(got.Reason, "format") {
		t.Errorf("%s", got)
	}
}
