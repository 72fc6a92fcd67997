package trigger

import (
	"encoding/base64"
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// header returns the headers of every request of a trigger, without its identity and signatures.
func (c *credentials) header(s *Settings, userAgent string) http.Header {
	h := http.Header{}
	h.Set("User-Agent", userAgent)
	switch authorize := s.receiver().authorize; {
	case c.token.IsZero():
	case authorize != nil:
		authorize(h, c.token)
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
