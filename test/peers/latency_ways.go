package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// errNotHere says that a program is not on this machine.
var errNotHere = errors.New("it is not here")

// way is how lines come to the rules.
type way struct {
	short, name string
	containers  bool // records say which container wrote them, so that the lines of a stack trace are joined
	bare        bool // Fluent Bit's own output http sends the same chunks
	start       func(s stage) (*source, error)
}

// stage is what a way needs: a folder of its own and the receiver.
type stage struct {
	options
	dir, url, port string
}

// source takes lines, to a program that sends alerts about them.
type source struct {
	write func(container int, text string) error
	stop  func() // may be called twice
	log   func() []byte
	store string // the program's
}

// ways are those that are measured, in the order of the table.
func ways(o options) (all []way) {
	for _, flush := range []string{"1", "0.1"} {
		all = append(all, way{short: "tail", name: "tail, flush " + flush, bare: true, start: func(s stage) (*source, error) { return s.tail(flush) }})
	}
	for _, flush := range []string{"1", "0.1"} {
		all = append(all, way{
			short: "forward", name: "forward, flush " + flush, containers: true, bare: true, start: func(s stage) (*source, error) { return s.forward(flush) },
		})
	}
	return append(all, way{short: "run", name: "docker-fluentbit run", containers: true, start: stage.docker})
}

func portOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Port()
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// rules writes the configuration: each line alerts, and no limit holds one back. The trigger is as by default.
func (s *stage) rules(more string) (path string, err error) {
	path = s.path("rules.toml")
	text := fmt.Sprintf("store = %q\n%s[egress]\nallow = [\"127.0.0.0/8\"]\n[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n"+
		"[[trigger]]\nname = \"peers\"\nurl = %q\n[[rule]]\nname = \"orders\"\npattern = 'order \\d{6}'\ncooldown = \"0s\"\n", s.path("store.db"), more, s.url+"/alert")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// program starts a program, and returns a source whose stop ends it in good order.
func (s *stage) program(cmd *exec.Cmd) (*source, error) {
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait() // its log says how it went
	})
	return &source{stop: stop, log: log.copy, store: s.path("store.db")}, nil
}

// fluentBit starts Fluent Bit with an input, and with two outputs for the same chunks: the plugin and its own http.
func (s *stage) fluentBit(flush, input string) (*source, error) {
	binary, err := exec.LookPath("fluent-bit")
	if err != nil {
		return nil, fmt.Errorf("%w: fluent-bit on PATH", errNotHere)
	}
	plugin, err := filepath.Abs(s.plugin)
	if err != nil {
		return nil, err
	}
	rules, err := s.rules("[records]\njoin = \"on\"\n") // as docker-fluentbit run does by default
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("[SERVICE]\n    Flush %s\n    Grace 2\n    Log_Level warn\n[INPUT]\n%s[OUTPUT]\n    Name trigger\n    Match *\n    Config_File %s\n"+
		"[OUTPUT]\n    Name http\n    Match *\n    Host 127.0.0.1\n    Port %s\n    URI /bare\n    Format json_lines\n", flush, input, rules, s.port)
	if err := os.WriteFile(s.path("fluent-bit.conf"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s.program(exec.Command(binary, "-c", s.path("fluent-bit.conf"), "-e", plugin))
}

// tail has Fluent Bit follow a file. Its lines name no container.
func (s stage) tail(flush string) (*source, error) {
	file, err := os.OpenFile(s.path("app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	out, err := s.fluentBit(flush, fmt.Sprintf("    Name tail\n    Path %s\n    Read_From_Head On\n", file.Name()))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	out.write = func(_ int, text string) error {
		_, err := io.WriteString(file, text+"\n")
		return err
	}
	return out, nil
}

// forward sends records as Docker's log driver fluentd does, over one connection.
func (s stage) forward(flush string) (*source, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	out, err := s.fluentBit(flush, fmt.Sprintf("    Name forward\n    Listen 127.0.0.1\n    Port %d\n", port))
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	out.write = func(container int, text string) error {
		if conn == nil {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				return err
			}
			conn = c
		}
		record := chunktest.M("container_id", fmt.Sprintf("%064x", container+1), "container_name", fmt.Sprintf("/shop-%d", container), "source", "stdout", "log", text)
		_, err := conn.Write(chunktest.Append(nil, []any{"docker", chunktest.EventTime(time.Now().UnixNano()), record}))
		return err
	}
	return out, nil
}

// docker starts containers that print the lines of a named pipe each, and docker-fluentbit run, which follows them.
func (s stage) docker() (*source, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("%w: busybox (busybox-static)", errNotHere)
	}
	if _, err := command("docker", "info"); err != nil {
		return nil, fmt.Errorf("%w: a Docker engine: %w", errNotHere, err)
	}
	label := fmt.Sprintf("fluentbit-trigger-peers-%d", time.Now().UnixNano())
	remove := func() { removeContainers(label) }
	pipes, err := s.containers(busybox, label)
	if err != nil {
		remove()
		return nil, err
	}
	rules, err := s.rules(fmt.Sprintf("[docker]\ncontainers = [\"peers=%s\"]\n", label))
	if err != nil {
		remove()
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		remove()
		return nil, err
	}
	out, err := s.program(exec.Command(s.cli, "run", "-c", rules, "--listen", fmt.Sprintf("127.0.0.1:%d", port)))
	if err != nil {
		remove()
		return nil, err
	}
	stop := out.stop
	out.stop = sync.OnceFunc(func() { stop(); remove() })
	out.write = func(container int, text string) error {
		_, err := io.WriteString(pipes[container], text+"\n")
		return err
	}
	return out, nil
}

// containers starts them, and returns the pipes that they read.
func (s *stage) containers(busybox, label string) (pipes []*os.File, err error) {
	if err := importImage(busybox, label); err != nil {
		return nil, err
	}
	for c := range 1 + quietContainers {
		path := s.path(fmt.Sprintf("pipe-%d", c))
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return nil, err
		}
		pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for reading, too: the container's end may open later
		if err != nil {
			return nil, err
		}
		pipes = append(pipes, pipe)
		if out, err := command("docker", "run", "-d", "--network", "none", "--label", "peers="+label, "-v", s.dir+":/pipes", label, "/bin/cat", fmt.Sprintf("/pipes/pipe-%d", c)); err != nil {
			return nil, fmt.Errorf("docker run: %w\n%s", err, out)
		}
	}
	return pipes, nil
}

// importImage makes an image of busybox alone.
func importImage(busybox, name string) error {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = errors.Join(
		w.WriteHeader(&tar.Header{Name: "bin/cat", Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(program))}),
		func() error { _, err := w.Write(program); return err }(),
		w.Close(),
	)
	if err != nil {
		return err
	}
	cmd := exec.Command("docker", "import", "-", name)
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker import: %w\n%s", err, out)
	}
	return nil
}

// removeContainers removes all that carry the label, and the image of that name.
func removeContainers(label string) {
	if out, err := command("docker", "ps", "-aq", "--filter", "label=peers="+label); err == nil && out != "" {
		_, _ = command("docker", append([]string{"rm", "-f", "-v"}, strings.Fields(out)...)...) // what is left has the label
	}
	_, _ = command("docker", "rmi", "-f", label) // likewise
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	return l.Addr().(*net.TCPAddr).Port, nil
}

// lockedBuffer takes the output of a program while others read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) copy() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}
