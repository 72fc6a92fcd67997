package docker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// collector is Fluent Bit with the plugin, which listens for Docker's fluentd driver. Every line is an alert.
type collector struct {
	t      *testing.T
	binary string
	plugin string
	dir    string
	port   int
	cmd    *exec.Cmd
	log    *pluginhost.Log
}

func newCollector(t *testing.T, target string) *collector {
	c := &collector{t: t, dir: t.TempDir(), log: pluginhost.NewLog()}
	var err error
	if c.binary, err = exec.LookPath("fluent-bit"); err != nil {
		t.Skip("no fluent-bit on PATH")
	}
	if c.plugin, err = pluginhost.BuildPlugin(c.dir, ""); err != nil {
		t.Skip(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.port = free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`service:
  flush: 1
  grace: 5
  daemon: off
  storage.path: %[1]s/storage
pipeline:
  inputs:
    - name: forward
      listen: 127.0.0.1
      port: %[2]d
      storage.type: filesystem
  outputs:
    - name: trigger
      match: '*'
      workers: 0
      retry_limit: no_limits
      store: %[1]s/store.db
      store_max_size: 4GiB
      store_max_pending: 2000000
      store_ids: 2000000
      limits.per_container.rate: 0/s
      rules: all
      rule.all.keywords: 'line '
      rule.all.cooldown: 0s
      egress.allow: 127.0.0.1/32
      triggers: ops
      trigger.ops.url: %[3]s
      trigger.ops.concurrency: 8
`, c.dir, c.port, target)
	if err := os.WriteFile(filepath.Join(c.dir, "fluent-bit.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill() // it may have ended
			_ = c.cmd.Wait()
		}
		if t.Failed() {
			text := c.log.String()
			t.Logf("Fluent Bit: %s", text[max(0, len(text)-4000):])
		}
	})
	return c
}

// start starts Fluent Bit, and waits until it listens.
func (c *collector) start() {
	c.t.Helper()
	c.cmd = exec.Command(c.binary, "-e", c.plugin, "-c", filepath.Join(c.dir, "fluent-bit.yaml"))
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "Fluent Bit listens", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
		if err != nil {
			return false
		}
		_ = conn.Close() // nothing was sent
		return true
	})
}

// stop ends Fluent Bit in order.
func (c *collector) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("Fluent Bit ended badly: %v", err)
	}
}

// tally counts the alerts about each line: requests, and different ids.
type tally struct {
	mu    sync.Mutex
	lines map[string]map[string]int // workload and text → id → requests
	total int
}

func (n *tally) add(r receiver.Request) {
	alerts, err := r.Alerts()
	if err != nil || !r.Accepted {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range alerts {
		line := a.Source.Workload + ": " + a.Message
		if n.lines[line] == nil {
			n.lines[line] = map[string]int{}
		}
		n.lines[line][a.ID]++
		n.total++
	}
}

func (n *tally) different() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.lines)
}

// TestFluentdDriverOverARestart has containers log through the fluentd driver, asynchronously and acknowledged, into Fluent Bit, which is
// stopped and started meanwhile. No line is missing. The containers live on: what one that ends leaves unsent, the driver of a dockerd that finds no
// listener drops.
func TestFluentdDriverOverARestart(t *testing.T) {
	containers, lines := 5, 400
	if os.Getenv(longEnv) != "" {
		containers, lines = 20, 50_000
	}
	e := theEngine(t)
	server := receiver.New(t)
	n := &tally{lines: map[string]map[string]int{}}
	server.Observe(n.add)
	c := newCollector(t, server.URL("/"))
	c.start()
	var names []string
	for i := range containers {
		names = append(names, e.create(fmt.Sprintf("fluentd%d", i), []string{
			"--log-driver", "fluentd", "--log-opt", fmt.Sprintf("fluentd-address=127.0.0.1:%d", c.port), "--log-opt", "fluentd-async=true",
			"--log-opt", "fluentd-request-ack=true", "--log-opt", "fluentd-sub-second-precision=true", "--log-opt", "tag=docker.{{.Name}}",
			"--log-opt", "labels=com.docker.compose.service",
		}, "/bin/sh", "-c", fmt.Sprintf("/bin/sh /generate %d %d 0.1; sleep 3600", lines, max(10, lines/40))))
	}
	e.must(append([]string{"start"}, names...)...)
	eventually(t, "a part of the lines came", func() bool { return n.different() >= containers*lines/10 })
	c.stop()
	before := n.different()
	if before == containers*lines {
		t.Fatal("all lines came before Fluent Bit was stopped: nothing was tried")
	}
	c.start()
	for got := n.different(); got < containers*lines; got = n.different() {
		eventually(t, "more lines came", func() bool { return n.different() > got })
	}
	c.stop()
	var missing, twice, ids []string
	for i := range containers {
		for _, text := range generated(1, lines) {
			line := fmt.Sprintf("fluentd%d: %s", i, text)
			seen := n.lines[line]
			requests := 0
			for _, times := range seen {
				requests += times
			}
			switch {
			case requests == 0:
				missing = append(missing, line)
			case len(seen) > 1:
				ids = append(ids, line)
			case requests > 1:
				twice = append(twice, line)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d lines are missing: %s …", len(missing), strings.Join(missing[:min(5, len(missing))], ", "))
	}
	if len(ids) > 0 {
		t.Errorf("%d lines came with several ids: %s …", len(ids), strings.Join(ids[:min(5, len(ids))], ", "))
	}
	t.Logf("%d lines, %d before the restart, %d requests, %d lines twice under one id", containers*lines, before, server.Len(), len(twice))
}
