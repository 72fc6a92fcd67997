package backtest

import (
	"math/rand"
	"testing"
)

// TestAnAxisLosesNothing: every count is in the bucket of its time, in whatever order counts arrive.
func TestAnAxisLosesNothing(t *testing.T) {
	for seed := range int64(300) {
		rng := rand.New(rand.NewSource(seed))
		var a axis
		r := a.newRow()
		span := int64(1) << rng.Intn(40)
		var seconds []int64
		for range 1 + rng.Intn(300) {
			s := rng.Int63n(span) - span/2
			seconds = append(seconds, s)
			a.add(r, s, 1)
		}
		late := a.newRow() // a row may be added later
		a.add(late, seconds[0], 5)
		want := make([]int64, maxBuckets)
		for _, s := range seconds {
			at := (s - a.start) / a.width
			if s < a.start || at >= int64(a.used) {
				t.Fatalf("seed %d: second %d lies outside of %d buckets of %d from %d on", seed, s, a.used, a.width, a.start)
			}
			want[at]++
		}
		for i, n := range want {
			if r.counts[i] != n {
				t.Fatalf("seed %d: bucket %d holds %d, want %d", seed, i, r.counts[i], n)
			}
		}
		if a.width > 1 && a.used < maxBuckets/4 {
			t.Fatalf("seed %d: only %d buckets are used", seed, a.used)
		}
	}
}
