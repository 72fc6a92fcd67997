package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// group is some nodes of one fleet, with one receiver.
type group struct {
	t       testing.TB
	dir     string
	team    *receiver.Server
	table   string // [fleet]
	rules   string
	allow   string // the engine's address
	connect fleetnode.Connect
	nodes   []*node
}

type node struct {
	*pipeline.Pipeline
	group  *group
	name   string
	stores *store.Registry
	hits   int64 // of earlier runs
}

// quick has short times, but long enough for a machine that does much else: nodes that flush at once are within one cooldown, and have their answer in time.
const quick = `
wait = "5s"
grace = "1s"
hand_over = "10s"
`

// newGroup returns a group without nodes.
func newGroup(t testing.TB, connect fleetnode.Connect) *group {
	g := &group{t: t, dir: t.TempDir(), team: receiver.New(t), connect: connect, allow: "127.0.0.1:1"}
	g.table = "[fleet]\naddress = [\"127.0.0.1:1\"]\nnamespace = \"test\"" + quick
	g.rules = "[[rule]]\nname = \"boom\"\npattern = 'boom'\nscope = \"fleet\"\ncooldown = \"5s\"\nseverity = \"error\"\n"
	return g
}

// over connects all nodes to one engine.
func over(e fleet.Engine) fleetnode.Connect {
	return func(*fleet.Settings, egress.Settings) (fleet.Engine, error) { return e, nil }
}

// add starts a node.
func (g *group) add(name string) *node {
	g.t.Helper()
	n := &node{group: g, name: name, stores: &store.Registry{}}
	g.nodes = append(g.nodes, n)
	n.start()
	g.t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	g := n.group
	g.t.Helper()
	text := fmt.Sprintf("store = %q\n%s\n%s\n[egress]\nallow = [%q, %q]\n[[trigger]]\nname = \"team\"\nurl = %q\n",
		filepath.Join(g.dir, n.name+".db"), g.rules, strings.Replace(g.table, "[fleet]\n", "[fleet]\nnode = \""+n.name+"\"\n", 1), g.team.Addr(), g.allow, g.team.URL("/team"))
	p, err := pipeline.New(pipeline.Options{
		ID: n.name, Sources: config.Sources{Inline: text}, Stores: n.stores, LogTo: g.t.Output(), Origin: n.name, Connect: g.connect,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	n.Pipeline = p
	p.Start()
}

func (n *node) stop() {
	n.group.t.Helper()
	if n.Pipeline == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n.hits += n.counts().Hits
	if err := n.Stop(ctx); err != nil {
		n.group.t.Error(err)
	}
	n.Pipeline = nil
}

func (n *node) flush(texts ...string) {
	n.group.t.Helper()
	n.flushLines(chunktest.Lines(texts...))
}

func (n *node) flushLines(lines []chunktest.Line) {
	n.group.t.Helper()
	if v := n.Flush(chunktest.DockerOf(strings.Repeat(n.name, 64)[:64], "shop-api-1", "shop", "api", lines...), "docker.api"); v != pipeline.Accepted {
		n.group.t.Fatalf("a chunk was %s", v)
	}
}

// counts returns the counts of all rules of the run, and wants their sum to be right.
func (n *node) counts() engine.RuleCounts {
	n.group.t.Helper()
	var sum engine.RuleCounts
	// A hit counts before it is decided about.
	await.That(n.group.t, patience, "all hits of node "+n.name+" are accounted for", func() bool {
		s := n.Stats(context.Background()).Engine
		sum = s.Total()
		return sum.Accounted() == sum.Hits
	})
	return sum
}

func (g *group) hits() (sum int64) {
	for _, n := range g.nodes {
		sum += n.hits
		if n.Pipeline != nil {
			sum += n.counts().Hits
		}
	}
	return sum
}

// reported returns the hits that the alerts at the receiver report, and how many alerts there are of each kind. Each alert counts once.
func (g *group) reported() (hits int64, kinds map[string]int) {
	kinds = map[string]int{}
	seen := map[string]bool{}
	for _, a := range g.team.Alerts() {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		kinds[a.Kind]++
		if a.Kind != trigger.KindSystem {
			hits += int64(a.Count) + a.Suppressed.Total
		}
	}
	return hits, kinds
}

// untilReported waits until the alerts report every hit.
func (g *group) untilReported() map[string]int {
	g.t.Helper()
	await.That(g.t, patience, "the alerts report all hits", func() bool {
		hits, _ := g.reported()
		return hits == g.hits()
	})
	_, kinds := g.reported()
	return kinds
}

func lines(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("boom %d", i))
	}
	return texts
}

// TestOneIncidentIsOneAlert: three nodes have the same incident, one alert leaves, and the roll-ups of the fleet report all other hits.
func TestOneIncidentIsOneAlert(t *testing.T) {
	t.Parallel()
	g := newGroup(t, over(memory.New(time.Now, 1000)))
	for _, name := range []string{"a", "b", "c"} {
		g.add(name)
	}
	for _, n := range g.nodes {
		n.flush(lines(10)...)
	}
	kinds := g.untilReported()
	if kinds[trigger.KindLog] != 1 || kinds[trigger.KindRollup] == 0 || g.hits() != 30 {
		t.Errorf("%v for %d hits", kinds, g.hits())
	}
	nodes := 0
	for _, a := range g.team.Alerts() {
		if a.Fleet == nil || a.Fleet.Engine != trigger.EngineOK || a.Fleet.Namespace != "test" || a.Source.Workload != "shop/api" || a.Key != g.team.Alerts()[0].Key {
			t.Errorf("%+v of %+v", a.Fleet, a)
		}
		if a.Kind == trigger.KindRollup {
			nodes = max(nodes, a.Fleet.Nodes)
			if !strings.Contains(a.Summary, "more on") || !strings.Contains(a.Summary, "boom") || a.Severity != "error" || a.Suppressed.By["fleet"]+a.Suppressed.By["cooldown"] != a.Suppressed.Total {
				t.Errorf("%+v", a)
			}
		}
	}
	if nodes < 2 {
		t.Errorf("no roll-up speaks for more than %d nodes", nodes)
	}
	var fleetSuppressed int64
	for _, n := range g.nodes {
		c := n.counts()
		fleetSuppressed += c.Suppressed[engine.ReasonFleet]
		if c.Pending != 0 {
			t.Errorf("node %s: %+v", n.name, c)
		}
	}
	if fleetSuppressed != 2 {
		t.Errorf("%d hits were suppressed because another node alerted, want 2", fleetSuppressed)
	}
}

// TestAnEngineThatFailsLeavesEachNodeAlone: all alert, say so, and no hit is lost.
func TestAnEngineThatFailsLeavesEachNodeAlone(t *testing.T) {
	t.Parallel()
	e := memory.New(time.Now, 1000)
	e.Fail(errors.New("down"))
	g := newGroup(t, over(e))
	for _, name := range []string{"a", "b", "c"} {
		g.add(name)
	}
	for _, n := range g.nodes {
		n.flush(lines(1)...)
	}
	if kinds := g.untilReported(); kinds[trigger.KindLog] != 3 {
		t.Errorf("%v", kinds)
	}
	for _, a := range g.team.Alerts() {
		if a.Fleet == nil || a.Fleet.Engine != trigger.EngineAlone {
			t.Errorf("%+v", a.Fleet)
		}
	}
}

// hanging is an engine whose claims hang until their context ends. It notes who calls.
type hanging struct {
	fleet.Engine
	mu     sync.Mutex
	stacks []string
	asked  chan struct{}
}

func (h *hanging) Claim(ctx context.Context, list []fleet.Claim) []fleet.Claimed {
	buf := make([]byte, 16<<10)
	buf = buf[:runtime.Stack(buf, false)]
	h.mu.Lock()
	h.stacks = append(h.stacks, string(buf))
	h.mu.Unlock()
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	out := make([]fleet.Claimed, len(list))
	for i := range out {
		out[i].Err = ctx.Err()
	}
	return out
}

// TestFlushDoesNotWaitForTheEngine: chunks are accepted while a claim hangs, and no goroutine that evaluates lines calls the engine. The alert leaves when it is due in
// the store.
func TestFlushDoesNotWaitForTheEngine(t *testing.T) {
	t.Parallel()
	h := &hanging{Engine: memory.New(time.Now, 1000), asked: make(chan struct{}, 1)}
	g := newGroup(t, over(h))
	n := g.add("a")
	n.flush("boom")
	<-h.asked
	for range 20 {
		n.flush("boom")
	}
	if c := n.counts(); c.Hits != 21 {
		t.Errorf("%+v", c)
	}
	await.That(t, patience, "the alert leaves alone", func() bool { return g.team.Len() > 0 })
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, stack := range h.stacks {
		if strings.Contains(stack, "pipeline.(*Pipeline).evaluate") || strings.Contains(stack, "pipeline.(*batch)") {
			t.Errorf("a goroutine that evaluates lines calls the engine:\n%s", stack)
		}
	}
}

// TestACandidateOfAnEarlierRunIsAskedAboutAgain, and leaves once.
func TestACandidateOfAnEarlierRunIsAskedAboutAgain(t *testing.T) {
	h := &hanging{Engine: memory.New(time.Now, 1000), asked: make(chan struct{}, 1)}
	g := newGroup(t, over(h))
	g.table = strings.Replace(g.table, `wait = "5s"`, `wait = "10s"`, 1)
	n := g.add("a")
	n.flush("boom")
	<-h.asked
	n.stop()
	if g.team.Len() != 0 {
		t.Fatal("it left before it was due")
	}
	g.connect = over(h.Engine)
	n.start()
	if kinds := g.untilReported(); kinds[trigger.KindLog] != 1 {
		t.Errorf("%v", kinds)
	}
	if a := g.team.Alerts()[0]; a.Fleet.Engine != trigger.EngineOK {
		t.Errorf("it left without an answer: %+v", a.Fleet)
	}
}

// TestARuleOfAFleetWithoutAFleet alerts at once, as a rule of the node does.
func TestARuleOfAFleetWithoutAFleet(t *testing.T) {
	g := newGroup(t, func(*fleet.Settings, egress.Settings) (fleet.Engine, error) {
		t.Error("an engine is connected to")
		return nil, errors.New("there is none")
	})
	g.table = ""
	n := g.add("a")
	n.flush(lines(1)...)
	if kinds := g.untilReported(); kinds[trigger.KindLog] != 1 {
		t.Errorf("%v", kinds)
	}
	if a := g.team.Alerts()[0]; a.Fleet != nil {
		t.Errorf("%+v", a.Fleet)
	}
	if stacks := fleetGoroutines(); stacks != "" {
		t.Errorf("a goroutine of the fleet runs:\n%s", stacks)
	}
}

// fleetGoroutines returns the stacks of all goroutines, if one of them is of the fleet.
func fleetGoroutines() string {
	buf := make([]byte, 1<<20)
	if stacks := string(buf[:runtime.Stack(buf, true)]); strings.Contains(stacks, "/internal/fleet") {
		return stacks
	}
	return ""
}

// TestAStoppedNodeLeavesNothing: neither a goroutine nor a connection, whether the engine answers or hangs.
func TestAStoppedNodeLeavesNothing(t *testing.T) {
	for name, hangs := range map[string]bool{"answers": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			server := redis.Start(t, nil)
			g := newGroup(t, nil)
			g.table = strings.Replace(g.table, "127.0.0.1:1", server.Addr, 1)
			g.allow = server.Addr
			n := g.add("a")
			n.flush(lines(3)...)
			await.That(t, patience, "its alert leaves", func() bool { return g.team.Len() == 1 })
			clients := func() int { return strings.Count(string(server.Do("CLIENT", "LIST").([]byte)), "\n") - 1 }
			if clients() == 0 {
				t.Error("the node has no connection")
			}
			if hangs {
				server.Hang()
				n.flush("boom while it hangs")
			}
			n.stop()
			if stacks := fleetGoroutines(); stacks != "" {
				t.Errorf("a goroutine of the fleet runs:\n%s", stacks)
			}
			server.Resume()
			redis.Until(t, "no connection is open", func() bool { return clients() == 0 })
		})
	}
}

// TestOverRedis runs one incident over a real server: no hit is lost when it goes away, and the nodes alert together again once it is back.
func TestOverRedis(t *testing.T) {
	t.Parallel()
	server := redis.Start(t, nil)
	g := newGroup(t, nil)
	g.table = strings.Replace(g.table, "127.0.0.1:1", server.Addr, 1)
	g.allow = server.Addr
	for _, name := range []string{"a", "b", "c"} {
		g.add(name)
	}
	for _, n := range g.nodes {
		n.flush(lines(5)...)
	}
	if kinds := g.untilReported(); kinds[trigger.KindLog] != 1 || kinds[trigger.KindRollup] == 0 {
		t.Errorf("%v", kinds)
	}
	server.Kill()
	for _, n := range g.nodes {
		n.flush("boom without an engine")
	}
	g.untilReported()
	alone := 0
	for _, a := range g.team.Alerts() {
		if a.Fleet.Engine == trigger.EngineAlone {
			alone++
		}
	}
	if alone != 3 {
		t.Errorf("%d alerts left alone, want one of each node", alone)
	}
}

// serve starts the administration of a node, and returns its client.
func (n *node) serve() *client.Client {
	t := n.group.t
	t.Helper()
	registry := admin.NewRegistry(admin.Options{Program: "test", Version: "1"})
	instance := &admin.Instance{Pipeline: n.Pipeline}
	if err := registry.Attach(instance); err != nil {
		t.Fatal(err)
	}
	socket := "unix://" + filepath.Join(n.group.dir, n.name+".sock")
	api, err := client.New(client.Options{URL: socket, Token: listen.Find(socket)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		api.Close()
		registry.Detach(instance)
		registry.Close()
	})
	return api
}

// TestTheFleetIsSeenAndChangedOverTheAPI: the report, a window that is closed, a silence of all nodes, and their refusal while the engine is away.
func TestTheFleetIsSeenAndChangedOverTheAPI(t *testing.T) {
	t.Parallel()
	e := memory.New(time.Now, 1000)
	g := newGroup(t, over(e))
	g.rules = strings.Replace(g.rules, `cooldown = "5s"`, `cooldown = "1h"`, 1)
	g.rules = fmt.Sprintf("[admin]\nlisten = \"unix://%s/a.sock\"\n", g.dir) + g.rules
	a := g.add("a")
	g.rules = g.rules[strings.Index(g.rules, "[[rule]]"):]
	b := g.add("b")
	api := a.serve()
	do := func(method, path string, body, into any) error {
		_, err := api.Do(t.Context(), client.Request{Method: method, Path: path, Body: body}, into)
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var report adminapi.FleetResponse
	await.That(t, patience, "both nodes are members", func() bool {
		must(do("GET", "/api/v1/fleet", nil, &report))
		return len(report.Members) == 2 && report.Up
	})
	if report.Namespace != "test" || report.Node != "a" || report.Error != "" || report.Members[1].Node != "b" {
		t.Errorf("%+v", report)
	}
	answer, err := api.Do(t.Context(), client.Request{Path: "/metrics"}, nil)
	must(err)
	for _, want := range []string{
		`fleet_unreported_hits{id="a"} 0`, `fleet_windows{id="a"} 0`, `fleet_circuit_open{id="a"} 0`, `fleet_roundtrip_seconds_bucket{id="a",le="0.5"}`,
	} {
		if text := string(answer.Body); !strings.Contains(text, want) || strings.Contains(text, `fleet_roundtrip_seconds_count{id="a"} 0`) {
			t.Errorf("no %s among the metrics, or no round trip", want)
		}
	}
	a.flush("boom 1")
	await.That(t, patience, "one alert leaves", func() bool { return g.team.Len() == 1 })
	var list adminapi.FleetWindowsResponse
	must(do("GET", "/api/v1/fleet/windows", nil, &list))
	if len(list.Windows) != 1 || list.Windows[0].Rule != "boom" || list.Windows[0].Workload != "shop/api" || list.Windows[0].Lead != "a" || list.Windows[0].Left <= 0 {
		t.Fatalf("%+v", list)
	}
	explain := func(workload string) adminapi.Explanation {
		t.Helper()
		var answer adminapi.ExplainResponse
		must(do("POST", "/api/v1/explain", adminapi.ExplainRequest{LogLine: adminapi.LogLine{Line: "boom 9", Workload: workload}}, &answer))
		if len(answer.Rules) != 1 {
			t.Fatalf("%+v", answer)
		}
		return answer.Rules[0]
	}
	says := func(x adminapi.Explanation, text string) {
		t.Helper()
		if !strings.Contains(strings.Join(x.Steps, "\n"), text) {
			t.Errorf("no %q in %q", text, x.Steps)
		}
	}
	x := explain("shop/api")
	if x.Fleet == nil || !x.Fleet.Held || x.Fleet.Window == nil || x.Fleet.Window.Lead != "a" || x.Fleet.Window.Key != list.Windows[0].Key || x.Why != "suppressed: cooldown" {
		t.Errorf("%+v", x)
	}
	says(x, "fleet: a alerted, and the incident cools down for ")
	if x = explain("shop/other"); x.Fleet == nil || x.Fleet.Held || x.Fleet.Window != nil || x.Why != "" {
		t.Errorf("%+v", x)
	}
	says(x, "fleet: no node has alerted, so the first that does leads")
	var closed adminapi.FleetCloseResponse
	must(do("POST", "/api/v1/fleet/windows/"+list.Windows[0].Key+"/close", nil, &closed))
	if !closed.Open {
		t.Error("the window was not open")
	}
	if x = explain("shop/api"); x.Fleet == nil || x.Fleet.Held || x.Why != "" {
		t.Errorf("%+v", x)
	}
	a.flush("boom 2")
	await.That(t, patience, "the next hit alerts", func() bool { return g.team.Len() == 2 })

	var made adminapi.Silence
	must(do("POST", "/api/v1/silences", adminapi.SilenceRequest{
		Scope: "fleet", Until: time.Now().Add(time.Hour), SilenceMatchers: adminapi.SilenceMatchers{Workload: "shop/*"},
	}, &made))
	in := func(n *node) bool {
		for _, s := range n.Silences().All() {
			if s.ID == made.ID && s.Fleet && s.Within(time.Now().UnixNano()) {
				return true
			}
		}
		return false
	}
	if !in(a) || made.Scope != "fleet" {
		t.Errorf("it is not in force where it was made: %+v", made)
	}
	await.That(t, patience, "the other node has the silence", func() bool { return in(b) })
	b.flush("boom 3")
	if c := b.counts(); c.Suppressed[engine.ReasonSilence] != 1 {
		t.Errorf("%+v", c)
	}
	// It holds on without the engine, and over a restart.
	e.Fail(errors.New("down"))
	if x = explain("other/api"); x.Fleet == nil || x.Fleet.Held || x.Fleet.Error == "" {
		t.Errorf("%+v", x)
	}
	says(x, "so the alert would leave by itself")
	b.stop()
	b.start()
	if !in(b) {
		t.Error("a restart ended the silence of the fleet")
	}
	err = do("POST", "/api/v1/silences", adminapi.SilenceRequest{
		Scope: "fleet", Until: time.Now().Add(time.Hour), SilenceMatchers: adminapi.SilenceMatchers{Workload: "other"},
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "this node alone") {
		t.Errorf("without an engine: %v", err)
	}
	must(do("GET", "/api/v1/fleet", nil, &report))
	if report.Error == "" || report.Node != "a" {
		t.Errorf("without an engine: %+v", report)
	}
	e.Fail(nil)
	must(do("DELETE", "/api/v1/silences/"+made.ID, nil, nil))
	if in(a) {
		t.Error("it is in force where it was ended")
	}
	await.That(t, patience, "the other node ends the silence", func() bool { return !in(b) })
	if err := do("POST", "/api/v1/silences", adminapi.SilenceRequest{
		Scope: "fleet", Every: []string{"daily 02:00-03:00"}, SilenceMatchers: adminapi.SilenceMatchers{Workload: "other"},
	}, nil); err == nil || !strings.Contains(err.Error(), "every") {
		t.Errorf("hours: %v", err)
	}
}

// TestAReloadPutsTheFleetInForce, and out of it again: alerts are asked about only in between, and none is lost.
func TestAReloadPutsTheFleetInForce(t *testing.T) {
	g := newGroup(t, over(memory.New(time.Now, 1000)))
	g.rules = strings.Replace(g.rules, `cooldown = "5s"`, `cooldown = "0s"`, 1)
	file := filepath.Join(g.dir, "rules.toml")
	write := func(table string) {
		t.Helper()
		text := fmt.Sprintf("store = %q\n%s\n%s\n[egress]\nallow = [%q, %q]\n[[trigger]]\nname = \"team\"\nurl = %q\n",
			filepath.Join(g.dir, "a.db"), g.rules, table, g.team.Addr(), g.allow, g.team.URL("/team"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	n := &node{group: g, name: "a", stores: &store.Registry{}}
	p, err := pipeline.New(pipeline.Options{
		ID: "a", Sources: config.Sources{Files: []string{file}}, Stores: n.stores, LogTo: t.Output(), Origin: "a", Connect: g.connect,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Pipeline, g.nodes = p, append(g.nodes, n)
	p.Start()
	t.Cleanup(n.stop)
	for i, table := range []string{"", g.table, strings.Replace(g.table, `grace = "1s"`, `grace = "2s"`, 1), ""} {
		write(table)
		if report := p.Reload(); !report.Applied || len(report.Problems) > 0 || len(report.Restart) > 0 {
			t.Fatalf("%+v", report)
		}
		if on := p.Fleet().Status(t.Context()).On; on != (table != "") {
			t.Fatalf("reload %d: the fleet is on: %v", i, on)
		}
		n.flush(fmt.Sprintf("boom %d", i))
		g.untilReported()
		last := g.team.Alerts()[g.team.Len()-1]
		if asked := last.Fleet != nil; asked != (table != "") {
			t.Errorf("reload %d: %+v", i, last.Fleet)
		}
	}
	// A broken table keeps the settings in force.
	write(strings.Replace(g.table, `"test"`, `"Test"`, 1))
	if report := p.Reload(); len(report.Problems) != 1 || p.Fleet().Status(t.Context()).On {
		t.Errorf("%+v", report)
	}
}

// TestExample runs the rules of examples/fleet on the nodes that its compose file names, over a server that is started with the arguments there.
func TestExample(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("../../../examples/fleet", name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal(read("compose.yaml"), &compose); err != nil {
		t.Fatal(err)
	}
	server := redis.Start(t, compose.Services["valkey"].Command[1:])
	g := newGroup(t, nil)
	g.allow = server.Addr
	table, rules, ok := strings.Cut(string(read("rules.toml")), "[[rule]]")
	if !ok || !strings.Contains(table, "valkey:6379") {
		t.Fatal("the example is another one: the test is to be adapted")
	}
	g.table = strings.Replace(table, "valkey:6379", server.Addr, 1)
	rules, destination, ok := strings.Cut(rules, "[[trigger]]")
	if !ok || !strings.Contains(destination, "OPS_WEBHOOK_URL") {
		t.Fatal("the example has no trigger with OPS_WEBHOOK_URL")
	}
	g.rules = "[[rule]]" + rules
	for name, service := range compose.Services {
		if name == "valkey" {
			continue
		}
		if _, set := service.Environment["OPS_WEBHOOK_URL"]; !set || !slices.Contains(service.Volumes, "./rules.toml:/etc/fluentbit-trigger/rules.toml:ro") {
			t.Errorf("%s: %+v", name, service)
		}
		g.add(name)
	}
	if len(g.nodes) != 2 {
		t.Fatalf("%d nodes, want 2", len(g.nodes))
	}
	for _, n := range g.nodes {
		n.flush("dial tcp 10.0.0.7:5432: connection refused")
	}
	await.That(t, patience, "one alert leaves, and the other node's hit is given", func() bool {
		var held int64
		for _, n := range g.nodes {
			held += n.counts().Suppressed[engine.ReasonFleet]
		}
		return held == 1 && g.team.Len() == 1
	})
	if a := g.team.Alerts()[0]; a.Rule != "db-down" || a.Fleet == nil || a.Fleet.Engine != trigger.EngineOK {
		t.Errorf("%+v", a)
	}
}
