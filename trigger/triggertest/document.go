package triggertest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Document returns docs/receivers.md. Its callers are packages one folder below trigger.
func Document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// CutOut returns the part of a document between two texts.
func CutOut(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, begin)
	out, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/receivers.md has nothing between %q and %q", begin, end)
	}
	return out
}

var codes = regexp.MustCompile("`([^`]+)`")

// CodesOf returns the texts between backticks.
func CodesOf(text string) (list []string) {
	for _, m := range codes.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}
