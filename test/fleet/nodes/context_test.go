package nodes

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// withLines returns a group whose alerts wait for two lines after their hit.
func withLines(t *testing.T, e *memory.Engine) *group {
	g := newGroup(t, over(e))
	g.rules += "context = { before = 1, after = 2 }\n"
	return g
}

// after returns the lines after the hit of the alert that reports one, and how the engine answered.
func (g *group) after() (lines []string, answered string) {
	for _, a := range g.team.Alerts() {
		if a.Kind == trigger.KindLog && a.Context != nil {
			return a.Context.After, a.Fleet.Engine
		}
	}
	return nil, ""
}

// TestAnAlertWaitsForItsLinesAndItsAnswer: of two nodes one alert leaves, with the lines after its hit. It says that the engine answered.
func TestAnAlertWaitsForItsLinesAndItsAnswer(t *testing.T) {
	t.Parallel()
	for name, chunks := range map[string][][]string{
		"lines in the chunk of the hit": {{"calm", "boom", "one", "two", "three"}},
		"lines in a later one":          {{"calm", "boom", "one"}, {"two"}, {"three"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := withLines(t, memory.New(time.Now, 1000))
			for _, node := range []string{"a", "b"} {
				g.add(node)
			}
			for _, chunk := range chunks {
				for _, n := range g.nodes {
					n.flush(chunk...)
				}
			}
			kinds := g.untilReported()
			lines, answered := g.after()
			if kinds[trigger.KindLog] != 1 || !slices.Equal(lines, []string{"one", "two"}) || answered != trigger.EngineOK {
				t.Errorf("%v, lines %q, engine %q", kinds, lines, answered)
			}
			var held, alerts int64
			for _, n := range g.nodes {
				c := n.counts()
				held, alerts = held+c.Suppressed[engine.ReasonFleet], alerts+c.Alerts
				if c.Pending != 0 {
					t.Errorf("node %s: %+v", n.name, c)
				}
			}
			if held != 1 || alerts != 1 {
				t.Errorf("%d held, %d alerts", held, alerts)
			}
		})
	}
}

// TestAnAlertWithLinesLeavesWithoutAnAnswer: it has its lines, and says that it left alone.
func TestAnAlertWithLinesLeavesWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	e := memory.New(time.Now, 1000)
	e.Fail(errors.New("down"))
	g := withLines(t, e)
	n := g.add("a")
	n.flush("calm", "boom", "one")
	n.flush("two")
	g.untilReported()
	if lines, answered := g.after(); !slices.Equal(lines, []string{"one", "two"}) || answered != trigger.EngineAlone {
		t.Errorf("lines %q, engine %q", lines, answered)
	}
}

// TestLinesThatDoNotCome: the alert leaves with those that came. A node that is killed meanwhile asks after its start.
func TestLinesThatDoNotCome(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		g := withLines(t, memory.New(time.Now, 1000))
		n := g.add("a")
		n.flush("calm", "boom", "one")
		if c := n.counts(); c.Pending != 1 {
			t.Errorf("%+v", c)
		}
		if restarts {
			n.stop()
			n.start()
		}
		await.That(t, patience, "the alert arrives", func() bool { return len(g.team.Alerts()) == 1 })
		if a := g.team.Alerts()[0]; a.Kind != trigger.KindLog || !strings.HasPrefix(a.Message, "boom") || a.Fleet.Engine != trigger.EngineOK {
			t.Errorf("restarts %t: %+v", restarts, a)
		}
	}
}
