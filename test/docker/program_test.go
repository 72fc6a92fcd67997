package docker

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// bench is an engine, the program, and a receiver.
type bench struct {
	*engine
	dir    string
	binary string
	server *receiver.Server
	log    *os.File
}

func newBench(t *testing.T) *bench { return benchOn(t, theEngine(t)) }

func benchOn(t *testing.T, e *engine) *bench {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{engine: e, dir: t.TempDir(), binary: path, server: receiver.New(t)}
	if b.log, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		t.Fatal(err)
	}
	b.configure(b.server.URL("/"), "")
	t.Cleanup(func() {
		if text, _ := os.ReadFile(b.log.Name()); t.Failed() {
			t.Logf("%s", text[max(0, len(text)-8000):])
		}
	})
	return b
}

// configure writes the configuration: every line that holds "line " is reported to url.
func (b *bench) configure(url, trigger string) {
	b.t.Helper()
	config := fmt.Sprintf("store = %q\n[docker]\ncontainers = [\"test=%s\"]\n[egress]\nallow = [\"127.0.0.1/32\"]\n[limits]\nper_container = "+
		"{ rate = \"0/s\", burst = 1 }\n[[trigger]]\nname = \"ops\"\nurl = %q\n%s[[rule]]\nname = \"all\"\nkeywords = [\"line \"]\ncooldown = \"0s\"\n",
		filepath.Join(b.dir, "store.db"), b.label, url, trigger)
	if err := os.WriteFile(filepath.Join(b.dir, "rules.toml"), []byte(config), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// start starts the program, and waits until it follows the engine.
func (b *bench) start() *exec.Cmd {
	b.t.Helper()
	before, _ := os.ReadFile(b.log.Name())
	cmd := exec.Command(b.binary, "run", "-c", filepath.Join(b.dir, "rules.toml"))
	cmd.Stderr, cmd.Stdout, cmd.Env = b.log, b.log, b.environment()
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	eventually(b.t, "the program follows the engine", func() bool {
		text, _ := os.ReadFile(b.log.Name())
		return bytes.Contains(text[len(before):], []byte("following the container engine"))
	})
	return cmd
}

// end sends a signal, and waits for the end.
func (b *bench) end(cmd *exec.Cmd, signal syscall.Signal) {
	b.t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		b.t.Fatalf("after %s: %v", signal, err)
	}
}

// alerts returns the ids of the alerts about each line, by "workload: message".
func (b *bench) alerts() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, a := range b.server.Alerts() {
		if a.Kind != trigger.KindLog {
			continue // an old engine is warned of
		}
		line := a.Source.Workload + ": " + a.Message
		if all[line] == nil {
			all[line] = map[string]bool{}
		}
		all[line][a.ID] = true
	}
	return all
}

// drivers are the log drivers whose logs the engine keeps. Podman takes json-file for its k8s-file.
func (e *engine) drivers() []string {
	if e.podman() {
		return []string{"json-file", "journald"}
	}
	return []string{"json-file", "local", "journald"}
}

// shapes are the options of containers by log driver and terminal. Where there is no journal, that one is left out and said.
func (e *engine) shapes() map[string][]string {
	shapes := map[string][]string{}
	for _, driver := range e.drivers() {
		if driver == "journald" && !e.journald() {
			e.t.Log("without journald: there is no journal here")
			continue
		}
		shapes[driver] = []string{"--log-driver", driver}
		shapes[driver+"-tty"] = []string{"--log-driver", driver, "-t"}
	}
	return shapes
}

// TestNothingIsMissing starts containers again and again, and ends this program in both ways meanwhile.
func TestNothingIsMissing(t *testing.T) {
	const runs, lines = 4, 100
	b := newBench(t)
	var names, want []string
	for name, shape := range b.shapes() {
		names = append(names, b.create(name, shape, "/bin/sh", "/generate", strconv.Itoa(lines)))
		for _, line := range generated(runs, lines) {
			want = append(want, name+": "+line)
		}
	}
	cmd := b.start()
	for run := range runs {
		b.must(append([]string{"start"}, names...)...)
		switch run {
		case 1:
			b.end(cmd, syscall.SIGTERM)
			cmd = b.start()
		case 2:
			b.end(cmd, syscall.SIGKILL)
			cmd = b.start()
		}
		b.must(append([]string{"wait"}, names...)...)
	}
	eventually(t, "all lines came", func() bool { return len(b.alerts()) >= len(want) })
	b.end(cmd, syscall.SIGTERM)
	all := b.alerts()
	if len(all) != len(want) {
		t.Errorf("%d lines came, want %d", len(all), len(want))
	}
	for _, line := range want {
		if len(all[line]) != 1 {
			t.Errorf("%s: %d ids", line, len(all[line]))
		}
	}
	t.Logf("%d lines, %d requests", len(all), b.server.Len())
}
