package safetext

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestTOML(t *testing.T) {
	for in, want := range map[string]string{
		"":             `""`,
		"a b":          `"a b"`,
		`a\d`:          `'a\d'`,
		`say "a"`:      `'say "a"'`,
		`it's "a\d"`:   `"it's \"a\\d\""`,
		"it's":         `"it's"`,
		"a\nb\tc":      `"a\nb\tc"`,
		"\x1b[2J\\":    `"\u001B[2J\\"`,
		"a\u202eb":     `"a\u202Eb"`,
		"a\U000e0041b": `"a\U000E0041b"`,
		"a\xffb'":      "\"a\uFFFDb'\"",
	} {
		if got := TOML(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}

// FuzzTOML: a decoder reads the same text again, and no hidden character stays.
func FuzzTOML(f *testing.F) {
	f.Add("it's \"a\\d\"\n\x7f\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		written := TOML(s)
		if strings.ContainsFunc(written, Hidden) {
			t.Fatalf("%q is %q", s, written)
		}
		var read struct{ Text string }
		if _, err := toml.Decode("text = "+written, &read); err != nil || read.Text != strings.ToValidUTF8(s, "\uFFFD") && read.Text != string([]rune(s)) {
			t.Fatalf("%q is %s, and that is %q, %v", s, written, read.Text, err)
		}
	})
}
