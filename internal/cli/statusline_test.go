package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// following is the program that follows a container of a fake engine.
type following struct {
	t         *testing.T
	cmd       *exec.Cmd
	config    string
	container *dockertest.Container
}

func startFollowing(t *testing.T, stderr any, environment ...string) *following {
	t.Helper()
	daemon, dir := dockertest.Start(t), t.TempDir()
	f := &following{t: t, config: filepath.Join(dir, "rules.toml"), container: daemon.Run(dockertest.Container{Name: "web"})}
	text := fmt.Sprintf("store = %q\n[admin]\nlisten = \"off\"\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\ncooldown = \"0s\"\n", filepath.Join(dir, "store.db"))
	if err := os.WriteFile(f.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f.cmd = exec.Command("docker-fluentbit", "run", "-H", daemon.Host(), "-c", f.config)
	f.cmd.Env = append(os.Environ(), environment...)
	switch w := stderr.(type) {
	case *os.File:
		f.cmd.Stderr = w
	case *bytes.Buffer:
		f.cmd.Stderr = w
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.cmd.Process.Kill() }) // it has ended, unless the test failed
	return f
}

func (f *following) signal(s os.Signal) {
	f.t.Helper()
	if err := f.cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
}

func (f *following) end() {
	f.t.Helper()
	f.signal(syscall.SIGTERM)
	if err := f.cmd.Wait(); err != nil {
		f.t.Errorf("it ended badly: %v", err)
	}
}

// looked waits until the program has shown the status, if it does: then it writes the mark that healthcheck finds.
func (f *following) looked() {
	f.t.Helper()
	await.That(f.t, time.Minute, "the mark is left", func() bool { return exec.Command("docker-fluentbit", "healthcheck", "-c", f.config).Run() == nil })
}

var logLine = regexp.MustCompile(`^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}\] \[ ?\w+\] \[docker-fluentbit\] `)

// TestStatusOnATerminal: the status is drawn in place below the log lines, fits a narrow terminal, and is gone in the end.
func TestStatusOnATerminal(t *testing.T) {
	screen, tty := clitest.ScrollingTerminal(t, 100)
	f := startFollowing(t, tty, "TERM=xterm")
	status := func(want string) {
		t.Helper()
		defer func() {
			if t.Failed() {
				ended, last := screen.Lines()
				t.Logf("the screen: %q, %q", ended, last)
			}
		}()
		await.That(t, time.Minute, "the status is "+want, func() bool { _, last := screen.Lines(); return last == want })
	}
	clean := func(atLeast int) {
		t.Helper()
		ended, _ := screen.Lines()
		if len(ended) < atLeast {
			t.Errorf("%d log lines, want %d at least: %q", len(ended), atLeast, ended)
		}
		for _, line := range ended {
			if !logLine.MatchString(line) || len(logLine.FindAllString(line, -1)) != 1 || strings.Contains(line, "live)") {
				t.Errorf("no log line by itself: %q", line)
			}
		}
	}
	status("1 container (0 live), 0 lines, 0 hits, 0 alerts") // the engine has nothing to send yet
	before, _ := screen.Lines()
	f.container.Stdout("boom 1", "quiet")
	status("1 container (1 live), 2 lines, 1 hit, 1 alert")
	if after, _ := screen.Lines(); len(after) != len(before) {
		t.Errorf("the status was not drawn in place: %q", after[len(before):])
	}
	f.signal(syscall.SIGHUP)
	await.That(t, time.Minute, "a log line stands above", func() bool { after, _ := screen.Lines(); return len(after) > len(before) })
	status("1 container (1 live), 2 lines, 1 hit, 1 alert")
	clean(len(before) + 1)
	clitest.Resize(t, screen, tty, 20)
	f.container.Stdout("boom 2")
	status("1 container (1 l…")
	f.container.Rename("a-name")
	more, _ := screen.Lines() // before the signal, which may be answered at once
	f.signal(syscall.SIGHUP)
	await.That(t, time.Minute, "another log line stands above", func() bool { after, _ := screen.Lines(); return len(after) > len(more) })
	status("1 container (1 l…")
	f.end()
	await.That(t, time.Minute, "the end is logged", func() bool {
		ended, last := screen.Lines()
		return last == "" && strings.Contains(strings.Join(ended, "\n"), "stopped")
	})
	clean(len(more) + 1)
	if screen.Strange != "" {
		t.Errorf("it wrote %q", screen.Strange)
	}
}

// TestNoStatusElsewhere: nothing but log lines where there is no terminal, or none that can erase a line.
func TestNoStatusElsewhere(t *testing.T) {
	t.Run("buffer", func(t *testing.T) {
		var out bytes.Buffer
		f := startFollowing(t, &out, "TERM=xterm")
		f.looked()
		f.end()
		for line := range strings.Lines(out.String()) {
			if !logLine.MatchString(line) || strings.Contains(line, "live)") || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("no log line: %q", line)
			}
		}
		if !strings.Contains(out.String(), "stopped") {
			t.Errorf("%q", out.String())
		}
	})
	t.Run("dumb", func(t *testing.T) {
		screen, tty := clitest.ScrollingTerminal(t, 100)
		f := startFollowing(t, tty, "TERM=dumb")
		f.looked()
		f.end()
		await.That(t, time.Minute, "the end is logged", func() bool { ended, _ := screen.Lines(); return strings.Contains(strings.Join(ended, "\n"), "stopped") })
		ended, last := screen.Lines()
		if screen.Strange != "" || last != "" || strings.Contains(strings.Join(ended, "\n"), "live)") {
			t.Errorf("%q, %q", ended, last)
		}
	})
}
