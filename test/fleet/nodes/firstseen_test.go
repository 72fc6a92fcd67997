package nodes

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestATemplateIsNewOnce: for all nodes together, also after the node that saw it first is gone. A template that is new alerts from whichever node.
func TestATemplateIsNewOnce(t *testing.T) {
	t.Parallel()
	rules := "[[rule]]\nname = \"boom\"\npattern = 'boom'\nscope = \"fleet\"\nfirst_seen = \"24h\"\ncooldown = \"1s\"\nseverity = \"error\"\n"
	thresholds(t, rules, func(t *testing.T, g *group, fail func()) {
		for i, n := range g.nodes {
			n.now("boom: disk of customer gone")
			await.That(t, patience, "the hit is decided about", func() bool { return n.counts().Hits == 1 && n.counts().Pending == 0 })
			if c := n.counts(); (i == 0) != (c.Alerts == 1) || (i == 0) == (c.Suppressed[engine.ReasonKnown] == 1) {
				t.Errorf("node %s: %+v", n.name, c)
			}
		}
		g.nodes[1].now("boom: another one")
		await.That(t, patience, "the new template alerts", func() bool { return g.team.Len() == 2 })
		if a := g.team.Alerts()[1]; a.Suppressed.By["known"] != 1 || a.Fleet.Engine != trigger.EngineOK {
			t.Errorf("%+v", a)
		}
		fail()
		g.nodes[2].now("boom: a third one")
		await.That(t, patience, "a node alone alerts for what it has not seen", func() bool { return g.team.Len() == 3 })
		if a := g.team.Alerts()[2]; a.Fleet.Engine != trigger.EngineAlone {
			t.Errorf("%+v", a)
		}
		g.exact()
	})
}
