package client

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/test/receiver/chat"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// editing returns a service, the receiver that it answers at, and a client of it with update = true.
func editing(t *testing.T, format string) (*chat.Service, *receiver.Server, *Client) {
	t.Helper()
	service, server := chat.New(format), receiver.New(t)
	server.SetBehaviour(service)
	return service, server, mustNew(t, editingSettings(format, server.URL(service.Path())), loopback())
}

func editingSettings(format, address string) trigger.Settings {
	s := testSettings(address)
	s.Format, s.Update = format, true
	if format == "telegram" {
		s.ChatID, s.Token, s.ThreadID = "-1001", setting.SecretText("123:T0KEN"), 7
	}
	if format == "slack" {
		s.Channel, s.Token = "#alerts", setting.SecretText("xoxb-T0KEN")
	}
	if format == "mattermost" {
		s.Channel, s.Token = chat.Channel, setting.SecretText("T0KEN")
	}
	return s
}

// incident returns a hit, a roll-up and an end of one key.
func incident() (hit, rollup, end trigger.Alert) {
	hit = triggertest.Sample()
	hit.Resolves, hit.Suppressed = true, trigger.Suppressed{}
	rollup = triggertest.Alerts()["rollup"][0]
	rollup.Severity, rollup.LastSeen = hit.Severity, hit.LastSeen.Add(5*time.Minute)
	end = triggertest.Alerts()["resolved"][0]
	end.Suppressed = trigger.Suppressed{}
	return hit, rollup, end
}

// TestEditsReachTheServices: at each service that can edit, one message shows the hit, then the roll-up, then the end; and a deleted message is sent again.
func TestEditsReachTheServices(t *testing.T) {
	t.Parallel()
	for _, format := range chat.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			service, _, c := editing(t, format)
			hit, rollup, end := incident()
			sent := c.Send(t.Context(), hit.ID, []trigger.Alert{hit})
			if sent.Outcome != trigger.Delivered || sent.Place == "" {
				t.Fatalf("the hit: %+v", sent)
			}
			post := trigger.NewPost([]trigger.Alert{hit})
			post.Place = sent.Place
			post.Add(&rollup)
			for range 2 { // a repetition changes nothing
				if got := c.Edit(t.Context(), "al_2", &post); got.Outcome != trigger.Delivered || got.Place != "" {
					t.Fatalf("the roll-up: %+v", got)
				}
			}
			post.Add(&end)
			if got := c.Edit(t.Context(), "al_3", &post); got.Outcome != trigger.Delivered {
				t.Fatalf("the end: %+v", got)
			}
			all := service.Messages()
			if len(all) != 1 {
				t.Fatalf("%d messages, want one: %v", len(all), all)
			}
			versions := all[0].Versions
			for _, version := range versions {
				if !strings.Contains(version, "nil map") {
					t.Errorf("the first alert is not recognizable: %s", version)
				}
			}
			for i := range versions {
				versions[i] = strings.ReplaceAll(versions[i], `\\`, "")
			}
			if last := versions[len(versions)-1]; !strings.Contains(versions[1], "×313 since 14:05, still on at 14:10") || !strings.Contains(last, "over after 31m, ×313 since 13:34") {
				t.Errorf("%s\nthen %s", versions[1], last)
			}
			service.Delete()
			got := c.Edit(t.Context(), "al_4", &post)
			if format == "ntfy" { // it has no messages to delete
				if got.Outcome != trigger.Delivered {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.Outcome != trigger.RetryLater || !got.Gone || got.Attempts != 1 {
				t.Errorf("of a message that is gone: %+v", got)
			}
			post.Place = ""
			if got := c.Edit(t.Context(), "al_5", &post); got.Outcome != trigger.Delivered || got.Place == "" || got.Place == sent.Place {
				t.Errorf("sent again: %+v", got)
			}
			if refused := service.Refused(); len(refused) > 0 {
				t.Errorf("the service refused %v", refused)
			}
		})
	}
}

// TestAnswersThatNameNoMessage: an answer is hostile. What it names is used only if it looks like the name of a message, whatever its length and shape.
func TestAnswersThatNameNoMessage(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"discord", "telegram", "slack", "mattermost"} {
		for _, body := range []string{
			"", "ok", "null", "[]", `{"ok":true,"channel":"C1/x","ts":"1.2"}`, `{"ok":true,"channel":"C1","ts":"1.2&x=1"}`, `{"ok":true,"channel":"","ts":""}`,
			`{"ok":true,"channel":"C1 C2","ts":"1.2"}`, `{"id":{}}`, `{"id":"../../1"}`, `{"id":"1?a=b"}`, `{"id":"%31"}`, `{"id":"` + strings.Repeat("1", 21) + `"}`, `{"id":"1\n"}`, `{"id":"../../../api/v4/users/me"}`,
			`{"id":"１"}`, `{"result":{"message_id":0}}`, `{"result":{"message_id":-1}}`, `{"result":{"message_id":1e99}}`, `{"result":{"message_id":"1"}}`, `{"result":null}`,
			strings.Repeat("[", 20_000), strings.Repeat(" ", maxNaming) + `{"id":"1","result":{"message_id":1}}`,
		} {
			server := serve(t, answer(200, body))
			c := mustNew(t, editingSettings(format, server.URL), loopback())
			got := c.Send(t.Context(), "id", []trigger.Alert{triggertest.Sample()})
			if got.Outcome != trigger.Delivered || got.Place != "" {
				t.Errorf("%s, %.60q: %+v", format, body, got)
			}
		}
	}
}

// TestAPlaceOfTheStoreIsChecked: the store may hold anything. A place that no answer can have named leads nowhere: the post is a new message.
func TestAPlaceOfTheStoreIsChecked(t *testing.T) {
	t.Parallel()
	for _, format := range chat.Formats() {
		for _, place := range []string{"../x", "1/../../..", "1?wait=false", "-1", "", "1 ", "\x00", strings.Repeat("1", 300), "C0/1.2", "C1  1.2", "C1 1.2\n"} {
			service, server, c := editing(t, format)
			hit, _, _ := incident()
			post := trigger.NewPost([]trigger.Alert{hit})
			post.Place = place
			if got := c.Edit(t.Context(), "al_1", &post); got.Outcome != trigger.Delivered || got.Place == "" || len(service.Messages()) != 1 || len(service.Refused()) > 0 {
				t.Errorf("%s, %q: %+v, %v", format, place, got, server.Requests())
			}
		}
	}
}

// TestRefusedEdits: an edit that is refused for good is sent again once; one that is refused for now, or with every other request, is as a send.
func TestRefusedEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, body string
		status       int
		want         trigger.Outcome
		gone         bool
	}{
		{"discord", `{"message":"Unknown Message","code":10008}`, 404, trigger.RetryLater, true},
		{"discord", `{"message":"Unknown Webhook","code":10015}`, 404, trigger.Hold, false},
		{"discord", `{"message":"Maximum number of edits to messages older than 1 hour reached","code":30046}`, 429, trigger.RetryLater, true},
		{"discord", `{"message":"You are being rate limited.","retry_after":64.57,"global":false}`, 429, trigger.RetryLater, false},
		{"discord", `{"message":"Cannot edit a message authored by another user","code":50005}`, 403, trigger.RetryLater, true},
		{"discord", `{"message":"Invalid Form Body","code":50035}`, 400, trigger.RetryLater, true},
		{"discord", ``, 401, trigger.Hold, false},
		{"discord", ``, 410, trigger.Disabled, false},
		{"discord", ``, 500, trigger.RetryLater, false},
		{"telegram", `{"ok":false,"error_code":400,"description":"Bad Request: message to edit not found"}`, 400, trigger.RetryLater, true},
		{"telegram", `{"ok":false,"error_code":400,"description":"Bad Request: message can't be edited"}`, 400, trigger.RetryLater, true},
		{"telegram", `{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: specified new message content"}`, 400, trigger.Delivered, false},
		{"telegram", `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 9","parameters":{"retry_after":9}}`, 429, trigger.RetryLater, false},
		{"telegram", `{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the group chat"}`, 403, trigger.Hold, false},
		{"slack", `{"ok":false,"error":"message_not_found"}`, 200, trigger.RetryLater, true},
		{"slack", `{"ok":false,"error":"cant_update_message"}`, 200, trigger.RetryLater, true},
		{"slack", `{"ok":false,"error":"edit_window_closed"}`, 200, trigger.RetryLater, true},
		{"slack", `{"ok":false,"error":"token_revoked"}`, 200, trigger.Hold, false},
		{"slack", `{"ok":false,"error":"internal_error"}`, 200, trigger.RetryLater, false},
		{"slack", `{"ok":false,"error":"ratelimited"}`, 429, trigger.RetryLater, false},
		{"slack", `{"ok":true}`, 200, trigger.Delivered, false},
		{"mattermost", `{"id":"api.context.permissions.app_error","status_code":403}`, 403, trigger.RetryLater, true},
		{"mattermost", `{"id":"api.post.update_post.permissions_time_limit.app_error","status_code":400}`, 400, trigger.RetryLater, true},
		{"mattermost", `{"id":"api.context.session_expired.app_error","status_code":401}`, 401, trigger.Hold, false},
		{"ntfy", `{"code":40301,"http":403,"error":"forbidden"}`, 403, trigger.Hold, false},
	} {
		server := serve(t, answer(c.status, c.body))
		client := mustNew(t, editingSettings(c.format, server.URL+"/x"), loopback())
		hit, rollup, _ := incident()
		post := trigger.NewPost([]trigger.Alert{hit})
		post.Place = map[string]string{"discord": "12", "telegram": "12", "ntfy": strings.Repeat("0", 32), "slack": "C1 1.2", "mattermost": strings.Repeat("a", 26)}[c.format]
		post.Add(&rollup)
		if got := client.Edit(t.Context(), "id", &post); got.Outcome != c.want || got.Gone != c.gone || got.Attempts != 1 {
			t.Errorf("%s %d %s: %+v, want %s, gone %v", c.format, c.status, c.body, got, c.want, c.gone)
		}
	}
}

// TestExpectAndAnEditThatChangesNothing: an edit whose answer was lost is repeated. Telegram refuses the repetition with an answer that expect does not describe,
// and the alert is delivered all the same.
func TestExpectAndAnEditThatChangesNothing(t *testing.T) {
	t.Parallel()
	server := serve(t, answer(400, `{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: specified new message content"}`))
	s := editingSettings("telegram", server.URL)
	s.Expect = `"ok":true`
	hit, rollup, _ := incident()
	post := trigger.NewPost([]trigger.Alert{hit})
	post.Place = "12"
	post.Add(&rollup)
	if got := mustNew(t, s, loopback()).Edit(t.Context(), "id", &post); got.Outcome != trigger.Delivered {
		t.Errorf("%+v", got)
	}
}

// TestAnEditBringsALinkOfItsOwn: a link silences once, so that of an earlier roll-up may be used up. The message still opens its first alert.
func TestAnEditBringsALinkOfItsOwn(t *testing.T) {
	t.Parallel()
	service, server := chat.New("discord"), receiver.New(t)
	server.SetBehaviour(service)
	deps := loopback()
	deps.Links = func(a *trigger.Alert) trigger.Links {
		return trigger.Links{Open: "https://a.example/" + a.ID, Silence: "https://a.example/silence#" + a.ID}
	}
	c := mustNew(t, editingSettings("discord", server.URL(service.Path())), deps)
	hit, rollup, end := incident()
	hit.ID, rollup.ID, end.ID = "al_hit", "al_rollup", "al_end"
	post := trigger.NewPost([]trigger.Alert{hit})
	post.Place = c.Send(t.Context(), hit.ID, []trigger.Alert{hit}).Place
	post.Add(&rollup)
	c.Edit(t.Context(), rollup.ID, &post)
	post.Add(&end)
	c.Edit(t.Context(), end.ID, &post)
	versions := service.Messages()[0].Versions
	for i, want := range []string{"silence#al_hit", "silence#al_rollup", ""} {
		text := versions[i]
		if !strings.Contains(text, "https://a.example/al_hit") || !strings.Contains(text, want) || strings.Count(text, "silence#") != min(1, len(want)) {
			t.Errorf("version %d: %s", i, text)
		}
	}
}

// TestSlackNamesItsErrors: Slack's Web API answers 200 and names the error. One of the token or the channel holds the trigger, one of the message does not.
func TestSlackNamesItsErrors(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]trigger.Outcome{
		`{"ok":true,"channel":"C1","ts":"1.2"}`: trigger.Delivered, "ok": trigger.Delivered, `{"ok":false,"error":"invalid_auth"}`: trigger.Hold,
		`{"ok":false,"error":"channel_not_found"}`: trigger.Hold, `{"ok":false,"error":"not_in_channel"}`: trigger.Hold, `{"ok":false,"error":"fatal_error"}`: trigger.RetryLater,
		`{"ok":false,"error":"invalid_blocks"}`: trigger.Dead, `{"ok":false,"error":"https://evil.example/\u001b[31m"}`: trigger.Dead, `{"ok":false}`: trigger.Dead,
	} {
		server := serve(t, answer(200, body))
		s := editingSettings("slack", server.URL)
		s.Update = false
		got := mustNew(t, s, loopback()).Send(t.Context(), "id", []trigger.Alert{triggertest.Sample()})
		if got.Outcome != want || strings.Contains(got.Reason, "evil") {
			t.Errorf("%s: %+v, want %s", body, got, want)
		}
	}
}

// TestSlackWithAChannel: messages go to the Web API, which needs a token and no address; an incoming webhook has a channel of its own.
func TestSlackWithAChannel(t *testing.T) {
	t.Parallel()
	of := func(change func(s *trigger.Settings)) string {
		s := editingSettings("slack", "https://slack.com/api")
		s.URL = setting.SecretSource{}
		change(&s)
		c, err := New(s, Deps{})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return overHTTPOf(c).wire.to.URL.String()
	}
	for want, change := range map[string]func(*trigger.Settings){
		"https://slack.com/api/chat.postMessage":     func(*trigger.Settings) {},
		"https://slack-gov.com/api/chat.postMessage": func(s *trigger.Settings) { s.URL = setting.SecretText("https://slack-gov.com/api") },
		"channel: must be set (an incoming webhook cannot edit its messages": func(s *trigger.Settings) {
			s.Channel, s.URL = "", setting.SecretText("https://hooks.slack.com/services/T/B/x")
		},
		"token: must be set (a channel needs the token of a bot": func(s *trigger.Settings) { s.Token = setting.SecretSource{} },
		"url: must be set":                         func(s *trigger.Settings) { s.Channel, s.Update = "", false },
		"must not be that of an incoming webhook":  func(s *trigger.Settings) { s.URL = setting.SecretText("https://hooks.slack.com/services/T/B/x") },
		"must be the id of a channel, or its name": func(s *trigger.Settings) { s.Channel = "a b" },
	} {
		if got := of(change); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestDestinations: an edit goes to the same place only. A rotated header or a new rate moves no message, another address, chat or topic does.
func TestDestinations(t *testing.T) {
	t.Parallel()
	of := func(format string, change func(s *trigger.Settings)) string {
		s := editingSettings(format, "https://example.com/a")
		change(&s)
		return mustNew(t, s, loopback()).Destination()
	}
	none := func(*trigger.Settings) {}
	for _, format := range chat.Formats() {
		base := of(format, none)
		if base == "" || base != of(format, func(s *trigger.Settings) { s.Retries, s.MaxAlerts = 2, 3 }) {
			t.Errorf("%s: %q", format, base)
		}
		if base == of(format, func(s *trigger.Settings) { s.URL = setting.SecretText("https://example.com/b") }) {
			t.Errorf("%s: another address has the same messages", format)
		}
		if got := of(format, func(s *trigger.Settings) { s.Update = false }); got != "" {
			t.Errorf("%s edits without update: %q", format, got)
		}
	}
	if of("slack", none) == of("slack", func(s *trigger.Settings) { s.Channel = "C2" }) || of("slack", none) != of("slack", func(s *trigger.Settings) { s.Token = setting.SecretText("xoxb-2") }) {
		t.Error("a channel of slack, or a token")
	}
	if of("telegram", none) == of("telegram", func(s *trigger.Settings) { s.ChatID = "-1002" }) || of("ntfy", none) == of("ntfy", func(s *trigger.Settings) { s.Topic = "b" }) {
		t.Error("another chat or topic has the same messages")
	}
}

// TestUpdateNeedsAReceiverThatEdits names what each other format does instead.
func TestUpdateNeedsAReceiverThatEdits(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"generic": "joins the alerts of an incident by their key", "cloudevents": "joins the alerts", "teams": "a workflow cannot edit", "pagerduty": "belong to one incident",
		"gotify": "cannot edit messages", "alertmanager": "updates its alerts", "opsgenie": "are one alert", "email": "a thread",
	} {
		s := editingSettings(format, "https://example.com/a")
		found := false
		for _, f := range Validate(&s, loopback().Egress) {
			found = found || f.Field == "update" && strings.Contains(f.Error(), want)
		}
		if !found {
			t.Errorf("%s: %v", format, Validate(&s, loopback().Egress))
		}
	}
	for field, change := range map[string]func(*trigger.Settings){
		"update":   func(s *trigger.Settings) { s.Body = `{"content":"{{ .Summary }}"}` },
		"method":   func(s *trigger.Settings) { s.Method = http.MethodPut },
		"group_by": func(s *trigger.Settings) { s.GroupBy = []string{"workload"} },
	} {
		s := editingSettings("discord", "https://example.com/a")
		change(&s)
		if faults := Validate(&s, loopback().Egress); len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %v", field, faults)
		}
	}
	s := editingSettings("discord", "https://example.com/a")
	s.GroupBy = []string{"key", "severity"}
	if faults := Validate(&s, loopback().Egress); len(faults) != 0 {
		t.Errorf("group_by with key: %v", faults)
	}
}
