package receiver

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestReceiverAt(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://hooks.slack.com/services/T0/B0/x": "slack", "https://HOOKS.slack.com./services/x": "slack", "https://hooks.slack-gov.com/x": "slack",
		"https://discord.com/api/webhooks/1/x": "discord", "https://ptb.discord.com/api/webhooks/1/x": "discord", "https://discordapp.com/api/webhooks/1/x": "discord",
		"https://acme.webhook.office.com/webhookb2/x": "teams", "https://prod-12.westeurope.logic.azure.com:443/workflows/x": "teams",
		"https://default1.2.environment.api.powerplatform.com/powerautomate/x": "teams",
		"https://events.pagerduty.com/v2/enqueue":                              "pagerduty", "https://events.eu.pagerduty.com/v2/enqueue": "pagerduty",
		"https://api.opsgenie.com/v2/alerts": "opsgenie", "https://api.eu.opsgenie.com": "opsgenie",
		"https://api.telegram.org/bot1:x/sendMessage": "telegram", "https://ntfy.sh/topic": "ntfy", "https://ntfy.example.com/topic": "ntfy",
		"http://gotify/message": "gotify", "http://alertmanager.monitoring.svc:9093": "alertmanager",
		"https://example.com/hooks.slack.com": "", "https://notdiscord.com/x": "", "https://slack.com/api/chat.postMessage": "", "http://gotify2/": "", "": "", "%zz": "",
	} {
		got := ""
		if r := At(setting.NewSecret(address)); r != nil {
			got = r.Format
		}
		if got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// TestEveryReceiverIsWhole checks that each receiver has a file named after it, a golden file, a check for the tests of limits, and a section of
// docs/receivers.md with a block that sets its format.
func TestEveryReceiverIsWhole(t *testing.T) {
	t.Parallel()
	text := triggertest.Document(t)
	seen := map[string]bool{}
	for _, r := range receivers {
		if seen[r.Format] {
			t.Errorf("%s is in the table twice", r.Format)
		}
		seen[r.Format] = true
		for _, file := range []string{r.Format + ".go", filepath.Join("testdata", "golden", r.Format+".txtar")} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", r.Format, err)
			}
		}
		if checks[r.Format].payload == nil {
			t.Errorf("%s: no check of its payloads", r.Format)
		}
		section := regexp.MustCompile(`(?ism)^## [^\n]*` + r.Format + `[^\n]*\n(.*?)(^## |\z)`).FindStringSubmatch(text)
		if section == nil || !strings.Contains(section[1], "[[trigger]]") {
			t.Errorf("docs/receivers.md has no section for %s with a block to copy", r.Format)
		} else if r != &generic && !regexp.MustCompile(`(?m)^format += "`+r.Format+`"`).MatchString(section[1]) {
			t.Errorf("docs/receivers.md: no block in the section for %s sets its format", r.Format)
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

// TestNoCodeNamesAFormat finds a receiver's format, as a word of its own in quotes, in any file but the receiver's. The default is exempt, because
// the settings name it.
func TestNoCodeNamesAFormat(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../../trigger", "../../engine", "../../internal", "../../plugin", "../../docker-fluentbit"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path == "../../engine/redact" {
				return filepath.SkipDir // it names kinds of secrets, and one of them is an address
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, r := range receivers {
				if filepath.Base(path) != r.Format+".go" && r != &generic && strings.Contains(string(text), strconv.Quote(r.Format)) {
					t.Errorf("%s names the format %s: put whatever differs by receiver into the receiver's file", path, r.Format)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheSettingsListEveryReceiver compares the comments of the settings, which are docs/configuration.md, with the table: the words of format, the
// receivers with a default address, and those with a default rate.
func TestTheSettingsListEveryReceiver(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../settings.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(source), "//", " ")), " ")
	var formats, addresses, rates []string
	for _, r := range receivers {
		formats = append(formats, r.Format)
		if r.URL != "" {
			addresses = append(addresses, r.Format)
		}
		if r.rate.Count > 0 {
			rates = append(rates, r.Format)
		}
	}
	list := func(words []string, last string) string {
		n := len(words) - 1
		return strings.Join(words[:n], ", ") + last + words[n]
	}
	for _, want := range []string{
		"determines the payload: " + list(formats, " or ") + ".",
		"except for " + list(addresses, " and ") + ", which have default addresses",
		`Unset: "1/s" for ` + list(rates, " and ") + ", no limit for others",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no comment of the settings says %q", want)
		}
	}
}
