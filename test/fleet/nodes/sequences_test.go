package nodes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// loginAfterFailure is a rule that alerts for a login after a failure of the same user, on whichever nodes.
const loginAfterFailure = `[[rule]]
name = "failed"
pattern = 'failed (?P<who>\w+)'
dry_run = true

[[rule]]
name = "login"
pattern = 'login (?P<who>\w+)'
scope = "fleet"
after = "failed"
within = "1m"
by = ["capture.who"]
cooldown = "1h"
`

// backupEnds is a rule that alerts for a backup that no node saw the end of.
const backupEnds = `[[rule]]
name = "begun"
pattern = 'begin (?P<id>\w+)'
scope = "fleet"
without = "ended"
within = "WITHIN"
by = ["capture.id"]
severity = "error"

[[rule]]
name = "ended"
pattern = 'end (?P<id>\w+)'
dry_run = true
`

// at flushes a line that was written at a time.
func (n *node) at(when time.Time, text string) {
	n.group.t.Helper()
	lines := chunktest.Lines(text)
	lines[0].Time = when.UnixNano()
	n.flushLines(lines)
}

// alertsOf returns the alerts of a kind that the receiver has, each once.
func (g *group) alertsOf(kind string) (list []trigger.Alert) {
	seen := map[string]bool{}
	for _, a := range g.team.Alerts() {
		if a.Kind == kind && !seen[a.ID] {
			seen[a.ID] = true
			list = append(list, a)
		}
	}
	return list
}

// TestASequenceIsOfAllNodes: the first part on one node, the second on another. Only the user whose login failed alerts, and one node alerts.
func TestASequenceIsOfAllNodes(t *testing.T) {
	t.Parallel()
	thresholds(t, loginAfterFailure, func(t *testing.T, g *group, _ func()) {
		g.nodes[1].now("login bob", "login eve")
		g.nodes[0].now("failed ann")
		g.nodes[2].now("login bob", "login ann")
		await.That(t, patience, "a node alerts", func() bool { return len(g.alertsOf(trigger.KindLog)) == 1 })
		a := g.alertsOf(trigger.KindLog)[0]
		if a.Rule != "login" || a.Count != 0 || a.Message != "login ann" || a.Suppressed.By["sequence"] != 2 || a.Fleet.Engine != trigger.EngineOK ||
			a.Key != trigger.KeyOf("fleet", string(fleet.KeyOf("cooldown", "login\x1fshop/api"))) {
			t.Errorf("%+v, %+v", a, a.Fleet)
		}
		g.nodes[1].now("login ann") // within the cooldown, which the fleet has
		await.That(t, patience, "its alert is withdrawn", func() bool { return g.nodes[1].Stats(t.Context()).Fleet.Claims["held"] == 1 })
		g.exact()
		if list := g.alertsOf(trigger.KindLog); len(list) != 1 {
			t.Errorf("%+v", list)
		}
	})
}

// TestTheFirstPartMayBeReadLater: the node of the second part asks again.
func TestTheFirstPartMayBeReadLater(t *testing.T) {
	t.Parallel()
	thresholds(t, loginAfterFailure, func(t *testing.T, g *group, _ func()) {
		before := time.Now()
		g.nodes[1].now("login ann")
		await.That(t, patience, "a second passes", func() bool { return time.Since(before) > time.Second })
		g.nodes[0].at(before.Add(-time.Second), "failed ann")
		await.That(t, patience, "a node alerts", func() bool { return len(g.alertsOf(trigger.KindLog)) == 1 })
		g.exact()
	})
}

// TestWithoutTheFirstPartNobodyAlerts, however many hits there are; the questions about them are few.
func TestWithoutTheFirstPartNobodyAlerts(t *testing.T) {
	t.Parallel()
	thresholds(t, loginAfterFailure, func(t *testing.T, g *group, _ func()) {
		g.nodes[0].now("failed bob")
		begun := time.Now()
		for _, n := range g.nodes {
			for range 20 {
				n.now(strings.Split(strings.Repeat("login ann,", 100)+"login eve", ",")...)
			}
		}
		await.That(t, patience, "all questions were answered", func() bool { return time.Since(begun) > fleet.Unordered+time.Second })
		g.exact()
		if list := g.team.Alerts(); len(list) > 0 || g.hits() != 1+3*20*101 {
			t.Errorf("%d hits, %+v", g.hits(), list)
		}
	})
}

// TestWithoutAnEngineANodeGoesByItsOwnSequences: both parts on one node alert, two nodes do not know of each other.
func TestWithoutAnEngineANodeGoesByItsOwnSequences(t *testing.T) {
	t.Parallel()
	thresholds(t, loginAfterFailure, func(t *testing.T, g *group, fail func()) {
		fail()
		g.nodes[0].now("failed ann", "failed bob")
		g.nodes[1].now("login bob")
		g.nodes[0].now("login ann")
		await.That(t, patience, "a node alerts", func() bool { return len(g.alertsOf(trigger.KindLog)) == 1 })
		g.exact()
		if list := g.alertsOf(trigger.KindLog); len(list) != 1 || list[0].Count != 1 || list[0].Message != "login ann" || list[0].Fleet.Engine != trigger.EngineAlone {
			t.Errorf("%+v", list)
		}
	})
}

// TestAWaitIsOfAllNodes: what one node began, another one ends. What none ends is one alert, with the line that began it.
func TestAWaitIsOfAllNodes(t *testing.T) {
	t.Parallel()
	thresholds(t, strings.Replace(backupEnds, "WITHIN", "3s", 1), func(t *testing.T, g *group, _ func()) {
		g.nodes[0].now("begin a", "begin b")
		g.nodes[1].now("begin b")
		g.nodes[2].now("end a")
		await.That(t, patience, "the wait in vain is reported", func() bool { return len(g.alertsOf(trigger.KindMissing)) > 0 })
		begun := time.Now()
		await.That(t, patience, "no other one is", func() bool { return time.Since(begun) > 3*time.Second })
		g.exact()
		list := g.alertsOf(trigger.KindMissing)
		if a := list[0]; len(list) != 1 || a.Rule != "begun" || a.Message != "begin b" || a.Summary != "no ended for 3s after: begun in shop/api: begin b" || a.Count != 0 ||
			a.Severity != "error" || a.Fleet.Engine != trigger.EngineOK || a.Key != trigger.KeyOf("fleet", string(fleet.KeyOf("sequence", "begun\x1fb"))) {
			t.Errorf("%+v, %+v", list, a.Fleet)
		}
	})
}

// TestManyWaitsEndElsewhere: of backups that begin on one node and end on another, only those are reported that did not end.
func TestManyWaitsEndElsewhere(t *testing.T) {
	t.Parallel()
	thresholds(t, strings.Replace(backupEnds, "WITHIN", "4s", 1), func(t *testing.T, g *group, _ func()) {
		var begins, ends []string
		for i := range 300 {
			begins = append(begins, fmt.Sprint("begin x", i))
			if i%100 != 0 {
				ends = append(ends, fmt.Sprint("end x", i))
			}
		}
		g.nodes[0].now(begins...)
		g.nodes[1].now(ends[:150]...)
		g.nodes[2].now(ends[150:]...)
		await.That(t, patience, "three are reported", func() bool { return len(g.alertsOf(trigger.KindMissing)) >= 3 })
		g.exact()
		if list := g.alertsOf(trigger.KindMissing); len(list) != 3 {
			t.Errorf("%d alerts: %+v", len(list), list)
		}
	})
}
