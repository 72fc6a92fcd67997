package guard

import (
	"bytes"
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
