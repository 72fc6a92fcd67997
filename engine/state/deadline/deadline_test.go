package deadline

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

type owner string

func (o owner) Name() string { return string(o) }

// TestHeap compares a heap, after each of many random changes, with the timers in sorted order.
func TestHeap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var heap Heap
	timers := make([]*Timer, 40)
	for i := range timers {
		timers[i] = &Timer{Owner: owner(fmt.Sprintf("%02d", i))}
	}
	for range 20_000 {
		heap.Set(timers[random.IntN(len(timers))], int64(random.IntN(8))) // few times, so that names decide often
		set := slices.DeleteFunc(slices.Clone(timers), func(one *Timer) bool { return one.Due() == 0 })
		slices.SortFunc(set, func(a, b *Timer) int {
			return cmp.Or(cmp.Compare(a.Due(), b.Due()), cmp.Compare(a.Owner.Name(), b.Owner.Name()))
		})
		var want *Timer
		if len(set) > 0 {
			want = set[0]
		}
		if got := heap.First(); got != want {
			t.Fatalf("first %+v, want %+v", got, want)
		}
		if n := len(slices.Collect(heap.All())); n != len(set) {
			t.Fatalf("%d timers, want %d", n, len(set))
		}
	}
	for last := int64(0); heap.First() != nil; {
		if one := heap.First(); one.Due() < last {
			t.Fatalf("%d after %d", one.Due(), last)
		} else {
			last = one.Due()
			heap.Set(one, 0)
		}
	}
}
