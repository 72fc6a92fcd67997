package tomlfiles

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// write creates or replaces a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	_ = os.Remove(path + ".tmp")
	if err := os.Symlink(target, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

// wantSteps takes one step for each wanted result.
func wantSteps(t *testing.T, w *Watcher, what string, want ...bool) {
	t.Helper()
	for i, wanted := range want {
		if got := w.step(); got != wanted {
			t.Errorf("%s: step %d reports %v, want %v", what, i+1, got, wanted)
		}
	}
}

func TestWatcherFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.toml"), filepath.Join(dir, "b.toml")
	write(t, a, "one")
	w := NewWatcher(WatcherOptions{Files: []string{dir}})
	wantSteps(t, w, "unchanged", false, false)
	write(t, a, "two")
	wantSteps(t, w, "content", false, true, false)
	write(t, b, "new")
	wantSteps(t, w, "new file", false, true, false)
	write(t, filepath.Join(dir, "notes.txt"), "x")
	write(t, filepath.Join(dir, ".hidden.toml"), "x")
	wantSteps(t, w, "other files", false, false)
	if err := os.Chtimes(a, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, w, "touched", false, false)
	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, w, "removed", false, true, false)
}

// TestWatcherMoment shows that what lasts for a moment only is not reported.
func TestWatcherMoment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.toml")
	write(t, file, "one")
	w := NewWatcher(WatcherOptions{Files: []string{file}})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, w, "away", false)
	write(t, file, "one")
	wantSteps(t, w, "back", false, false)
	write(t, file, "tw")
	wantSteps(t, w, "half written", false)
	write(t, file, "two")
	wantSteps(t, w, "whole", false, true, false)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, w, "away for good", false, true, false)
	write(t, file, "two")
	wantSteps(t, w, "back later", false, true, false)
}

// TestWatcherConfigMap swaps a folder's links as Kubernetes does.
func TestWatcherConfigMap(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "rules.toml"), "version "+version)
	}
	link(t, "..1", filepath.Join(dir, "..data"))
	link(t, filepath.Join("..data", "rules.toml"), filepath.Join(dir, "rules.toml"))
	for _, named := range []string{dir, filepath.Join(dir, "rules.toml"), filepath.Join(dir, "*.toml")} {
		link(t, "..1", filepath.Join(dir, "..data"))
		w := NewWatcher(WatcherOptions{Files: []string{named}})
		wantSteps(t, w, named, false)
		link(t, "..2", filepath.Join(dir, "..data"))
		wantSteps(t, w, named, false, true, false)
	}
}

func TestWatcherSecrets(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	write(t, first, "a")
	write(t, second, "b")
	secrets := []string{first}
	w := NewWatcher(WatcherOptions{Secrets: func() []string { return secrets }})
	write(t, first, "changed")
	wantSteps(t, w, "secret changed", false, true, false)
	secrets = []string{second}
	wantSteps(t, w, "another secret named", false, false)
	write(t, second, "changed")
	wantSteps(t, w, "the other changed", false, true, false)
}

// TestWatcherRun shows that a change is reported within five seconds, and that Run ends with its context.
func TestWatcherRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.toml")
	write(t, file, "one")
	synctest.Test(t, func(t *testing.T) {
		w := NewWatcher(WatcherOptions{Files: []string{file}})
		ctx, cancel := context.WithCancel(context.Background())
		reported := make(chan time.Time, 10)
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Run(ctx, func() { reported <- time.Now() })
		}()
		start := time.Now()
		write(t, file, "two")
		if after := (<-reported).Sub(start); after > 5*time.Second {
			t.Errorf("a change was reported after %s", after)
		}
		cancel()
		<-done
		if len(reported) > 0 {
			t.Error("one change was reported twice")
		}
	})
}
