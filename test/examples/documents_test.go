package examples

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// documents are all that are for readers of today: not the log of changes, the records of decisions, and what is tests' own.
func documents(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" || d.Name() == "decisions"):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Ext(name) == ".md" && name != "CHANGELOG.md":
			files = append(files, name)
		}
		return nil
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents: %v", len(files), err)
	}
	return files
}

// block is a fenced block of a document.
type block struct {
	document string
	line     int
	language string
	text     string
	indent   string // before each of its lines, in a list
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
		whole := line
		if open != nil {
			line = strings.TrimPrefix(line, open.indent)
		} else if line = strings.TrimLeft(line, " "); !strings.HasPrefix(line, "```") {
			line = whole
		}
		switch m := shows.FindStringSubmatch(line); {
		case open == nil && m != nil:
			file = m
		case open == nil && strings.HasPrefix(line, "```"):
			open = &block{document: document, line: i + 1, language: strings.TrimPrefix(line, "```"), indent: whole[:len(whole)-len(line)]}
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

// TestBlocksOfRulesLoad loads every block of TOML, of Fluent Bit's formats and of JSON by the code that reads such a file. A block of rules alone, or of
// triggers alone, is as good as a whole file. A block in a language that nothing here or in docker-fluentbit reads is a mistake.
func TestBlocksOfRulesLoad(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	for _, document := range documents(t) {
		for _, b := range blocks(t, document) {
			count[b.language]++
			if problem := b.load(t); problem != "" {
				t.Errorf("%s: %s", b, problem)
			}
		}
	}
	for _, language := range []string{"toml", "yaml", "conf", "json", "sh", "console", "python"} {
		if count[language] == 0 {
			t.Errorf("no block of %s", language)
		}
	}
}

var ofConfigurations = regexp.MustCompile(`(?m)^\s*(?:\[\[?\w+\]\]?|\$ .*|- name: .*)$`)

// load reads a block and returns what is wrong with it.
func (b *block) load(t *testing.T) string {
	t.Helper()
	switch b.language {
	case "toml":
		return b.loadTOML(t)
	case "yaml":
		return b.loadYAML(t)
	case "conf":
		text := b.text
		if !strings.HasPrefix(text, "[") { // entries of an output
			text = "[OUTPUT]\n    Name trigger\n    Rules x\n    Rule.x.Keywords x\n    Triggers ops\n    Trigger.ops.Url https://hooks.example.com/\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
			text = withoutTwice(text)
		}
		return b.loadFluentBit(t, "block.conf", text)
	case "json":
		if !json.Valid([]byte(b.text)) {
			return "is no JSON"
		}
	case "sh", "bash":
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", b.text).CombinedOutput(); err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
	case "console", "python": // read by tests of docker-fluentbit and of this package
	case "":
		if m := ofConfigurations.FindString(b.text); m != "" {
			return fmt.Sprintf("%q looks like something that can be copied, and has no language", strings.TrimSpace(m))
		}
	default:
		return "no test reads " + b.language
	}
	return ""
}

// withoutTwice drops an earlier line that sets the key of a later one.
func withoutTwice(text string) string {
	lines := strings.Split(text, "\n")
	key := func(line string) string {
		k, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		return strings.ToLower(k)
	}
	var out []string
	for i, line := range lines {
		if key(line) == "" || !slices.ContainsFunc(lines[i+1:], func(later string) bool {
			return key(later) == key(line) || strings.HasPrefix(key(later), key(line)+".1")
		}) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func (b *block) loadTOML(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.toml")
	if strings.Contains(b.text, "[[test]]") {
		path = filepath.Join(filepath.Dir(path), "rules.test.toml")
	}
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	var problems []config.Problem
	switch {
	case tomlfiles.IsTest(path):
		rules := filepath.Join(root, strings.TrimSuffix(b.file, ".test.toml")+".toml")
		text, err := os.ReadFile(rules)
		if err == nil {
			err = os.WriteFile(filepath.Join(filepath.Dir(path), "rules.toml"), text, 0o600)
		}
		if err != nil {
			return err.Error()
		}
		_, problems = ruletest.Load(path)
	case strings.Contains(b.text, "[[expect]]"):
		_, problems = backtest.ReadExpectations(path, b.text)
	default:
		problems = config.Load(config.Sources{Files: []string{path}}).Problems
	}
	var out []string
	for i := range problems {
		out = append(out, problems[i].Error())
	}
	return strings.Join(out, "\n")
}

// loadYAML reads a part of a Fluent Bit configuration, or of a Compose file, in the place that its indentation says.
func (b *block) loadYAML(t *testing.T) string {
	t.Helper()
	if strings.HasSuffix(b.file, "compose.yaml") {
		return "" // it is a part of that file, which test/compose runs
	}
	if strings.HasPrefix(b.file, "examples/github/") {
		return "" // a workflow, whose use of action.yml TestTheWorkflowRuns runs
	}
	text := b.text
	switch {
	case strings.HasPrefix(text, "apiVersion: "): // an object of Kubernetes; internal/admin asks the addresses in it
		var object map[string]any
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			return err.Error()
		}
		return ""
	case strings.HasPrefix(text, "    - name: trigger"):
		text = "pipeline:\n  outputs:\n" + text
	case !strings.Contains(text, "pipeline:"):
		text = "pipeline:\n  inputs:\n" + text
	}
	return b.loadFluentBit(t, "block.yaml", text)
}

func (b *block) loadFluentBit(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range lint.Files([]string{path}, lint.Options{Offline: true, Ignore: []string{lint.CodeNoOutput, lint.CodeRetryLimit, lint.CodeVariable}}).Findings {
		if f.Severity == lint.Error || f.Code == lint.CodeParameter || f.Code == lint.CodeQuotes || f.Code == lint.CodeTwice || f.Code == lint.CodeComment {
			out = append(out, f.String())
		}
	}
	return strings.Join(out, "\n")
}

// inOneLine finds a table with a key of it in one line, which is no TOML.
var inOneLine = regexp.MustCompile("`\\[[a-z_.]+\\] +[a-z_]+ *=[^`]*`")

// TestTextsInALineAreTOML: what stands between backticks is copied, too.
func TestTextsInALineAreTOML(t *testing.T) {
	t.Parallel()
	for _, document := range documents(t) {
		for _, m := range inOneLine.FindAllString(read(t, document), -1) {
			t.Errorf("%s: %s is no TOML in one line", document, m)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)]*))?\)`)

// TestLinksLead looks for the files, and the headings in them, that links name.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			path := document
			if m[1] != "" {
				path = filepath.Join(filepath.Dir(document), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			} else if m[2] != "" && !slices.Contains(anchors(t, path), m[2]) {
				t.Errorf("%s links to %s#%s, and there is no such heading", document, m[1], m[2])
			}
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors returns the names that GitHub gives the headings of a document.
func anchors(t *testing.T, document string) (names []string) {
	t.Helper()
	fenced := false
	for _, line := range strings.Split(read(t, document), "\n") {
		fenced = fenced != strings.HasPrefix(strings.TrimSpace(line), "```")
		heading := strings.TrimLeft(line, "#")
		if fenced || heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		name := strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-")
		for n, first := 1, name; slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s-%d", first, n)
		}
		names = append(names, name)
	}
	return names
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
	s.Name, s.URL, s.SigningSecret = "signed", setting.SecretText(server.URL("/")), setting.SecretText(key)
	allowed := egress.DefaultSettings()
	allowed.Allow = []string{fmt.Sprintf("127.0.0.1/32:%d", server.Port())}
	sender, err := client.New(s, client.Deps{Egress: allowed})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if sent := sender.Test(t.Context()); sent.Outcome != trigger.Delivered {
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

// TestTroubleshootingQuotesTheProgram compares each message that docs/troubleshooting.md quotes under "It says" with the sources. Messages of the system's
// linker are not ours.
func TestTroubleshootingQuotesTheProgram(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, folder := range []string{"internal", "plugin", "trigger"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			sources.Write(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	quoted, said := 0, false
	for i, line := range strings.Split(read(t, "docs/troubleshooting.md"), "\n") {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			said = false
		case strings.Contains(first, " says"):
			said = true
		case said && strings.HasPrefix(first, "`") && !strings.Contains(first, "GLIBC") && !strings.Contains(first, "shared library"):
			quoted++
			if message, _, _ := strings.Cut(first[1:], "`"); !strings.Contains(sources.String(), message) {
				t.Errorf("docs/troubleshooting.md:%d: nothing says %q", i+1, message)
			}
		}
	}
	if quoted < 8 {
		t.Errorf("%d messages are quoted", quoted)
	}
}
