package triggertest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func Document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cutOut returns what stands between two texts of the document.
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

func CodesOf(text string) (list []string) {
	for _, m := range codes.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}
