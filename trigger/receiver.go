package trigger

import (
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// ReceiverOf returns the format of the receiver that an address belongs to, as its host says; "" where it says nothing.
func ReceiverOf(address setting.Secret) string {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return ""
	}
	host := normalHost(u.Hostname())
	for _, known := range []struct{ domain, format string }{
		{"hooks.slack.com", FormatSlack}, {"hooks.slack-gov.com", FormatSlack},
		{"discord.com", FormatDiscord}, {"discordapp.com", FormatDiscord},
		{"webhook.office.com", FormatTeams}, {"logic.azure.com", FormatTeams}, {"api.powerplatform.com", FormatTeams},
		{"pagerduty.com", FormatPagerDuty}, {"ntfy.sh", FormatNtfy}, {"api.telegram.org", FormatTelegram},
	} {
		if host == known.domain || strings.HasSuffix(host, "."+known.domain) {
			return known.format
		}
	}
	first, _, _ := strings.Cut(host, ".")
	switch first {
	case "ntfy", "gotify", "alertmanager": // what people call their own
		return first
	}
	return ""
}

// MissingFormat returns the format that a trigger's address asks for and its settings do not set: its receiver would not understand what it
// gets. "" where nothing is missing, or nothing is known. Files and variables that hold the address are read; what cannot be read says nothing.
func (s *Settings) MissingFormat(lookupEnv func(string) (string, bool)) string {
	if s.Format != FormatGeneric || s.Body != "" {
		return ""
	}
	address, err := readSecret(s.URL, s.URLFile, s.URLEnv, lookupEnv)
	if err != nil {
		return ""
	}
	return ReceiverOf(address)
}

// formatHint says that a format is missing; "" for none.
func formatHint(format string) string {
	if format == "" {
		return ""
	}
	return `, and the address looks like one of ` + format + `, which wants format = "` + format + `"`
}
