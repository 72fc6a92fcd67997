package client

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

func TestInClear(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*trigger.Settings)
		want   string
	}{
		{"plain address", func(s *trigger.Settings) { s.URL = setting.SecretText("https://hooks.example.com/ops") }, ""},
		{"files", func(s *trigger.Settings) { s.URL.File, s.Token.File, s.Password.Env = "a", "b", "C" }, ""},
		{"slack", func(s *trigger.Settings) { s.Format, s.URL = "slack", setting.SecretText("https://hooks.slack.com/x") }, "url"},
		{"token in the path", func(s *trigger.Settings) { s.URL = setting.SecretText("https://a.example/hooks/0123456789abcdef0123") }, "url"},
		{"query", func(s *trigger.Settings) { s.URL = setting.SecretText("https://a.example/?key=x") }, "url"},
		{"proxy", func(s *trigger.Settings) { s.ProxyURL = setting.SecretText("http://u:p@proxy:3128") }, "proxy_url"},
		{"plain proxy", func(s *trigger.Settings) { s.ProxyURL = setting.SecretText("http://proxy:3128") }, ""},
		{"rest", func(s *trigger.Settings) {
			s.Token, s.HubSecret, s.Headers = setting.SecretText("a"), setting.SecretText("b"), map[string]setting.Secret{"X-Key": setting.NewSecret("c")}
		}, "token hub_secret headers.X-Key"},
	} {
		s := trigger.DefaultSettings()
		c.change(&s)
		if got := strings.Join(InClear(&s), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
