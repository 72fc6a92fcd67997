package main

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
	wait := func(want int) {
		t.Helper()
		select {
		case n := <-runs:
			if n != want {
				t.Fatalf("run %d, want %d", n, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("run %d did not come", want)
		}
	}
	wait(1)
	tick <- time.Time{}
	tick <- time.Time{} // the one before is done
	write("two")
	tick <- time.Time{}
	wait(2)
	tick <- time.Time{}
	if err := os.WriteFile(filepath.Join(dir, "b.test.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tick <- time.Time{}
	wait(3)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	tick <- time.Time{}
	wait(4)
	stop()
	<-done
	if len(runs) > 0 {
		t.Errorf("%d runs too many", len(runs))
	}
}
