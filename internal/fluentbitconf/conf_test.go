package fluentbitconf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dump writes a configuration as text: each section, entry and problem with its place.
func dump(c *Conf) string {
	var b strings.Builder
	short := func(p Place) string { return fmt.Sprintf("%s:%d:%d", filepath.Base(p.File), p.Line, p.Column) }
	for _, s := range c.Sections {
		fmt.Fprintf(&b, "%s [%s]\n", short(s.Place), s.Name)
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "  %s %q = %q at %s", short(e.Place), e.Key, e.Value, short(e.Text))
			for _, flag := range []struct {
				on   bool
				name string
			}{{e.Block, "block"}, {e.List, "list"}, {e.Map, "map"}, {e.Tab, "tab"}, {len(e.Unset) > 0, "unset " + strings.Join(e.Unset, " ")}} {
				if flag.on {
					b.WriteString(" " + flag.name)
				}
			}
			b.WriteString("\n")
		}
	}
	for _, p := range c.Problems {
		fmt.Fprintf(&b, "! %s: %s\n", short(p.Place), p.Message)
	}
	return b.String()
}

func noEnv(string) (string, bool) { return "", false }

// TestRead compares what is read of each file with what is written beside it. UPDATE=1 writes it.
func TestRead(t *testing.T) {
	for _, file := range []string{"testdata/classic.conf", "testdata/pipeline.yaml"} {
		got := dump(Read(file, noEnv))
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file+".want", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file + ".want")
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", file, got, want)
		}
	}
}

// TestShippedConfigurationsRead reads the examples of this repository, which Fluent Bit itself runs in other tests.
func TestShippedConfigurationsRead(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/fluent-bit*.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		outputs := 0
		c := Read(file, noEnv)
		for _, p := range c.Problems {
			t.Errorf("%s:%d: %s", p.Place.File, p.Place.Line, p.Message)
		}
		for i := range c.Sections {
			if name := c.Sections[i].Find("NAME"); c.Sections[i].Name == "output" && name != nil && name.Value == "trigger" {
				outputs++
			}
		}
		if outputs == 0 {
			t.Errorf("%s has no output of ours", file)
		}
	}
}

// TestFluentBitAgrees has Fluent Bit itself try the form of configurations: what it refuses has a problem, what it takes has none.
func TestFluentBitAgrees(t *testing.T) {
	fluentBit, err := exec.LookPath("fluent-bit")
	if err != nil {
		t.Skip("fluent-bit is not on PATH: nothing to compare with")
	}
	const output = "[OUTPUT]\n    Name null\n    Match *\n"
	for name, text := range map[string]string{
		"plain":              "[INPUT]\n    Name dummy\n" + output,
		"lower case":         "[input]\n    name dummy\n" + output,
		"tabs to indent":     "[INPUT]\n\tName dummy\n[OUTPUT]\n\tName null\n\tMatch *\n",
		"variable":           "@SET kind=dummy\n[INPUT]\n    Name ${kind}\n" + output,
		"set within":         "[INPUT]\n    Name dummy\n@SET a=b\n    Tag ${a}\n" + output,
		"include":            "@INCLUDE more/a*.inc\n[INPUT]\n    Name dummy\n",
		"comments":           "# a\n[INPUT]\n# b\n    # c\n\n    Name dummy\n" + output,
		"not indented":       "[INPUT]\n    Name dummy\nTag x\n" + output,
		"less indented":      "[INPUT]\n    Name dummy\n  Tag x\n" + output,
		"more indented":      "[INPUT]\n    Name dummy\n      Tag x\n" + output,
		"comment indented":   "[INPUT]\n    Name dummy\n  # x\n" + output,
		"indented twice":     "[INPUT]\n  Name dummy\n" + output,
		"less in a section":  "[INPUT]\n      Name dummy\n" + output,
		"nested include":     "@INCLUDE more/b.inc\n[INPUT]\n    Name dummy\n",
		"no value":           "[INPUT]\n    Name dummy\n    Tag\n" + output,
		"tab for a space":    "[INPUT]\n    Name dummy\n    Tag\tx\n" + output,
		"before a section":   "    Name dummy\n" + output,
		"open section":       "[INPUT\n    Name dummy\n" + output,
		"missing include":    "@INCLUDE missing.conf\n[INPUT]\n    Name dummy\n" + output,
		"include of nothing": "@INCLUDE missing*.conf\n[INPUT]\n    Name dummy\n" + output,
		"include twice":      "@INCLUDE more/a.inc\n@INCLUDE more/a.inc\n[INPUT]\n    Name dummy\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "x.conf")
			for file, text := range map[string]string{path: text, filepath.Join(dir, "more", "a.inc"): output, filepath.Join(dir, "more", "b.inc"): "@INCLUDE more/a.inc\n"} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, err := exec.CommandContext(t.Context(), fluentBit, "--dry-run", "-c", path).CombinedOutput()
			if c := Read(path, noEnv); (err != nil) != (len(c.Problems) > 0) {
				t.Errorf("%v: %s\nread here as\n%s", err, said, dump(c))
			}
		})
	}
}

func TestWhatCannotBeReadIsTold(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "missing.conf"), "! missing.conf:0:0: cannot be read: no such file or directory\n"},
		{dir, "! " + filepath.Base(dir) + ":0:0: is not a regular file but a folder\n"},
		{write("loop.conf", "@INCLUDE loop.conf\n"), "! loop.conf:1:1: " + filepath.Join(dir, "loop.conf") + " is included already\n"},
		{write("names.conf", "# x\n@INCLUDE nope.conf\n"), "! names.conf:2:1: " + filepath.Join(dir, "nope.conf") + " cannot be read: no such file or directory\n"},
		{write("names.yaml", "includes:\n  - nope.yaml\n"), "! names.yaml:2:5: " + filepath.Join(dir, "nope.yaml") + " cannot be read: no such file or directory\n"},
		{write("bad.yaml", "a: [\n"), "! bad.yaml:1:0: not a YAML document: did not find expected node content\n"},
		{write("list.yaml", "- a\n"), "! list.yaml:1:1: must be a map with service, pipeline and so on\n"},
		{write("empty.yaml", ""), ""},
		{write("large.conf", strings.Repeat("#", maxFile+1)), fmt.Sprintf("! large.conf:0:0: is longer than %d bytes\n", maxFile)},
	} {
		if got := dump(Read(c.path, noEnv)); got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

// FuzzClassic and FuzzYAML read any text: what is read of it stands at places within it.
func FuzzClassic(f *testing.F) { fuzz(f, "testdata/classic.conf", (*reader).classicBytes) }

func FuzzYAML(f *testing.F) { fuzz(f, "testdata/pipeline.yaml", (*reader).yaml) }

func (r *reader) classicBytes(path string, text []byte) { r.classic(path, string(text)) }

func fuzz(f *testing.F, seed string, read func(*reader, string, []byte)) {
	text, err := os.ReadFile(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("[output]\n  a ${b}c${d\n"))
	f.Add([]byte("pipeline: {outputs: [{a: &x [1], b: *x, c: |\n\n  x\n}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &reader{env: noEnv, vars: map[string]string{}, conf: Conf{Files: make([]string, maxFiles)}} // nothing is included
		read(r, "x", text)
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + strings.Count(string(text), "\u0085") +
			strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029") + 2
		for _, s := range r.conf.Sections {
			for _, e := range s.Entries {
				if e.Place.Line < 1 || e.Place.Line > lines || e.Text.Line < 1 || e.Text.Line > lines+1 {
					t.Errorf("%q stands at %v, its value at %v, in %d lines", e.Key, e.Place, e.Text, lines)
				}
			}
		}
	})
}
