package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// inFluentBit is the plugin in the real host.
type inFluentBit struct {
	t       *testing.T
	cmd     *exec.Cmd
	output  *pluginhost.Log
	input   *os.File
	exited  chan struct{}
	waitErr error
}

var _ running = (*inFluentBit)(nil)

// reloaded is what Fluent Bit logs at the end of a hot reload.
const reloaded = "successful reload done"

// configuration writes fluent-bit.conf and returns its path and that of the file to feed.
func configuration(t *testing.T, s setup) (config, input string) {
	t.Helper()
	input = filepath.Join(s.dir, "in.log")
	for _, parameters := range s.instances {
		for _, value := range parameters {
			if strings.Contains(value, "\n") {
				return yaml(t, s, input), input
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[SERVICE]\n    Flush 0.2\n    Grace 2\n    Log_Level info\n    Hot_Reload On\n%s\n", s.service)
	if s.inputs != "" {
		b.WriteString(s.inputs)
	} else {
		fmt.Fprintf(&b, "[INPUT]\n    Name tail\n    Tag e2e\n    Path %s\n    DB %s\n    Read_From_Head On\n    Refresh_Interval 1\n",
			input, filepath.Join(s.dir, "tail.db"))
	}
	for _, parameters := range s.instances {
		fmt.Fprintf(&b, "[OUTPUT]\n    Name trigger\n    Match *\n    Workers %d\n", s.workers)
		for _, key := range sortedKeys(parameters) {
			fmt.Fprintf(&b, "    %s %s\n", key, parameters[key])
		}
	}
	return writeFile(t, s.dir, "fluent-bit.conf", b.String()), input
}

// yaml writes fluent-bit.yaml, in which a value may have several lines.
func yaml(t *testing.T, s setup, input string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "service:\n  flush: 0.2\n  grace: 2\n  log_level: info\n  hot_reload: on\npipeline:\n  inputs:\n")
	fmt.Fprintf(&b, "    - name: tail\n      tag: e2e\n      path: %s\n      db: %s\n      read_from_head: on\n      refresh_interval: 1\n",
		input, filepath.Join(s.dir, "tail.db"))
	b.WriteString("  outputs:\n")
	for _, parameters := range s.instances {
		b.WriteString("    - name: trigger\n      match: '*'\n      workers: 0\n")
		for _, key := range sortedKeys(parameters) {
			fmt.Fprintf(&b, "      %s: |\n", key)
			for line := range strings.Lines(parameters[key]) {
				fmt.Fprintf(&b, "        %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	return writeFile(t, s.dir, "fluent-bit.yaml", b.String())
}

// launchFluentBit starts Fluent Bit and does not ask whether it lives.
func launchFluentBit(t *testing.T, binary string, s setup, flags ...string) *inFluentBit {
	t.Helper()
	config, input := configuration(t, s)
	file, err := os.OpenFile(input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f := &inFluentBit{
		t: t, output: pluginhost.NewLog(), input: file, exited: make(chan struct{}),
		cmd: exec.Command(binary, append([]string{"-e", s.plugin, "-c", config}, flags...)...),
	}
	f.cmd.Env = append(os.Environ(), s.env...)
	f.cmd.Stdout, f.cmd.Stderr = f.output, f.output
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		f.waitErr = f.cmd.Wait()
		close(f.exited)
	}()
	t.Cleanup(func() {
		f.kill()
		_ = file.Close()
	})
	return f
}

func startFluentBit(t *testing.T, binary string, s setup) *inFluentBit {
	t.Helper()
	f := launchFluentBit(t, binary, s)
	if s.inputs == "" {
		eventually(t, f, "Fluent Bit tails its input", func() bool { return f.output.Count("inotify_fs_add()") > 0 || !f.alive() })
	}
	if !f.alive() {
		t.Fatalf("Fluent Bit ended: %v\n%s", f.waitErr, tail(f.output))
	}
	return f
}

func (f *inFluentBit) feed(lines ...string) {
	f.t.Helper()
	if _, err := f.input.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		f.t.Fatal(err)
	}
}

func (f *inFluentBit) reload() {
	f.t.Helper()
	before := f.output.Count(reloaded)
	if err := f.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, f, "the hot reload ends", func() bool {
		if !f.alive() {
			f.t.Fatalf("Fluent Bit ended at a hot reload: %v\n%s", f.waitErr, tail(f.output))
		}
		return f.output.Count(reloaded) > before
	})
}

// hup sends SIGCONT, which takes the same handler and reloads nothing.
func (f *inFluentBit) hup() {
	f.t.Helper()
	before := f.output.Count("SIGCONT")
	if err := f.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, f, "the signal is handled", func() bool { return f.output.Count("SIGCONT") > before })
}

func (f *inFluentBit) stop() time.Duration {
	f.t.Helper()
	start := time.Now()
	// An error means that it has ended already, which waitErr tells better.
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-f.exited:
	case <-ctx.Done():
		f.t.Fatalf("Fluent Bit did not end within %s of SIGTERM\n%s", patience, tail(f.output))
	}
	if f.waitErr != nil {
		f.t.Errorf("Fluent Bit ended badly: %v\n%s", f.waitErr, tail(f.output))
	}
	return time.Since(start)
}

func (f *inFluentBit) kill() {
	// An error means that it has ended already.
	_ = f.cmd.Process.Kill()
	<-f.exited
}

func (f *inFluentBit) alive() bool {
	select {
	case <-f.exited:
		return false
	default:
		return true
	}
}

func (f *inFluentBit) pid() int             { return f.cmd.Process.Pid }
func (f *inFluentBit) log() *pluginhost.Log { return f.output }
