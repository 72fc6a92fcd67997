package reliability

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/test/slow"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

var scratch string

func TestMain(m *testing.M) {
	if slow.Skipped() {
		return
	}
	var err error
	if scratch, err = os.MkdirTemp("", "fluentbit-trigger-reliability"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// binaries are compiled once for all tests.
type binaries struct{ host, plugin, cli string }

var build = sync.OnceValues(func() (b binaries, err error) {
	if b.host, err = pluginhost.BuildHost(scratch); err != nil {
		return b, err
	}
	if b.plugin, err = pluginhost.BuildPlugin(scratch, ""); err != nil {
		return b, err
	}
	b.cli = filepath.Join(scratch, "docker-fluentbit")
	root, err := pluginhost.Root()
	if err != nil {
		return b, err
	}
	cmd := exec.Command("go", "build", "-o", b.cli, "./docker-fluentbit")
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("go build ./docker-fluentbit: %w\n%s", err, text)
	}
	return b, nil
})

func built(t *testing.T) binaries {
	t.Helper()
	b, err := build()
	if errors.Is(err, pluginhost.ErrNoCompiler) {
		t.Skip(err)
	}
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a plugin host with what surrounds it.
type rig struct {
	t     *testing.T
	dir   string
	env   []string
	host  *pluginhost.Host
	parts int
}

func newRig(t *testing.T) *rig { return &rig{t: t, dir: t.TempDir()} }

// load starts a host with the plugin registered.
func (r *rig) load() {
	r.t.Helper()
	b := built(r.t)
	host, err := pluginhost.Start(b.host, pluginhost.Options{Env: r.env})
	must(r.t, err)
	r.t.Cleanup(host.Kill)
	r.host = host
	r.do("load", b.plugin)
	r.do("register")
}

// init starts an instance.
func (r *rig) init(id, config, store string) error {
	_, err := r.host.Do("init", id, "id="+id, "config_file="+config, "store="+store, "verbosity=debug")
	return err
}

// start starts a host with one instance, called one, that keeps its alerts in the file store.
func (r *rig) start(config, store string) {
	r.t.Helper()
	r.load()
	if err := r.init("one", config, store); err != nil {
		r.t.Fatalf("%v\n%s", err, r.log())
	}
}

func (r *rig) do(words ...string) pluginhost.Reply {
	r.t.Helper()
	reply, err := r.host.Do(words...)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log())
	}
	return reply
}

// feed hands lines to an instance as one chunk, once, and reports whether it was accepted.
func (r *rig) feed(id string, lines ...string) bool {
	r.t.Helper()
	reply := r.do("text", id, "test", r.part(lines))
	if reply.Int("error") > 0 {
		r.t.Fatalf("the host answers %v\n%s", reply, r.log())
	}
	return reply.Int("ok") == 1
}

func (r *rig) part(lines []string) string {
	r.t.Helper()
	r.parts++
	return r.write(fmt.Sprintf("part-%d.log", r.parts), strings.Join(lines, "\n")+"\n")
}

func (r *rig) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	must(r.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (r *rig) log() string {
	text := r.host.Log().String()
	if len(text) > 8000 {
		text = "…" + text[len(text)-8000:]
	}
	return text
}

// stop ends the host in good order and returns the totals of its last log line.
func (r *rig) stop() totals {
	r.t.Helper()
	r.do("exit")
	if err := r.host.Close(patience); err != nil {
		r.t.Errorf("the host ended badly: %v\n%s", err, r.log())
	}
	return totalsOf(r.t, r.host.Log().String())
}

// totals are the counters that an instance logs when it stops.
type totals map[string]int

var totalPattern = regexp.MustCompile(` ([a-z_]+)=([0-9]+)`)

func totalsOf(t *testing.T, log string) totals {
	t.Helper()
	at := strings.LastIndex(log, "] stopped ")
	if at < 0 {
		t.Fatalf("no totals in the log:\n%s", log)
	}
	line, _, _ := strings.Cut(log[at:], "\n")
	sum := totals{}
	for _, m := range totalPattern.FindAllStringSubmatch(line, -1) {
		sum[m[1]], _ = strconv.Atoi(m[2]) // digits only
	}
	return sum
}

// until waits until done is true.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	await.That(r.t, patience, what, done, r.host.Log())
}

// says waits until the log holds all texts.
func (r *rig) says(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		r.until("the log says "+text, func() bool { return strings.Contains(r.host.Log().String(), text) })
	}
}

// document is a configuration with one trigger, hook, to the server, and a rule whose every hit is an alert.
func document(server *receiver.Server) string {
	return fmt.Sprintf(`
[limits]
per_container = { rate = "0/s", burst = 1 }
[egress]
allow = ["127.0.0.1/32:%d"]
[delivery]
retry_min = "100ms"
retry_max = "500ms"
[[trigger]]
name = "hook"
url = %q
concurrency = 4
retries = 0
timeout = "2s"
[[rule]]
name = "boom"
keywords = ["boom"]
cooldown = "0s"
`, server.Port(), server.URL("/"))
}

// numbered makes lines out of a format and the numbers from begin up to end.
func numbered(format string, begin, end int) []string {
	lines := make([]string, 0, end-begin)
	for i := begin; i < end; i++ {
		lines = append(lines, fmt.Sprintf(format, i))
	}
	return lines
}

// expect waits until all lines arrived, and then wants each under one id, and no others.
func (r *rig) expect(server *receiver.Server, lines []string) {
	r.t.Helper()
	var ids map[string]map[string]int
	r.until("the alerts arrive", func() bool {
		ids = map[string]map[string]int{}
		for _, a := range server.Alerts() {
			if ids[a.Message] == nil {
				ids[a.Message] = map[string]int{}
			}
			ids[a.Message][a.ID]++
		}
		return len(ids) >= len(lines)
	})
	wrong := 0
	for _, line := range lines {
		if len(ids[line]) != 1 {
			wrong++
		}
		delete(ids, line)
	}
	if wrong > 0 || len(ids) > 0 {
		r.t.Errorf("of %d lines, %d did not arrive under one id, and %d other lines arrived", len(lines), wrong, len(ids))
	}
}
