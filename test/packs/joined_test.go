package packs

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	traces "github.com/tinyforge/fluentbit-trigger/internal/join"
)

// records returns an output as records.join makes records of it.
func records(t *testing.T, text []byte) (all [][]byte) {
	t.Helper()
	var lines traces.Sequence
	add := func(text []byte) error {
		all = append(all, bytes.Clone(text))
		return nil
	}
	for _, line := range split(text) {
		if err := lines.Add(line, 0, add); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.End(add); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecordsThatAreJoined: the packs hit the records that joining makes of real traces, and nothing in ordinary output.
func TestRecordsThatAreJoined(t *testing.T) {
	t.Parallel()
	joined := 0
	for _, name := range folders(t) {
		packs := []string{name}
		if slices.Contains(languages, name) {
			packs = append(packs, severity)
		}
		w := load(t, packs...)
		for trace, tr := range read(t, filepath.Join("testdata", name)) {
			hit := false
			for _, file := range tr.files {
				for _, text := range records(t, content(t, file)) {
					if bytes.IndexByte(text, '\n') >= 0 {
						joined++
					}
					found := w.hits(text, file)
					hit = hit || slices.Contains(found, tr.rule)
					if tr.rule == "" && len(found) > 0 {
						t.Errorf("%s: %.80q hits %q", trace, text, found)
					}
				}
			}
			if tr.rule != "" && !hit {
				t.Errorf("%s: no record of it hits %s", trace, tr.rule)
			}
		}
	}
	if joined < 400 {
		t.Errorf("%d records of several lines, want at least 400", joined)
	}
}
