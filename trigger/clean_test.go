package trigger

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "abc\täö🔥\n": "abc\täö🔥\n", "\x1b[31mred\x1b[0m": "red", "\x1b[38;5;196mx": "x", "\x1b": "", "\x1b[": "", "a\r\nb\rc": "a\nb\nc",
		"\x00\x07\x7f\u0085": `\u0000\u0007\u007f\u0085`, "\xffa\xfe": `\xffa\xfe`, "a\u202eb\u2066c\u200f": `a\u202eb\u2066c\u200f`,
		"\ufeffx\u2028y": `\ufeffx\u2028y`, "\U000e0041z": `\udb40\udc41z`, "\x1b]0;t\ax": "x", "\x1b]8;;http://h\x1b\\l": "l", "⚠\ufe0f": "⚠\ufe0f",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := oneLine(" a\n\tb \x1b[1m c\r\n"); got != "a b c" {
		t.Errorf("one line %q", got)
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"abc", 0, ""}, {"abc", -1, ""}, {"ab", 1, "…"}, {"", 5, ""},
	} {
		if got := cutRunes(c.in, c.n); got != c.want {
			t.Errorf("%q cut to %d is %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add(hostileText, 7)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := plain(s)
		if !utf8.ValidString(got) || plain(got) != got && !strings.Contains(got, "\x1b") {
			t.Fatalf("%q becomes %q", s, got)
		}
		if cut := cutRunes(got, n%1000); utf8.RuneCountInString(cut) > max(0, n%1000) || !utf8.ValidString(cut) {
			t.Fatalf("cut to %d: %q", n%1000, cut)
		}
		for _, escape := range []func(string) string{slackProse, slackCode, escapeMarkdown, escapeTelegramText, telegramText, escapeTeams, inert, maskCode} {
			out := fit(got, 100, escape)
			if utf16Of(out) > 100 || (strings.Contains(out, "@everyone") && !strings.HasPrefix(out, "<code>")) {
				t.Fatalf("escaped to %q", out)
			}
		}
	})
}

func TestSuppressedText(t *testing.T) {
	t.Parallel()
	a := sampleAlert()
	if got := suppressedText(&a); got != suppressedSample {
		t.Errorf("got %q", got)
	}
	since := a.Time.AddDate(0, 0, -2)
	a.Suppressed = Suppressed{Total: 1, Since: &since}
	if got := suppressedText(&a); got != "+1 since 2026-11-20 14:05" {
		t.Errorf("got %q", got)
	}
	a.Suppressed = Suppressed{}
	if got := suppressedText(&a); got != "" {
		t.Errorf("got %q", got)
	}
}
