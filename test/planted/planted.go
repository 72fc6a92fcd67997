// Package planted has a hundred lines with a secret in each, and finds the secrets that are somewhere in clear.
package planted

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Settings is the part of a configuration with which every secret of the lines is masked: two kinds are masked on request only.
const Settings = `
[redact]
email = true
patterns = ['sess-\w+']
`

// Secret is a line, and the part of it that must be nowhere.
type Secret struct {
	Line string // begins with "boom"; the last 25 are messages of exceptions, with one frame
	Text string
}

// Secrets returns the hundred secrets, of 25 kinds.
func Secrets() []Secret {
	var all []Secret
	word := func(prefix string, n, size int) string {
		text := ""
		for i := 0; len(text) < size; i++ {
			text += fmt.Sprintf("%c%c%d", 'A'+(n+i)%26, 'a'+(n*7+i*3)%26, (n+i)%10)
		}
		return prefix + text[:size]
	}
	for n := range 4 {
		for _, one := range []struct{ before, secret, after string }{
			{"key ", "AKIA" + strings.ToUpper(word("", n, 16)), " used"},
			{"token ", word("ghp_", n, 36), " rejected"},
			{"token ", word("glpat-", n, 20), " rejected"},
			{"token ", word("npm_", n, 36), " rejected"},
			{"token ", word("pypi-", n, 90), " rejected"},
			{"slack ", word("xoxb-", n, 40), " rejected"},
			{"stripe ", word("sk_live_", n, 24), " rejected"},
			{"jwt ", "eyJhbGciOiJIUzI1NiJ9." + word("eyJ", n, 40) + "." + word("", n+1, 43), " expired"},
			{"POST https://hooks.slack.com/services/", word("", n, 40), " 404"},
			{"> Authorization: Bearer ", word("", n, 30), ""},
			{"> Authorization: Basic ", base64.StdEncoding.EncodeToString([]byte("user:" + word("", n, 12))), ""},
			{"> Cookie: ", "session=" + word("", n, 32), ""},
			{"dial postgres://app:", word("", n, 12), "@db:5432/shop"},
			{"login password=", word("", n, 12), " from 10.0.0.1"},
			{"DB_PASSWORD=", word("", n, 11), ""},
			{`{"level":"error","password":"`, word("", n, 13), `"}`},
			{`{"log":"{\"api_key\":\"`, word("", n, 14), `\"}"}`},
			{"client_secret=", word("", n, 15), "&grant_type=refresh"},
			{"-----BEGIN PRIVATE KEY-----", word("MIIE", n, 64), "-----END PRIVATE KEY-----"},
			{"gcp ", word("AIza", n, 35), " used"},
			{"azure AccountKey=", word("", n, 86) + "==", ";x"},
			{"telegram ", fmt.Sprint(123456780+n) + ":A" + word("", n, 34), " used"},
			{"sendgrid ", word("SG.", n, 22) + "." + word("", n+1, 40), " used"},
			{"mail ", strings.ToLower(word("", n, 12)) + "@mail.example.com", " bounced"},
			{"session ", word("sess-", n, 20), " of our own"},
		} {
			line := "boom " + one.before + one.secret + one.after
			if n == 3 {
				line = "boom java.lang.IllegalStateException: " + one.before + one.secret + one.after + "\n\tat shop.Api.call(Api.java:12)"
			}
			all = append(all, Secret{line, one.secret})
		}
	}
	return all
}

// Lines returns the lines of the secrets.
func Lines(secrets []Secret) []string {
	lines := make([]string, len(secrets))
	for i, s := range secrets {
		lines[i] = s.Line
	}
	return lines
}

// Look fails the test for each secret that a text holds as it is, percent-encoded or in base64.
func Look(t testing.TB, secrets []Secret, where, text string) {
	t.Helper()
	for i, s := range secrets {
		for _, form := range []string{s.Text, url.QueryEscape(s.Text), base64.StdEncoding.EncodeToString([]byte(s.Text))} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%s holds secret %d: …%q…", where, i, text[max(0, at-60):min(len(text), at+len(form)+20)])
			}
		}
	}
}
