package table

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

type cell struct {
	name string
	n    int
	lazy bool
	late bool // it cannot be copied yet
}

// testTable returns a table by number, whose names are not its keys, and the lock of its owner.
func testTable(t *testing.T, size int) (*Table[int, *cell], *sync.Mutex) {
	t.Helper()
	var mu sync.Mutex
	return New(size, Form[int, *cell]{
		Name: func(_ int, c *cell) string { return "cell/" + c.name },
		Copy: func(c *cell) (any, bool) {
			c.lazy = false
			return *c, !c.late
		},
		Encode: func(form any) []byte {
			if !mu.TryLock() {
				t.Error("an entry is encoded under the lock")
			} else {
				mu.Unlock()
			}
			return fmt.Append(nil, form.(cell).n)
		},
		Lazy: func(c *cell) bool { return c.lazy },
	}), &mu
}

// TestTheSavedEntriesAreTheTable plays random changes to a table, and applies each save to a copy of the store.
func TestTheSavedEntriesAreTheTable(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table, mu := testTable(t, 8)
		store := map[string]string{}
		save := func(all bool) {
			for _, e := range table.Take(mu, all, nil) {
				if e.Value == nil {
					delete(store, e.Key)
				} else {
					store[e.Key] = string(e.Value)
				}
			}
		}
		added := int64(0)
		dropped := int64(0)
		for range 300 {
			key := rng.IntN(16)
			c, ok := table.Get(key)
			switch act := rng.IntN(8); {
			case !ok:
				table.Add(key, &cell{name: fmt.Sprint("n", key, rng.IntN(2)), n: rng.IntN(100)})
				added++
			case act == 0:
				table.Drop(key)
				dropped++
			case act == 1:
				table.Evict(key)
			case act == 2:
				c.n, c.lazy = rng.IntN(100), true
			case act == 3:
				c.late = !c.late
				table.Touch(key)
			case act == 4:
				table.Resize(2 + rng.IntN(8))
			case act == 5:
				save(false)
			default:
				c.n = rng.IntN(100)
				table.Touch(key)
			}
		}
		for _, c := range table.All() {
			c.late = false
		}
		save(true)
		want := map[string]string{}
		for _, c := range table.All() {
			want["cell/"+c.name] = fmt.Sprint(c.n)
		}
		if !maps.Equal(store, want) {
			t.Fatalf("seed %d: saved %v, want %v", seed, store, want)
		}
		if got := int64(table.Len()) + dropped + table.Evicted(); got != added {
			t.Fatalf("seed %d: %d entries are there or counted, of %d", seed, got, added)
		}
		if again := table.Take(mu, true, nil); len(again) != 0 {
			t.Fatalf("seed %d: %v changed, and nothing did", seed, again)
		}
	}
}

// TestTheEntryUnusedForLongestGoes.
func TestTheEntryUnusedForLongestGoes(t *testing.T) {
	table, mu := testTable(t, 2)
	table.Add(1, &cell{name: "a"})
	table.Add(2, &cell{name: "b"})
	table.Get(1)
	table.Peek(2) // which is no use
	table.Take(mu, false, nil)
	table.Add(3, &cell{name: "c", n: 7})
	if _, ok := table.Peek(2); ok || table.Evicted() != 1 {
		t.Errorf("2 is there: %v, %d evicted", ok, table.Evicted())
	}
	got := table.Take(mu, false, nil)
	if len(got) != 2 || got[0].Key != "cell/b" || got[0].Value != nil || got[1].Key != "cell/c" || string(got[1].Value) != "7" {
		t.Errorf("%v", got)
	}
}

// TestAnEntryThatChangesWhileTheOthersAreEncoded is saved the next time, and one that left meanwhile is forgotten then.
func TestAnEntryThatChangesWhileTheOthersAreEncoded(t *testing.T) {
	var mu sync.Mutex
	var table *Table[int, *cell]
	act := func() {}
	table = New(10*Batch, Form[int, *cell]{
		Name: func(key int, _ *cell) string { return fmt.Sprint(key) },
		Copy: func(c *cell) (any, bool) { return c.n, true },
		Encode: func(form any) []byte {
			mu.Lock()
			defer mu.Unlock()
			act()
			return fmt.Append(nil, form)
		},
	})
	for i := range 3 * Batch {
		table.Add(i, &cell{})
	}
	act = func() {
		act = func() {}
		for key, c := range table.All() {
			c.n++
			table.Touch(key)
		}
		table.Drop(0)
	}
	store := map[string]string{}
	apply := func(entries []model.StateEntry) {
		for _, e := range entries {
			if e.Value == nil {
				delete(store, e.Key)
			} else {
				store[e.Key] = string(e.Value)
			}
		}
	}
	apply(table.Take(&mu, false, nil))
	apply(table.Take(&mu, false, nil))
	if len(store) != 3*Batch-1 {
		t.Fatalf("%d entries are saved", len(store))
	}
	for key, value := range store {
		if value != "1" {
			t.Fatalf("%s is saved as %s", key, value)
		}
	}
}
