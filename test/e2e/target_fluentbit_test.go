package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
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
	http    string // the address of Fluent Bit's HTTP server
	exited  chan struct{}
	waitErr error
}

var _ running = (*inFluentBit)(nil)

// stillReloading is what Fluent Bit logs when it refuses to reload because the last reload has not ended.
const stillReloading = "reloading in progress"

// configuration writes fluent-bit.conf and returns its path, that of the file to feed, and the address of its HTTP server.
func configuration(t *testing.T, s setup) (config, input, address string) {
	t.Helper()
	address = freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	input = filepath.Join(s.dir, "in.log")
	for _, parameters := range s.instances {
		for _, value := range parameters {
			if strings.Contains(value, "\n") {
				return yaml(t, s, input, host, port), input, address
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[SERVICE]\n    Flush 0.2\n    Grace 2\n    Log_Level info\n    Hot_Reload On\n    HTTP_Server On\n    HTTP_Listen %s\n    HTTP_Port %s\n%s\n",
		host, port, s.service)
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
	return writeFile(t, s.dir, "fluent-bit.conf", b.String()), input, address
}

// yaml writes fluent-bit.yaml, in which a value may have several lines.
func yaml(t *testing.T, s setup, input, host, port string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "service:\n  flush: 0.2\n  grace: 2\n  log_level: info\n  hot_reload: on\n  http_server: on\n  http_listen: %s\n  http_port: %s\n"+
		"pipeline:\n  inputs:\n", host, port)
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
	config, input, address := configuration(t, s)
	file, err := os.OpenFile(input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f := &inFluentBit{
		t: t, output: pluginhost.NewLog(), input: file, http: address, exited: make(chan struct{}),
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

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // its address was all that is needed
	return l.Addr().String()
}

// reloads returns how many hot reloads Fluent Bit has completed. ok is false while its HTTP server does not answer, as in the middle of one.
// No log line would do: versions before 4.1.1 print none at the end of a reload.
func (f *inFluentBit) reloads() (n int, ok bool) {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.http+"/api/v2/reload", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	request.Close = true // a connection that is kept would be one of the server that the next reload ends
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false
	}
	defer func() { _ = response.Body.Close() }() // it was read only
	var status struct {
		Count *int `json:"hot_reload_count"`
	}
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil || status.Count == nil {
		return 0, false
	}
	return *status.Count, true
}

func (f *inFluentBit) reload() {
	f.t.Helper()
	var before int
	f.awaitAlive("the HTTP server answers", func() (ok bool) { before, ok = f.reloads(); return ok })
	refused := f.output.Count(stillReloading)
	send := func() {
		if err := f.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			f.t.Fatal(err)
		}
	}
	send()
	f.awaitAlive("the hot reload ends", func() bool {
		// Fluent Bit counts a reload a moment before it accepts the next.
		if n := f.output.Count(stillReloading); n > refused {
			refused = n
			send()
		}
		n, ok := f.reloads()
		return ok && n > before
	})
}

// leaksPipes reports whether this version leaves pipes open at each hot reload, with its HTTP server and without any plugin: those before 5 do.
func (f *inFluentBit) leaksPipes() bool {
	return f.output.Count("Fluent Bit v3.") > 0 || f.output.Count("Fluent Bit v4.") > 0
}

// awaitAlive waits until done is true, and fails at once when Fluent Bit ends.
func (f *inFluentBit) awaitAlive(what string, done func() bool) {
	f.t.Helper()
	eventually(f.t, f, what, func() bool {
		if !f.alive() {
			f.t.Fatalf("%s: Fluent Bit ended: %v\n%s", what, f.waitErr, tail(f.output))
		}
		return done()
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
	// An error means that it has ended already, which waitErr reports better.
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
