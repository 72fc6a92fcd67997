package test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWatchRunsAgainWhenAFileChanges ticks by hand: a tick that finds the same content runs nothing.
func TestWatchRunsAgainWhenAFileChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.test.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	ctx, stop := context.WithCancel(t.Context())
	tick, runs, done := make(chan time.Time), make(chan int, 10), make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		watchFiles(ctx, tick, func() []string {
			n++
			runs <- n
			return []string{dir, file}
		})
	}()
	// settled returns when ticks make no runs any more: a look that meets a change half way may run once more. It fails when there was none.
	settled := func(what string) {
		t.Helper()
		came := 0
		for range 10_000 {
			tick <- time.Time{}
			tick <- time.Time{} // the look before is done
			n := len(runs)
			for range n {
				<-runs
			}
			if came += n; n == 0 && came > 0 {
				return
			}
		}
		t.Fatalf("no run after %s", what)
	}
	settled("the start")
	write("two")
	settled("another content")
	if err := os.WriteFile(filepath.Join(dir, "b.test.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	settled("a new file")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	settled("a file that is gone")
	stop()
	<-done
	if len(runs) > 0 {
		t.Errorf("%d runs although nothing changed", len(runs))
	}
}
