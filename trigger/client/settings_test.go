package client

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field string // of the only problem; "" for none
		set   func(*trigger.Settings)
	}{
		{"", func(*trigger.Settings) {}},
		{"name", func(s *trigger.Settings) { s.Name = "" }},
		{"url", func(s *trigger.Settings) { s.URL = setting.SecretSource{} }},
		{"", func(s *trigger.Settings) { s.URL = setting.SecretSource{File: "/run/secrets/x"} }},
		{"url_file", func(s *trigger.Settings) { s.URL.File = "/run/secrets/x" }},
		{"url_env", func(s *trigger.Settings) { s.URL.Env = "X" }},
		{"url", func(s *trigger.Settings) { s.URL = setting.SecretText("http://127.0.0.1/s3cr3t-token") }},
		{"proxy_url", func(s *trigger.Settings) { s.ProxyURL = setting.SecretText("ftp://u:s3cr3t-token@x") }},
		{"format", func(s *trigger.Settings) { s.Format = "slak" }},
		{"method", func(s *trigger.Settings) { s.Method = "GET" }},
		{"severity", func(s *trigger.Settings) { s.Severity = []string{"fatal"} }},
		{"source", func(s *trigger.Settings) { s.Source = []string{""} }},
		{"workload", func(s *trigger.Settings) { s.Workload = []string{""} }},
		{"rule", func(s *trigger.Settings) { s.Rule = []string{""} }},
		{"message", func(s *trigger.Settings) { s.Message = "(" }},
		{"headers", func(s *trigger.Settings) { s.Headers = map[string]setting.Secret{"a b": setting.NewSecret("x")} }},
		{"headers", func(s *trigger.Settings) {
			s.Headers = map[string]setting.Secret{"content-length": setting.NewSecret("9")}
		}},
		{"headers", func(s *trigger.Settings) {
			s.Headers = map[string]setting.Secret{"Webhook-Signature": setting.NewSecret("x")}
		}},
		{"headers.X-A", func(s *trigger.Settings) {
			s.Headers = map[string]setting.Secret{"X-A": setting.NewSecret("s3cr3t-token\r\nX: y")}
		}},
		{"header_files", func(s *trigger.Settings) {
			s.Headers, s.HeaderFiles = map[string]setting.Secret{"X-A": setting.NewSecret("x")}, map[string]string{"x-a": "f"}
		}},
		{"header_env.X-A", func(s *trigger.Settings) { s.HeaderEnv = map[string]string{"X-A": ""} }},
		{"username", func(s *trigger.Settings) { s.Password = setting.SecretText("s3cr3t-token") }},
		{"token", func(s *trigger.Settings) { s.Username, s.Token = "me", setting.SecretText("s3cr3t-token") }},
		{"token", func(s *trigger.Settings) { s.Format = "gotify" }},
		{"token", func(s *trigger.Settings) { s.Format = "opsgenie" }},
		{"token", func(s *trigger.Settings) { s.Format, s.Username, s.Token.Env = "opsgenie", "me", "T" }},
		{"group_by", func(s *trigger.Settings) { s.Format, s.Token.Env, s.GroupBy = "opsgenie", "T", []string{"rule"} }},
		{"", func(s *trigger.Settings) { s.Format, s.Token.Env, s.GroupBy = "opsgenie", "T", []string{"key", "rule"} }},
		{"routing_key", func(s *trigger.Settings) { s.Format = "pagerduty" }},
		{"chat_id", func(s *trigger.Settings) { s.Format, s.Token.Env = "telegram", "T" }},
		{"channel", func(s *trigger.Settings) { s.Format, s.Token.Env = "mattermost", "T" }},
		{"channel", func(s *trigger.Settings) { s.Format, s.Token.Env, s.Channel = "mattermost", "T", "town-square" }},
		{"token", func(s *trigger.Settings) { s.Format, s.Channel = "mattermost", strings.Repeat("a", 26) }},
		{"chat_id", func(s *trigger.Settings) { s.ChatID = "x y" }},
		{"topic", func(s *trigger.Settings) { s.Topic = "a/b" }},
		{"generator_url", func(s *trigger.Settings) { s.GeneratorURL = "javascript:x" }},
		{"body", func(s *trigger.Settings) { s.Body = "{" }},
		{"content_type", func(s *trigger.Settings) { s.ContentType = "json" }},
		{"signing_secret", func(s *trigger.Settings) { s.SigningSecret = setting.SecretText("s3cr3t-token") }},
		{"timeout", func(s *trigger.Settings) { s.Timeout = 0 }},
		{"retries", func(s *trigger.Settings) { s.Retries = 3 }},
		{"concurrency", func(s *trigger.Settings) { s.Concurrency = 0 }},
		{"max_alerts", func(s *trigger.Settings) { s.MaxAlerts = 101 }},
		{"max_age", func(s *trigger.Settings) { s.MaxAge = time.Second }},
		{"rate", func(s *trigger.Settings) { s.Rate = setting.Rate{Count: -1, Per: time.Second} }},
		{"", func(s *trigger.Settings) { s.Rate = setting.Rate{Per: time.Second} }},
		{"group_by", func(s *trigger.Settings) { s.GroupBy = []string{"workloads"} }},
		{"group_by", func(s *trigger.Settings) { s.GroupBy = []string{"label."} }},
		{"", func(s *trigger.Settings) { s.GroupBy = []string{"label.team", "capture.x", "rule"} }},
		{"group_by", func(s *trigger.Settings) { s.Format, s.RoutingKey.Env, s.GroupBy = "pagerduty", "K", []string{"rule"} }},
		{"group_wait", func(s *trigger.Settings) { s.GroupWait = -1 }},
		{"tls.min_version", func(s *trigger.Settings) { s.TLS.MinVersion = "1.1" }},
		{"tls.cert_file", func(s *trigger.Settings) { s.TLS.CertFile = "x" }},
		{"tls.server_name", func(s *trigger.Settings) { s.TLS.ServerName = "a b" }},
	} {
		s := testSettings("https://example.com/s3cr3t-token")
		c.set(&s)
		problems := Validate(&s, egress.DefaultSettings())
		var fields []string
		for _, p := range problems {
			fields = append(fields, p.Field)
			triggertest.AssertNoSecret(t, []string{"s3cr3t-token"}, p.Error(), p.Value, p.Message, p.Hint)
		}
		want := []string{c.field}
		if c.field == "" {
			want = nil
		}
		if !slices.Equal(fields, want) {
			t.Errorf("problems %v, want %v", problems, want)
		}
	}
}

func TestFaultInWords(t *testing.T) {
	t.Parallel()
	s := testSettings("https://example.com/")
	s.Format = "slak"
	got := Validate(&s, egress.DefaultSettings())
	if want := `format "slak": must be one of generic, cloudevents, slack, discord, mattermost, teams, pagerduty, ntfy, gotify, telegram, alertmanager, opsgenie, email (did you mean "slack"?)`; len(got) != 1 || got[0].Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Every format works with the fewest settings that it asks for.
func TestFewestSettings(t *testing.T) {
	t.Parallel()
	for _, format := range receiver.Formats() {
		s := testSettings("https://example.com/hook")
		s.Format = format
		switch format {
		case "pagerduty":
			s.URL, s.RoutingKey = setting.SecretSource{}, setting.SecretText("k")
		case "telegram":
			s.URL, s.Token, s.ChatID = setting.SecretSource{}, setting.SecretText("1:t"), "-100"
		case "gotify", "opsgenie":
			s.Token = setting.SecretText("t")
		case "mattermost":
			s.Token, s.Channel = setting.SecretText("t"), strings.Repeat("a", 26)
		case "email":
			s.URL, s.From, s.To = setting.SecretText("smtp://mail.example.com"), "a@example.com", []string{"b@example.com"}
		}
		if _, err := New(s, Deps{}); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// Each setting has a name in the configuration and lies in one place only.
func TestSettingsAreTagged(t *testing.T) {
	t.Parallel()
	for _, kind := range []reflect.Type{reflect.TypeFor[trigger.Settings](), reflect.TypeFor[trigger.TLS](), reflect.TypeFor[egress.Settings]()} {
		seen := map[string]bool{}
		for i := range kind.NumField() {
			tag := kind.Field(i).Tag.Get("toml")
			if tag == "" || seen[tag] || tag != strings.ToLower(tag) {
				t.Errorf("%s.%s has tag %q", kind.Name(), kind.Field(i).Name, tag)
			}
			seen[tag] = true
		}
	}
}

func TestFilesAndSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	s := testSettings("")
	s.URL.File = write("url", "  https://example.com/hook\n")
	s.HeaderFiles = map[string]string{"X-Key": write("key", "abc\n"), "X-Other": write("other", "def")}
	s.HeaderEnv = map[string]string{"X-Env": "KEY"}
	s.SigningSecret.File = write("signing", triggertest.Key1+"\n"+triggertest.Key2+"\n")
	s.Token.Env = "TOKEN"
	want := []string{s.URL.File, s.SigningSecret.File, s.HeaderFiles["X-Key"], s.HeaderFiles["X-Other"]}
	if got := s.Files(); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	env := map[string]string{"TOKEN": "t0ken\n", "KEY": "env"}
	deps := Deps{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	c := mustNew(t, s, deps)
	if h := overHTTPOf(c).wire.header; h.Get("X-Key") != "abc" || h.Get("X-Other") != "def" || h.Get("X-Env") != "env" || h.Get("Authorization") != "Bearer t0ken" {
		t.Errorf("header %v", h)
	}
	if len(overHTTPOf(c).wire.signer.keys) != 2 || overHTTPOf(c).wire.to.URL.String() != "https://example.com/hook" {
		t.Errorf("%d keys, url %s", len(overHTTPOf(c).wire.signer.keys), overHTTPOf(c).wire.to.URL)
	}
	for name, change := range map[string]func(*trigger.Settings){
		"a missing file":     func(s *trigger.Settings) { s.URL.File += "x" },
		"an empty file":      func(s *trigger.Settings) { s.URL.File = write("empty", " \n") },
		"a folder":           func(s *trigger.Settings) { s.URL.File = dir },
		"a large file":       func(s *trigger.Settings) { s.URL.File = write("large", strings.Repeat("x", maxSecretFile+1)) },
		"a missing variable": func(s *trigger.Settings) { s.Token.Env = "NONE" },
		"two lines":          func(s *trigger.Settings) { s.HeaderFiles = map[string]string{"X-Key": write("two", "a\nb")} },
		"a missing ca":       func(s *trigger.Settings) { s.TLS.CAFile = "/nonexistent" },
		"an empty ca":        func(s *trigger.Settings) { s.TLS.CAFile = write("ca", "x") },
	} {
		changed := s
		change(&changed)
		if _, err := New(changed, deps); err == nil || !strings.Contains(err.Error(), `trigger "ops"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSendRate(t *testing.T) {
	t.Parallel()
	s := trigger.DefaultSettings()
	if receiver.SendRate(&s) != (setting.Rate{}) {
		t.Error("generic is bounded")
	}
	s.Format = "slack"
	if receiver.SendRate(&s) != (setting.Rate{Count: 1, Per: time.Second}) {
		t.Error("slack is not bounded")
	}
	s.Rate = setting.Rate{Count: 0, Per: time.Second}
	if receiver.SendRate(&s).Count != 0 {
		t.Error("0/s is a bound")
	}
}
