package safetext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"é", 1, ""}, {"😀", 3, ""}, {"a😀", 4, "a"}, {"a😀b", 5, "a😀"}, {"abc", 0, ""}, {"abc", -1, ""}, {"", 0, ""},
		{"a" + strings.Repeat("\x80", 9), 8, "a" + strings.Repeat("\x80", 7)},
	} {
		if got := Cut(c.in, c.limit); got != c.want {
			t.Errorf("%q cut to %d is %q, want %q", c.in, c.limit, got, c.want)
		}
		want := c.want
		if want != c.in {
			want += "…"
		}
		if got := Shorten(c.in, c.limit); got != want {
			t.Errorf("%q shortened to %d is %q, want %q", c.in, c.limit, got, want)
		}
	}
}

func TestCutRunes(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"abc", 0, ""}, {"abc", -1, ""}, {"ab", 1, "…"}, {"", 5, ""},
	} {
		if got := CutRunes(c.in, c.n); got != c.want {
			t.Errorf("%q cut to %d is %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

// FuzzCut: the result is a prefix within the limit, as long as possible, and valid if the text is.
func FuzzCut(f *testing.F) {
	f.Add("a😀é", 3)
	f.Add("", -36)
	f.Add("\x80\x80\x80\xf0\x9f", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got, limit := Cut(s, limit), max(limit, 0)
		if len(got) > limit || !strings.HasPrefix(s, got) || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q cut to %d is %q", s, limit, got)
		}
		if len(got) < len(s) && len(got) <= limit-utf8.UTFMax {
			t.Fatalf("%q cut to %d is %q: too short", s, limit, got)
		}
	})
}
