package listen

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestATokenIsMadeOnceAndKept(t *testing.T) {
	path := TokenPath(filepath.Join(t.TempDir(), "docker.db"))
	first, err := MakeToken(path)
	if err != nil || len(first) < 32 {
		t.Fatalf("%q, %v", first, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if again, err := MakeToken(path); err != nil || again != first {
		t.Errorf("the next start has another token: %v", err)
	}
	if _, err := newTokens(path, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the file cannot be a token_file: %v", err)
	}
	for name, spoil := range map[string]func() error{
		"others may read it": func() error { return os.Chmod(path, 0o644) },
		"its group may":      func() error { return os.Chmod(path, 0o640) },
		"it is empty":        func() error { return os.WriteFile(path, nil, 0o600) },
		"it is cut off":      func() error { return os.Truncate(path, 5) },
		"a link stands there": func() error {
			other := write(t, "other", first)
			return firstError(os.Remove(path), os.Symlink(other, path))
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		next, err := MakeToken(path)
		if err != nil || next == first || len(next) < 32 {
			t.Errorf("%s: %q, %v", name, next, err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: then it is %v, %v", name, info.Mode(), err)
		}
		first = next
	}
	if _, err := MakeToken(filepath.Join(t.TempDir(), "none", "a.token")); err == nil {
		t.Error("a token is kept in a folder that is not there")
	}
	one, _ := MakeToken("")
	other, _ := MakeToken("")
	if one == other {
		t.Error("without a file two tokens are the same")
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".own*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestTheCommandLineFindsTheToken publishes tokens of listeners, and finds them by URLs of this machine alone.
func TestTheCommandLineFindsTheToken(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	for address, urls := range map[string][]string{
		"127.0.0.1:39021":      {"http://127.0.0.1:39021", "https://127.0.0.1:39021/"},
		"[::]:39022":           {"http://127.0.0.1:39022", "http://[::1]:39022", "http://localhost:39022"},
		"0.0.0.0:39023":        {"http://127.0.0.1:39023", "http://127.0.0.2:39023"},
		"unix:///run/39024.so": {"unix:///run/39024.so"},
	} {
		withdraw, published := Publish(address, made)
		if !published {
			t.Fatalf("%s: there is no folder", address)
		}
		for _, url := range urls {
			if got := Find(url); got != made {
				t.Errorf("%s: found %q at %s", address, got, url)
			}
		}
		withdraw()
		for _, url := range urls {
			if got := Find(url); got != "" {
				t.Errorf("%s: withdrawn, and found at %s", address, url)
			}
		}
	}
	withdraw, _ := Publish("127.0.0.1:39021", made)
	defer withdraw()
	for _, url := range []string{
		"http://127.0.0.1:39022", "http://127.0.0.2:39021", "http://[::1]:39021", "http://localhost:39021", // another process may listen there
		"http://192.0.2.1:39021", "http://node-1:39021", "http://127.0.0.1.evil.example:39021", "://", "unix:///127.0.0.1:39021",
	} {
		if got := Find(url); got != "" {
			t.Errorf("the token is sent to %s", url)
		}
	}
	path := ""
	for _, folder := range folders() {
		if _, err := os.Stat(filepath.Join(folder, publishedAs("127.0.0.1:39021"))); err == nil {
			path = filepath.Join(folder, publishedAs("127.0.0.1:39021"))
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A process that was killed left its file: somebody else may listen there now.
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), pidMark, pidMark+"99", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Find("http://127.0.0.1:39021"); got != "" {
		t.Error("the token of a process that is gone is sent")
	}
	if err := firstError(os.WriteFile(path, text, 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if got := Find("http://127.0.0.1:39021"); got != "" {
		t.Error("a file that others may read is believed")
	}
}
