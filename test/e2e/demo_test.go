package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// TestDemo runs the demonstration, which judges itself.
func TestDemo(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH: the demonstration cannot be built")
	}
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	demo := t.TempDir() + "/demo"
	if out, err := exec.Command("go", "build", "-o", demo, "../demo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(t *testing.T, where string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, demo, "-plugin", plugin(t), "-host", hostBinary(t), "-run-in", where)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "suppressed") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	t.Run("host", func(t *testing.T) { run(t, "host") })
	t.Run("fluent-bit", func(t *testing.T) {
		fluentBitBinary(t)
		run(t, "fluent-bit")
	})
}
