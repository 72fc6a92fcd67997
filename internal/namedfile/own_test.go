package namedfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOwnFiles keeps a secret that only its user can read, and takes none that others could have read or placed.
func TestOwnFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "own")
	for _, text := range []string{"first", "second"} {
		if err := WriteOwn(path, text); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadOwn(path, 100); err != nil || got != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".own*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := ReadOwn(path, 3); err == nil {
		t.Error("longer than the limit, and read")
	}
	link := path + ".link"
	if err := errors.Join(os.Symlink(path, link), os.WriteFile(path+".shared", []byte("x"), 0o600), os.Chmod(path+".shared", 0o640)); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{link, path + ".shared", filepath.Dir(path)} {
		if _, err := ReadOwn(other, 100); !errors.Is(err, ErrNotOwn) {
			t.Errorf("%s: %v", filepath.Base(other), err)
		}
	}
	if err := WriteOwn(filepath.Join(path, "below"), "x"); err == nil {
		t.Error("written below a file")
	}
}
