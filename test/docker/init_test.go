package docker

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestInitOnAnEngine makes a first configuration for the containers of the engine, on which others may run beside those of the test, and runs the program with it:
// the test alert and an alert of a pack arrive.
func TestInitOnAnEngine(t *testing.T) {
	b := newBench(t)
	panics := b.script("init-panics", nil, "while :; do echo 'panic: no connection' >&2; sleep 1; done")
	b.must("start", panics)
	eventually(t, "the container has written", func() bool { return strings.Contains(b.must("logs", "--tail", "1", panics), "panic") })
	out := filepath.Join(b.dir, "first.toml")
	cmd := exec.Command(b.binary, "init", "--yes", "--url", b.server.URL("/hooks/s3cr3t"), "--out", out)
	cmd.Env, cmd.Dir, cmd.Stderr = b.environment(), b.dir, b.log
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{panics + " ", "go (", "fine: ", "tried on the logs: ", `trigger "webhook": delivered`, "docker-fluentbit run -c " + out} {
		if !strings.Contains(string(text), want) {
			t.Errorf("init does not say %q:\n%s", want, text)
		}
	}
	made, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(made), "s3cr3t") {
		t.Fatalf("%v, or the file has the secret", err)
	}
	// The store of the test, and the containers of the test alone.
	made = append([]byte("store = \""+filepath.Join(b.dir, "first.db")+"\"\n[docker]\ncontainers = [\"test="+b.label+"\"]\n"), made...)
	if err := os.WriteFile(filepath.Join(b.dir, "rules.toml"), made, 0o600); err != nil {
		t.Fatal(err)
	}
	run := b.start()
	defer b.end(run, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.server.WaitUntil(ctx, func(all []receiver.Request) bool {
		for _, r := range all {
			if r.Path == "/hooks/s3cr3t" && strings.Contains(string(r.Body), `"rule":"go-panic"`) {
				return true
			}
		}
		return false
	}); err != nil {
		t.Errorf("no alert of a pack arrived: %v", err)
	}
}
