package match

import (
	"math/rand"
	"regexp"
	"regexp/syntax"
	"testing"
)

func mustBuild(t *testing.T, expr string) (*nfa, *node) {
	t.Helper()
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	return newBuilder().expression(tree)
}

// TestAutomaton: a no is certain; on ASCII text and without loosened repetitions a yes is, too.
func TestAutomaton(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	lines := [][]byte{nil}
	for range 400 {
		lines = append(lines, mutate(rng))
	}
	for _, expr := range traps.exprs {
		re := regexp.MustCompile(expr)
		n, _ := mustBuild(t, expr)
		if n == nil {
			t.Fatalf("%q: no automaton", expr)
		}
		b := &budget{}
		d := newDFA(b, n, 0, ownBytes, false)
		multi := newDFA(b, merge([]*nfa{n}, func(int) int32 { return 7 }), 0, ownBytes, true)
		for _, line := range lines {
			b.work = 1 << 20
			want, got := re.Match(line), d.anywhere(b, line)
			if got == no && want {
				t.Errorf("%q on %q: lost", expr, line)
			}
			if got == yes && !want && n.exact && isASCII(line) {
				t.Errorf("%q on %q: invented", expr, line)
			}
			reported := false
			if !multi.all(b, line, func(id int32) { reported = id == 7 }) {
				t.Errorf("%q on %q: the shared automaton gave up", expr, line)
			}
			if reported != (got == yes) {
				t.Errorf("%q on %q: alone %v, shared %v", expr, line, got, reported)
			}
		}
	}
}

// TestPlaces: wherever an expression matches, the rest goes on from each of its planned places at some position.
func TestPlaces(t *testing.T) {
	rng := rand.New(rand.NewSource(4))
	for _, expr := range traps.exprs {
		n, root := mustBuild(t, expr)
		re := regexp.MustCompile(expr)
		p := newPlanner(newModel())
		p.plan(n)
		for _, pl := range []plan{p.literals(root, 4), p.windows(root)} {
			if !pl.ok() {
				continue
			}
			b := &budget{}
			d := newDFA(b, n, len(pl.required), ownBytes, false)
			for range 200 {
				line := mutate(rng)
				if n.foldsToASCII && hasFoldToASCII(line) || !re.Match(line) {
					continue
				}
				b.work = 1 << 20
				if !goesOn(d, b, pl, line) {
					t.Errorf("%q matches %q, but no place of %s leads to it", expr, line, pl.describe())
				}
			}
		}
	}
}

func goesOn(d *dfa, b *budget, pl plan, line []byte) bool {
	for i, n := range pl.required {
		for pos := range line {
			stands := n.literal != "" && pos+len(n.literal) <= len(line) && equalFold(line[pos:pos+len(n.literal)], n.literal) ||
				n.literal == "" && window{classes: n.window}.stands(line, pos)
			if !stands {
				continue
			}
			if v, _ := d.from(b, line, pos, i+1, n.entry); v != no {
				return true
			}
		}
	}
	return false
}
