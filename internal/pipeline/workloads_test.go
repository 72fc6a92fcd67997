package pipeline

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// TestHitsByWorkloadAddUp feeds containers at once, through rules that alert, wait for lines, and hold back, and wants the sums over the workloads to be
// those over the rules.
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
	var byWorkload, byRule WorkloadCounts
	met, other := p.Workloads()
	for i := range met {
		byWorkload.Add(&met[i].WorkloadCounts)
		if n := met[i].Hits - met[i].Alerts - held(&met[i].WorkloadCounts); n != 0 {
			t.Errorf("%s: %d hits are neither alerts nor held back", met[i].Workload, n)
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

func held(n *WorkloadCounts) (sum int64) {
	for _, k := range n.Suppressed {
		sum += k
	}
	return sum
}

// TestWorkloadsWithoutRoomAreOther has more workloads come than there is room for, then makes room for one of those that were left out. No line is
// counted twice, and none is left out, whoever made room.
func TestWorkloadsWithoutRoomAreOther(t *testing.T) {
	p := &Pipeline{}
	m := &p.workloads
	var one, two workloadTally
	source := func(i int) *engine.Source { return &engine.Source{Workload: fmt.Sprint("w", i)} }
	first := source(0)
	one.note(m, first, 1, nil)
	one.flush(m, 1)
	for i := 1; i < maxWorkloads; i++ {
		two.note(m, source(i), 1+idleTime, nil)
	}
	two.note(m, source(maxWorkloads), 1+idleTime, nil) // nothing is idle for long enough
	two.flush(m, 1+idleTime)
	all, other := p.Workloads()
	if len(all) != maxWorkloads || other.Lines != 1 {
		t.Fatalf("%d workloads, %d other lines", len(all), other.Lines)
	}
	one.note(m, first, 2, nil) // under way while it makes room
	two.note(m, source(maxWorkloads+1), 2+idleTime, nil)
	two.flush(m, 2+idleTime)
	if all, other = p.Workloads(); len(all) != maxWorkloads || other.Lines != 2 || all[0].Workload != "w1" {
		t.Fatalf("%d workloads, the first is %s; %d other lines, want 2", len(all), all[0].Workload, other.Lines)
	}
	one.flush(m, 3)
	if _, other = p.Workloads(); other.Lines != 3 {
		t.Errorf("%d other lines, want 3: what was under way is lost", other.Lines)
	}
	for name := range m.workloads {
		if name != "w1" {
			m.workloads[name].last.Store(-idleTime)
		}
	}
	one.note(m, first, 3, nil) // it comes back
	one.flush(m, 3)
	all, other = p.Workloads()
	var lines int64
	for i := range all {
		lines += all[i].Lines
	}
	if m.workloads["w0"] == nil || lines+other.Lines != maxWorkloads+4 {
		t.Errorf("%d lines of %d workloads and %d others, want %d in all", lines, len(all), other.Lines, maxWorkloads+4)
	}
}

// TestTapsTellWhatWasDecided taps records that are evaluated at once, and wants what is told of them to be what was counted.
func TestTapsTellWhatWasDecided(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom") + "[[rule]]\nname = \"some\"\nkeywords = [\"boom\"]\ncooldown = \"1ms\"\n" +
		"[[rule]]\nname = \"few\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n")))
	defer b.stop(p)
	tap, closeTap := p.OpenTap(func(_ *engine.Record, decisions []TapDecision) bool { return len(decisions) > 0 })
	defer closeTap()
	const sides, each = 4, 50 // what the tap's queue holds
	var wg sync.WaitGroup
	for side := range sides {
		wg.Go(func() {
			for i := range each {
				chunk := make([]string, 0, 20)
				for range 19 {
					chunk = append(chunk, "quiet") // which the tap does not want, and is not to be short of room for
				}
				p.Flush(chunktest.Docker(chunktest.Lines(append(chunk, fmt.Sprint("boom ", i))...)...), fmt.Sprintf("docker.web%d", side))
			}
		})
	}
	wg.Wait()
	told := map[string]map[string]int64{}
	for range sides * each {
		one := <-tap.Records
		for _, d := range one.Decisions {
			if told[d.RuleID] == nil {
				told[d.RuleID] = map[string]int64{}
			}
			told[d.RuleID][d.Outcome]++
		}
	}
	if missed := tap.Missed.Load(); missed != 0 {
		t.Errorf("%d records were missed", missed)
	}
	for id, c := range p.Stats(t.Context()).Engine.Rules {
		if got := told[id]; c.Hits != sides*each || got["alert"] != c.Alerts || got["cooldown"] != c.Suppressed[engine.ReasonCooldown] {
			t.Errorf("%s: the tap tells %v, the counters %+v", id, got, c)
		}
	}
}
