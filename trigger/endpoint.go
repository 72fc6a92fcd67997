package trigger

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// endpoint returns where the requests of a trigger go, from the address in the settings, and ntfy's topic.
func endpoint(s *Settings, c *credentials) (u *url.URL, topic string) {
	copied := *c.target
	u = &copied
	path := strings.TrimRight(u.Path, "/")
	switch s.Format {
	case FormatTelegram:
		if !strings.HasSuffix(path, "/sendMessage") {
			u = u.JoinPath("bot"+c.token.Reveal(), "sendMessage")
		}
	case FormatGotify:
		if !strings.HasSuffix(path, "/message") {
			u = u.JoinPath("message")
		}
	case FormatAlertmanager:
		if !strings.HasSuffix(path, "/alerts") {
			u = u.JoinPath("api/v2/alerts")
		}
	case FormatNtfy:
		if s.Topic != "" {
			return u, s.Topic
		}
		slash := strings.LastIndex(path, "/")
		topic = path[slash+1:]
		u.Path, u.RawPath = path[:slash+1], ""
	}
	return u, topic
}

// header returns what each request of a trigger carries, but for its identity and signatures.
func (c *credentials) header(s *Settings, userAgent string) http.Header {
	h := http.Header{}
	h.Set("User-Agent", userAgent)
	switch {
	case s.Format == FormatTelegram: // in the path
	case c.token.IsZero():
	case s.Format == FormatGotify:
		h.Set("X-Gotify-Key", c.token.Reveal())
	default:
		h.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	if s.Username != "" {
		h.Set("Authorization", "Basic "+basicAuth(s.Username, c.password))
	}
	for name, value := range c.headers {
		h.Set(name, value.Reveal())
	}
	return h
}

func basicAuth(username string, password setting.Secret) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password.Reveal()))
}
