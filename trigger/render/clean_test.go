package render

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "abc\täö🔥\n": "abc\täö🔥\n", "\x1b[31mred\x1b[0m": "red", "\x1b[38;5;196mx": "x", "\x1b": "", "\x1b[": "", "a\r\nb\rc": "a\nb\nc",
		"\x00\x07\x7f\u0085": `\u0000\u0007\u007f\u0085`, "\xffa\xfe": `\xffa\xfe`, "a\u202eb\u2066c\u200f": `a\u202eb\u2066c\u200f`,
		"\ufeffx\u2028y": `\ufeffx\u2028y`, "\U000e0041z": `\udb40\udc41z`, "\x1b]0;t\ax": "x", "\x1b]8;;http://h\x1b\\l": "l", "⚠\ufe0f": "⚠\ufe0f",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := OneLine(" a\n\tb \x1b[1m c\r\n"); got != "a b c" {
		t.Errorf("one line %q", got)
	}
}

func TestPartTags(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a < b && c": "a < b && c", "<b>x</b>": "<|b>x<|/b>", "<<a>": "<<|a>", "</<b": "<|/<|b", "<!-- <?x": "<|!-- <|?x", "&lt;&#60;&amp": "&|lt;&|#60;&|amp",
	} {
		if got := strings.ReplaceAll(PartTags(in), ZeroWidth, "|"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestSuppressedText(t *testing.T) {
	t.Parallel()
	a := triggertest.Sample()
	if got := SuppressedText(&a); got != triggertest.SuppressedSample {
		t.Errorf("got %q", got)
	}
	since := a.Time.AddDate(0, 0, -2)
	a.Suppressed = trigger.Suppressed{Total: 1, Since: &since}
	if got := SuppressedText(&a); got != "+1 since 2026-11-20 14:05" {
		t.Errorf("got %q", got)
	}
	a.Suppressed = trigger.Suppressed{}
	if got := SuppressedText(&a); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestReplaceIsBounded(t *testing.T) {
	t.Parallel()
	if got := boundedReplace(strings.Repeat("a", 8192), "a", strings.Repeat("b", 1<<20)); len(got) != 8192 {
		t.Errorf("replace gives %d bytes", len(got))
	}
}
