package nodes

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestARateIsOfAllNodes: no node has as many hits as at_least asks for, and all together have. What is usual comes from lines that one node read late.
func TestARateIsOfAllNodes(t *testing.T) {
	t.Parallel()
	server := redis.Start(t, nil)
	g := newGroup(t, nil)
	g.rules = `[[rule]]
name = "boom"
pattern = 'boom'
scope = "fleet"
within = "1m"
rate = { above = "2x", than = "2m", at_least = 20 }
cooldown = "5s"
severity = "error"
`
	g.table, g.allow = strings.Replace(g.table, "127.0.0.1:1", server.Addr, 1), server.Addr
	for _, name := range []string{"a", "b", "c"} {
		g.add(name)
	}
	past := chunktest.Lines(lines(24)...)
	for i := range past {
		past[i].Time = time.Now().Add(time.Duration(10*i-300) * time.Second).UnixNano()
	}
	g.nodes[0].flushLines(past)
	await.That(t, patience, "the past is in the engine", func() bool {
		list, ok := server.Do("KEYS", "*:r:*").([]any)
		return ok && len(list) == 1
	})
	for _, n := range g.nodes {
		n.now(lines(12)...)
	}
	await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) == 1 })
	a := g.thresholdAlerts()[0]
	if a.Count != 0 || a.Suppressed.By["threshold"] != a.Suppressed.Total || a.Fleet.Reached < 20 || a.Rate == nil || a.Rate.Hits != a.Fleet.Reached || a.Rate.Usual < 1 ||
		a.Fleet.Engine != trigger.EngineOK || !strings.Contains(a.Summary, " on all nodes in 1m, usually ") {
		t.Errorf("%s: %+v, %+v, %+v", a.Summary, a, a.Fleet, a.Rate)
	}
	g.exact()
}

// fivePercent is a rule whose hits are a share of those of another one, and that one, which alerts nobody.
const fivePercent = `[[rule]]
name = "requests"
pattern = 'GET'
dry_run = true

[[rule]]
name = "boom"
pattern = 'boom'
scope = "fleet"
within = "1m"
ratio = ">5%"
of = "requests"
at_least = 100
cooldown = "5s"
severity = "error"
`

// requests returns lines of the other rule.
func requests(n int) (list []string) {
	for range n {
		list = append(list, "GET /")
	}
	return list
}

// TestARatioIsOfAllNodes: the requests are on two nodes, and the errors on a third one.
func TestARatioIsOfAllNodes(t *testing.T) {
	t.Parallel()
	thresholds(t, fivePercent, func(t *testing.T, g *group, _ func()) {
		g.nodes[0].now(requests(60)...)
		g.nodes[1].now(requests(60)...)
		await.That(t, patience, "the errors are more than 5% of the requests", func() bool {
			g.nodes[2].now("boom")
			return len(g.thresholdAlerts()) == 1
		})
		a := g.thresholdAlerts()[0]
		if a.Ratio == nil || a.Ratio.OfHits < 100 || a.Ratio.Hits*20 <= a.Ratio.OfHits || a.Fleet.Reached != a.Ratio.Hits || a.Fleet.Engine != trigger.EngineOK ||
			!strings.HasSuffix(a.Summary, "% of requests)") || !strings.Contains(a.Summary, " on all nodes in 1m, ") {
			t.Errorf("%s: %+v, %+v, %+v", a.Summary, a, a.Fleet, a.Ratio)
		}
		g.exact()
	})
}

// TestWithoutAnEngineANodeGoesByItsOwnRatio: the node that has both the requests and the errors alerts.
func TestWithoutAnEngineANodeGoesByItsOwnRatio(t *testing.T) {
	t.Parallel()
	thresholds(t, fivePercent, func(t *testing.T, g *group, fail func()) {
		fail()
		g.nodes[1].now(lines(3)...)
		g.nodes[0].now(requests(100)...)
		g.nodes[0].now(lines(6)...)
		await.That(t, patience, "a node alerts", func() bool { return len(g.thresholdAlerts()) > 0 })
		g.exact()
		list := g.thresholdAlerts()
		if a := list[0]; len(list) != 1 || a.Suppressed.Total != 6 || a.Fleet.Reached != 0 || a.Fleet.Engine != trigger.EngineAlone || !strings.HasSuffix(a.Summary, " (6 in 1m, 6% of requests)") {
			t.Errorf("%+v, %+v", a, a.Fleet)
		}
	})
}
