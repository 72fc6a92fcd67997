package cli

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// TestAnExpectationIsNotMetByALogThatIsCutOff: what stands behind the cut might be what must not be. However much else is told, the cut is.
func TestAnExpectationIsNotMetByALogThatIsCutOff(t *testing.T) {
	rules, log, junit := written(t, "rules.toml", boomRules), cutOff(t), filepath.Join(t.TempDir(), "junit.xml")
	var out, errOut bytes.Buffer
	if code := run([]string{"backtest", "-q", "--rules", rules, log}, &out, &errOut); code != exitFine || !strings.Contains(errOut.String(), "unexpected EOF") {
		t.Errorf("without expectations: exit code %d: %s", code, errOut.String())
	}
	errOut.Reset()
	code := run([]string{"backtest", "-q", "--rules", rules, "--expect", "boom<=1000000", "--junit", junit, log}, &out, &errOut)
	if code != exitFindings || !strings.Contains(out.String(), "ok    boom <= 1000000") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	for _, want := range []string{"cannot be read: unexpected EOF\n", "docker-fluentbit: 1 input not read, or not to the end\n"} {
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
