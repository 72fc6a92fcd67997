package compose

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// root is the checkout, as seen from this folder.
const root = "../.."

// patience bounds every wait. The machine may be busy with other things.
const patience = 5 * time.Minute

// needEngine skips where no Docker engine answers.
func needEngine(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers here: %v: %s", err, bytes.TrimSpace(out))
	}
}

// need returns the path of a program, and skips where it is missing.
func need(t *testing.T, name, why string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not on PATH: %s", name, why)
	}
	return path
}

// command runs a program to its end, and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(out))
	}
	return strings.TrimSpace(string(out))
}

func tail(text []byte) []byte { return text[max(0, len(text)-8000):] }

// label is for what one test makes on the engine.
func label() string { return fmt.Sprintf("fluentbit-trigger-compose-%d", time.Now().UnixNano()) }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	await.That(t, patience, what, holds)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// asExit reports whether a program ended with a code of its own.
func asExit(err error, exit **exec.ExitError) bool { return errors.As(err, exit) }
