package workload

import (
	"fmt"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// TestWorkloadsWithoutRoomAreOther adds more workloads than the table has room for, then evicts idle ones. Each line is counted exactly once, also
// while its workload is being evicted.
func TestWorkloadsWithoutRoomAreOther(t *testing.T) {
	m := &Table{}
	var one, two Tally
	source := func(i int) *engine.Source { return &engine.Source{Workload: fmt.Sprint("w", i)} }
	first := source(0)
	one.Count(m, first, 1, nil)
	one.Flush(m, 1)
	for i := 1; i < maxWorkloads; i++ {
		two.Count(m, source(i), 1+idleTime, nil)
	}
	two.Count(m, source(maxWorkloads), 1+idleTime, nil) // no workload is idle for long enough
	two.Flush(m, 1+idleTime)
	all, other := m.List()
	if len(all) != maxWorkloads || other.Lines != 1 {
		t.Fatalf("%d workloads, %d other lines", len(all), other.Lines)
	}
	one.Count(m, first, 2, nil) // pending while w0 is evicted
	two.Count(m, source(maxWorkloads+1), 2+idleTime, nil)
	two.Flush(m, 2+idleTime)
	if all, other = m.List(); len(all) != maxWorkloads || other.Lines != 2 || all[0].Workload != "w1" {
		t.Fatalf("%d workloads, the first is %s; %d other lines, want 2", len(all), all[0].Workload, other.Lines)
	}
	one.Flush(m, 3)
	if _, other = m.List(); other.Lines != 3 {
		t.Errorf("%d other lines, want 3: the pending one is lost", other.Lines)
	}
	for name := range m.entries {
		if name != "w1" {
			m.entries[name].last.Store(-idleTime)
		}
	}
	one.Count(m, first, 3, nil) // it comes back
	one.Flush(m, 3)
	all, other = m.List()
	var lines int64
	for i := range all {
		lines += all[i].Lines
	}
	if m.entries["w0"] == nil || lines+other.Lines != maxWorkloads+4 {
		t.Errorf("%d lines of %d workloads and %d others, want %d in all", lines, len(all), other.Lines, maxWorkloads+4)
	}
}
