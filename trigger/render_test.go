package trigger

import (
	"context"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// TestRenderIsWhatIsSent compares what Render makes of each format with what a client's renderer makes, but for the secrets.
func TestRenderIsWhatIsSent(t *testing.T) {
	for _, format := range Formats() {
		s := DefaultSettings()
		s.Name, s.Format, s.URL = "x", format, setting.SecretText("https://hooks.example.com/S3CR3T")
		s.RoutingKey, s.Token, s.ChatID = setting.SecretText("S3CR3T"), setting.SecretText("S3CR3T"), "1"
		r := &renderer{settings: &s, receiver: s.receiver(), routingKey: setting.NewSecret(setting.Placeholder), topic: setting.Placeholder, now: Deps{}.withDefaults().Now}
		want, err := r.render(context.Background(), "al_0123456789abcdef", []Alert{sampleAlert()})
		if err != nil {
			t.Fatal(err)
		}
		got, contentType, err := Render(s, []Alert{sampleAlert()}, sampleTime)
		if err != nil {
			t.Fatal(err)
		}
		if format != "alertmanager" && string(got) != string(want.body) || contentType != want.contentType {
			t.Errorf("%s: %s %s\nwant %s %s", format, contentType, got, want.contentType, want.body)
		}
		if strings.Contains(string(got), "S3CR3T") {
			t.Errorf("%s shows a secret: %s", format, got)
		}
	}
}

func TestRenderUsesTheBody(t *testing.T) {
	s := DefaultSettings()
	s.Name, s.Body = "x", `{"text": "{{ .Alert.Rule }}"}`
	got, _, err := Render(s, []Alert{sampleAlert()}, sampleTime)
	if err != nil || string(got) != `{"text":"go-panic"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, _, err := Render(s, nil, sampleTime); err == nil {
		t.Error("no alert makes a payload")
	}
	s.Body = `{`
	if _, _, err := Render(s, []Alert{sampleAlert()}, sampleTime); err == nil || !strings.HasPrefix(err.Error(), "body: ") {
		t.Errorf("a broken body: %v", err)
	}
}

func TestInClear(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string
	}{
		{"plain address", func(s *Settings) { s.URL = setting.SecretText("https://hooks.example.com/ops") }, ""},
		{"files", func(s *Settings) { s.URL.File, s.Token.File, s.Password.Env = "a", "b", "C" }, ""},
		{"slack", func(s *Settings) { s.Format, s.URL = "slack", setting.SecretText("https://hooks.slack.com/x") }, "url"},
		{"token in the path", func(s *Settings) { s.URL = setting.SecretText("https://a.example/hooks/0123456789abcdef0123") }, "url"},
		{"query", func(s *Settings) { s.URL = setting.SecretText("https://a.example/?key=x") }, "url"},
		{"proxy", func(s *Settings) { s.ProxyURL = setting.SecretText("http://u:p@proxy:3128") }, "proxy_url"},
		{"plain proxy", func(s *Settings) { s.ProxyURL = setting.SecretText("http://proxy:3128") }, ""},
		{"rest", func(s *Settings) {
			s.Token, s.HubSecret, s.Headers = setting.SecretText("a"), setting.SecretText("b"), map[string]setting.Secret{"X-Key": setting.NewSecret("c")}
		}, "token hub_secret headers.X-Key"},
	} {
		s := DefaultSettings()
		c.change(&s)
		if got := strings.Join(s.InClear(), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
