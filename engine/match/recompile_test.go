package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRecompileMakesTheSameSet takes expressions over from sets that share some of them, in another order, and wants the filters, their costs and the
// matches of a set that was compiled from scratch.
func TestRecompileMakesTheSameSet(t *testing.T) {
	pool := []string{
		`panic: (?P<reason>.+)`, `(?i)out of memory`, `" 5\d\d `, `^ERROR`, `timeout after (\d+)ms$`, `a.*b.*c`, `[0-9a-f]{8}-[0-9a-f]{4}`, `x`, `(?i)kelvin`,
		`connection (refused|reset)`, `\bfatal\b`, `^$`, `.`, `[^ ]+@[^ ]+\.example\.com`, `disk (full|failure)`, `é+`,
	}
	lines := [][]byte{
		[]byte("panic: oh no"), []byte("Out Of Memory"), []byte(`GET / " 502 12`), []byte("ERROR timeout after 12ms"), []byte("aXbYc"), []byte("\u212Aelvin"), {},
		[]byte("fatal: connection reset by me@x.example.com, disk full"), []byte("4f1c9a0d-2b7e"), []byte("ééé"),
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	some := func() []string {
		var out []string
		for _, at := range rnd.Perm(len(pool))[:1+rnd.IntN(len(pool))] {
			out = append(out, pool[at])
		}
		return out
	}
	for round := range 50 {
		exprs, opt := some(), Options{NoWindows: round%5 == 0}
		fresh, err := Compile(exprs, opt)
		if err != nil {
			t.Fatal(err)
		}
		before, err := Compile(some(), Options{NoWindows: round%7 == 0})
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + round%3 { // also from a set that took over itself
			analyzer := NewAnalyzer(opt, before)
			for _, text := range some() { // also some that the set does without
				if err := analyzer.Analyze(text); err != nil {
					t.Fatal(err)
				}
			}
			if before, err = analyzer.Compile(exprs); err != nil {
				t.Fatal(err)
			}
		}
		for id := range exprs {
			if got, want := fmt.Sprint(before.Cost(id)), fmt.Sprint(fresh.Cost(id)); got != want {
				t.Errorf("round %d: %s costs %s, want %s", round, exprs[id], got, want)
			}
		}
		a, b := before.NewMatcher(), fresh.NewMatcher()
		for _, line := range lines {
			if got, want := a.Match(line, before.all, nil), b.Match(line, fresh.all, nil); !slices.Equal(got, want) {
				t.Errorf("round %d: %q matches %v, want %v", round, line, got, want)
			}
		}
	}
	if _, err := Recompile([]string{"a("}, Options{}, nil); err == nil {
		t.Error("an expression that is none is compiled")
	}
	if err := NewAnalyzer(Options{}, nil).Analyze("a("); err == nil {
		t.Error("an expression that is none is analysed")
	}
}
