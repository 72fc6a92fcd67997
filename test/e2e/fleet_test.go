package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// slowly bounds the waits for things that take a cooldown, on a machine that does much else.
const slowly = 90 * time.Second

// fleetConfig is what every node of the fleet runs. The key of the incident is the workload, which is the same on all of them.
const fleetConfig = `
store = "%[1]s/store.db"
[admin]
listen = "unix://%[1]s/admin.sock"
[docker]
containers = ["test=%[2]s"]
[egress]
allow = ["127.0.0.1/32"]
[fleet]
address   = ["%[3]s"]
namespace = "e2e"
node      = "%[4]s"
wait      = "10s"
grace     = "2s"
[[trigger]]
name = "ops"
url  = "%[5]s"
`

// member is one node of the fleet: a program of its own, with a store of its own.
type member struct {
	t    *testing.T
	name string
	url  string // of its administration
	feed func(lines ...string)
	api  *client.Client
	log  fmt.Stringer
}

func (m *member) ask(method, path string, body, into any) {
	m.t.Helper()
	if _, err := m.api.Do(m.t.Context(), client.Request{Method: method, Path: path, Body: body}, into); err != nil {
		m.t.Fatalf("%s: %s %s: %v\n%s", m.name, method, path, err, m.log)
	}
}

// stats returns the account of this node, and wants its sum to be right.
func (m *member) stats() (s adminapi.StatsResponse) {
	m.t.Helper()
	m.ask("GET", "/api/v1/stats", nil, &s)
	suppressed := int64(0)
	for _, hits := range s.Suppressed {
		suppressed += hits
	}
	if s.Hits != s.Alerts+suppressed+s.Pending {
		m.t.Errorf("%s: hits %d, alerts %d, suppressed %v, pending %d", m.name, s.Hits, s.Alerts, s.Suppressed, s.Pending)
	}
	return s
}

func (m *member) connect(dir string) {
	m.t.Helper()
	m.url = "unix://" + filepath.Join(dir, "admin.sock")
	await.That(m.t, slowly, m.name+" listens", func() bool { return listen.Find(m.url) != "" }, m.log)
	api, err := client.New(client.Options{URL: m.url, Token: listen.Find(m.url)})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(api.Close)
	m.api = api
}

// inFleet starts a Fluent Bit of the fleet. Its lines are records as Docker's fluentd driver sends them.
func inFleet(t *testing.T, binary, name string, config func(dir, name string) string) *member {
	t.Helper()
	s := single(t, "")
	s.instances[0] = map[string]string{"id": name, "config_file": writeFile(t, s.dir, "rules.toml", config(s.dir, name))}
	parsers := writeFile(t, s.dir, "parsers.conf", "[PARSER]\n    Name json\n    Format json\n")
	s.service = "    Parsers_File " + parsers
	input := filepath.Join(s.dir, "in.log")
	s.inputs = fmt.Sprintf("[INPUT]\n    Name tail\n    Tag docker.api\n    Path %s\n    Parser json\n    Read_From_Head On\n    Refresh_Interval 1\n", input)
	host := startFluentBit(t, binary, s)
	m := &member{t: t, name: name, log: host.log()}
	m.feed = func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			record, err := json.Marshal(map[string]string{
				"log": line, "source": "stderr", "container_id": strings.Repeat(name[len(name)-1:], 64), "container_name": "/shop-api-1",
				"com.docker.compose.project": "shop", "com.docker.compose.service": "api",
			})
			if err != nil {
				t.Fatal(err)
			}
			host.feed(string(record))
		}
	}
	m.connect(s.dir)
	return m
}

// follower starts docker-fluentbit run with a container that writes the lines it is given.
func follower(t *testing.T, label, name string, config func(dir, name string) string) (m *member, program string) {
	t.Helper()
	dir := t.TempDir()
	program = filepath.Join(dir, "docker-fluentbit")
	if out, err := exec.Command("go", "build", "-o", program, "../../docker-fluentbit").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	output := &await.Log{}
	run := exec.Command(program, "run", "-c", writeFile(t, dir, "rules.toml", config(dir, name)))
	run.Stdout, run.Stderr = output, output
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill() // the last that it is asked for
		_ = run.Wait()
	})
	container := exec.Command("docker", "run", "-i", "--rm", "--name", label, "--network", "none", "--label", "test="+label,
		"--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=api", label+":1", "/bin/cat")
	container.Stdout, container.Stderr = io.Discard, output
	lines, err := container.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := container.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = lines.Close()
		_ = exec.Command("docker", "rm", "-f", label).Run() // it may have ended
		_ = container.Wait()
	})
	m = &member{t: t, name: name, log: output, feed: func(texts ...string) {
		t.Helper()
		if _, err := io.WriteString(lines, strings.Join(texts, "\n")+"\n"); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}}
	m.connect(dir)
	return m, program
}

// catImage makes an image that holds busybox as cat, or skips the test.
func catImage(t *testing.T, label string) {
	t.Helper()
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers here: %v: %s", err, bytes.TrimSpace(out))
	}
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox here: install busybox-static")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "bin/cat", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	load := exec.Command("docker", "import", "-", label+":1")
	load.Stdin = &archive
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", label+":1").Run() })
}

// threeNodes starts two Fluent Bits with the plugin and one docker-fluentbit run, the last, as nodes of one fleet over a real server, with rules. It returns
// them once they know each other, with their receiver and the program.
func threeNodes(t *testing.T, rules string) (nodes []*member, hook *receiver.Server, program string) {
	t.Helper()
	binary := fluentBitBinary(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH: docker-fluentbit cannot be built")
	}
	label := fmt.Sprintf("fluentbit-trigger-fleet-%d", time.Now().UnixNano())
	catImage(t, label)
	engine, hook := redis.Start(t, nil), receiver.New(t)
	config := func(dir, name string) string {
		return fmt.Sprintf(fleetConfig, dir, label, engine.Addr, name, hook.URL("/")) + rules
	}
	standalone, program := follower(t, label, "node-c", config)
	nodes = []*member{inFleet(t, binary, "node-a", config), inFleet(t, binary, "node-b", config), standalone}
	await.That(t, slowly, "the nodes know each other", func() bool {
		for _, n := range nodes {
			var report adminapi.FleetResponse
			if n.ask("GET", "/api/v1/fleet", nil, &report); len(report.Members) != len(nodes) || !report.Up {
				return false
			}
		}
		return true
	}, standalone.log)
	return nodes, hook, program
}

// TestAFleetOfThree: one incident that all nodes see is one alert and a roll-up, and a silence that is made on one of them holds on all.
func TestAFleetOfThree(t *testing.T) {
	nodes, hook, program := threeNodes(t, `
[[rule]]
name     = "db-down"
keywords = ["connection refused"]
scope    = "fleet"
cooldown = "10s"
severity = "critical"
`)
	// Each node reads its first line before the others come, so that its own cooldown suppresses the rest.
	const each = 5
	for i := range each {
		for _, n := range nodes {
			n.feed(fmt.Sprintf("dial tcp 10.0.0.7:5432: connection refused, attempt %d", i))
		}
	}
	hits := func() (all int64) {
		for _, n := range nodes {
			all += n.stats().Hits
		}
		return all
	}
	reported := func() (all int64, kinds map[string]int, hosts map[string]bool) {
		kinds, hosts = map[string]int{}, map[string]bool{}
		seen := map[string]bool{}
		for _, a := range hook.Alerts() {
			if seen[a.ID] {
				continue
			}
			seen[a.ID] = true
			kinds[a.Kind]++
			all += int64(a.Count) + a.Suppressed.Total
			if a.Fleet == nil || a.Fleet.Engine != trigger.EngineOK || a.Source.Workload != "shop/api" {
				t.Errorf("%s %q of %s: %+v", a.Kind, a.Summary, a.Source.Workload, a.Fleet)
			} else if a.Kind == trigger.KindRollup {
				for _, host := range a.Fleet.Hosts {
					hosts[host] = true
				}
			}
		}
		return all, kinds, hosts
	}
	await.That(t, slowly, "the alerts report every hit", func() bool {
		all, _, _ := reported()
		return hits() == each*int64(len(nodes)) && all == each*int64(len(nodes))
	}, nodes[0].log, nodes[2].log)
	_, kinds, hosts := reported()
	if kinds[trigger.KindLog] != 1 || kinds[trigger.KindRollup] == 0 || len(hosts) != len(nodes) {
		t.Errorf("%v, roll-ups of %v", kinds, hosts)
	}

	out, err := exec.Command(program, "silences", "add", "--url", nodes[2].url, "--fleet", "--workload", "shop/*", "--for", "1h", "-m", "deploy").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	await.That(t, slowly, "all nodes have the silence", func() bool {
		for _, n := range nodes {
			var list adminapi.SilencesResponse
			if n.ask("GET", "/api/v1/silences", nil, &list); len(list.Silences) != 1 || list.Silences[0].Scope != "fleet" {
				return false
			}
		}
		return true
	})
	before := len(hook.Alerts())
	for _, n := range nodes {
		n.feed("dial tcp 10.0.0.7:5432: connection refused, in the silence")
	}
	for _, n := range nodes {
		await.That(t, slowly, n.name+" suppresses the hit", func() bool { return n.stats().Suppressed["silence"] == 1 }, n.log)
	}
	if after := len(hook.Alerts()); after != before {
		t.Errorf("%d alerts left in the silence", after-before)
	}
	out, err = exec.Command(program, "fleet", "status", "--url", nodes[2].url).CombinedOutput()
	if err != nil || strings.Count(string(out), "\nnode-") != len(nodes) || !strings.Contains(string(out), "keeper") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnAbsenceIsOfTheFleet: a line that one node after the other hears, each less often than the rule asks for, is not absent. Once nobody hears it, one alert
// reports its absence, and one its end, wherever it is heard.
func TestAnAbsenceIsOfTheFleet(t *testing.T) {
	nodes, hook, _ := threeNodes(t, `
[[rule]]
name     = "backup"
keywords = ["backup done"]
scope    = "fleet"
absent   = "15s"
severity = "error"
`)
	for _, n := range nodes {
		n.feed("the first line of the workload, from which on all nodes wait")
	}
	const every, rounds = 6 * time.Second, 8
	turn := time.NewTicker(every)
	defer turn.Stop()
	for i := range rounds {
		nodes[i%len(nodes)].feed("backup done")
		<-turn.C
	}
	if all := hook.Alerts(); len(all) > 0 {
		t.Fatalf("an alert though one of the nodes heard the line: %+v", all[0])
	}
	kind := func(word string) (n int) {
		for _, a := range hook.Alerts() {
			if a.Kind == word {
				n++
			}
		}
		return n
	}
	await.That(t, slowly, "the absence is reported", func() bool { return kind(trigger.KindAbsence) > 0 }, nodes[0].log, nodes[2].log)
	nodes[2].feed("backup done")
	await.That(t, slowly, "its end is reported", func() bool { return kind(trigger.KindResolved) > 0 }, nodes[0].log, nodes[2].log)
	all := hook.Alerts()
	if len(all) != 2 || all[0].Key != all[1].Key || all[0].Fleet == nil || all[0].Fleet.Engine != trigger.EngineOK || all[0].Source.Workload != "shop/api" {
		t.Errorf("%+v", all)
	}
}
