package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type decoded struct {
	Rules []string      `toml:"rules"`
	Tests []decodedTest `toml:"test"`
}

type decodedTest struct {
	Name  string            `toml:"name"`
	Until time.Duration     `toml:"until"`
	Lines []decodedLine     `toml:"line"`
	Set   map[string]string `toml:"set"`
}

type decodedLine struct {
	Text string `toml:"text"`
}

// TestDecodeIsStrict decodes another document than the configuration, and wants every slip at its place.
func TestDecodeIsStrict(t *testing.T) {
	const text = `rules = ["a.toml"]
[[test]]
name = "first"
until = 5
unitl = "5m"
set = { a = "b" }
[[test.line]]
text = "x"
[[test.line]]
texd = "y"
[test.more]
[[test]]
line = { text = "z" }
`
	var got decoded
	root, problems := Decode("x.test.toml", text, &got)
	want := strings.Join([]string{
		`x.test.toml:4: test "first": until: 5: must be a duration such as "5m" (a bare number has no unit)`,
		`x.test.toml:5: test "first": unitl: unknown key (did you mean "until"?)`,
		`x.test.toml:10: test "first": line #2: texd: unknown key (did you mean "text"?)`,
		`x.test.toml:11: test "first": more: unknown key (known are line, name, set, until)`,
		`x.test.toml:13: test #2: line: must be an array of tables, not a table (write [[test.line]])`,
	}, "\n") + "\n"
	if text := errorText(problems, "."); text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	if len(got.Tests) != 2 || got.Tests[0].Lines[0].Text != "x" || got.Tests[0].Set["a"] != "b" || got.Rules[0] != "a.toml" {
		t.Errorf("decoded %+v", got)
	}
	line := root.Item("test", 0).Item("line", 0)
	if at := line.Place("text", ""); at != (Place{FileOrigin("x.test.toml"), 8, 8}) || line.Path != `test "first": line #1` {
		t.Errorf("the line is %q at %v", line.Path, at)
	}
	if _, problems := Decode("x.test.toml", "a = = b", &got); len(problems) != 1 || !problems[0].Unusable {
		t.Errorf("problems of what is no TOML: %v", problems)
	}
}

// TestFoldersLeaveTestsOut loads a folder, and a glob, in which rules and their tests lie side by side.
func TestFoldersLeaveTestsOut(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.toml": "[[rule]]\nname = 'a'\npattern = 'a'\n", "a.test.toml": "[[test]]\nrule = 'a'\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, entry := range []string{dir, filepath.Join(dir, "*.toml")} {
		if res := Load(Sources{Files: []string{entry}}); len(res.Problems) > 0 || len(res.Files) != 1 {
			t.Errorf("%s: files %v, problems %v", entry, res.Files, res.Problems)
		}
	}
	if res := Load(Sources{Files: []string{filepath.Join(dir, "*.test.toml")}}); len(res.Problems) != 1 {
		t.Errorf("a glob of tests alone: %v", res.Problems)
	}
}

// TestPartsFollowTheSettings wants a part for each part of the settings, and the place where each of their settings stands.
func TestPartsFollowTheSettings(t *testing.T) {
	res := Load(Sources{Inline: `limits.max_keys = 10
[[rule]]
name = "broken"
[[rule]]
name = "a"
any = ["x",
  "y"]
[[workload]]
match = "*"
[[workload.override]]
rule = "a"
severity = "info"
[[workload.rule]]
name = "own"
pattern = 'z'
[[trigger]]
name = "ops"
url = "https://hooks.example.com/T0ken"
`})
	p := &res.Parts
	if len(p.Rules) != 1 || len(p.Workloads) != 1 || len(p.Workloads[0].Overrides) != 1 || len(p.Workloads[0].Rules) != 1 || len(p.Triggers) != 1 {
		t.Fatalf("parts %+v", p)
	}
	own := p.Workloads[0].Rules[0]
	for _, c := range []struct {
		part        Part
		field, text string
		want        Place
	}{
		{p.Rules[0], "any", "y", Place{parameterOrigin(inlineKey), 7, 3}},
		{p.Rules[0], "cooldown", "", Place{parameterOrigin(inlineKey), 4, 1}},
		{p.Workloads[0].Overrides[0], "severity", "", Place{parameterOrigin(inlineKey), 12, 12}},
		{own, "pattern", "z", Place{parameterOrigin(inlineKey), 15, 11}},
		{p.Triggers[0], "", "", Place{parameterOrigin(inlineKey), 16, 1}},
	} {
		if got := c.part.Place(c.field, c.text); got != c.want {
			t.Errorf("%s %s is at %v, want %v", c.part.Path, c.field, got, c.want)
		}
	}
	if own.Path != `workload "*": rule "own"` || own.Sets("cooldown") || !own.Sets("pattern") {
		t.Errorf("the own rule: %q", own.Path)
	}
	if at, ok := p.Single("limits.max_keys"); !ok || at.Line != 1 {
		t.Errorf("limits.max_keys is at %v, %v", at, ok)
	}
	if _, ok := p.Single("limits.per_container.rate"); ok {
		t.Error("a setting that is not set has a place")
	}
}
