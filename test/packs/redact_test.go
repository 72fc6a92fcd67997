package packs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// TestNothingIsMaskedInRecordedLogs masks the output of all recorded programs: none of it is a secret.
func TestNothingIsMaskedInRecordedLogs(t *testing.T) {
	r, err := engine.NewRedactor(engine.DefaultRedact())
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	err = filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".stdout" && filepath.Ext(path) != ".stderr" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			lines++
			if shown := r.Text(line, nil); shown != line {
				t.Errorf("%s: %q became %q", path, line, shown)
			}
		}
		return nil
	})
	if err != nil || lines < 5_000 {
		t.Errorf("%d lines, %v", lines, err)
	}
}
