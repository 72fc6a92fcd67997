package trigger

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

var ntfy = receiver{
	format:   "ntfy",
	domains:  []string{"ntfy.sh"},
	ownHost:  true,
	endpoint: ntfyEndpoint,
	document: func(r *renderer, v *view) any { return r.ntfy(v) },
	escape:   inert,
}

// Limits of ntfy (https://docs.ntfy.sh/publish/#limitations).
const (
	ntfyMessage = 4096            // bytes; a longer one becomes an attachment
	ntfyBody    = 2 * ntfyMessage // bytes of the whole JSON, escapes included
	ntfyTitle   = 250
	ntfyClick   = 2000 // bytes of JSON, so that the message has room beside it
)

// ntfyEndpoint returns the server's address and the topic: the topic setting, or the last part of the address's path.
func ntfyEndpoint(s *Settings, address *url.URL, _ setting.Secret) (endpoint, error) {
	if s.Topic != "" {
		return endpoint{address, s.Topic}, nil
	}
	path := strings.TrimRight(address.Path, "/")
	slash := strings.LastIndex(path, "/")
	topic := path[slash+1:]
	if !topicPattern.MatchString(topic) {
		return endpoint{}, setting.Fault{Field: "topic", Code: setting.Missing, Message: "must be set", Hint: "or be the last part of the url's path"}
	}
	address.Path, address.RawPath = path[:slash+1], ""
	return endpoint{address, topic}, nil
}

type ntfyPost struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
}

// ntfy publishes as JSON, which reads no Markdown unless asked to.
func (r *renderer) ntfy(v *view) ntfyPost {
	post := ntfyPost{
		Topic:    r.topic,
		Title:    fit(v.title(), ntfyTitle, inert),
		Priority: grade(v, [5]int{1, 2, 3, 4, 5}),
		Tags:     []string{ntfyTag(v)},
	}
	if click := link(r.settings, v.first()); len(jsonForm(click)) <= ntfyClick {
		post.Click = click
	}
	post.Message = textMessage(v, ntfyMessage, func(text string) bool {
		post.Message = text
		body, err := json.Marshal(post)
		return err == nil && len(text) <= ntfyMessage && len(body) <= ntfyBody
	})
	return post
}

func ntfyTag(v *view) string {
	switch {
	case v.recovered():
		return "white_check_mark"
	case v.first().Kind == KindTest:
		return "bell"
	}
	return [5]string{"mag", "information_source", "warning", "x", "rotating_light"}[grade(v, [5]int{0, 1, 2, 3, 4})]
}
