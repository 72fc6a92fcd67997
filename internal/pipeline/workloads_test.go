package pipeline

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/taps"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
)

// TestHitsByWorkloadAddUp evaluates several containers concurrently, with rules that alert, wait for lines, and suppress. The sums over the workloads
// equal the sums over the rules.
func TestHitsByWorkloadAddUp(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(around(1, 1) +
		"[[rule]]\nname = \"often\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n[[rule]]\nname = \"dry\"\npattern = \"boom 1\"\ndry_run = true\n")))
	defer b.stop(p)
	var wg sync.WaitGroup
	for side := range 4 {
		wg.Go(func() {
			for i := range 25 {
				if v := p.Flush(lines(fmt.Sprint("boom ", i), "quiet", fmt.Sprint("boom 1", side)), fmt.Sprintf("docker.web%d", side)); v != Accepted {
					t.Errorf("a chunk was %s", v)
				}
			}
		})
	}
	wg.Wait()
	var byWorkload, byRule workload.Counts
	all, other := p.Workloads()
	for i := range all {
		byWorkload.Add(&all[i].Counts)
		if n := all[i].Hits - all[i].Alerts - suppressed(&all[i].Counts); n != 0 {
			t.Errorf("%s: %d hits are neither alerts nor suppressed", all[i].Workload, n)
		}
	}
	byWorkload.Add(&other)
	s := p.Stats(t.Context())
	byRule.Lines = s.Engine.Lines
	for _, c := range s.Engine.Rules {
		byRule.Hits, byRule.Alerts = byRule.Hits+c.Hits, byRule.Alerts+c.Alerts+c.Pending
		for why, n := range c.Suppressed {
			byRule.Suppressed[why] += n
		}
	}
	if byWorkload != byRule || byRule.Hits == 0 || byRule.Suppressed[engine.ReasonCooldown] == 0 || byRule.Suppressed[engine.ReasonDryRun] == 0 {
		t.Errorf("by workload %+v, by rule %+v", byWorkload, byRule)
	}
}

func suppressed(n *workload.Counts) (sum int64) {
	for _, k := range n.Suppressed {
		sum += k
	}
	return sum
}

// TestTapsShowNoSecret opens a tap, and one whose filter looks for a secret.
func TestTapsShowNoSecret(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	defer b.stop(p)
	holding := func(text string) taps.Filter {
		return func(rec *engine.Record, _ []taps.Decision) bool { return strings.Contains(string(rec.Text), text) }
	}
	observer, closeTap := p.Taps().Open(holding("boom"))
	defer closeTap()
	guessing, closeGuessing := p.Taps().Open(holding("password=h"))
	defer closeGuessing()
	p.Flush(lines("boom password=hunter2"), "t")
	if one := <-observer.Records; one.Text != "boom password=[redacted:password]" {
		t.Errorf("the tap shows %q", one.Text)
	}
	if n := len(guessing.Records); n != 0 {
		t.Errorf("a tap that looks for a secret shows %d records", n)
	}
}

// TestTapsShowDecisions taps records that are evaluated concurrently. The decisions that the tap shows equal the engine's counters.
func TestTapsShowDecisions(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom") + "[[rule]]\nname = \"some\"\nkeywords = [\"boom\"]\ncooldown = \"1ms\"\n" +
		"[[rule]]\nname = \"few\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n")))
	defer b.stop(p)
	observer, closeTap := p.Taps().Open(func(_ *engine.Record, decisions []taps.Decision) bool { return len(decisions) > 0 })
	defer closeTap()
	const sides, each = 4, 50 // together less than a tap's queue
	var wg sync.WaitGroup
	for side := range sides {
		wg.Go(func() {
			for i := range each {
				chunk := make([]string, 0, 20)
				for range 19 {
					chunk = append(chunk, "quiet") // the tap leaves these out: they must not fill its queue
				}
				p.Flush(chunktest.Docker(chunktest.Lines(append(chunk, fmt.Sprint("boom ", i))...)...), fmt.Sprintf("docker.web%d", side))
			}
		})
	}
	wg.Wait()
	shown := map[string]map[string]int64{}
	for range sides * each {
		one := <-observer.Records
		for _, d := range one.Decisions {
			if shown[d.RuleID] == nil {
				shown[d.RuleID] = map[string]int64{}
			}
			shown[d.RuleID][d.Outcome]++
		}
	}
	if missed := observer.Missed.Load(); missed != 0 {
		t.Errorf("%d records were missed", missed)
	}
	for id, c := range p.Stats(t.Context()).Engine.Rules {
		if got := shown[id]; c.Hits != sides*each || got["alert"] != c.Alerts || got["cooldown"] != c.Suppressed[engine.ReasonCooldown] {
			t.Errorf("%s: the tap shows %v, the counters %+v", id, got, c)
		}
	}
}
