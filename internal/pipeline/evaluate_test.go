package pipeline

import (
	"slices"
	"testing"
)

// TestFlushAllocatesNothingForALine: lines that no rule matches cost no allocation, from chunk to verdict; those of the chunk as a whole are few.
func TestFlushAllocatesNothingForALine(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	chunk := lines(slices.Repeat([]string{"GET /api/v1/orders/48213 200"}, 500)...)
	const most = 100
	// A garbage collection empties pools now and then, hence more than the four that there are.
	if allocs := testing.AllocsPerRun(50, func() { p.Flush(chunk, "docker.web") }); allocs > most {
		t.Errorf("%v allocations for a chunk of 500 lines, want at most %d", allocs, most)
	}
}
