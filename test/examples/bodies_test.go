package examples

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

var updateBodies = flag.Bool("update-bodies", false, "write testdata/bodies.golden")

// documented is the request that a service documents: its method and path, the header that identifies the sender, the fields that it knows, and those that
// it demands. The sections of docs/bodies.md link to the documents.
type documented struct {
	method, path string
	auth         string
	fields       []string // the names at the top; nil: any JSON
	required     []string
	answer       string // of a service that answers 200 in any case; "": any 2xx
	refusal      string
}

var services = map[string]documented{
	"apprise":     {"POST", "/notify/alerts", "", []string{"body", "format", "tag", "title", "type", "urls"}, []string{"body"}, "", ""},
	"google-chat": {"POST", "/v1/spaces/AAAA/messages?key=SECRET&token=SECRET&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", "", []string{"text", "thread", "cardsV2"}, []string{"text"}, "", ""},
	"mattermost":  {"POST", "/hooks/xxx", "", []string{"text", "channel", "username", "icon_url", "icon_emoji", "attachments", "type", "props", "priority"}, []string{"text"}, "", ""},
	"rocket-chat": {"POST", "/hooks/xxx/yyy", "", []string{"alias", "attachments", "avatar", "channel", "emoji", "text"}, []string{"text"}, "", ""},
	"zulip":       {"POST", "/api/v1/messages", "Basic ", []string{"content", "to", "topic", "type"}, []string{"content", "to", "topic", "type"}, "", ""},
	"matrix":      {"PUT", "/_matrix/client/v3/rooms/%21room%3Aexample.com/send/m.room.message/ID", "Bearer SECRET", []string{"body", "format", "formatted_body", "msgtype"}, []string{"body", "msgtype"}, "", ""},
	"webex":       {"POST", "/v1/webhooks/incoming/xxx", "", []string{"markdown", "text"}, []string{"markdown"}, "", ""},
	"feishu":      {"POST", "/open-apis/bot/v2/hook/xxx", "", []string{"content", "msg_type", "sign", "timestamp"}, []string{"content", "msg_type"}, `{"code":0,"data":{},"msg":"success"}`, `{"code":19024,"data":{},"msg":"Key Words Not Found"}`},
	"dingtalk":    {"POST", "/robot/send?access_token=SECRET", "", []string{"at", "markdown", "msgtype"}, []string{"markdown", "msgtype"}, `{"errcode":0,"errmsg":"ok"}`, `{"errcode":310000,"errmsg":"keywords not in content"}`},
	"wecom":       {"POST", "/cgi-bin/webhook/send?key=SECRET", "", []string{"markdown", "msgtype"}, []string{"markdown", "msgtype"}, `{"errcode":0,"errmsg":"ok"}`, `{"errcode":93000,"errmsg":"invalid webhook url"}`},
	"pushover": {"POST", "/1/messages.json", "", []string{"device", "html", "message", "monospace", "priority", "sound", "timestamp", "title", "token", "ttl", "url", "url_title", "user"},
		[]string{"message", "token", "user"}, "", ""},
	"oncall": {"POST", "/integrations/v1/formatted_webhook/xxx/", "", []string{"alert_uid", "image_url", "link_to_upstream_details", "message", "state", "title"}, nil, "", ""},
	"incident-io": {"POST", "/v2/alert_events/http/SOURCE-ID", "Bearer SECRET", []string{"deduplication_key", "description", "metadata", "source_url", "status", "title"},
		[]string{"status", "title"}, "", ""},
	"splunk": {"POST", "/services/collector/event", "Splunk SECRET", []string{"event", "fields", "host", "index", "source", "sourcetype", "time"}, []string{"event"},
		`{"text":"Success","code":0}`, `{"text":"Server is busy","code":9}`},
	"n8n":         {"POST", "/webhook/xxx", "", nil, nil, "", ""},
	"olivetin":    {"POST", "/api/StartAction", "", []string{"actionId", "arguments", "uniqueTrackingId"}, []string{"actionId"}, "", ""},
	"argo-events": {"POST", "/alerts", "Bearer SECRET", nil, nil, "", ""},
}

// address finds the address that the comment of a block shows for its file.
var address = regexp.MustCompile(`(?m)^# (https?://\S+)$`)

// bodyTrigger returns the trigger of a block, with secrets instead of files, and with its requests going to a server.
func bodyTrigger(t *testing.T, b *block, server *receiver.Server) trigger.Settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.toml")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded := config.Load(config.Sources{Files: []string{path}})
	if len(loaded.Problems) > 0 || len(loaded.Settings.Triggers) != 1 {
		t.Fatalf("%s: %v", b, loaded.Problems)
	}
	s := loaded.Settings.Triggers[0]
	target := s.URL.Text.Reveal()
	if m := address.FindStringSubmatch(b.text); s.URL.File != "" && m != nil {
		target = strings.ReplaceAll(m[1], "…", "SECRET")
	}
	_, rest, found := strings.Cut(target, "://")
	_, rest, more := strings.Cut(rest, "/")
	if !found || !more {
		t.Fatalf("%s shows no address", b)
	}
	s.URL = setting.SecretText(server.URL("/" + rest))
	for _, secret := range []*setting.SecretSource{&s.Token, &s.Password, &s.RoutingKey} {
		if secret.File != "" {
			*secret = setting.SecretText("SECRET")
		}
	}
	for name := range s.HeaderFiles {
		value := "SECRET"
		if name == "Authorization" {
			value = "Splunk SECRET"
		}
		s.Headers = map[string]setting.Secret{name: setting.NewSecret(value)}
	}
	s.HeaderFiles, s.Retries = nil, 0
	return s
}

// fieldsOf returns the names at the top of a request's body.
func fieldsOf(t *testing.T, r *receiver.Request) (names []string) {
	t.Helper()
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(form))
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &object); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(object))
}

// TestBodiesAreWhatServicesDocument sends an alert, the end of its incident and a hostile alert by every block of docs/bodies.md.
func TestBodiesAreWhatServicesDocument(t *testing.T) {
	t.Parallel()
	var golden strings.Builder
	seen := map[string]bool{}
	for _, b := range blocks(t, "docs/bodies.md") {
		server := receiver.New(t)
		s := bodyTrigger(t, b, server)
		want, known := services[s.Name]
		if !known || seen[s.Name] {
			t.Errorf("%s: trigger %q is unknown, or there twice", b, s.Name)
			continue
		}
		seen[s.Name] = true
		allowed := egress.DefaultSettings()
		allowed.Allow = []string{fmt.Sprintf("127.0.0.1/32:%d", server.Port())}
		sender, err := client.New(s, client.Deps{Egress: allowed, Now: func() time.Time { return triggertest.SampleTime }})
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		t.Cleanup(sender.Close)
		server.SetBehaviour(receiver.Always(receiver.Reply{Status: http.StatusOK, Body: want.answer}))
		all := triggertest.Alerts()
		for _, name := range []string{"single", "resolved", "hostile"} {
			alerts := all[name]
			if got := sender.Send(t.Context(), alerts[0].ID, alerts); got.Outcome != trigger.Delivered {
				t.Errorf("%s: %s: %s", b, name, got)
			}
			requests := server.Requests()
			r := &requests[len(requests)-1]
			path := strings.ReplaceAll(want.path, "ID", alerts[0].ID)
			if s.Name == "incident-io" {
				path = want.path
			}
			if r.Method != want.method || r.Path != path || !strings.HasPrefix(r.Header.Get("Authorization"), want.auth) {
				t.Errorf("%s: %s %s with %q, want %s %s with %q", b, r.Method, r.Path, r.Header.Get("Authorization"), want.method, path, want.auth)
			}
			fields := fieldsOf(t, r)
			for _, field := range fields {
				if want.fields != nil && !slices.Contains(want.fields, field) {
					t.Errorf("%s sends %s, which the service does not document", b, field)
				}
			}
			for _, field := range want.required {
				if !slices.Contains(fields, field) {
					t.Errorf("%s does not send %s, which the service demands", b, field)
				}
			}
			if name != "hostile" {
				if want.fields == nil { // the alert itself
					continue
				}
				fmt.Fprintf(&golden, "-- %s, %s --\n%s %s\n%s\n\n%s\n", s.Name, name, r.Method, r.Path, r.Header.Get("Content-Type"), shownBody(t, r))
			} else if want.fields != nil && s.Name != "apprise" && s.Name != "splunk" && s.Name != "olivetin" {
				text, _ := url.QueryUnescape(string(r.Body))
				for _, mention := range []string{"@everyone", "@here", "@channel", "@all"} {
					if strings.Contains(text, mention) || strings.Contains(string(r.Body), mention) {
						t.Errorf("%s: a log line mentions %s", b, mention)
					}
				}
			}
		}
		if want.refusal == "" {
			continue
		}
		server.SetBehaviour(receiver.Always(receiver.Reply{Status: http.StatusOK, Body: want.refusal}))
		if got := sender.Test(t.Context()); got.Outcome != trigger.RetryLater || !strings.Contains(got.Reason, "expect") || got.Detail != want.refusal {
			t.Errorf("%s: a refusal gives %s", b, got)
		}
	}
	if len(seen) != len(services) {
		t.Errorf("%d services are documented, want %d", len(seen), len(services))
	}
	file := filepath.Join("testdata", "bodies.golden")
	if *updateBodies {
		if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != golden.String() {
		t.Errorf("%s differs (%v); look at it with -update-bodies and git diff", file, err)
	}
}

// shownBody returns the body of a request for people: JSON indented, the fields of a form one in a line.
func shownBody(t *testing.T, r *receiver.Request) string {
	t.Helper()
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		return strings.ReplaceAll(string(r.Body), "&", "\n&")
	}
	var document any
	if err := json.Unmarshal(r.Body, &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
