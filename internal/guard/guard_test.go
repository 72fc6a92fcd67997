package guard

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRecover(t *testing.T) {
	var out bytes.Buffer
	var panics atomic.Int64
	log := slog.New(slog.NewTextHandler(&out, nil))
	func() {
		defer Recover(log, &panics, "testing")
		panic("boom")
	}()
	func() { defer Recover(log, &panics, "resting") }()
	if got := out.String(); panics.Load() != 1 || !strings.Contains(got, "while=testing reason=boom") || !strings.Contains(got, "guard_test.go") ||
		strings.Contains(got, "resting") {
		t.Errorf("%d panics: %s", panics.Load(), got)
	}
}

func TestDo(t *testing.T) {
	if err := Do(func() error { return nil }); err != nil {
		t.Errorf("no panic: %v", err)
	}
	failed := errors.New("failed")
	if err := Do(func() error { return failed }); err != failed {
		t.Errorf("an error: %v", err)
	}
	err := Do(func() error { panic("boom") })
	var p *Panic
	if !errors.As(err, &p) || p.Reason != "boom" || !strings.HasPrefix(err.Error(), "panic: boom\n") || !strings.Contains(err.Error(), "guard_test.go") {
		t.Errorf("a panic: %v", err)
	}
	if err := Do(func() error { var nothing *int; return errors.New(string(rune(*nothing))) }); !errors.As(err, &p) || !strings.Contains(err.Error(), "nil pointer") {
		t.Errorf("a nil dereference: %v", err)
	}
}
