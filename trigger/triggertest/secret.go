// Package triggertest has helpers for tests of the packages below trigger.
package triggertest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// AssertNoSecret fails the test when one of the texts (log lines, errors, metrics, dumps) contains one of the secrets: as it is, in any case
// of letters, percent-encoded, in base64, or as JSON encodes it. It does not print the secret.
func AssertNoSecret(t testing.TB, secrets []string, texts ...string) {
	t.Helper()
	for i, secret := range secrets {
		if len(secret) < 4 {
			t.Fatalf("secret %d is too short to look for", i)
		}
		for _, form := range forms(secret) {
			for j, text := range texts {
				if at := strings.Index(strings.ToLower(text), strings.ToLower(form)); at >= 0 {
					t.Errorf("text %d of %d bytes holds secret %d at byte %d", j, len(text), i, at)
				}
			}
		}
	}
}

func forms(secret string) []string {
	list := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
		strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(secret)), "="),
	}
	if text, err := json.Marshal(secret); err == nil {
		list = append(list, string(text[1:len(text)-1]))
	}
	return list
}
