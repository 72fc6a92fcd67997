package safetext

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile maps texts with one kind of harmful character each to their escaped form.
var hostile = map[string]string{
	"":                               "",
	"plain äö 漢字 🔥":                  "plain äö 漢字 🔥",
	`C:\new\u0041`:                   `C:\new\u0041`,
	"\x1b[2J\x1b]0;t\a":              `\u001b[2J\u001b]0;t\u0007`,
	"\x00\x7f\u0085\u009b31m":        `\u0000\u007f\u0085\u009b31m`,
	"a\u202eb\u2066c\u200f\u061c":    `a\u202eb\u2066c\u200f\u061c`,
	"pay\u200bpal\u2060\ufeff\u00ad": `pay\u200bpal\u2060\ufeff\u00ad`,
	"x\u2028y\u2029z":                `x\u2028y\u2029z`,
	"\U000e0041\U000e007f":           `\udb40\udc41\udb40\udc7f`,
	"a\ufe0f\U000e0100\u180e":        `a\ufe0f\udb40\udd00\u180e`,
	"⚠\ufe0f hot ⚠\ufe0f\ufe0f":      "⚠\ufe0f hot ⚠\ufe0f\\ufe0f",
	"\u3164\uffa0\u115f":             `\u3164\uffa0\u115f`,
	"\ufff9a\ufffb\uffff\ufffd":      `\ufff9a\ufffb\uffff` + "\ufffd",
	"\r":                             `\r`,
}

func TestVisible(t *testing.T) {
	for in, want := range hostile {
		for _, got := range []string{Visible(in), VisibleText(in)} {
			if got != want {
				t.Errorf("%q shows as %q, want %q", in, got, want)
			}
		}
	}
	if got := Visible("a\xff\xc3\tb\n\u00e9\xe2\x82"); got != `a\xff\xc3\tb\né\xe2\x82` {
		t.Errorf("%s", got)
	}
	if got := VisibleText("a\tb\nc\r\n"); got != "a\tb\nc\\r\n" {
		t.Errorf("%q", got)
	}
}

// TestHiddenCoversUnicode compares the list with Unicode's categories: all of C, Zl and Zp except characters that have a glyph or are unassigned.
func TestHiddenCoversUnicode(t *testing.T) {
	shown := []*unicode.RangeTable{unicode.Co, unicode.Prepended_Concatenation_Mark, unicode.Cs}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) &&
			!unicode.In(r, shown...) && !Hidden(r) && !unicode.Is(unicode.Bidi_Control, r) && !(0x13430 <= r && r <= 0x1345f) {
			t.Errorf("%U is not hidden", r)
		}
		if unicode.Is(unicode.Bidi_Control, r) && !Hidden(r) {
			t.Errorf("%U turns the direction, and is not hidden", r)
		}
	}
}

func TestJSONMeansTheSame(t *testing.T) {
	for in := range hostile {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := NewWriter(&b).Write(text); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got != in {
			t.Errorf("%q is %q in the JSON %s, %v", in, got, b.String(), err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return Hidden(r) && r != emojiSelector }) {
			t.Errorf("the JSON holds %q", b.String())
		}
	}
}

// TestWriterTakesTextsInPieces cuts a text at every position.
func TestWriterTakesTextsInPieces(t *testing.T) {
	const text = "a\u202e🔥\xff\U000e0041\n"
	for i := range len(text) {
		var b bytes.Buffer
		w := NewWriter(&b)
		for _, part := range []string{text[:i], text[i:]} {
			if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
				t.Fatal(n, err)
			}
		}
		if got := b.String(); got != "a\\u202e🔥\\xff\\udb40\\udc41\n" {
			t.Errorf("cut at %d: %q", i, got)
		}
	}
}

// TestThePageHasTheSameList reads the list of escaped characters from the page's source and compares each with Hidden.
func TestThePageHasTheSameList(t *testing.T) {
	source, err := os.ReadFile("../admin/page/assets/dom.js")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`const hidden = /(\[.*?\])/gu;`).FindSubmatch(source)
	if m == nil {
		t.Fatal("dom.js has no list of hidden characters")
	}
	class := regexp.MustCompile(`\\u\{?([0-9a-f]+)\}?`).ReplaceAllString(string(m[1]), `\x{$1}`)
	on := regexp.MustCompile("^" + class + "$")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if want := Hidden(r) && r != '\n' && r != '\t'; on.MatchString(string(r)) != want {
			t.Errorf("%U: the page says %v, and Hidden %v", r, !want, want)
		}
	}
}

// TestThePageShowsTheSame escapes the hostile texts with the page's own function.
func TestThePageShowsTheSame(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not on PATH: the list is compared, its use is not")
	}
	source, err := os.ReadFile("../admin/page/assets/dom.js")
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, 0, len(hostile))
	for in := range hostile {
		texts = append(texts, in)
	}
	list, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "--input-type=module")
	cmd.Stdin = strings.NewReader(string(source) + "\nconsole.log(JSON.stringify(" + string(list) + ".map(visible)));")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i, in := range texts {
		if got[i] != VisibleText(in) {
			t.Errorf("the page shows %q as %q, and VisibleText as %q", in, got[i], VisibleText(in))
		}
	}
}

func FuzzVisible(f *testing.F) {
	for in := range hostile {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if !utf8.ValidString(got) || Visible(got) != got {
			t.Fatalf("%q shows as %q, and that as %q", s, got, Visible(got))
		}
	})
}
