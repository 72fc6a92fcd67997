package cli

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

const boomRules = "[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n"

// cutOff writes a compressed log that ends in the middle, behind lines that cannot be read.
func cutOff(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	line := `{"log":"boom\n","stream":"stderr","time":"2026-11-25T10:00:00Z"}` + "\n"
	for _, text := range []string{strings.Repeat(line+strings.Repeat("torn\n", 100), 10), strings.Repeat(line, 100_000)} {
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return written(t, "cut.log.gz", b.String()[:b.Len()/2])
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAnExpectationIsNotMetByALogThatIsCutOff: a line behind the cut may break the expectation. The cut is reported, however many other problems are.
func TestAnExpectationIsNotMetByALogThatIsCutOff(t *testing.T) {
	rules, log, junit := written(t, "rules.toml", boomRules), cutOff(t), filepath.Join(t.TempDir(), "junit.xml")
	var out, errOut bytes.Buffer
	if code := execute([]string{"backtest", "-q", "--rules", rules, log}, &out, &errOut); code != command.Fine || !strings.Contains(errOut.String(), "unexpected EOF") {
		t.Errorf("without expectations: exit code %d: %s", code, errOut.String())
	}
	errOut.Reset()
	code := execute([]string{"backtest", "-q", "--rules", rules, "--expect", "boom<=1000000", "--junit", junit, log}, &out, &errOut)
	if code != command.Findings || !strings.Contains(out.String(), "ok    boom <= 1000000") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	for _, want := range []string{": unexpected EOF\n", "docker-fluentbit: 1 input not read, or not to the end\n"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, errOut.String())
		}
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `tests="2" failures="1"`) || !strings.Contains(string(text), "unexpected EOF") {
		t.Errorf("%s", text)
	}
}

// TestBacktestShowsItsProgress feeds a backtest that is in the midst of its input: the bar is on the terminal, not among the results, and not
// where there is no terminal.
func TestBacktestShowsItsProgress(t *testing.T) {
	rules := written(t, "rules.toml", boomRules)
	start := func(stderr io.Writer, flags ...string) (finish func() string) {
		t.Helper()
		cmd := program(t, append([]string{"backtest", "--rules", rules, "-"}, flags...)...)
		cmd.Env = append(cmd.Environ(), "TERM=xterm")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for i := range 20_000 {
			if _, err := fmt.Fprintf(in, "2026-11-25 10:%02d:%02d boom %d\n", i/60%60, i%60, i); err != nil {
				t.Fatal(err)
			}
		}
		return func() string {
			t.Helper()
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended badly: %v", err)
			}
			return out.String()
		}
	}
	screen, tty := clitest.ScrollingTerminal(t, 100)
	finish := start(tty)
	read := regexp.MustCompile(`^\d+\.\d kB read, \d+(\.\d k)? lines, \d+\.\d MB/s$`)
	await.That(t, patience, "the progress is reported", func() bool { _, last := screen.Lines(); return read.MatchString(last) })
	out := finish()
	await.That(t, patience, "the bar is gone", func() bool { _, last := screen.Lines(); return last == "" })
	if ended, _ := screen.Lines(); len(ended) > 0 || screen.Strange != "" {
		t.Errorf("it was not drawn in place: %q, %q", ended, screen.Strange)
	}
	if !strings.HasPrefix(out, "20,000 lines of 1 log, ") || strings.ContainsAny(out, "\x1b\r") {
		t.Errorf("the results are %q", out)
	}
	screen, tty = clitest.ScrollingTerminal(t, 100)
	start(tty, "-q")()
	if ended, last := screen.Lines(); len(ended) > 0 || last != "" {
		t.Errorf("with -q: %q, %q", ended, last)
	}
	var pipe bytes.Buffer
	start(&pipe)()
	if strings.ContainsAny(pipe.String(), "\x1b\r") {
		t.Errorf("on a pipe: %q", pipe.String())
	}
}
