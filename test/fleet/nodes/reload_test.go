package nodes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// addFile starts a node whose settings are in a file, and returns it with a function that puts another table of the fleet in force.
func (g *group) addFile(name string) (n *node, reload func(table string)) {
	t := g.t
	t.Helper()
	file := filepath.Join(g.dir, name+".toml")
	write := func(table string) {
		t.Helper()
		text := fmt.Sprintf("store = %q\n%s\n%s\n[egress]\nallow = [%q, %q]\n[[trigger]]\nname = \"team\"\nurl = %q\n",
			filepath.Join(g.dir, name+".db"), g.rules, table, g.team.Addr(), g.allow, g.team.URL("/team"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(g.table)
	n = &node{group: g, name: name, stores: &store.Registry{}}
	p, err := pipeline.New(pipeline.Options{
		ID: name, Sources: config.Sources{Files: []string{file}}, Stores: n.stores, LogTo: t.Output(), Origin: name, Connect: g.connect,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Pipeline, g.nodes = p, append(g.nodes, n)
	p.Start()
	t.Cleanup(n.stop)
	return n, func(table string) {
		t.Helper()
		write(table)
		if report := p.Reload(); !report.Applied || len(report.Problems) > 0 {
			t.Fatalf("%+v", report)
		}
	}
}

// TestAReloadKeepsWhatIsAsked: a candidate that waits for an answer is asked about again with the new settings, and counts by that answer.
func TestAReloadKeepsWhatIsAsked(t *testing.T) {
	e := memory.New(time.Now, 1000)
	h := &hanging{Engine: e, asked: make(chan struct{}, 1)}
	connected := 0
	g := newGroup(t, nil)
	g.table = strings.Replace(g.table, `wait = "5s"`, `wait = "10s"`, 1)
	g.rules = strings.Replace(g.rules, `cooldown = "5s"`, `cooldown = "1h"`, 1)
	g.connect = over(e)
	g.add("b").flush("boom")
	await.That(t, patience, "the other node alerts", func() bool { return g.team.Len() == 1 })
	g.connect = func(*fleet.Settings, egress.Settings) (fleet.Engine, error) {
		if connected++; connected == 1 {
			return h, nil
		}
		return e, nil
	}
	a, reload := g.addFile("a")
	a.flush("boom")
	<-h.asked
	reload(strings.Replace(g.table, `grace = "1s"`, `grace = "2s"`, 1))
	await.That(t, patience, "it is decided", func() bool { return a.counts().Pending == 0 })
	if c := a.counts(); c.Suppressed[engine.ReasonFleet] != 1 || g.team.Len() != 1 {
		t.Errorf("%d alerts, %+v", g.team.Len(), c)
	}
}

// TestANodeThatLeavesItsFleetTakesNoSilenceAlong into another one.
func TestANodeThatLeavesItsFleetTakesNoSilenceAlong(t *testing.T) {
	engines := map[string]*memory.Engine{"test": memory.New(time.Now, 1000), "other": memory.New(time.Now, 1000)}
	engines["other"].Lose() // another epoch
	g := newGroup(t, func(s *fleet.Settings, _ egress.Settings) (fleet.Engine, error) { return engines[s.Namespace], nil })
	a, reload := g.addFile("a")
	made, _, err := a.Silences().Draft(engine.Silence{Matchers: engine.Matchers{Workload: "shop/*"}, Until: time.Now().Add(time.Hour).UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	form, err := silence.ToFleet(&made, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Fleet().PutSilence(t.Context(), form); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Silences().OfFleet(made.ID); !ok {
		t.Fatal("it is not in force")
	}
	reload(strings.Replace(g.table, `"test"`, `"other"`, 1))
	await.That(t, patience, "it ends", func() bool { _, ok := a.Silences().OfFleet(made.ID); return !ok })
	if s, err := engines["other"].Shared(t.Context()); err != nil || len(s.Silences) > 0 || a.Fleet().Status(t.Context()).Epochs > 0 {
		t.Errorf("the other fleet has it: %+v, %v", s, err)
	}
}
