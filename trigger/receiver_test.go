package trigger

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func TestReceiverAt(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://hooks.slack.com/services/T0/B0/x": "slack", "https://HOOKS.slack.com./services/x": "slack", "https://hooks.slack-gov.com/x": "slack",
		"https://discord.com/api/webhooks/1/x": "discord", "https://ptb.discord.com/api/webhooks/1/x": "discord", "https://discordapp.com/api/webhooks/1/x": "discord",
		"https://acme.webhook.office.com/webhookb2/x": "teams", "https://prod-12.westeurope.logic.azure.com:443/workflows/x": "teams",
		"https://default1.2.environment.api.powerplatform.com/powerautomate/x": "teams",
		"https://events.pagerduty.com/v2/enqueue":                              "pagerduty", "https://events.eu.pagerduty.com/v2/enqueue": "pagerduty",
		"https://api.telegram.org/bot1:x/sendMessage": "telegram", "https://ntfy.sh/topic": "ntfy", "https://ntfy.example.com/topic": "ntfy",
		"http://gotify/message": "gotify", "http://alertmanager.monitoring.svc:9093": "alertmanager",
		"https://example.com/hooks.slack.com": "", "https://notdiscord.com/x": "", "https://slack.com/api/chat.postMessage": "", "http://gotify2/": "", "": "", "%zz": "",
	} {
		got := ""
		if r := receiverAt(setting.NewSecret(address)); r != nil {
			got = r.format
		}
		if got != want {
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
		"slack": func(s *Settings) { s.URL.File = file }, "discord": func(s *Settings) { s.URL.Env = "URL" }, "ntfy": func(s *Settings) { s.URL = setting.SecretText("https://ntfy.sh/x") },
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
	s.URL.File = filepath.Join(t.TempDir(), "missing")
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
	c.missing = "slack" // as for an address of Slack's
	for _, got := range []Result{c.Test(t.Context()), c.Send(t.Context(), "id", []Alert{sampleAlert()})} {
		if !strings.Contains(got.Reason, `set format = "slack"`) || got.Detail != "no_text" {
			t.Errorf("%s", got)
		}
	}
	status = http.StatusOK
	if got := c.Test(t.Context()); got.Outcome != Delivered || !strings.Contains(got.String(), `set format = "slack"`) {
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

// TestEveryReceiverIsWhole holds the table of receivers: each has a file of its own name, a golden file, a check that the tests of its limits
// run, and a section of docs/receivers.md with a block that sets its format.
func TestEveryReceiverIsWhole(t *testing.T) {
	t.Parallel()
	text := document(t)
	seen := map[string]bool{}
	for _, r := range receivers {
		if seen[r.format] {
			t.Errorf("%s is in the table twice", r.format)
		}
		seen[r.format] = true
		for _, file := range []string{"receiver_" + r.format + ".go", filepath.Join("testdata", "golden", r.format+".txtar")} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", r.format, err)
			}
		}
		if checks[r.format].payload == nil {
			t.Errorf("%s: no check of its payloads", r.format)
		}
		section := regexp.MustCompile(`(?ism)^## [^\n]*` + r.format + `[^\n]*\n(.*?)(^## |\z)`).FindStringSubmatch(text)
		if section == nil || !strings.Contains(section[1], "[[trigger]]") {
			t.Errorf("docs/receivers.md has no section for %s with a block to copy", r.format)
		} else if r != &generic && !regexp.MustCompile(`(?m)^format += "`+r.format+`"`).MatchString(section[1]) {
			t.Errorf("docs/receivers.md: no block in the section for %s sets its format", r.format)
		}
	}
	for format := range checks {
		if !seen[format] {
			t.Errorf("there is a check for %s, and no such receiver", format)
		}
	}
	golden, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(golden) != len(receivers) {
		t.Errorf("%d golden files for %d receivers, %v", len(golden), len(receivers), err)
	}
}

// TestNoCodeNamesAFormat finds a receiver's format, as a word of its own in quotes, in any file but the receiver's.
func TestNoCodeNamesAFormat(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../trigger", "../engine", "../internal", "../plugin", "../docker-fluentbit"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, r := range receivers {
				if filepath.Base(path) != "receiver_"+r.format+".go" && strings.Contains(string(text), strconv.Quote(r.format)) {
					t.Errorf("%s names the format %s: put whatever differs by receiver into the receiver's file", path, r.format)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
