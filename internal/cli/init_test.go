package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestInitAsks answers every question on a terminal: an address that is none, one that is, packs with a mistake in them, and a token, which does not appear.
// The names of containers do not steer the terminal.
func TestInitAsks(t *testing.T) {
	daemon, server, dir := dockertest.Start(t), receiver.New(t), t.TempDir()
	daemon.Run(dockertest.Container{Name: "db", Image: "postgres:17"}).Stdout("ready")
	daemon.Run(dockertest.Container{Name: "e\x1b[2Jvil\nrow", Image: "shop:1"}).Stderr("panic: \x1b[31mboom")
	t.Chdir(dir)
	t.Setenv("FLUENTBIT_TRIGGER_CONFIG", "")
	x := onTerminal(t, 60, 300, "init", "-H", daemon.Host(), "--frequent", "0")
	answer := func(after, text string) {
		t.Helper()
		x.until("it asks "+after, func(s *screen) bool { return strings.HasSuffix(strings.TrimRight(s.text(), " "), after) })
		row := x.look().row
		if _, err := x.master.WriteString(text + "\n"); err != nil {
			t.Fatal(err)
		}
		x.until("it takes the answer", func(s *screen) bool { return s.row > row })
	}
	answer("Address:", "ftp://nowhere")
	answer("must begin with http:// or https://\nAddress:", server.URL("/"))
	answer("[generic]:", "gotify")
	answer("token (not shown):", "t0psecret")
	answer("Rule packs [go,postgresql,severity]:", "go, postgres")
	answer("Rule packs [go,postgresql,severity]:", "")
	answer("File to write [rules.toml]:", "")
	answer("Send a test alert now? (yes/no) [yes]:", "perhaps")
	answer("Send a test alert now? (yes/no) [yes]:", "")
	if err := <-x.ended; err != nil {
		t.Error(err)
	}
	s := x.look()
	shown := s.text()
	for _, want := range []string{
		`e\u001b[2Jvil\nrow  shop:1       1      go (1 hit)`, "db", "postgres:17  1      postgresql", `did you mean "postgresql"?`,
		"$ docker-fluentbit check rules.toml", "fine: 25 rules", "tried on the logs: 2 lines since ", "would have made 1 alert", `trigger "gotify": delivered`, "docker-fluentbit run -c rules.toml -H " + daemon.Host(),
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the screen does not show %q:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "t0psecret") || len(s.faults) > 0 {
		t.Errorf("%q\n%s", s.faults, shown)
	}
	if requests := server.Requests(); len(requests) != 1 || requests[0].Header.Get("X-Gotify-Key") != "t0psecret" {
		t.Errorf("%d requests, or another token", len(requests))
	}
	token, err := os.ReadFile(filepath.Join(dir, "rules.gotify.token"))
	if err != nil || string(token) != "t0psecret\n" {
		t.Errorf("%q %v", token, err)
	}
}

// TestInitIsLeftInTheMiddle ends the input, and then presses Ctrl-C, in the middle of the questions. No file is left.
func TestInitIsLeftInTheMiddle(t *testing.T) {
	daemon, dir := dockertest.Start(t), t.TempDir()
	t.Chdir(dir)
	for name, key := range map[string]string{"end of the input": "\x04", "Ctrl-C": "\x03"} {
		x := onTerminal(t, 40, 120, "init", "-H", daemon.Host())
		x.until("it asks", func(s *screen) bool { return strings.Contains(s.text(), "Address:") })
		if _, err := x.master.WriteString("https://ntfy.sh/topic\n"); err != nil {
			t.Fatal(err)
		}
		x.until("it asks for packs", func(s *screen) bool { return strings.Contains(s.text(), "Rule packs [severity]:") })
		if _, err := x.master.WriteString(key); err != nil {
			t.Fatal(err)
		}
		if err := <-x.ended; err == nil {
			t.Errorf("%s: it ended as if all were answered", name)
		}
	}
	// The echo is back after a secret that nobody gave.
	x := onTerminal(t, 40, 120, "init", "-H", daemon.Host())
	x.until("it asks", func(s *screen) bool { return strings.HasSuffix(strings.TrimRight(s.text(), " "), "Address:") })
	if _, err := x.master.WriteString("telegram\n"); err != nil {
		t.Fatal(err)
	}
	x.until("it asks for the token", func(s *screen) bool { return strings.Contains(s.text(), "token (not shown):") })
	x.until("nothing is echoed", func(*screen) bool { return !echoes(t, x) })
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	err := <-x.ended
	if s := x.look(); err == nil || !strings.Contains(s.text(), "interrupted") || !echoes(t, x) {
		t.Errorf("%v, or the terminal stays without an echo\n%s", err, s.text())
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// echoes reports whether a terminal shows the keys that are typed.
func echoes(t *testing.T, x *terminal) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}
