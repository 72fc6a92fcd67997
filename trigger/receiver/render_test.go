package receiver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestRenderIsWhatIsSent compares the payload of Render with that of a client for each format, apart from secrets. Those of
// alertmanager and e-mail have the time at which they are sent.
func TestRenderIsWhatIsSent(t *testing.T) {
	for _, format := range Formats() {
		s := trigger.DefaultSettings()
		s.Name, s.Format, s.URL = "x", format, setting.SecretText("https://hooks.example.com/S3CR3T")
		s.RoutingKey, s.Token, s.ChatID = setting.SecretText("S3CR3T"), setting.SecretText("S3CR3T"), "1"
		r := &Renderer{settings: &s, receiver: For(&s), routingKey: setting.NewSecret(setting.Placeholder), topic: setting.Placeholder, now: time.Now}
		want, err := r.Render(context.Background(), "al_0123456789abcdef", []trigger.Alert{triggertest.Sample()})
		if err != nil {
			t.Fatal(err)
		}
		got, contentType, err := Render(s, []trigger.Alert{triggertest.Sample()}, triggertest.SampleTime)
		if err != nil {
			t.Fatal(err)
		}
		if format != "alertmanager" && format != "email" && string(got) != string(want.Body) || contentType != want.ContentType {
			t.Errorf("%s: %s %s\nwant %s %s", format, contentType, got, want.ContentType, want.Body)
		}
		if strings.Contains(string(got), "S3CR3T") {
			t.Errorf("%s shows a secret: %s", format, got)
		}
	}
}

func TestRenderUsesTheBody(t *testing.T) {
	s := trigger.DefaultSettings()
	s.Name, s.Body = "x", `{"text": "{{ .Alert.Rule }}"}`
	got, _, err := Render(s, []trigger.Alert{triggertest.Sample()}, triggertest.SampleTime)
	if err != nil || string(got) != `{"text":"go-panic"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, _, err := Render(s, nil, triggertest.SampleTime); err == nil {
		t.Error("no alert makes a payload")
	}
	s.Body = `{`
	if _, _, err := Render(s, []trigger.Alert{triggertest.Sample()}, triggertest.SampleTime); err == nil || !strings.HasPrefix(err.Error(), "body: ") {
		t.Errorf("a broken body: %v", err)
	}
}
