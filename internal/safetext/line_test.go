package safetext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestTrimEnd(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a\n": "a", "a\r\n": "a", "a\r": "a", "a\r\r\n": "a", "a\r\r": "a", "\n": "", "\r\n": "", "\r": "",
		"a\n\n": "a\n", "a\rb": "a\rb", "a\rb\r\n": "a\rb", "\ra": "\ra", "a \r\n": "a ", "a\n\r": "a\n",
	} {
		if got := string(TrimEnd([]byte(in))); got != want {
			t.Errorf("TrimEnd(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestLineWithoutSequences lists lines with terminal sequences and their text for rules.
func TestLineWithoutSequences(t *testing.T) {
	for in, want := range map[string]string{
		// colours, cursors, erasing
		"\x1b[31mERROR\x1b[0m: disk full\r\n":  "ERROR: disk full",
		"\x1b[1;38;5;196mERROR\x1b[m":          "ERROR",
		"\x1b[38:2::255:0:0mERROR\x1b[39m":     "ERROR",
		"\x1b[2K\x1b[1G\x1b[?25l50 %\x1b[?25h": "50 %",
		"\x1b[01;31m\x1b[Kmatch\x1b[m\x1b[K":   "match",
		"failed\r\x1b[0m\n":                    "failed",
		"failed\x1b[0m\r":                      "failed",
		"\x1b[2m2026-03-04T05:06:07Z\x1b[0m x": "2026-03-04T05:06:07Z x",
		"\x1b(B\x1b[mplain":                    "plain",
		"\x1b7saved\x1b8":                      "saved",
		"\x1b=\x1b>\x1bcERROR":                 "ERROR",
		// titles and links, ended by BEL and by ST
		"\x1b]0;title of a window\aERROR":                               "ERROR",
		"\x1b]2;user@host: ~/x\x1b\\ERROR":                              "ERROR",
		"\x1b]8;;https://example.org/a?b=c\x1b\\text\x1b]8;;\x1b\\ end": "text end",
		"\x1b]133;A\a$ ":                "$ ",
		"\x1bPq#0;2;0;0;0~~\x1b\\image": "image",
		"a\x1b\\b":                      "ab",
		// cut by the end of the line
		"ERROR\x1b":          "ERROR",
		"ERROR\x1b[":         "ERROR",
		"ERROR\x1b[31":       "ERROR",
		"ERROR \x1b]8;;http": "ERROR ]8;;http",
		// a malformed sequence loses only the escape character, so that nobody can hide words
		"user=\x1b[ failed":                            "user=[ failed",
		"user=\x1b[31 failed":                          "user=[31 failed",
		"user=\x1b[\xd0\xb0 failed":                    "user=[\xd0\xb0 failed",
		"user=\x1b]0; msg=login failed agent=\a":       "user=]0; msg=login failed agent=\a",
		"\x1b]8;;a \"GET / 500\" b\a":                  "]8;;a \"GET / 500\" b\a",
		"a\x1b]52;c;x login failed\a":                  "a]52;c;x login failed\a",
		"a \x1b]0;" + strings.Repeat("x", 4096) + "\a": "a ]0;" + strings.Repeat("x", 4096) + "\a",
		"\x1bError":            "Error",
		"\x1b\x1b[31mx":        "x",
		"a\u009b31mb":          "a\u009b31mb",
		"[31m is text":         "[31m is text",
		`not JSON \u001b[31mx`: `not JSON \u001b[31mx`,
		// JSON with colours in its strings, and around its parts
		`{"level":"\u001b[31merror\u001b[0m","msg":"x"}`:                `{"level":"error","msg":"x"}`,
		`{"msg":"\u001B[1mERROR\u001B[0m: \"x\" \\u001b[31m"}`:          `{"msg":"ERROR: \"x\" \\u001b[31m"}`,
		`{"a":"\u001b]0;x\u0007t\u001b]8;;http://h\u001b\\l","b":1}`:    `{"a":"tl","b":1}`,
		`{"a":"\u001b[31","b":"\u001b["}`:                               `{"a":"","b":""}`,
		`{"a":"\u001b]0;","msg":"login failed","b":"\u0007"}`:           `{"a":"]0;","msg":"login failed","b":"\u0007"}`,
		`{"a":"\u00e9\u001f"}`:                                          `{"a":"\u00e9\u001f"}`,
		"\x1b[1;39m{\x1b[0m\x1b[34;1m\"msg\"\x1b[0m:\"\\u001b[1mx\"}\n": `{"msg":"x"}`,
	} {
		line, _ := Line(nil, []byte(in), false)
		if string(line) != want {
			t.Errorf("Line(%q) = %q, want %q", in, line, want)
		}
		if again, _ := Line(nil, line, false); !bytes.Equal(again, line) {
			t.Errorf("Line(%q) = %q, and of that %q", in, line, again)
		}
		if kept, _ := Line(nil, []byte(in), true); string(kept) != string(TrimEnd([]byte(in))) {
			t.Errorf("Line(%q) with sequences kept = %q", in, kept)
		}
		if json.Valid([]byte(strings.TrimSpace(in))) && !json.Valid(line) {
			t.Errorf("Line(%q) = %q, which is no JSON any more", in, line)
		}
	}
}

// TestLineCostsNothing: a line without sequences is not copied, and a line with sequences allocates only the buffer.
func TestLineCostsNothing(t *testing.T) {
	plain, coloured, object := []byte("a plain line\r\n"), []byte("\x1b[31mERROR\x1b[0m\n"), []byte(`{"a":"\u001b[31mb"}`)
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		for _, text := range [][]byte{plain, coloured, object} {
			_, buf = Line(buf, text, false)
		}
	}); n != 0 {
		t.Errorf("three lines allocate %v times", n)
	}
	if line, _ := Line(buf, plain, false); &line[0] != &plain[0] {
		t.Error("a plain line was copied")
	}
	if string(coloured) != "\x1b[31mERROR\x1b[0m\n" {
		t.Error("the input was changed")
	}
}

// FuzzLine: a text never grows, keeps no escape character, loses no byte outside of sequences, and a second call does not change it again.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "\x1b[31mx\x1b[0m\r\n", "\x1b]0;t\a", `{"a":"\u001b[1mx\u001b]0;y\u001b\\"}`, "\x1b]\x1b[\x1b(", "\r\n\r", "{\x1b\\u001b["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		line, _ := Line(nil, text, false)
		if !bytes.Equal(text, before) {
			t.Fatal("the input was changed")
		}
		if len(line) > len(text) || bytes.IndexByte(line, escape) >= 0 {
			t.Fatalf("Line(%q) = %q", text, line)
		}
		want := Strip(nil, text)
		if in := bytes.Clone(text); !bytes.Equal(Strip(in[:0], in), want) {
			t.Fatalf("Strip(%q) in place differs from %q", text, want)
		}
		// Of all sequences, only titles and links contain letters outside of ASCII.
		if bytes.IndexByte(text, ']') < 0 && !bytes.ContainsAny(text, "PX^_") {
			if a, b := highBytes(text), highBytes(line); !bytes.Equal(a, b) {
				t.Fatalf("Line(%q) = %q loses letters", text, line)
			}
		}
	})
}

func highBytes(text []byte) (out []byte) {
	for _, c := range text {
		if c >= 0x80 {
			out = append(out, c)
		}
	}
	return out
}
