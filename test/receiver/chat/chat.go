// Package chat has chat services for tests: they keep messages and edit them as the documents of Discord, Telegram, Slack, Mattermost and ntfy say.
package chat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// Message is one message of a service with all that it ever showed, the oldest first.
type Message struct {
	ID       string
	Versions []string // the JSON of the requests
	Gone     bool     // somebody deleted it
}

// Service is a chat service. It answers requests as its documents say, unless Mood says otherwise.
type Service struct {
	Format string
	// Mood may answer a request instead; ok is false where the service answers. lost: the service does what the request says, and its answer is this one. Nil: never.
	Mood func(r receiver.Request) (reply receiver.Reply, lost, ok bool)

	api      api
	mu       sync.Mutex
	messages []*Message
	refused  []string
}

// api is how one service reads requests and answers them.
type api struct {
	path string // of the address to configure
	// call reads a request: whether it edits, which message, and what is wrong with it.
	call func(r receiver.Request, body map[string]any) (edits bool, id, fault string)
	sent func(id string, body map[string]any) receiver.Reply
	gone func() receiver.Reply
	same func() receiver.Reply // nil: an edit that changes nothing is accepted
	bad  func(fault string) receiver.Reply
	id   func(n int, body map[string]any) string
}

var _ receiver.Behaviour = (*Service)(nil)

// New returns a service by the format of its payloads.
func New(format string) *Service { return &Service{Format: format, api: apis[format]} }

// Formats returns the formats of the services.
func Formats() []string { return []string{"discord", "telegram", "ntfy", "slack", "mattermost"} }

// Path returns the path of the address to configure.
func (s *Service) Path() string { return s.api.path }

// Messages returns a copy of the messages.
func (s *Service) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Message, len(s.messages))
	for i, m := range s.messages {
		out[i] = Message{m.ID, slices.Clone(m.Versions), m.Gone}
	}
	return out
}

// Refused returns what was wrong with requests that the service does not document.
func (s *Service) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Delete deletes all messages, as people do.
func (s *Service) Delete() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		m.Gone = true
	}
}

// Reply answers a request.
func (s *Service) Reply(r receiver.Request) receiver.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	var reply receiver.Reply
	var lost, moody bool
	if s.Mood != nil {
		if reply, lost, moody = s.Mood(r); moody && !lost {
			return reply
		}
	}
	answered := s.answer(r)
	if moody {
		return reply
	}
	return answered
}

func (s *Service) answer(r receiver.Request) receiver.Reply {
	var body map[string]any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return s.refuse("the body is no JSON object")
	}
	edits, id, fault := s.api.call(r, body)
	if fault != "" {
		return s.refuse(fault)
	}
	at := slices.IndexFunc(s.messages, func(m *Message) bool { return m.ID == id && !m.Gone })
	switch {
	case at < 0 && edits:
		return s.api.gone()
	case at < 0:
		if id == "" {
			id = s.api.id(len(s.messages)+1, body)
		}
		s.messages = append(s.messages, &Message{ID: id, Versions: []string{string(r.Body)}})
		return s.api.sent(id, body)
	}
	m := s.messages[at]
	if s.api.same != nil && m.Versions[len(m.Versions)-1] == string(r.Body) {
		return s.api.same()
	}
	m.Versions = append(m.Versions, string(r.Body))
	return s.api.sent(id, body)
}

func (s *Service) refuse(fault string) receiver.Reply {
	s.refused = append(s.refused, fault)
	return s.api.bad(fault)
}

// reply returns an answer in JSON.
func reply(status int, body any) receiver.Reply {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // of values that this package makes
	}
	return receiver.Reply{Status: status, Body: string(text), Header: http.Header{"Content-Type": {"application/json"}}}
}

// unknown returns a field of an object that is not one of the names, or "".
func unknown(body map[string]any, names ...string) string {
	for name := range body {
		if !slices.Contains(names, name) {
			return "unknown field " + name
		}
	}
	return ""
}

// path splits a request's path from its query.
func path(r receiver.Request) (string, url.Values) {
	u, err := url.Parse(r.Path)
	if err != nil {
		return "", nil
	}
	return u.Path, u.Query()
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

var apis = map[string]api{"discord": discord, "telegram": telegram, "ntfy": ntfy, "slack": slack, "mattermost": mattermost}

// https://discord.com/developers/docs/resources/webhook
var discord = api{
	path: "/api/webhooks/11/T0KEN?thread_id=77",
	call: func(r receiver.Request, body map[string]any) (bool, string, string) {
		at, query := path(r)
		if fault := unknown(body, "content", "embeds", "allowed_mentions", "components"); fault != "" || query.Get("thread_id") != "77" {
			return false, "", fault + " thread " + query.Get("thread_id")
		}
		rest, found := strings.CutPrefix(at, "/api/webhooks/11/T0KEN")
		switch id, edit := strings.CutPrefix(rest, "/messages/"); {
		case !found:
			return false, "", "unknown webhook"
		case edit && r.Method == http.MethodPatch:
			return true, id, ""
		case rest == "" && r.Method == http.MethodPost && query.Get("wait") == "true":
			return false, "", ""
		}
		return false, "", r.Method + " " + r.Path
	},
	// Discord names the id behind the embeds, which it repeats.
	sent: func(id string, body map[string]any) receiver.Reply {
		return reply(200, map[string]any{"type": 0, "content": body["content"], "embeds": body["embeds"], "id": id, "channel_id": "42", "webhook_id": "11"})
	},
	gone: func() receiver.Reply { return reply(404, map[string]any{"message": "Unknown Message", "code": 10008}) },
	bad:  func(fault string) receiver.Reply { return reply(400, map[string]any{"message": fault, "code": 50035}) },
	id:   func(n int, _ map[string]any) string { return fmt.Sprint(1_234_567_890_123_456_000 + n) },
}

// https://core.telegram.org/bots/api#editmessagetext
var telegram = api{
	path: "",
	call: func(r receiver.Request, body map[string]any) (bool, string, string) {
		if r.Method != http.MethodPost || body["chat_id"] != "-1001" || text(body["text"]) == "" || body["parse_mode"] != "HTML" {
			return false, "", "chat, text or parse_mode"
		}
		switch at, _ := path(r); at {
		case "/bot123:T0KEN/sendMessage":
			return false, "", unknown(body, "chat_id", "message_thread_id", "text", "parse_mode", "link_preview_options", "disable_notification", "reply_markup")
		case "/bot123:T0KEN/editMessageText":
			id, _ := body["message_id"].(float64)
			return true, fmt.Sprint(int64(id)), unknown(body, "chat_id", "message_id", "text", "parse_mode", "link_preview_options", "reply_markup")
		}
		return false, "", "unknown method"
	},
	sent: func(id string, body map[string]any) receiver.Reply {
		return reply(200, map[string]any{"ok": true, "result": map[string]any{"message_id": json.Number(id), "chat": map[string]any{"id": -1001}, "text": body["text"]}})
	},
	gone: func() receiver.Reply {
		return reply(400, map[string]any{"ok": false, "error_code": 400, "description": "Bad Request: message to edit not found"})
	},
	same: func() receiver.Reply {
		return reply(400, map[string]any{"ok": false, "error_code": 400, "description": "Bad Request: message is not modified: specified new message content and reply markup " +
			"are exactly the same as a current content and reply markup of the message"})
	},
	bad: func(fault string) receiver.Reply {
		return reply(400, map[string]any{"ok": false, "error_code": 400, "description": "Bad Request: " + fault})
	},
	id: func(n int, _ map[string]any) string { return fmt.Sprint(n) },
}

// https://docs.slack.dev/reference/methods/chat.update: it wants the id of the channel, where chat.postMessage takes a name too.
var slack = api{
	path: "/api",
	call: func(r receiver.Request, body map[string]any) (bool, string, string) {
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer xoxb-T0KEN" || text(body["text"]) == "" {
			return false, "", "not_authed"
		}
		switch at, _ := path(r); {
		case at == "/api/chat.postMessage" && body["channel"] == "#alerts":
			return false, "", unknown(body, "channel", "text", "mrkdwn", "blocks", "unfurl_links", "unfurl_media", "parse")
		case at == "/api/chat.update" && body["channel"] == "C0123ABC":
			return true, text(body["ts"]), unknown(body, "channel", "ts", "text", "blocks", "parse", "link_names", "metadata")
		}
		return false, "", "channel_not_found"
	},
	sent: func(id string, body map[string]any) receiver.Reply {
		message := map[string]any{"type": "message", "text": body["text"], "blocks": body["blocks"], "ts": id}
		return reply(200, map[string]any{"ok": true, "message": message, "channel": "C0123ABC", "ts": id})
	},
	gone: func() receiver.Reply { return reply(200, map[string]any{"ok": false, "error": "message_not_found"}) },
	bad:  func(fault string) receiver.Reply { return reply(200, map[string]any{"ok": false, "error": fault}) },
	id:   func(n int, _ map[string]any) string { return fmt.Sprintf("1700000000.%06d", n) },
}

// https://docs.mattermost.com/api/reference/patch-post: of a post that somebody deleted, it answers that the permission is missing.
var mattermost = api{
	path: "",
	call: func(r receiver.Request, body map[string]any) (bool, string, string) {
		if r.Header.Get("Authorization") != "Bearer T0KEN" || text(body["message"]) == "" {
			return false, "", "authorization or message"
		}
		at, _ := path(r)
		if at == "/api/v4/posts" && r.Method == http.MethodPost && body["channel_id"] == Channel {
			return false, "", unknown(body, "channel_id", "message", "props", "root_id", "metadata")
		}
		rest, found := strings.CutPrefix(at, "/api/v4/posts/")
		if id, patch := strings.CutSuffix(rest, "/patch"); found && patch && r.Method == http.MethodPut {
			return true, id, unknown(body, "message", "props", "is_pinned")
		}
		return false, "", r.Method + " " + r.Path
	},
	sent: func(id string, body map[string]any) receiver.Reply {
		return reply(201, map[string]any{"message": body["message"], "props": body["props"], "id": id, "channel_id": Channel})
	},
	gone: func() receiver.Reply {
		return reply(403, map[string]any{"id": "api.context.permissions.app_error", "message": "You do not have the appropriate permissions.", "status_code": 403})
	},
	bad: func(fault string) receiver.Reply {
		return reply(400, map[string]any{"id": "api.context.invalid_body_param.app_error", "message": fault, "status_code": 400})
	},
	id: func(n int, _ map[string]any) string { return fmt.Sprintf("post%022d", n) },
}

// Channel is the channel of Mattermost.
const Channel = "channel0123456789abcdefghi"

// https://docs.ntfy.sh/publish/#updating-deleting-notifications
var ntfy = api{
	path: "/alerts",
	call: func(r receiver.Request, body map[string]any) (bool, string, string) {
		if at, _ := path(r); at != "/" || r.Method != http.MethodPost || body["topic"] != "alerts" {
			return false, "", r.Method + " " + r.Path
		}
		return false, text(body["sequence_id"]), unknown(body, "topic", "sequence_id", "title", "message", "priority", "tags", "click", "actions")
	},
	sent: func(id string, body map[string]any) receiver.Reply {
		return reply(200, map[string]any{"id": "sPs71M8A2T", "time": 1, "event": "message", "topic": "alerts", "sequence_id": id, "message": body["message"]})
	},
	bad: func(fault string) receiver.Reply {
		return reply(400, map[string]any{"code": 40001, "http": 400, "error": fault})
	},
	id: func(n int, _ map[string]any) string { return fmt.Sprint(n) },
}
