// Package lines holds every path of a line to the same text.
package lines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
)

// written are lines as programs and log drivers write them, without the line feed that ends them in a file, and as rules see them.
var written = []struct{ raw, text string }{
	{"login failed", "login failed"},
	{"login failed\r", "login failed"},   // a pseudo-terminal's line, from a driver that took the line feed
	{"login failed\r\r", "login failed"}, // of a program that ends its lines in \r\n itself
	{"10 %\r100 %\r", "10 %\r100 %"},     // a progress bar
	{"\x1b[31mERROR\x1b[0m: login failed", "ERROR: login failed"},
	{"\x1b[31mERROR: login failed\r\x1b[0m", "ERROR: login failed"},
	{"\x1b]0;title\a\x1b[1mERROR\x1b[0m: login failed\x1b[K", "ERROR: login failed"},
	{"user=\x1b[ login failed", "user=[ login failed"},
	{`{"log":"\u001b[31mERROR\u001b[0m: login failed","level":"error"}`, `{"log":"ERROR: login failed","level":"error"}`},
	{"\x1b[1;39m{\"log\":\"ERROR: login failed\"}\x1b[0m", `{"log":"ERROR: login failed"}`},
}

// TestEveryPathSeesTheSameText writes each line in every way in which logs come, and compares what rules would see.
func TestEveryPathSeesTheSameText(t *testing.T) {
	for _, w := range written {
		for name, texts := range ways(t, w.raw) {
			t.Run(fmt.Sprintf("%s/%.20q", name, w.raw), func(t *testing.T) {
				if len(texts) != 1 || texts[0] != w.text {
					t.Errorf("got %q, want %q", texts, w.text)
				}
			})
		}
		tested(t, w.raw, w.text)
	}
}

// ways returns the texts of a log of one line, by the way in which it comes.
func ways(t *testing.T, raw string) map[string][]string {
	out := map[string][]string{}
	keep := func(way string) func(*engine.Record, []byte) {
		return func(rec *engine.Record, _ []byte) { out[way] = append(out[way], string(rec.Text)) }
	}
	decoder, err := chunk.New(chunk.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	decoder.Decode(ct.Docker(ct.Lines(raw)...), "docker.web", ct.FirstTime, keep("fluentd driver"))
	decoder.Decode(ct.Docker(ct.Lines(raw+"\n")...), "docker.web", ct.FirstTime, keep("fluentd driver with line feed"))
	cut := len(raw) / 2
	parts := ct.Docker(ct.Line{Text: raw[:cut], More: true}, ct.Line{Text: raw[cut:]})
	decoder.Decode(parts, "docker.web", ct.FirstTime, keep("fluentd driver in parts"))
	quoted, err := json.Marshal(raw + "\n")
	if err != nil {
		t.Fatal(err)
	}
	const at = "2026-03-04T05:06:07.123456789Z"
	for way, log := range map[string]struct {
		form replay.Form
		file string
	}{
		"json-file":      {replay.FormDocker, fmt.Sprintf("{\"log\":%s,\"stream\":\"stdout\",\"time\":%q}\n", quoted, at)},
		"cri":            {replay.FormCRI, at + " stdout F " + raw + "\n"},
		"cri with CRLF":  {replay.FormCRI, at + " stdout F " + raw + "\r\n"},
		"cri in parts":   {replay.FormCRI, at + " stdout P " + raw[:cut] + "\n" + at + " stdout F " + raw[cut:] + "\n"},
		"containerlog":   {replay.FormContainerLog, "@web id=0123456789ab\n0 web stdout " + raw + "\n"},
		"text":           {replay.FormPlain, raw + "\n"},
		"text with CRLF": {replay.FormPlain, raw + "\r\n"},
		"text, no end":   {replay.FormPlain, raw},
	} {
		out[way] = replayed(t, log.form, log.file)
	}
	return out
}

// replayed reads a file as an old log.
func replayed(t *testing.T, form replay.Form, file string) (texts []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.log")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	o := replay.Options{Form: form, Now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Records: chunk.DefaultSettings()}
	set, err := replay.Open(context.Background(), []string{path}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }() // it is read only
	for _, s := range set.Series() {
		for {
			var b replay.Block
			err := s.Next(context.Background(), &b, 64<<10)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Records {
				texts = append(texts, string(b.Records[i].Text))
			}
		}
	}
	return texts
}

// TestJSONWithColoursIsJSON reads a log of coloured JSON, whose form is found out, as records of JSON.
func TestJSONWithColoursIsJSON(t *testing.T) {
	texts := replayed(t, replay.FormAuto, "\x1b[1m{\x1b[0m\"msg\":\x1b[32m\"one\"\x1b[0m}\n{\"msg\":\"\\u001b[32mtwo\\u001b[0m\"}\r\n")
	if len(texts) != 2 || texts[0] != "one" || texts[1] != "two" {
		t.Errorf("got %q", texts)
	}
}

// tested runs a test of rules whose line is raw, with a rule that matches the text alone.
func tested(t *testing.T, raw, text string) {
	t.Helper()
	dir := t.TempDir()
	quote := func(s string) string {
		q, err := json.Marshal(s) // TOML reads the escapes of JSON
		if err != nil {
			t.Fatal(err)
		}
		return string(q)
	}
	rules := "[[rule]]\nname = \"r\"\npattern = " + quote(`^\Q`+text+`\E$`) + "\n"
	tests := "[[test]]\nrule = \"r\"\nhits = [" + quote(raw) + "]\nline = [{ text = " + quote(raw) + " }]\n[[test.alert]]\nrule = \"r\"\nmessage = " + quote(text) + "\n"
	for name, content := range map[string]string{"r.toml": rules, "r.test.toml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, problems := ruletest.Load(filepath.Join(dir, "r.test.toml"))
	if len(problems) > 0 {
		t.Fatalf("%q: %v", raw, problems)
	}
	report, err := f.Run(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		for _, failure := range r.Failures {
			t.Errorf("test of %q: %s %s", raw, failure.Message, failure.Diff)
		}
	}
}
