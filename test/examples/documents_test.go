package examples

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// documents are the ones written by hand.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, name := range []string{"fluent-bit", "receivers", "testing"} {
		files = append(files, "docs/"+name+".md")
	}
	return files
}

// block is a fenced block of a document.
type block struct {
	document string
	line     int
	language string
	text     string
	file     string // that it shows, by a comment before it: <!-- PATH --> or <!-- PATH, in part -->
	part     bool
}

func (b *block) String() string { return fmt.Sprintf("%s:%d", b.document, b.line) }

var shows = regexp.MustCompile(`^<!-- (\S+?)(, in part)? -->$`)

// blocks returns the fenced blocks of a document.
func blocks(t *testing.T, document string) []*block {
	t.Helper()
	var all []*block
	var open *block
	var file []string
	for i, line := range strings.Split(read(t, document), "\n") {
		switch m := shows.FindStringSubmatch(line); {
		case open == nil && m != nil:
			file = m
		case open == nil && strings.HasPrefix(line, "```"):
			open = &block{document: document, line: i + 1, language: strings.TrimPrefix(line, "```")}
			if file != nil {
				open.file, open.part = file[1], file[2] != ""
			}
		case open != nil && line == "```":
			all, open, file = append(all, open), nil, nil
		case open != nil:
			open.text += line + "\n"
		case line != "" && file != nil:
			t.Errorf("%s:%d: the comment names %s, and no block follows", document, i+1, file[1])
			file = nil
		}
	}
	if open != nil || file != nil {
		t.Errorf("%s: a block does not end", document)
	}
	return all
}

// TestBlocksShowTheFiles compares the blocks that show a file with it.
func TestBlocksShowTheFiles(t *testing.T) {
	t.Parallel()
	count := 0
	for _, document := range documents(t) {
		for _, b := range blocks(t, document) {
			if b.file == "" {
				continue
			}
			count++
			switch text := read(t, b.file); {
			case !b.part && text != b.text:
				t.Errorf("%s is not %s", b, b.file)
			case b.part && !strings.Contains("\n"+text, "\n"+b.text):
				t.Errorf("%s is no part of %s", b, b.file)
			}
		}
	}
	if count == 0 {
		t.Error("no block shows a file")
	}
}

// TestBlocksOfRulesLoad loads every TOML block. One that sets rules alone, or triggers alone, is as good as a whole file.
func TestBlocksOfRulesLoad(t *testing.T) {
	t.Parallel()
	count := 0
	for _, document := range documents(t) {
		for _, b := range blocks(t, document) {
			if b.language != "toml" || config.IsTest(b.file) {
				continue
			}
			count++
			for _, problem := range config.Load(config.Sources{Inline: b.text}).Problems {
				t.Errorf("%s: %s", b, problem.Error())
			}
		}
	}
	if count == 0 {
		t.Error("no block of rules")
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)

// TestLinksLead looks for the files that links name.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			}
		}
	}
}

// blockOf returns the only block of a document in a language.
func blockOf(t *testing.T, document, language string) *block {
	t.Helper()
	all := slices.DeleteFunc(blocks(t, document), func(b *block) bool { return b.language != language })
	if len(all) != 1 {
		t.Fatalf("%s has %d blocks of %s, want 1", document, len(all), language)
	}
	return all[0]
}

// TestDocumentedAlertIsOne decodes the alert in the document of the receivers with the type that is sent: it shows every key, and no other.
func TestDocumentedAlertIsOne(t *testing.T) {
	t.Parallel()
	b := blockOf(t, "docs/receivers.md", "json")
	decoder := json.NewDecoder(strings.NewReader(b.text))
	decoder.DisallowUnknownFields()
	var a trigger.Alert
	if err := decoder.Decode(&a); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	encoded, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	var shown, sent map[string]any
	for text, into := range map[string]*map[string]any{b.text: &shown, string(encoded): &sent} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(shown) != fmt.Sprint(sent) {
		t.Errorf("%s\nshows %v\nsent  %v", b, shown, sent)
	}
}

// TestVerificationSnippet runs the documented check of a signature over a request that the client really sent.
func TestVerificationSnippet(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on PATH: the snippet was not run")
	}
	const key = "whsec_dGhpcyBpcyBhbiBleGFtcGxlLCBub3QgYSBzZWNyZXQ="
	server := receiver.New(t)
	s := trigger.DefaultSettings()
	s.Name, s.URL, s.SigningSecret = "signed", trigger.NewSecret(server.URL("/")), trigger.NewSecret(key)
	egress := trigger.DefaultEgress()
	egress.Allow = []string{fmt.Sprintf("127.0.0.1/32:%d", server.Port())}
	client, err := trigger.New(s, trigger.Deps{Egress: egress})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if sent := client.Test(t.Context()); sent.Outcome != trigger.Delivered {
		t.Fatal(sent)
	}
	request := server.Requests()[0]
	verify := func(header http.Header, body string) string {
		headers := map[string]string{}
		for name := range header {
			headers[strings.ToLower(name)] = header.Get(name)
		}
		input, err := json.Marshal(map[string]any{"key": key, "headers": headers, "body": body})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), python, "-c", blockOf(t, "docs/receivers.md", "python").text+`
import json, sys
given = json.load(sys.stdin)
print(verify(given["key"], given["headers"], given["body"].encode()))
`)
		cmd.Stdin = strings.NewReader(string(input))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := verify(request.Header, string(request.Body)); got != "True" {
		t.Errorf("what was sent: %s", got)
	}
	if got := verify(request.Header, string(request.Body)+" "); got != "False" {
		t.Errorf("a changed body: %s", got)
	}
	old := request.Header.Clone()
	old.Set("Webhook-Timestamp", "1700000000")
	if got := verify(old, string(request.Body)); got != "False" {
		t.Errorf("an old request: %s", got)
	}
}
