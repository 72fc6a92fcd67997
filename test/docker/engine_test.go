package docker

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sdk "github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/slow"
)

// patience bounds every wait. The machine may be busy with other things.
const patience = 3 * time.Minute

// longEnv turns on the tests that take minutes, or run an engine of their own.
const longEnv = "FLUENTBIT_TRIGGER_DOCKER_LONG"

func long(t *testing.T) {
	t.Helper()
	if os.Getenv(longEnv) == "" {
		t.Skipf("takes long: set %s=1", longEnv)
	}
}

// generator writes, each time that it is started, as many lines as its first argument says, "line RUN.NUMBER" in turn on both streams. Each
// time that it wrote as many as its second argument says, it sleeps for its third.
const generator = `run=$(cat /run-number 2>/dev/null || echo 0)
echo $((run+1)) > /run-number
i=1
while [ $i -le $1 ]; do
  if [ $((i%2)) = 0 ]; then echo "line $run.$i"; else echo "line $run.$i" >&2; fi
  i=$((i+1))
  [ $((i%${2:-50})) = 0 ] && sleep ${3:-0.1}
done
exit 0
`

// engine is a container engine with an image on it: that of this machine, or one of the test's own.
type engine struct {
	t     *testing.T
	host  string // as DOCKER_HOST; "": that of this machine
	label string

	dir   string // of an engine of the test's own
	flags []string
	run   *exec.Cmd
}

// theEngine returns the engine of this machine. The test is skipped when there is none.
func theEngine(t *testing.T) *engine {
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers here: %v: %s", err, bytes.TrimSpace(out))
	}
	e := &engine{t: t}
	e.prepare()
	return e
}

// ownEngine starts an engine of the test's own, which it may end as it likes. It needs root and dockerd.
func ownEngine(t *testing.T, flags ...string) *engine {
	if _, err := exec.LookPath("dockerd"); err != nil || os.Getuid() != 0 {
		t.Skip("no engine can be started here: that needs root and dockerd on PATH")
	}
	dir, err := os.MkdirTemp("", "fbt") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir, flags: flags, host: "unix://" + filepath.Join(dir, "docker.sock")}
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.remove)
	e.up()
	e.prepare()
	return e
}

// up starts an engine of the test's own, and waits until it answers. An engine without a bridge removes docker0, so it gets a network of its own, in which
// there is none of the machine's engine.
func (e *engine) up() {
	e.t.Helper()
	in := func(name string) string { return filepath.Join(e.dir, name) }
	log, err := os.OpenFile(in("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has it
	e.run = exec.Command("dockerd", append([]string{"--config-file", in("daemon.json"), "--data-root", in("data"), "--exec-root", in("exec"),
		"--pidfile", in("pid"), "-H", e.host, "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"}, e.flags...)...)
	e.run.Stdout, e.run.Stderr = log, log
	e.run.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := e.run.Start(); err != nil {
		e.t.Fatal(err)
	}
	eventually(e.t, "the engine answers", func() bool { return e.docker("info").Run() == nil })
}

// signal sends a signal to an engine of the test's own; after one that ends it, it waits for that.
func (e *engine) signal(s syscall.Signal) {
	e.t.Helper()
	if err := e.run.Process.Signal(s); err != nil {
		e.t.Fatal(err)
	}
	if s == syscall.SIGTERM || s == syscall.SIGKILL {
		_ = e.run.Wait() // ended by a signal
		// What a killed engine leaves names processes that are gone, though perhaps nobody has asked for their status.
		_ = os.Remove(filepath.Join(e.dir, "pid"))
		_ = os.Remove(filepath.Join(e.dir, "exec/containerd/containerd.pid"))
	}
}

// remove ends an engine of the test's own, and removes what it left.
func (e *engine) remove() {
	_ = e.run.Process.Signal(syscall.SIGCONT)
	_ = e.run.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = e.run.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = e.run.Process.Kill()
	}
	if e.t.Failed() {
		text, _ := os.ReadFile(filepath.Join(e.dir, "log"))
		e.t.Logf("the engine: %s", text[max(0, len(text)-3000):])
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], e.dir+"/") {
			_ = syscall.Unmount(f[1], syscall.MNT_DETACH)
		}
	}
	if err := os.RemoveAll(e.dir); err != nil {
		e.t.Logf("left behind: %v", err)
	}
}

// prepare makes the image, and removes everything at the end.
func (e *engine) prepare() {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		e.t.Skip("no busybox here: install busybox-static")
	}
	e.label = fmt.Sprintf("fluentbit-trigger-test-%d", time.Now().UnixNano())
	e.image(busybox)
	e.t.Cleanup(func() {
		if left := strings.Fields(e.must("ps", "-aq", "--filter", "label=test="+e.label)); len(left) > 0 {
			_ = e.docker(append([]string{"rm", "-f", "-v"}, left...)...).Run() // they may be gone
		}
		for _, image := range strings.Fields(e.must("images", "--format", "{{.Repository}}:{{.Tag}}", e.label)) {
			_ = e.docker("rmi", "-f", image).Run() // as above
		}
	})
}

// image makes an image of busybox and the generator.
func (e *engine) image(busybox string) {
	e.t.Helper()
	program, err := os.ReadFile(busybox)
	if err != nil {
		e.t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			e.t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			e.t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755, Typeflag: tar.TypeReg}, program)
	for _, name := range []string{"sh", "cat", "sleep", "head", "tr", "seq", "yes", "sed", "false"} {
		add(tar.Header{Name: "bin/" + name, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	add(tar.Header{Name: "generate", Mode: 0o755, Typeflag: tar.TypeReg}, []byte(generator))
	if err := w.Close(); err != nil {
		e.t.Fatal(err)
	}
	cmd := e.docker("import", "-", e.label+":1")
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		e.t.Fatalf("docker import: %v\n%s", err, out)
	}
}

// environment names the engine to programs.
func (e *engine) environment() []string {
	if e.host == "" {
		return os.Environ()
	}
	return append(os.Environ(), "DOCKER_HOST="+e.host)
}

// docker makes a call of Docker's command line.
func (e *engine) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = e.environment()
	return cmd
}

// must makes a call that has to succeed.
func (e *engine) must(args ...string) string {
	e.t.Helper()
	out, err := e.docker(args...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// options are those of docker create for a container of the test, whose workload is name.
func (e *engine) options(name string) []string {
	return []string{"--name", e.label + "-" + name, "--network", "none", "--label", "test=" + e.label, "--label", "com.docker.compose.service=" + name}
}

// create makes a container that runs a command.
func (e *engine) create(name string, options []string, command ...string) string {
	e.t.Helper()
	e.must(slices.Concat([]string{"create"}, e.options(name), options, []string{e.label + ":1"}, command)...)
	return e.label + "-" + name
}

// script makes a container that runs a shell script.
func (e *engine) script(name string, options []string, script string) string {
	e.t.Helper()
	return e.create(name, options, "/bin/sh", "-c", script)
}

// runs starts containers, and waits for their ends.
func (e *engine) runs(names ...string) {
	e.t.Helper()
	e.must(append([]string{"start"}, names...)...)
	e.must(append([]string{"wait"}, names...)...)
}

// podman reports whether the engine is Podman behind Docker's API.
func (e *engine) podman() bool {
	e.t.Helper()
	return strings.Contains(e.must("version", "--format", "{{range .Server.Components}}{{.Name}},{{end}}"), "Podman Engine")
}

// journald reports whether containers can log to a journal here.
func (e *engine) journald() bool {
	_, err := os.Stat("/run/systemd/journal/socket")
	return err == nil
}

// api returns a client of the engine, or of a proxy in front of it.
func (e *engine) api(host string) sdk.API {
	e.t.Helper()
	if host == "" {
		host = e.host
	}
	c, err := client.New(host)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = c.Close() })
	return c
}

// logPath returns where the engine keeps a container's log. The test is skipped where that cannot be reached.
func (e *engine) logPath(name string) string {
	e.t.Helper()
	path := e.must("inspect", "--format", "{{.LogPath}}", name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		e.t.Skipf("the engine's files cannot be reached here: %v", err)
	}
	_ = f.Close()
	return path
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	await.That(t, patience, what, holds)
}

// program builds docker-fluentbit once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "docker-fluentbit")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "docker-fluentbit")
	if out, err := exec.Command("go", "build", "-o", path, "../../docker-fluentbit").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if slow.Skipped() {
		return
	}
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // in the temporary folder
	}
	os.Exit(code)
}
