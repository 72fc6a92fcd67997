package receiver

import (
	"regexp"
	"strings"
	"testing"
)

// TestSlackChannel compares the check with the expression that it stands for.
func TestSlackChannel(t *testing.T) {
	want := regexp.MustCompile(`^#?[\p{L}\p{N}_.-]{1,80}$`)
	for _, text := range []string{
		"", "#", "##", "#a", "a#", "C0123ABC", "general-2_x.y", "ärger", "канал", "日本", "½", "Ⅷ", "a b", "a\n", "\xff", "a\xff", "\uFFFD", "e\u0301", "😀",
		strings.Repeat("a", 80), strings.Repeat("a", 81), "#" + strings.Repeat("ä", 80), "#" + strings.Repeat("ä", 81), "a/b", "@a",
	} {
		if got := slackChannel(text); got != want.MatchString(text) {
			t.Errorf("%q: %t", text, got)
		}
	}
}
