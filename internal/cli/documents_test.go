package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

// commandLine is one that a document shows.
type commandLine struct {
	at     string
	text   string
	inText bool // between backticks, where the rest may be left out
}

var (
	fenced   = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	spans    = regexp.MustCompile("`(docker[- ]fluentbit(?: [^`]*)?)`")
	byPrompt = regexp.MustCompile(`(?m)^\$ (.*)$`)
	called   = regexp.MustCompile(`^(?:.*[;|&(] *)?(?:\w+=\S* +|sudo |docker (?:compose )?exec (?:-\S+ )*\S+ )*((?:docker-fluentbit|docker fluentbit)(?: [^\n]*)?)$`)
)

// commandLines finds those of this program in all documents of the repository.
func commandLines(t *testing.T) (found []commandLine) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "decisions"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range fenced.FindAllStringSubmatch(string(text), -1) {
			body := strings.ReplaceAll(m[2], "\\\n", " ")
			switch m[1] {
			case "console":
				var lines []string
				for _, line := range byPrompt.FindAllStringSubmatch(body, -1) {
					lines = append(lines, line[1])
				}
				body = strings.Join(lines, "\n")
			case "sh", "bash":
			default:
				continue
			}
			for line := range strings.Lines(body) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
				if c := called.FindStringSubmatch(line); c != nil {
					found = append(found, commandLine{at: path, text: c[1]})
				}
			}
		}
		for _, m := range spans.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			found = append(found, commandLine{at: path, text: strings.ReplaceAll(m[1], "\n", " "), inText: true})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// words splits a command line as a shell does, as far as documents need it: quotes and backslashes, and an end at a redirection or another command.
func words(text string) (out []string) {
	word, open, quote := strings.Builder{}, false, rune(0)
	end := func() {
		if open {
			out = append(out, word.String())
			word.Reset()
			open = false
		}
	}
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, open = r, true
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote == 0 && r == ' ':
			end()
		case quote == 0 && strings.ContainsRune("|;&><", r):
			end()
			return out
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return out
}

// TestDocumentedCommandLines reads each with the program's own parser: commands, flags and arguments are there, and take what they are given.
func TestDocumentedCommandLines(t *testing.T) {
	lines, blocks := commandLines(t), 0
	for _, line := range lines {
		args := words(line.text)
		if args[0] == "docker" {
			args = args[1:]
		}
		for i, word := range args { // places for words of the reader's own
			args[i] = strings.TrimRight(word, "…")
		}
		err := parse(args[1:])
		var usage *command.UsageError
		missing := errors.As(err, &usage) && strings.HasPrefix(usage.Text, "missing ")
		if err != nil && !(line.inText && missing) {
			t.Errorf("%s: %s: %v", strings.TrimPrefix(line.at, "../../"), line.text, err)
		}
		if !line.inText {
			blocks++
		}
	}
	if blocks < 10 || len(lines)-blocks < 20 {
		t.Errorf("%d command lines in blocks and %d in texts are few", blocks, len(lines)-blocks)
	}
}

// parse reads a command line with the program's own commands, and runs none of them.
func parse(args []string) error {
	root := New(&command.Env{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now}, ownName)
	var disarm func(*cobra.Command)
	disarm = func(c *cobra.Command) {
		if !c.HasSubCommands() {
			c.RunE = func(*cobra.Command, []string) error { return nil }
		}
		for _, sub := range c.Commands() {
			disarm(sub)
		}
	}
	disarm(root)
	root.SetArgs(args)
	return root.Execute()
}
