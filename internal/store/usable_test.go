package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// TestUsable holds it against what opening the store really does, and leaves nothing behind.
func TestUsable(t *testing.T) {
	dir := t.TempDir()
	file, text, link := filepath.Join(dir, "file"), filepath.Join(dir, "rules.toml"), filepath.Join(dir, "link")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.WriteFile(text, []byte("[[rule]]\nname = \"x\"\n"), 0o600))
	must(t, os.Symlink(filepath.Join(dir, "nowhere", "a.db"), link))
	near := filepath.Join(dir, "near")
	must(t, os.Symlink("linked.db", near))
	readOnly := tmpfs(t, "size=8m,ro")
	b := newBench(t)
	b.set.Path = filepath.Join(dir, "used.db")
	must(t, b.open().Close())
	for _, path := range []string{
		"", "memory", file, text, dir, link, filepath.Join(dir, "used.db"), filepath.Join(dir, "a", "b", "new.db"), filepath.Join(file, "new.db"),
		filepath.Join(file, "sub", "new.db"), filepath.Join(readOnly, "new.db"), filepath.Join(readOnly, "sub", "new.db"), near, "/dev/null",
	} {
		before, _ := os.Stat(path)
		usable := Usable(Settings{Path: path})
		if after, _ := os.Stat(path); (before == nil) != (after == nil) {
			t.Errorf("%s was made or removed", path)
		}
		if path == "" {
			if usable != nil {
				t.Errorf("no path: %v", usable)
			}
			continue
		}
		b := newBench(t)
		b.set.Path = path
		s, opened := b.tryOpen()
		if opened == nil {
			must(t, s.Close())
		}
		if (usable == nil) != (opened == nil) || opened != nil && dberr.KindOf(usable) != dberr.KindOf(opened) {
			t.Errorf("%s: said to be %v, opened with %v", path, usable, opened)
		}
	}
}
