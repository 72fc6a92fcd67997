package redact

import (
	"slices"
	"strings"
	"testing"
)

// TestAKeyThatSpansLinesIsMasked shows every window of lines around each line of a log that holds a private key.
func TestAKeyThatSpansLinesIsMasked(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	secret := []string{strings.Repeat("MIIEpAIB", 8), strings.Repeat("AAKCAQEA", 8), "c2VjcmV0"}
	log := slices.Concat([]string{"starting", "the key is:", "-----BEGIN RSA PRIVATE KEY-----"}, secret,
		[]string{"-----END RSA PRIVATE KEY-----", "ready", "password=hunter2"})
	for hit, line := range log {
		for n := range 10 {
			before, after := slices.Clone(log[max(0, hit-n):hit]), slices.Clone(log[hit+1:min(len(log), hit+1+n)])
			r.Lines(r.Text(line, nil), before, after, func(string) bool { return false }, nil)
			shown := strings.Join(slices.Concat(before, after), "\n")
			for _, one := range append(secret, "hunter2") {
				marked := strings.Contains(strings.Join(log[max(0, hit-n):min(len(log), hit+1+n)], "\n"), "-----")
				if strings.Contains(shown, one) && marked {
					t.Errorf("%d lines around %q show %q:\n%s", n, line, one, shown)
				}
			}
			for _, one := range []string{"starting", "ready"} {
				if i := slices.Index(log, one); i != hit && i >= hit-n && i <= hit+n && !strings.Contains(shown, one) {
					t.Errorf("%d lines around %q lack %q:\n%s", n, line, one, shown)
				}
			}
		}
	}
}
