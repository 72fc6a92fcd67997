package docker

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// patience bounds every wait. The machine may be busy with other things.
const patience = 3 * time.Minute

// generator writes, each time that it is started, as many lines as its argument says: "line RUN.NUMBER" in turn on both streams.
const generator = `run=$(cat /run-number 2>/dev/null || echo 0)
echo $((run+1)) > /run-number
i=1
while [ $i -le $1 ]; do
  if [ $((i%2)) = 0 ]; then echo "line $run.$i"; else echo "line $run.$i" >&2; fi
  i=$((i+1))
  [ $((i%50)) = 0 ] && sleep 0.1
done
exit 0
`

// bench is an image on the engine, the program, and a receiver.
type bench struct {
	t      *testing.T
	dir    string
	binary string
	label  string
	server *receiver.Server
	log    *os.File
	names  []string
}

func newBench(t *testing.T) *bench {
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers here: %v: %s", err, bytes.TrimSpace(out))
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox here: install busybox-static")
	}
	b := &bench{t: t, dir: t.TempDir(), server: receiver.New(t), label: fmt.Sprintf("fluentbit-trigger-test-%d", time.Now().UnixNano())}
	b.binary = filepath.Join(b.dir, "docker-fluentbit")
	b.command("go", "build", "-o", b.binary, "../../docker-fluentbit")
	b.image(busybox)
	if b.log, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("store = %q\n[docker]\ncontainers = [\"test=%s\"]\n[egress]\nallow = [\"127.0.0.1/32\"]\n[limits]\nper_container = "+
		"{ rate = \"0/s\", burst = 1 }\n[[trigger]]\nname = \"ops\"\nurl = %q\n[[rule]]\nname = \"all\"\nkeywords = [\"line \"]\ncooldown = \"0s\"\n",
		filepath.Join(b.dir, "store.db"), b.label, b.server.URL("/"))
	if err := os.WriteFile(filepath.Join(b.dir, "rules.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.clean)
	return b
}

// clean removes what the test left on the engine.
func (b *bench) clean() {
	for _, name := range b.names {
		_ = exec.Command("docker", "rm", "-f", name).Run() // it may be gone
	}
	_ = exec.Command("docker", "rmi", "-f", b.label+":1").Run()
	if b.t.Failed() {
		text, _ := os.ReadFile(b.log.Name())
		b.t.Logf("%s", text[max(0, len(text)-8000):])
	}
}

func (b *bench) command(name string, args ...string) string {
	b.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// image makes an image of busybox and the generator.
func (b *bench) image(busybox string) {
	program, err := os.ReadFile(busybox)
	if err != nil {
		b.t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			b.t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			b.t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755, Typeflag: tar.TypeReg}, program)
	for _, name := range []string{"sh", "cat", "sleep", "head", "tr"} {
		add(tar.Header{Name: "bin/" + name, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	add(tar.Header{Name: "generate", Mode: 0o755, Typeflag: tar.TypeReg}, []byte(generator))
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command("docker", "import", "-", b.label+":1")
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("docker import: %v\n%s", err, out)
	}
}

// create makes a container that runs a shell script with arguments.
func (b *bench) create(name string, options []string, command ...string) string {
	b.t.Helper()
	full := b.label + "-" + name
	b.names = append(b.names, full)
	args := append([]string{"create", "--name", full, "--network", "none", "--label", "test=" + b.label, "--label", "fluentbit-trigger.workload=" + name}, options...)
	b.command("docker", append(append(args, b.label+":1"), command...)...)
	return full
}

// start starts the program, and waits until it follows the engine.
func (b *bench) start() *exec.Cmd {
	b.t.Helper()
	before, _ := os.ReadFile(b.log.Name())
	cmd := exec.Command(b.binary, "run", "-c", filepath.Join(b.dir, "rules.toml"))
	cmd.Stderr, cmd.Stdout = b.log, b.log
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	b.eventually("the program follows the engine", func() bool {
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

func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not so within %s: %s", patience, what)
		}
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

// TestNothingIsMissing starts containers again and again, and ends this program in both ways meanwhile.
func TestNothingIsMissing(t *testing.T) {
	const runs, lines = 4, 100
	b := newBench(t)
	var names, want []string
	for _, shape := range [][]string{
		{"--log-driver", "json-file"}, {"--log-driver", "local"}, {"--log-driver", "json-file", "-t"}, {"--log-driver", "local", "-t"},
	} {
		name := strings.TrimPrefix(strings.Join(shape[1:], ""), "-")
		names = append(names, b.create(name, shape, "/bin/sh", "/generate", strconv.Itoa(lines)))
		for run := range runs {
			for i := 1; i <= lines; i++ {
				want = append(want, fmt.Sprintf("%s: line %d.%d", name, run, i))
			}
		}
	}
	cmd := b.start()
	for run := range runs {
		b.command("docker", append([]string{"start"}, names...)...)
		switch run {
		case 1:
			b.end(cmd, syscall.SIGTERM)
			cmd = b.start()
		case 2:
			b.end(cmd, syscall.SIGKILL)
			cmd = b.start()
		}
		b.command("docker", append([]string{"wait"}, names...)...)
	}
	b.eventually("all lines came", func() bool { return len(b.alerts()) >= len(want) })
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

// TestLongLines joins what the engine splits, and reads what was written while the program was away.
func TestLongLines(t *testing.T) {
	b := newBench(t)
	script := `for n in 16383 16384 16385 40000; do printf 'line %s ' $n; head -c $n /bin/busybox | tr -c x x; echo " end$n"; done`
	name := b.create("long", nil, "/bin/sh", "-c", script)
	b.end(b.start(), syscall.SIGTERM)
	b.command("docker", "start", name)
	b.command("docker", "wait", name)
	cmd := b.start()
	b.eventually("four lines came", func() bool { return len(b.alerts()) >= 4 })
	b.end(cmd, syscall.SIGTERM)
	if n := b.server.Len(); n != 4 {
		t.Errorf("%d alerts, want 4: a line was not joined, or came twice", n)
	}
}
