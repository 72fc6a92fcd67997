package cli

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// hangup is a run of the program whose log goes to a file.
type hangup struct {
	t       *testing.T
	dir     string
	args    []string
	process *os.Process
	ended   chan error
}

func newHangup(t *testing.T) *hangup {
	t.Helper()
	// A program inherits that a signal is ignored, as under nohup, but not that it is handled: h begins as from a shell.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	h := &hangup{t: t, dir: t.TempDir(), ended: make(chan error, 1)}
	text := fmt.Sprintf("store = %q\n[admin]\nlisten = \"off\"\n", filepath.Join(h.dir, "store.db"))
	if err := os.WriteFile(filepath.Join(h.dir, "rules.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// testscript knows the program by its name, which one that another program starts gets by a link.
	if err := os.Symlink(program(t).Path, filepath.Join(h.dir, "docker-fluentbit")); err != nil {
		t.Fatal(err)
	}
	h.args = []string{filepath.Join(h.dir, "docker-fluentbit"), "run", "-c", filepath.Join(h.dir, "rules.toml"), "-H", dockertest.Start(t).Host()}
	return h
}

// start starts the program in a session of its own, by the words of by, such as nohup. terminal, unless nil, is its stdin, and its controlling
// terminal where control is true.
func (h *hangup) start(terminal *os.File, control bool, by ...string) {
	h.t.Helper()
	args := append(by, h.args...)
	path, err := exec.LookPath(args[0])
	if err != nil {
		h.t.Skip(err)
	}
	out, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := program(h.t)
	cmd.Path, cmd.Args, cmd.Stdout, cmd.Stderr = path, args, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: control}
	if terminal != nil {
		cmd.Stdin = terminal
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.process = cmd.Process
	go func() { h.ended <- cmd.Wait() }()
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	h.until("started")
}

// until waits for a text in the log.
func (h *hangup) until(text string) {
	h.t.Helper()
	await.That(h.t, patience, text+" is logged", func() bool {
		log, err := os.ReadFile(filepath.Join(h.dir, "log"))
		return err == nil && strings.Contains(string(log), text)
	})
}

func (h *hangup) signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
}

// stopped waits for the end that a signal was the reason of.
func (h *hangup) stopped(signal string) {
	h.t.Helper()
	h.until("signal=" + signal)
	if err := <-h.ended; err != nil {
		h.t.Errorf("it ended with %v", err)
	}
}

// reloads waits for the reload, and stops the program.
func (h *hangup) reloads() {
	h.t.Helper()
	h.until("configuration applied")
	h.signal(syscall.SIGTERM)
	h.stopped("terminated")
}

// TestHangup closes the terminal of a run, and sends SIGHUP to runs with a terminal and without one.
func TestHangup(t *testing.T) {
	t.Run("the terminal is closed", func(t *testing.T) {
		master, slave := clitest.OpenTerminal(t)
		h := newHangup(t)
		h.start(slave, true)
		_ = slave.Close()
		_ = master.Close()
		h.stopped("hangup")
	})
	t.Run("a shell sends it before the terminal is closed", func(t *testing.T) {
		master, slave := clitest.OpenTerminal(t)
		defer func() { _, _ = master.Close(), slave.Close() }()
		h := newHangup(t)
		h.start(slave, true)
		h.signal(syscall.SIGHUP)
		h.stopped("hangup")
	})
	t.Run("no terminal", func(t *testing.T) {
		h := newHangup(t)
		h.start(nil, false)
		h.signal(syscall.SIGHUP)
		h.reloads()
	})
	t.Run("stdin is a terminal of another session", func(t *testing.T) {
		master, slave := clitest.OpenTerminal(t)
		defer func() { _, _ = master.Close(), slave.Close() }()
		h := newHangup(t)
		h.start(slave, false)
		h.signal(syscall.SIGHUP)
		h.reloads()
	})
	t.Run("nohup", func(t *testing.T) {
		master, slave := clitest.OpenTerminal(t)
		h := newHangup(t)
		h.start(slave, true, "nohup")
		_ = slave.Close()
		_ = master.Close()
		h.reloads()
	})
	t.Run("a session of tmux is killed", func(t *testing.T) {
		h := newHangup(t)
		tmux := func(args ...string) error {
			return exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", filepath.Join(h.dir, "tmux")}, args...)...).Run()
		}
		if _, err := exec.LookPath("tmux"); err != nil {
			t.Skip(err)
		}
		defer func() { _ = tmux("kill-server") }()
		if err := tmux("new-session", "-d", "-s", "x", strings.Join(h.args, " ")+" 2> "+filepath.Join(h.dir, "log")); err != nil {
			t.Fatal(err)
		}
		h.until("started")
		if err := tmux("kill-session", "-t", "x"); err != nil {
			t.Fatal(err)
		}
		h.until("signal=hangup")
		h.until("stopped")
	})
}
