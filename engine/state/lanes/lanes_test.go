package lanes

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestLock: whoever has all of the state has it alone, and knows every use, those of a lane in their order.
func TestLock(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const workers, rounds = 4, 3 * maxUses
	var seen [workers][]int // guarded by the lock
	l := New(func(use [2]int) { seen[use[0]] = append(seen[use[0]], use[1]) })
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			lane := l.Lane()
			for i := range rounds {
				lane.Lock()
				full := lane.Full()
				if last := lane.Last(); last != nil && last[0] == worker && last[1] >= i {
					t.Errorf("worker %d noted %d before %d", worker, last[1], i)
				}
				if !full {
					lane.Note([2]int{worker, i})
				}
				lane.Unlock()
				if !full {
					continue
				}
				l.Lock()
				seen[worker] = append(seen[worker], i)
				if !slices.IsSorted(seen[worker]) {
					t.Errorf("uses of worker %d are out of order", worker)
				}
				l.Unlock()
			}
		})
	}
	wg.Wait()
	l.Lock()
	defer l.Unlock()
	for worker := range seen {
		if n := len(seen[worker]); n != rounds {
			t.Errorf("%d uses of worker %d, want %d", n, worker, rounds)
		}
	}
}

// TestTryLock: a lane that is held keeps all of the state from others, and a try that fails leaves nothing locked.
func TestTryLock(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	l := New(func(int) {})
	for range 2 {
		lane := l.Lane()
		lane.Lock()
		if l.TryLock() {
			t.Error("all of the state was locked beside a lane")
		}
		lane.Unlock()
		if !l.TryLock() {
			t.Fatal("something stayed locked")
		}
		l.Unlock()
	}
}
