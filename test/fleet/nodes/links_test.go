package nodes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// TestALinkSilencesTheFleet uses the link of an alert of the fleet on the node that sent it: the incident is silenced on the other node, too, and no other one is.
// Without an answer of the engine nothing changes, and the link can be used again.
func TestALinkSilencesTheFleet(t *testing.T) {
	t.Parallel()
	e := memory.New(time.Now, 1000)
	g := newGroup(t, over(e))
	g.rules = "[admin]\npublic_url = \"https://alerts.example.com\"\n" + strings.Replace(g.rules, `cooldown = "5s"`, "cooldown = \"5s\"\nrollup = false\ncooldown_by = [\"workload\", \"template\"]", 1)
	a, b := g.add("a"), g.add("b")
	a.flush("boom in the database")
	await.That(t, patience, "the alert leaves", func() bool { return g.team.Len() == 1 })
	alert := g.team.Alerts()[0]
	token, ok := strings.CutPrefix(alert.Links.Silence, "https://alerts.example.com/silence#")
	if !ok || alert.Fleet == nil {
		t.Fatalf("%+v", alert)
	}
	e.Fail(errors.New("down"))
	if _, err := a.UseLink(t.Context(), token); err == nil {
		t.Error("silenced without an answer")
	}
	e.Fail(nil)
	await.That(t, patience, "the engine answers again", func() bool {
		_, err := a.UseLink(t.Context(), token)
		return err == nil
	})
	if _, err := a.UseLink(t.Context(), token); !errors.Is(err, pipeline.ErrLinkUsed) {
		t.Errorf("used again: %v", err)
	}
	await.That(t, patience, "the other node has the silence", func() bool {
		all := b.Silences().All()
		return len(all) == 1 && all[0].Fleet && all[0].Key == alert.Key && all[0].Author == "link"
	})
	b.flush("boom in the database")
	if c := b.counts(); c.Suppressed[engine.ReasonSilence] != 1 {
		t.Errorf("%+v", c)
	}
	b.flush("boom in the cache")
	await.That(t, patience, "another incident alerts", func() bool { return g.team.Len() == 2 })
}
