package aged

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type thing struct {
	place Place[*thing]
	size  int
}

func (t *thing) Place() *Place[*thing] { return &t.place }
func (t *thing) Size() int             { return t.size }

// TestList compares a list, after each of many random changes, with a slice.
func TestList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var list List[*thing]
	var want []*thing
	for range 5000 {
		switch n := random.IntN(4); {
		case n == 0 && len(want) > 0:
			i := random.IntN(len(want))
			list.Remove(want[i])
			want = slices.Delete(want, i, i+1)
		case n == 1 && len(want) > 0:
			one := want[random.IntN(len(want))]
			one.size = random.IntN(100)
			list.Resized(one)
		case len(want) < 20:
			one := &thing{size: random.IntN(100)}
			list.Append(one)
			want = append(want, one)
		}
		sum := 0
		for _, one := range want {
			sum += one.size
		}
		if list.Number() != len(want) || list.Bytes() != sum {
			t.Fatalf("%d of %d bytes, want %d of %d", list.Number(), list.Bytes(), len(want), sum)
		}
		if got := slices.Collect(list.All); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	for one := range list.All {
		list.Remove(one)
	}
	if list.Number()+list.Bytes() != 0 {
		t.Errorf("%d members of %d bytes are left", list.Number(), list.Bytes())
	}
}
