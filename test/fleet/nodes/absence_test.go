package nodes

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

const backupDone = `[[rule]]
name = "backup"
pattern = 'backup done'
scope = "fleet"
absent = "4s"
severity = "error"
`

// kinds returns how many different alerts of a kind the receiver has.
func (g *group) kind(kind string) int {
	_, kinds := g.reported()
	return kinds[kind]
}

// TestALineThatMovesIsNotAbsent, and its absence is one alert of all nodes, as is its end, with one key. Without an engine a node that heard it goes on alone, and
// those that did not are silent.
func TestALineThatMovesIsNotAbsent(t *testing.T) {
	t.Parallel()
	thresholds(t, backupDone, func(t *testing.T, g *group, fail func()) {
		for _, n := range g.nodes {
			n.now("something else") // all wait for it
		}
		begun, last := time.Now(), time.Time{}
		for i := 0; ; {
			await.That(t, patience, "two seconds pass", func() bool { return time.Since(last) > 2*time.Second })
			if time.Since(begun) > 9*time.Second {
				break
			}
			last = time.Now()
			g.nodes[i%3].now("backup done") // each hears it every six seconds
			i++
		}
		if g.team.Len() > 0 {
			t.Fatalf("%+v", g.team.Alerts()[0])
		}
		await.That(t, patience, "the absence is reported", func() bool { return g.kind(trigger.KindAbsence) > 0 })
		g.nodes[1].now("backup done")
		await.That(t, patience, "its end is reported", func() bool { return g.kind(trigger.KindResolved) > 0 })
		list := g.team.Alerts()
		if len(list) != 2 || list[0].Key != list[1].Key || list[0].ID == list[1].ID || !list[0].Resolves || list[0].Fleet.Engine != trigger.EngineOK || list[0].Fleet.Nodes != 3 ||
			list[0].Severity != "error" || list[0].Source.Workload != "shop/api" || list[1].Incident.Alerts != 1 {
			t.Errorf("%+v", list)
		}
		fail()
		await.That(t, patience, "the node that heard it reports its absence", func() bool { return g.kind(trigger.KindAbsence) > 1 })
		await.That(t, patience, "and its end", func() bool {
			for _, n := range g.nodes { // whichever it was
				n.now("backup done")
			}
			return g.kind(trigger.KindResolved) > 1
		})
		for _, a := range g.team.Alerts()[2:] {
			if a.Fleet == nil || a.Fleet.Engine != trigger.EngineAlone || a.Key != list[0].Key {
				t.Errorf("%+v of %+v", a.Fleet, a)
			}
		}
	})
}
