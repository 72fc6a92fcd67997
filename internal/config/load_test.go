package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

func TestNothing(t *testing.T) {
	res := Load(Sources{})
	if len(res.Problems) > 0 || !reflect.DeepEqual(res.Settings, DefaultSettings()) {
		t.Errorf("no source gives %+v, %v", res.Settings, res.Problems)
	}
}

// TestCombined loads a folder, a glob, an inline document and parameters together, and wants each conflict reported with both places.
func TestCombined(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "more")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "b.toml"), "[[rule]]\nname = 'b'\npattern = 'x'\n[limits]\nmax_keys = 7\n")
	write(t, filepath.Join(dir, "a.toml"), "[[rule]]\nname = 'a'\npattern = 'x'\n[limits.per_container]\nburst = 3\n")
	write(t, filepath.Join(dir, "notes.txt"), "not toml")
	write(t, filepath.Join(sub, "c1.toml"), "verbosity = 'error'\n[[rule]]\nname = 'c'\npattern = 'x'\n")
	res := Load(Sources{
		Files:  []string{dir + " , " + filepath.Join(sub, "c*.toml"), filepath.Join(dir, "a.toml")},
		Inline: "[[rule]]\nname = 'd'\npattern = 'x'\n[[rule]]\nname = 'a'\npattern = 'y'\n[limits]\nmax_keys = 8\n",
		Params: lookUp(map[string]string{"rules": "e c", "rule.e.pattern": "x", "rule.c.pattern": "y", "verbosity": "debug"}),
	})
	got := errorText(res.Problems, dir)
	want := `parameter config:5: rule "a": name: "a": is already used at a.toml:2
parameter config:8: limits.max_keys: is already set at b.toml:5
parameter rules: rule "c": name: "c": is already used at more/c1.toml:3
parameter verbosity: verbosity: is already set at more/c1.toml:1
`
	if got = strings.ReplaceAll(got, dir+"/", ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var names []string
	for _, r := range res.Settings.Rules {
		names = append(names, r.Name+r.Pattern)
	}
	if !slices.Equal(names, []string{"ax", "bx", "cx", "dx", "ex"}) {
		t.Errorf("the rules are %q", names)
	}
	if res.Settings.Limits != engine.DefaultLimits() {
		t.Errorf("broken limits give %+v", res.Settings.Limits)
	}
	if !slices.Equal(res.Broken, []string{"limits", "verbosity"}) {
		t.Errorf("broken are %q", res.Broken)
	}
	if res.Unusable() {
		t.Error("all sources could be read")
	}
}

// TestUsableParts shows that what is broken hurts only itself.
func TestUsableParts(t *testing.T) {
	res := Load(Sources{Inline: `
[[rule]]
name = "good"
pattern = "x"
[[rule]]
name = "broken"
pattern = "("
[[rule]]
name = "unknown-key"
pattern = "x"
cool = "5m"
[[workload]]
match = "shop/*"
matches = "unknown key"
disable = ["good", "broken", "absent"]
[[workload.override]]
rule = "good"
cooldown = "1m"
severity = "error"
[[workload.override]]
rule = "broken"
cooldown = "1m"
[[workload.rule]]
name = "own"
pattern = "x"
[[workload.rule]]
name = "own-broken"
pattern = "("
[[workload]]
disable = ["good"]
[[trigger]]
name = "ops"
url_file = "/run/ops"
[[trigger]]
name = "broken"
url_file = "/run/broken"
format = "nothing"
[limits]
max_keys = -5
[egress]
mode = "publik"
`})
	s := res.Settings
	if len(s.Rules) != 1 || s.Rules[0].Name != "good" {
		t.Errorf("rules: %+v", s.Rules)
	}
	want := engine.WorkloadSettings{Match: "shop/*", Disable: []string{"good"}}
	if len(s.Workloads) != 1 {
		t.Fatalf("workloads: %+v", s.Workloads)
	}
	w := s.Workloads[0]
	if w.Match != want.Match || !slices.Equal(w.Disable, want.Disable) || len(w.Overrides) != 1 || len(w.Rules) != 1 || w.Rules[0].Name != "own" {
		t.Errorf("workload: %+v", w)
	}
	o := w.Overrides[0]
	if o.Rule != "good" || !slices.Equal(o.Keys, []string{"cooldown", "severity"}) || o.Settings.Cooldown != time.Minute {
		t.Errorf("override: %+v", o)
	}
	if len(s.Triggers) != 1 || s.Triggers[0].Name != "ops" {
		t.Errorf("triggers: %+v", s.Triggers)
	}
	if s.Limits != engine.DefaultLimits() {
		t.Errorf("limits: %+v", s.Limits)
	}
	if s.Egress.Mode != egress.ModeAllowlist || len(s.Egress.Allow) > 0 {
		t.Errorf("a broken policy lets through %+v", s.Egress)
	}
	if !slices.Equal(res.SecretFiles, []string{"/run/ops", "/run/broken"}) {
		t.Errorf("secret files: %q", res.SecretFiles)
	}
	previous := DefaultSettings()
	previous.Limits.MaxKeys, previous.Egress, previous.Verbosity = 77, egress.Settings{Mode: egress.ModePublic}, "debug"
	res.Keep(&previous)
	if s := res.Settings; s.Limits.MaxKeys != 77 || s.Egress.Mode != egress.ModePublic || s.Verbosity != "info" {
		t.Errorf("kept: %+v", s)
	}
}

// TestUnusable names what cannot be read at all.
func TestUnusable(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	broken, large := filepath.Join(dir, "broken.toml"), filepath.Join(dir, "large.toml")
	write(t, broken, "a = ")
	write(t, large, strings.Repeat("#", maxDocument+1))
	for entry, want := range map[string]string{
		filepath.Join(dir, "absent.toml"): "cannot be read: no such file or directory",
		filepath.Join(dir, "x*.toml"):     "no file matches",
		filepath.Join(dir, "[a"):          "not a glob",
		empty:                             "the folder holds no *.toml file",
		broken:                            "not a TOML document",
		large:                             "is longer than",
		"/dev/null":                       "is not a regular file",
	} {
		res := Load(Sources{Files: []string{entry}})
		if len(res.Problems) != 1 || !res.Unusable() || res.Problems[0].Origin != FileOrigin(entry) || !strings.HasPrefix(res.Problems[0].Message, want) {
			t.Errorf("%s: %v", entry, res.Problems)
		}
	}
}

// TestColumns checks columns, which the text of a problem leaves out.
func TestColumns(t *testing.T) {
	for doc, want := range map[string]string{
		"[[rule]]\nname = 'x'\n  patern = 'y'":                             "3:3",
		"[[rule]]\nname = 'x'\npattern='y'\n  cooldown   =   5":            "4:18",
		"[[rule]]\nname = 'é'\nany = ['a', 'ü', 'üü)x']":                   "3:18",
		"[[rule]]\nname = 'x'\npattern = 'äb(?=c)'":                        "3:14",
		"[[rule]]\nname = 'x'\npattern = \"\"\"\n(?=c)\"\"\"":              "3:11",
		"rule = [{ name = 'x', pattern = '(' }]":                           "1:33",
		"[[rule]]\nname = 'x'\npattern = 'y'\n[rule.where]\n'a.b' = '/(/'": "5:9",
		"[[rule]]\nname = 'x'\npattern = ":                                 "3:10",
		"a = [[}":                                                          "1:7",
	} {
		res := Load(Sources{Inline: doc})
		if len(res.Problems) != 1 {
			t.Errorf("%q: %v", doc, res.Problems)
			continue
		}
		if got := fmt.Sprintf("%d:%d", res.Problems[0].Line, res.Problems[0].Column); got != want {
			t.Errorf("%q: %v stands at %s, want %s", doc, res.Problems[0], got, want)
		}
	}
}

// TestNoSecretShown gives every setting of a trigger, and misspelled and mistyped ones, values that hold a secret, as a document and as
// parameters, and looks for it in all that comes out.
func TestNoSecretShown(t *testing.T) {
	const secret = "S3CR3T"
	var keys []string
	for key, f := range structFields(reflect.TypeFor[trigger.Settings]()) {
		if isSecret(f.Type) || secretKey(key) && f.Type.Kind() == reflect.String {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if len(keys) < 15 {
		t.Fatalf("only %q", keys)
	}
	check := func(what string, res *Result) {
		t.Helper()
		if text := errorText(res.Problems, "-") + fmt.Sprintf("%#v %+v %v", res.Problems, res.Problems, res.Problems); strings.Contains(text, secret) {
			t.Errorf("%s: %s", what, text)
		}
	}
	for _, key := range append(keys, "tokn", "unknown") {
		if key == "username" || key == "generator_url" {
			continue // a name and a link, which are shown
		}
		for _, value := range []string{
			`"` + secret + `"`, `["` + secret + `"]`, `{ a = "` + secret + `" }`, `"ftp://` + secret + `@x/\u0001"`, secret, `"` + secret, `"\` + secret + `"`,
			`"""` + secret, `'` + secret, `0x` + secret, `1` + secret, `t` + secret, `2020-01-0` + secret, `{ "` + secret,
		} {
			check(key+" = "+value, Load(Sources{Inline: "[[trigger]]\nname = 'x'\n" + key + " = " + value + "\n"}))
			check(key+" = "+value, Load(Sources{Params: lookUp(map[string]string{"triggers": "x", "trigger.x." + key: value})}))
		}
	}
}

// TestHostileDocuments loads what could exhaust the decoder.
func TestHostileDocuments(t *testing.T) {
	for _, doc := range []string{
		"a = " + strings.Repeat("[", 1_000_000),
		"a = " + strings.Repeat("{a=", 1_000_000),
		strings.Repeat("a.", 100_000) + "a = 1",
		"[" + strings.Repeat("a.", 100_000) + "a]",
		"a = '''" + strings.Repeat("[", 1_000_000),
		"\xff\xfe\x00",
		"a = \"\x00\"",
		"\"\\",
		"[[",
	} {
		res := Load(Sources{Inline: doc})
		if len(res.Problems) == 0 || !res.Unusable() {
			t.Errorf("%.20q is accepted", doc)
		}
	}
}

// FuzzLoad holds for any document: no panic, every problem names its source and, unless nothing could be read, a line; loading again gives
// the same; and what is in the settings is valid by the judgement of its owners.
func FuzzLoad(f *testing.F) {
	for _, file := range append(fixtures(f, "testdata/*.toml"), fixtures(f, "../../examples/*.toml")...) {
		f.Add(readString(f, file))
	}
	f.Fuzz(func(t *testing.T, doc string) {
		res := Load(Sources{Inline: doc})
		for _, p := range res.Problems {
			if p.Origin != parameterOrigin(inlineKey) || p.Message == "" || (p.Line == 0 && !p.Unusable) {
				t.Errorf("%#v", p)
			}
		}
		if again := Load(Sources{Inline: doc}); errorText(again.Problems, "-") != errorText(res.Problems, "-") {
			t.Errorf("loading again gives\n%v\nat first\n%v", again.Problems, res.Problems)
		}
		for _, r := range res.Settings.Rules {
			if errs := r.Validate(); len(errs) > 0 {
				t.Errorf("a rule that is broken is in the settings: %v", errs)
			}
		}
		for i := range res.Settings.Triggers {
			if errs := client.Validate(&res.Settings.Triggers[i], res.Settings.Egress); len(errs) > 0 && !slices.Contains(res.Broken, "egress") {
				t.Errorf("a trigger that is broken is in the settings: %v", errs)
			}
		}
		if errs := res.Settings.Limits.Validate(); len(errs) > 0 {
			t.Errorf("limits that are broken are in the settings: %v", errs)
		}
	})
}

// TestManyProblems shows that a document with very many problems is judged in full, and reported within a bound.
func TestManyProblems(t *testing.T) {
	var doc strings.Builder
	for i := range 3 * maxProblems {
		fmt.Fprintf(&doc, "unknown%d = 1\n", i)
	}
	doc.WriteString("limits = { max_keys = -1 }\n[[rule]]\nname = 'x'\npattern = '('\n[[rule]]\nname = 'y'\npattern = 'y'\nz = 1\n")
	fmt.Fprintf(&doc, "[many]\nlist = [%s]\n", strings.Repeat("{ a = 'é' },", 50_000))
	res := Load(Sources{Inline: doc.String()})
	if n := len(res.Problems); n != maxProblems+1 {
		t.Errorf("%d problems are kept", n)
	}
	if last := res.Problems[len(res.Problems)-1]; last.Message != fmt.Sprintf("%d problems in all: only the first are shown", 3*maxProblems+4) {
		t.Errorf("the last is %v", last)
	}
	if len(res.Settings.Rules) != 0 || !slices.Equal(res.Broken, []string{"limits"}) || res.Settings.Limits != engine.DefaultLimits() {
		t.Errorf("what is broken is in the settings: %+v", res.Settings)
	}
}

// write creates or replaces a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
