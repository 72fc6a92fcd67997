package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestSecretCannotBePrinted(t *testing.T) {
	t.Parallel()
	type holder struct {
		Public  setting.Secret
		private setting.Secret
		nested  map[string]setting.Secret
		list    []setting.Secret
	}
	s := setting.NewSecret("s3cr3t-token")
	h := holder{s, s, map[string]setting.Secret{"a": s}, []setting.Secret{s}}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%t"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h), fmt.Sprintf(verb, []any{h}))
	}
	encoded, err := json.Marshal(map[string]any{"a": s, "b": h, "c": map[setting.Secret]int{s: 1}})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(map[string]any{"a": s, "b": trigger.Settings{URL: setting.SecretSource{Text: s}, Headers: map[string]setting.Secret{"x": s}}}); err != nil {
		t.Fatal(err)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Info("x", "secret", s, "holder", h, "pointer", &s, "list", []setting.Secret{s}, "settings", trigger.Settings{URL: setting.SecretSource{Text: s}})
	}
	texts = append(texts, string(encoded), text.String(), fmt.Errorf("x: %w %v", fmt.Errorf("%s", s), s).Error(), fmt.Sprint(s), s.String(), s.GoString())
	triggertest.AssertNoSecret(t, []string{"s3cr3t-token"}, texts...)
	if s.Reveal() != "s3cr3t-token" || s.String() != setting.Placeholder || (setting.Secret{}).String() != "" || !(setting.Secret{}).IsZero() || setting.NewSecret("").IsZero() != true {
		t.Error("a secret loses its text")
	}
	var read setting.Secret
	if err := read.UnmarshalText([]byte("s3cr3t-token")); err != nil || !read.Equal(s) {
		t.Errorf("read %v", err)
	}
}

func TestRedactor(t *testing.T) {
	t.Parallel()
	const raw = "https://user:p%40ss-w0rd@hooks.example.com/services/T0AB12/B0CD34/s3cretT0ken?key=qu3ry%2Bvalue&flag=1#f"
	r := NewRedactor(setting.NewSecret(raw), setting.NewSecret("Bearer abc-def-123"), setting.NewSecret("a\"b\\c d/e"), setting.NewSecret("x"))
	secrets := []string{"s3cretT0ken", "p@ss-w0rd", "p%40ss-w0rd", "qu3ry+value", "qu3ry%2bvalue", "abc-def-123", "T0AB12", "/services/T0AB12"}
	for _, text := range []string{
		raw, `Post "` + raw + `": dial tcp`, url.QueryEscape(raw), "/services/T0AB12/B0CD34/s3cretT0ken", "s3cretT0ken", "token s3cretT0ken!", "p@ss-w0rd",
		"user:p@ss-w0rd", "key=qu3ry%2Bvalue", "qu3ry+value", "qu3ry%2bvalue", "Authorization: Bearer abc-def-123", "abc-def-123", "%2Fservices%2FT0AB12",
		`a"b\c d/e`, `a\"b\\c d/e`, url.PathEscape(`a"b\c d/e`), url.QueryEscape(`a"b\c d/e`),
	} {
		got := r.Redact(text)
		triggertest.AssertNoSecret(t, append(secrets, `a"b\c d/e`), got)
		if got == text {
			t.Errorf("%q is left as it is", text)
		}
	}
	for _, text := range []string{"", "hooks.example.com refused", "services are down", "x", "answered 503 Service Unavailable"} {
		if got := r.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	var none *Redactor
	if none.Redact("a") != "a" || NewRedactor().Redact("a") != "a" {
		t.Error("a redactor of nothing changes text")
	}
}

// TestWordsOfAnAddressStayInTheLog: plain words of addresses and headers occur in log lines too, so the redactor leaves them there.
func TestWordsOfAnAddressStayInTheLog(t *testing.T) {
	t.Parallel()
	s := testSettings("http://fluentbit:9880/alerts")
	s.Headers = map[string]setting.Secret{"X-Team": setting.NewSecret("payments"), "X-Env": setting.NewSecret("prod-eu-1"), "X-Api-Key": setting.NewSecret("hunter"), "X-Trace": setting.NewSecret("a1b2c3d4e5")}
	for _, raw := range []string{
		"http://fluentbit:9880/alerts", "http://fluentbit:9880/alerts/", "http://collector.example/v1/hooks/fluent-bit-alerts?source=docker&verbose=true&n=100",
		"http://host/Payments/api/v2/container_logs", "http://host/bottles",
	} {
		s.URL = setting.SecretText(raw)
		c := mustNew(t, s, loopback())
		for _, line := range []string{
			"alerts=1 rules=3", "started: alerts are kept in memory", "workload shop/payments in prod-eu-1", "hooks and titles", "source=docker verbose=true n=100",
			"/v1/hooks", "container_logs", "api v2",
		} {
			if got := c.Redactor().Redact(line); got != line {
				t.Errorf("%s: %q became %q", raw, line, got)
			}
		}
		for _, line := range []string{"key hunter", "trace a1b2c3d4e5", "posted to " + raw} {
			if got := c.Redactor().Redact(line); got == line {
				t.Errorf("%s: %q is left as it is", raw, line)
			}
		}
	}
	for raw, secrets := range map[string][]string{
		"https://hooks.slack.com/services/T0AB12CD3/B0CD34EF5/XyZ0123456789abcdefghijk": {"T0AB12CD3", "B0CD34EF5", "XyZ0123456789abcdefghijk"},
		"https://discord.com/api/webhooks/123456789012345678/aBc-DEF1_ghi2jK":           {"123456789012345678", "aBc-DEF1_ghi2jK"},
		"https://ntfy.sh/supersecrettopic":                                              {"supersecrettopic"},
		"https://host/hook?token=abcd&user=bob":                                         {"abcd", "token=abcd&user=bob"},
		"https://host/hook?x=9f86d081884c":                                              {"9f86d081884c"},
		"https://host/d2f1a7c0-7a0b-4b62-9c1e-0a1b2c3d4e5f":                             {"d2f1a7c0-7a0b-4b62-9c1e-0a1b2c3d4e5f"},
	} {
		r := NewRedactor(setting.NewSecret(raw))
		for _, secret := range secrets {
			if got := r.Redact("x " + secret + " y"); strings.Contains(got, secret) {
				t.Errorf("%s: %q is left as it is", raw, secret)
			}
		}
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("s3cr3t-token", "before ", " after")
	f.Add("a%b+c d", "x", "y")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < leastSecret {
			return
		}
		got := NewRedactor(setting.NewSecret(secret)).Redact(before + secret + after)
		if len(got) > len(before)+len(after)+len(setting.Placeholder)*(1+len(before)+len(after)+len(secret)) {
			t.Fatal("grew")
		}
		if before == "" && after == "" && got == secret {
			t.Fatalf("%q is left as it is", secret)
		}
	})
}

// TestASecretInThePlaceOfItsFileIsNotShown: who writes url_file instead of url reads which setting is wrong, and the log does not hold the address.
func TestASecretInThePlaceOfItsFileIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = "https://hooks.example.com/T0k3nInThePath"
	for name, source := range map[string]setting.SecretSource{
		"url_file": {File: secret}, "url_env": {Env: secret}, "url_file, a word": {File: "T0k3nInThePath"}, "url_env, a word": {Env: "T0k3nInThePath"},
	} {
		s := testSettings("")
		s.URL = source
		_, err := New(s, Deps{})
		field, _, _ := strings.Cut(name, ",")
		if err == nil || !strings.Contains(err.Error(), field+": the ") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		triggertest.AssertNoSecret(t, []string{"T0k3nInThePath"}, err.Error())
	}
	for text, source := range map[string]setting.SecretSource{
		"url_file: file /nowhere/url ": {File: "/nowhere/url"}, "url_file: file ./url ": {File: "./url"}, "url_file: file no-such-file ": {File: "no-such-file"},
		"url_env: environment variable OPS_URL is not set": {Env: "OPS_URL"},
	} {
		s := testSettings("")
		s.URL = source
		if _, err := New(s, Deps{LookupEnv: func(string) (string, bool) { return "", false }}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
