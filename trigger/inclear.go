package trigger

import (
	"net/url"
	"strings"
)

// longSegment is how long a part of an address's path is that nobody would write by hand, and that is taken for a token.
const longSegment = 20

// InClear lists the settings that hold a secret as it is, rather than the name of the file or variable that holds it. An address counts when
// its format makes it a secret, or when it holds a user, a query, or a part that looks like a token.
func (s *Settings) InClear() []string {
	var out []string
	for _, secret := range s.secrets() {
		text := secret.source.Text
		switch secret.key {
		case "url":
			if !text.IsZero() && s.secretURL() {
				out = append(out, secret.key)
			}
		case "proxy_url":
			if u, err := url.Parse(text.Reveal()); err == nil && u.User != nil {
				out = append(out, secret.key)
			}
		default:
			if !text.IsZero() {
				out = append(out, secret.key)
			}
		}
	}
	for _, name := range sortedKeys(s.Headers) {
		out = append(out, "headers."+name)
	}
	return out
}

func (s *Settings) secretURL() bool {
	if s.receiver().secretURL {
		return true
	}
	u, err := url.Parse(s.URL.Text.Reveal())
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
