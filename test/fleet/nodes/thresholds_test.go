package nodes

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// fiveOfAll is a rule that alerts at five hits of all nodes.
const fiveOfAll = `[[rule]]
name = "boom"
pattern = 'boom (?P<n>\w+)'
scope = "fleet"
count = 5
within = "1m"
cooldown = "5s"
severity = "error"
`

// thresholds runs a group of three nodes with a rule, over a model in memory or a real server.
func thresholds(t *testing.T, rules string, test func(t *testing.T, g *group, fail func())) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		e := memory.New(time.Now, 1000)
		g := newGroup(t, over(e))
		g.rules = rules
		for _, name := range []string{"a", "b", "c"} {
			g.add(name)
		}
		test(t, g, func() { e.Fail(errors.New("down")) })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		server := redis.Start(t, nil)
		g := newGroup(t, nil)
		g.rules, g.table, g.allow = rules, strings.Replace(g.table, "127.0.0.1:1", server.Addr, 1), server.Addr
		for _, name := range []string{"a", "b", "c"} {
			g.add(name)
		}
		test(t, g, server.Kill)
	})
}

// now flushes lines that were written now, as a threshold counts.
func (n *node) now(texts ...string) {
	n.group.t.Helper()
	lines := chunktest.Lines(texts...)
	for i := range lines {
		lines[i].Time = time.Now().UnixNano()
	}
	n.flushLines(lines)
}

// thresholdAlerts returns the alerts about a threshold that the receiver has, each once.
func (g *group) thresholdAlerts() (list []trigger.Alert) {
	seen := map[string]bool{}
	for _, a := range g.team.Alerts() {
		if a.Kind == trigger.KindThreshold && !seen[a.ID] {
			seen[a.ID] = true
			list = append(list, a)
		}
	}
	return list
}

// exact stops all nodes, and wants every hit to be reported by an alert, or to be in the state of its node.
func (g *group) exact() {
	g.t.Helper()
	var unreported int64
	for _, n := range g.nodes {
		n.stop()
		unreported += n.unreported()
	}
	hits, _ := g.reported()
	if hits+unreported != g.hits() {
		g.t.Errorf("%d hits: %d reported, %d unreported", g.hits(), hits, unreported)
	}
}

// unreported returns the hits that the saved state of a node holds, and those in its outbox.
func (n *node) unreported() (sum int64) {
	t := n.group.t
	t.Helper()
	set := store.DefaultSettings()
	set.Path = filepath.Join(n.group.dir, n.name+".db")
	s, err := n.stores.Open(t.Context(), store.Options{Settings: set})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	saved, err := s.LoadStates(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range saved {
		var key struct {
			Suppressed map[string]int64 `json:"suppressed"`
		}
		if strings.Contains(name, "key/") && json.Unmarshal(value, &key) != nil {
			t.Fatalf("%s: %s", name, value)
		}
		for _, hits := range key.Suppressed {
			sum += hits
		}
	}
	totals, err := s.FleetTotals(t.Context(), time.Now(), n.name)
	if err != nil {
		t.Fatal(err)
	}
	return sum + totals.Outbox + totals.Given - totals.Reported
}

// TestAThresholdIsOfAllNodes: hits of three nodes reach it together. One node alerts, and says how many they are.
func TestAThresholdIsOfAllNodes(t *testing.T) {
	t.Parallel()
	thresholds(t, fiveOfAll, func(t *testing.T, g *group, _ func()) {
		for _, n := range g.nodes {
			n.now("boom a", "boom b")
		}
		await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) == 1 })
		a := g.thresholdAlerts()[0]
		if a.Count != 0 || a.Suppressed.By["threshold"] != a.Suppressed.Total || a.Suppressed.Total != 2 || a.Fleet.Reached < 5 || a.Fleet.Engine != trigger.EngineOK ||
			a.Source.Workload != "shop/api" || !strings.Contains(a.Summary, "on all nodes in 1m: ") || a.Key != trigger.KeyOf("fleet", string(fleet.KeyOf("cooldown", "boom\x1fshop/api"))) {
			t.Errorf("%+v, %+v", a, a.Fleet)
		}
		g.exact()
	})
}

// TestWithoutAnEngineANodeGoesByItsOwnCount: one that has five hits alerts, and those with two do not.
func TestWithoutAnEngineANodeGoesByItsOwnCount(t *testing.T) {
	t.Parallel()
	thresholds(t, fiveOfAll, func(t *testing.T, g *group, fail func()) {
		fail()
		g.nodes[0].now(lines(5)...)
		for _, n := range g.nodes[1:] {
			n.now("boom a", "boom b")
		}
		await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) > 0 })
		g.exact()
		list := g.thresholdAlerts()
		if a := list[0]; len(list) != 1 || a.Suppressed.Total != 5 || a.Fleet.Reached != 0 || a.Fleet.Engine != trigger.EngineAlone || !strings.HasPrefix(a.Summary, "5 in 1m: ") {
			t.Errorf("%+v, %+v", a, a.Fleet)
		}
	})
}

// TestDifferentValuesAreOfAllNodes: those that several nodes see count once.
func TestDifferentValuesAreOfAllNodes(t *testing.T) {
	t.Parallel()
	thresholds(t, fiveOfAll+"distinct = \"capture.n\"\n", func(t *testing.T, g *group, _ func()) {
		for _, n := range g.nodes {
			n.now("boom a", "boom b", "boom c", "boom d")
		}
		await.That(t, patience, "all nodes have reported", func() bool { return g.hits() == 12 })
		if list := g.thresholdAlerts(); len(list) > 0 {
			t.Errorf("four values: %+v", list)
		}
		g.nodes[2].now("boom e")
		await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) == 1 })
		if a := g.thresholdAlerts()[0]; a.Fleet.Reached != 5 || a.Source.Container.ID == "" {
			t.Errorf("%+v, %+v", a, a.Fleet)
		}
		g.exact()
	})
}

// TestHitsWhileTheWindowIsOpenAreRolledUp: after the alert, hits that reach the threshold again are in a roll-up of the fleet, with those of other nodes.
func TestHitsWhileTheWindowIsOpenAreRolledUp(t *testing.T) {
	t.Parallel()
	thresholds(t, strings.Replace(fiveOfAll, "5s", "10s", 1), func(t *testing.T, g *group, _ func()) {
		g.nodes[0].now(lines(6)...)
		await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) == 1 })
		await.That(t, patience, "the alert is in the engine", func() bool { return g.nodes[0].counts().Pending == 0 })
		g.nodes[1].now(lines(8)...)
		await.That(t, patience, "a roll-up reports the hits of the other node", func() bool {
			_, kinds := g.reported()
			return kinds[trigger.KindRollup] > 0
		})
		g.exact()
		if list := g.thresholdAlerts(); len(list) != 1 {
			t.Errorf("%+v", list)
		}
	})
}

// TestThresholdsStayExact: nodes are stopped and started, and the engine fails and comes back, while hits come. Each hit is reported once, or unreported on its node.
func TestThresholdsStayExact(t *testing.T) {
	t.Parallel()
	e := memory.New(time.Now, 1000)
	g := newGroup(t, over(e))
	g.rules = strings.NewReplacer("5s", "1s", "count = 5", "count = 20").Replace(fiveOfAll)
	for _, name := range []string{"a", "b", "c"} {
		g.add(name)
	}
	random := rand.New(rand.NewPCG(1, 2))
	last := time.Time{}
	for step := range 60 {
		await.That(t, patience, "a quarter of a second passes", func() bool { return time.Since(last) > 250*time.Millisecond })
		last = time.Now()
		n := g.nodes[random.IntN(3)]
		switch random.IntN(8) {
		case 0:
			e.Fail(fleet.ErrUnreachable)
		case 1, 2:
			e.Fail(nil)
		case 3:
			n.stop()
			n.start()
		}
		for i := range random.IntN(8) {
			n.now(fmt.Sprintf("boom %d", 10*step+i))
		}
	}
	e.Fail(nil)
	await.That(t, patience, "nothing is on its way", func() bool {
		var outside int64
		for _, n := range g.nodes {
			s := n.Stats(t.Context())
			for _, tr := range s.Delivery.Triggers {
				outside += tr.Counts.Pending
			}
			outside += n.counts().Pending + s.Fleet.Totals.Outbox + s.Fleet.Totals.Given - s.Fleet.Totals.Reported
		}
		return outside == 0
	})
	if len(g.thresholdAlerts()) == 0 { // the hits of an open window are in roll-ups
		t.Error("no node has alerted")
	}
	g.exact()
}
