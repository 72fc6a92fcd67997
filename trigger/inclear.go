package trigger

import (
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// longSegment is how long a part of an address's path is that nobody would write by hand, and that is taken for a token.
const longSegment = 20

// InClear lists the settings that hold a secret as it is, rather than the name of the file or variable that holds it. An address counts when
// its format makes it a secret, or when it holds a user, a query, or a part that looks like a token.
func (s *Settings) InClear() []string {
	var out []string
	if !s.URL.IsZero() && s.secretURL() {
		out = append(out, "url")
	}
	for _, name := range sortedKeys(s.Headers) {
		out = append(out, "headers."+name)
	}
	for _, f := range []struct {
		field string
		value setting.Secret
	}{
		{"password", s.Password}, {"token", s.Token}, {"routing_key", s.RoutingKey}, {"signing_secret", s.SigningSecret}, {"hub_secret", s.HubSecret},
	} {
		if !f.value.IsZero() {
			out = append(out, f.field)
		}
	}
	if u, err := url.Parse(s.ProxyURL.Reveal()); err == nil && u.User != nil {
		out = append(out, "proxy_url")
	}
	return out
}

func (s *Settings) secretURL() bool {
	if s.receiver().secretURL {
		return true
	}
	u, err := url.Parse(s.URL.Reveal())
	if err != nil || u.User != nil || u.RawQuery != "" {
		return true
	}
	for _, part := range strings.Split(u.Path, "/") {
		if len(part) >= longSegment {
			return true
		}
	}
	return false
}
