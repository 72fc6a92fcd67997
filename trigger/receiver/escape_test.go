package receiver

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func FuzzPlain(f *testing.F) {
	f.Add(triggertest.HostileText, 7)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := render.Plain(s)
		if !utf8.ValidString(got) || render.Plain(got) != got && !strings.Contains(got, "\x1b") {
			t.Fatalf("%q becomes %q", s, got)
		}
		if cut := safetext.CutRunes(got, n%1000); utf8.RuneCountInString(cut) > max(0, n%1000) || !utf8.ValidString(cut) {
			t.Fatalf("cut to %d: %q", n%1000, cut)
		}
		for _, escape := range []func(string) string{slackProse, slackCode, escapeMarkdown, escapeTelegramText, telegramText, escapeTeams, render.Inert, render.MaskCode} {
			out := render.Fit(got, 100, escape)
			if render.UTF16Len(out) > 100 || (strings.Contains(out, "@everyone") && !strings.HasPrefix(out, "<code>")) {
				t.Fatalf("escaped to %q", out)
			}
		}
	})
}
