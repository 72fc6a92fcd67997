package engine

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
)

func TestTemplates(t *testing.T) {
	for line, want := range map[string]string{
		"":                                     "",
		"connection refused":                   "connection refused",
		"took 12ms, 3.5 s and 1,234,567 bytes": "took <num>ms, <num> s and <num> bytes",
		"offset -5 of +1.5e-05":                "offset <num> of <num>",
		"1e9 rows, http2, worker12-3":          "<num> rows, http<num>, worker<num>-<num>",
		"v1.2.3-rc1":                           "v<num>-rc<num>",
		"commit 7d9f8b6c5 of 0xC000012345":     "commit <num> of <num>",
		"feed the face, added":                 "feed the face, added",
		"id=123e4567-e89b-42d3-a456-426614174000 gone":                    "id=<uuid> gone",
		"from 10.0.0.7:5432 to 192.168.1.1/24, 10.0.0.7.":                 "from <ip> to <ip>, <ip>.",
		"dial tcp [::1]:8080 via fe80::1%eth0 and 2001:db8::ff00:42:8329": "dial tcp [<ip>]:<num> via <ip>%eth<num> and <ip>",
		"std::vector a::b":                            "std::vector a::b",
		"mac 00:1a:2b:3c:4d:5e up":                    "mac <num> up",
		"main.go:12:34: undefined":                    "main.go:<num>:<num>: undefined",
		"2026-11-26T11:27:14.123Z boom":               "<time> boom",
		"2026-11-26 11:27:14,123 boom":                "<time> boom",
		"2026/11/26 boom":                             "<time> boom",
		"[26/Nov/2026:14:05:00 +0000] x":              "[<time>] x",
		"Nov 26 11:27:14 host app[12]: x":             "<time> host app[<num>]: x",
		"Thu, 26 Nov 2026 11:27:14 GMT x":             "<time> x",
		"Thu Nov 26 11:27:14 2026 x":                  "<time> x",
		"Nov 26, 2026 x":                              "<time> x",
		"11:27:14.5 x":                                "<time> x",
		"at 11:27:14+01:00":                           "at <time>",
		"Mon is not a date, Nov 2":                    "Mon is not a date, Nov <num>",
		"KeyError: 'user_9041'":                       "KeyError: <str>",
		"don't, can't: it's 5 o'clock":                "don't, can't: it's <num> o'clock",
		`open "a b.txt": no such file`:                `open <str>: no such file`,
		"column `a.b` of `t`":                         "column <str> of <str>",
		`level=error msg="user 5 is gone" user="ann"`: `level=error msg="user <num> is gone" user=<str>`,
		`{"level":"error","msg":"can't open 'x' in 5s","user":"ann","n":12,"a b":"c"}`: `{"level":"error","msg":"can't open <str> in <num>s","user":<str>,"n":<num>,"a b":<str>}`,
		`{ "message" : "caf\u00e9 7", "x": "y" }`:                                      `{ "message" : "caf\u00e9 <num>", "x": <str> }`,
		`1.2.3.4 - - [26/Nov/2026:14:05:00 +0000] "GET /a HTTP/1.1" 502 93 "-" "Moz"`:  `<ip> - - [<time>] <str> <num> <num> <str> <str>`,
		`an "open quote 5`: `an "open quote <num>`,
		"käse7 \xff9":      "käse<num> \xff<num>",
	} {
		got := string(template.Append([]byte("x"), []byte(line)))
		if got != "x"+want {
			t.Errorf("%s\n got %s\nwant %s", line, got[1:], want)
		}
		if again := string(template.Append(nil, []byte(got[1:]))); again != got[1:] {
			t.Errorf("%s\nmasked again: %s\n        once: %s", line, again, got[1:])
		}
	}
}

func TestTemplatesOfManyLinesAreFew(t *testing.T) {
	patterns := matchtest.Rules(10)
	templates := map[string]bool{}
	lines := matchtest.Lines(2000, 0.1, patterns)
	for _, line := range lines {
		templates[string(template.Append(nil, line))] = true
	}
	if len(templates) > len(lines)/4 {
		t.Errorf("%d templates of %d lines", len(templates), len(lines))
	}
}

func TestTemplateCostsNoAllocation(t *testing.T) {
	line := []byte(`2026-11-26T11:27:14Z level=error msg="dial tcp 10.0.0.7:5432: 'x' timed out after 5s" id=123e4567-e89b-42d3-a456-426614174000 [::1]`)
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = template.Append(dst[:0], line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTemplateTakesLinearTime is about lines made to be looked at again and again.
func TestTemplateTakesLinearTime(t *testing.T) {
	for _, part := range []string{` "`, ` '`, "`", ` "'`, `{"msg":"`, ` \"`, "1:", "::", "1.", "a1", " Jan"} {
		line := []byte(strings.Repeat(part, 200_000/len(part)))
		if got := template.Append(nil, line); len(got) == 0 {
			t.Errorf("%q: no template", part)
		}
	}
}

func FuzzTemplateIsIdempotent(f *testing.F) {
	for _, line := range []string{
		"a 1 'b' \"c\" 10.0.0.1 ::1", `{"msg":"a 'b' 5","x":"y"}`, `z1abcdefab-abcd-abcd-abcd-abcdefabcdef`, `{"a "::1,"x" `, `{"P" ::1,"x" `, `\5"a" \"b\" '\'`,
		`msg="a "b c" d`, "Nov 26 11:27:14", "zz1aaaaaaaaaaaaaaaaaaaa", `5'abc' 'abc'5`, "fe80::\"abc\" -5-5", "x='y\"' msg='q \"r\" s'",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		once := template.Append(nil, line)
		if again := template.Append(nil, once); !bytes.Equal(once, again) {
			t.Errorf("line  %q\nonce  %q\nagain %q", line, once, again)
		}
		if prefixed := template.Append([]byte("p1'"), line); !bytes.Equal(prefixed[3:], once) {
			t.Errorf("the template depends on what stood before it: %q, %q", prefixed[3:], once)
		}
	})
}
