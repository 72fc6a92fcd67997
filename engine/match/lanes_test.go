package match

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// TestLanes: a search in lanes finds what a search in one finds, whether or not it has states to build and room for them.
func TestLanes(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	exprs := append(slices.Clone(traps.exprs), matchtest.Rules(60)...)
	exprs = append(exprs, `a.*b.*c`, `(a|b)*abb`, `x[^y]*y[^x]*x`, `\b[0-9a-f]{32}\b`, `[a-z]+=[a-z]+`)
	var parts []*nfa
	for _, expr := range exprs {
		if n, _ := mustBuild(t, expr); n != nil && !n.anchored {
			parts = append(parts, n)
		}
	}
	type pair struct{ lanes, one *dfa }
	var pairs []pair
	b := &budget{}
	for some := range slices.Chunk(parts, 3) {
		for _, n := range append(some, merge(some, func(i int) int32 { return int32(i) })) {
			pairs = append(pairs, pair{newDFA(b, n, 0, sharedBytes, len(n.starts) > 1), newDFA(b, n, 0, sharedBytes, len(n.starts) > 1)})
		}
	}
	searched := 0
	for i := range 20_000 {
		p := pairs[i%len(pairs)]
		var line []byte
		for n := lanes*minLane + rng.Intn(400); len(line) < n; {
			line = append(line, mutate(rng)...)
		}
		p.lanes.lanes.useless, p.one.lanes.useless = false, true
		b.work = 1 << 20
		var got, want []int32
		var found, expected bool
		if p.one.multi {
			expected = p.one.all(b, line, func(id int32) { want = append(want, id) })
		} else {
			v := p.one.anywhere(b, line)
			expected, want = v != unknown, []int32{int32(v)}
		}
		if rng.Intn(4) == 0 { // too little to build much
			b.work = rng.Intn(1 << 12)
		}
		if p.lanes.multi {
			found = p.lanes.all(b, line, func(id int32) { got = append(got, id) })
		} else {
			v := p.lanes.anywhere(b, line)
			found, got = v != unknown, []int32{int32(v)}
		}
		if !found || !expected {
			continue
		}
		searched++
		slices.Sort(got)
		slices.Sort(want)
		if got, want = slices.Compact(got), slices.Compact(want); !slices.Equal(got, want) {
			t.Fatalf("%q: %v in lanes, %v in one", line, got, want)
		}
	}
	if searched < 10_000 {
		t.Errorf("only %d lines were searched to their end", searched)
	}
}

// TestLanesThatDoNotPay: where a match may go on for ever, no lane comes to the state of the one before, and the automaton gives lanes up.
func TestLanesThatDoNotPay(t *testing.T) {
	n, _ := mustBuild(t, `a.*b`)
	b := &budget{}
	d := newDFA(b, n, 0, ownBytes, false)
	line := slices.Repeat([]byte("acc"), 50)
	for range triedLanes {
		b.work = 1 << 20
		if d.anywhere(b, line) != no {
			t.Fatal("there is no b")
		}
	}
	// Each lane begins with a byte that makes it the same.
	if d.lanes.useless {
		t.Error("these lanes pay")
	}
	line = append([]byte("a"), slices.Repeat([]byte("c"), 150)...)
	for range 2 * triedLanes {
		d.anywhere(b, line)
	}
	if !d.lanes.useless {
		t.Error("these lanes do not pay, and are used")
	}
}
