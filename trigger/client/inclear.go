package client

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// longSegment is the length from which a part of a path counts as a token.
const longSegment = 20

// InClear returns the settings that contain a secret itself rather than the name of a file or variable. An address counts as a secret when the
// receiver's addresses are secret, or when it has a user, a query, or a part that looks like a token.
func InClear(s *trigger.Settings) []string {
	var out []string
	for _, secret := range s.Secrets() {
		text := secret.Source.Text
		switch secret.Key {
		case "url":
			if !text.IsZero() && secretURL(s) {
				out = append(out, secret.Key)
			}
		case "proxy_url":
			if u, err := url.Parse(text.Reveal()); err == nil && u.User != nil {
				out = append(out, secret.Key)
			}
		default:
			if !text.IsZero() {
				out = append(out, secret.Key)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		out = append(out, "headers."+name)
	}
	return out
}

func secretURL(s *trigger.Settings) bool {
	if receiver.For(s).SecretURL {
		return true
	}
	u, err := url.Parse(s.URL.Text.Reveal())
	// An address that cannot be parsed may contain anything.
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
