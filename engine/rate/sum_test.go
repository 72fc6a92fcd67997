package rate

import (
	"math/rand/v2"
	"testing"
)

// TestASumSaysWhatAPaceOfAllHitsSays: the hits come in any order, and are folded into the past whenever somebody does that.
func TestASumSaysWhatAPaceOfAllHitsSays(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		within, than := minute*(1+r.Int64N(5)), 10*minute*(1+r.Int64N(20))
		whole := New(within, than, t0)
		past := Past{First: whole.First, Head: whole.Head}
		listed := map[int64]int64{}
		now := t0
		for range 400 {
			now += r.Int64N(pick(r, whole.Slice/10, whole.Slice, 15*whole.Slice))
			for range r.IntN(5) {
				at := now - r.Int64N(pick(r, 1, whole.Slice, 30*whole.Slice))
				whole.Note(at)
				listed[whole.number(at)]++
			}
			whole.AdvanceTo(now)
			var counts []Counted
			for number, hits := range listed {
				counts = append(counts, Counted{Number: number, Hits: hits})
			}
			sum := Sum(whole.Slice, than, past, counts, whole.Head)
			if a, b := sum.Usual(), whole.Usual(); sum.Hits() != whole.Hits() || max(a-b, b-a) > 1 || sum.Learned() != whole.Learned() {
				t.Fatalf("seed %d: %d hits, usually %d, want %d and %d", seed, sum.Hits(), a, whole.Hits(), b)
			}
			if r.IntN(4) == 0 {
				var folded []Counted
				past, folded = sum.Fold(counts)
				for _, c := range folded {
					delete(listed, c.Number)
				}
				if len(listed) > Slices {
					t.Fatalf("seed %d: %d slices are listed after all others were folded", seed, len(listed))
				}
			}
		}
	}
}

func TestASharesSumHasRecentSlicesAlone(t *testing.T) {
	part, whole := SumShare([]Counted{{Number: 88, Hits: 1000, Others: 1000}, {Number: 89, Hits: 1, Others: 20}, {Number: 100, Hits: 2, Others: 30}}, 100)
	if part != 3 || whole != 50 {
		t.Errorf("%d of %d, want 3 of 50", part, whole)
	}
}
