package client

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, url, want, topic string }{
		{"generic", "https://example.com/a%2Fb?c=d", "https://example.com/a%2Fb?c=d", ""},
		{"telegram", "", "https://api.telegram.org/bot1:t/sendMessage", ""},
		{"telegram", "http://tg:8081/", "http://tg:8081/bot1:t/sendMessage", ""},
		{"telegram", "http://tg/bot2:u/sendMessage", "http://tg/bot2:u/sendMessage", ""},
		{"pagerduty", "", "https://events.pagerduty.com/v2/enqueue", ""},
		{"pagerduty", "https://events.eu.pagerduty.com/v2/enqueue", "https://events.eu.pagerduty.com/v2/enqueue", ""},
		{"gotify", "http://gotify", "http://gotify/message", ""},
		{"gotify", "http://gotify/sub/", "http://gotify/sub/message", ""},
		{"gotify", "http://gotify/message?x=y", "http://gotify/message?x=y", ""},
		{"alertmanager", "http://am:9093", "http://am:9093/api/v2/alerts", ""},
		{"alertmanager", "http://am:9093/am/api/v2/alerts", "http://am:9093/am/api/v2/alerts", ""},
		{"mattermost", "https://chat.example.com/sub/", "https://chat.example.com/sub/api/v4/posts", ""},
		{"mattermost", "https://chat.example.com/api/v4/posts", "https://chat.example.com/api/v4/posts", ""},
		{"opsgenie", "", "https://api.opsgenie.com/v2/alerts", ""},
		{"opsgenie", "https://api.eu.opsgenie.com", "https://api.eu.opsgenie.com/v2/alerts", ""},
		{"opsgenie", "https://api.opsgenie.com/v2/alerts/", "https://api.opsgenie.com/v2/alerts/", ""},
		{"opsgenie", "https://api.atlassian.com/jsm/ops/integration", "https://api.atlassian.com/jsm/ops/integration/v2/alerts", ""},
		{"ntfy", "https://ntfy.sh/my-alerts", "https://ntfy.sh/", "my-alerts"},
		{"ntfy", "https://example.com/ntfy/my-alerts/", "https://example.com/ntfy/", "my-alerts"},
	} {
		s := testSettings(c.url)
		s.Format, s.Token, s.RoutingKey, s.ChatID = c.format, setting.SecretText("1:t"), setting.SecretText("k"), "1"
		if c.format == "mattermost" {
			s.Channel = "channel0123456789abcdefghi"
		}
		client, err := New(s, Deps{})
		if err != nil {
			t.Errorf("%s %s: %v", c.format, c.url, err)
			continue
		}
		if got := overHTTPOf(client).wire.to.URL.String(); got != c.want || overHTTPOf(client).wire.to.Topic != c.topic {
			t.Errorf("%s %s: requests go to %s with topic %q, want %s with %q", c.format, c.url, got, overHTTPOf(client).wire.to.Topic, c.want, c.topic)
		}
	}
	s := testSettings("https://ntfy.sh")
	s.Format = "ntfy"
	if _, err := New(s, Deps{}); err == nil {
		t.Error("ntfy without a topic is accepted")
	}
	s.Topic = "t"
	if c := mustNew(t, s, Deps{}); overHTTPOf(c).wire.to.Topic != "t" || overHTTPOf(c).wire.to.URL.String() != "https://ntfy.sh" {
		t.Errorf("topic %q at %s", overHTTPOf(c).wire.to.Topic, overHTTPOf(c).wire.to.URL)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, format := range receiver.Formats() {
		arrived, got := make(chan *http.Request, 1), make(chan []byte, 1)
		if format == "email" {
			continue // TestMailArrives
		}
		server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if int64(len(body)) != r.ContentLength {
				t.Errorf("%s: %d bytes of %d", format, len(body), r.ContentLength)
			}
			got <- body
			arrived <- r
		})
		s := testSettings(server.URL + "/hook")
		s.Format, s.Token, s.RoutingKey, s.ChatID = format, setting.SecretText("1:t"), setting.SecretText("k"), "1"
		s.Headers = map[string]setting.Secret{"x-custom": setting.NewSecret("v")}
		if format == "mattermost" {
			s.Channel = "channel0123456789abcdefghi"
		}
		deps := loopback()
		deps.Now = func() time.Time { return triggertest.SampleTime }
		client, alerts := mustNew(t, s, deps), []trigger.Alert{triggertest.Sample()}
		if result := client.Send(t.Context(), "al_1", alerts); result.Outcome != trigger.Delivered {
			t.Errorf("%s: %s", format, result)
			continue
		}
		r, body := <-arrived, <-got
		if want, err := client.renderer.Render(t.Context(), "al_1", alerts); err != nil || string(body) != string(want.Body) {
			t.Errorf("%s: the request carries %s, %v", format, body, err)
		}
		for name, want := range map[string]string{
			"User-Agent": "fluentbit-trigger", "X-Custom": "v",
			"Content-Type":  map[bool]string{true: "application/cloudevents+json; charset=utf-8", false: "application/json"}[format == "cloudevents"],
			"Authorization": authorization(format, "1:t"),
			"X-Gotify-Key":  map[bool]string{true: "1:t"}[format == "gotify"],
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", format, name, got, want)
			}
		}
		if r.Method != "POST" || r.Header.Get("Idempotency-Key") == "" {
			t.Errorf("%s: %s %v", format, r.Method, r.Header)
		}
	}
}

// authorization returns the header Authorization that a receiver gets for a token.
func authorization(format, token string) string {
	switch format {
	case "telegram", "gotify": // the token is elsewhere
		return ""
	case "opsgenie":
		return "GenieKey " + token
	}
	return "Bearer " + token
}

// TestAnEndClosesTheAlert: the end of an incident goes to the address of the alert that its beginning created, with the same key and signatures.
func TestAnEndClosesTheAlert(t *testing.T) {
	t.Parallel()
	arrived := make(chan *http.Request, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { arrived <- r })
	s := testSettings(server.URL)
	s.Format, s.Token, s.HubSecret = "opsgenie", setting.SecretText("geniekey"), setting.SecretText("hub")
	client := mustNew(t, s, loopback())
	cases := triggertest.Alerts()
	for _, c := range []struct{ name, want string }{
		{"absence", "/v2/alerts"},
		{"resolved", "/v2/alerts/" + cases["absence"][0].Key + "/close?identifierType=alias"},
	} {
		if result := client.Send(t.Context(), "al_1", cases[c.name]); result.Outcome != trigger.Delivered {
			t.Fatalf("%s: %s", c.name, result)
		}
		r := <-arrived
		if r.URL.String() != c.want || r.Method != "POST" || r.Header.Get("Authorization") != "GenieKey geniekey" || r.Header.Get("X-Hub-Signature-256") == "" {
			t.Errorf("%s: %s %s, %v", c.name, r.Method, r.URL, r.Header)
		}
	}
}

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "pa:ss" {
			w.WriteHeader(401)
		}
	})
	s := testSettings(server.URL)
	s.Username, s.Password = "me", setting.SecretText("pa:ss")
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Outcome != trigger.Delivered {
		t.Error(got)
	}
}
