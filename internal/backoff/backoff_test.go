package backoff

import (
	"math"
	"testing"
	"time"
)

func TestDoubled(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	for _, test := range []struct {
		times             int
		least, most, want time.Duration
	}{
		{-1, 1, 100, 1}, {0, 1, 100, 1}, {1, 1, 100, 2}, {6, 1, 100, 64}, {7, 1, 100, 100}, {8, 1, 100, 100}, {math.MaxInt, 1, 100, 100},
		{0, 5, 3, 3}, {9, 5, 3, 3}, {9, 0, 3, 0}, {1, 2, 3, 3}, {1, 2, 4, 4},
		{62, 1, forever, 1 << 62}, {63, 1, forever, forever}, {1000, 3, forever, forever},
	} {
		if got := Doubled(test.times, test.least, test.most); got != test.want {
			t.Errorf("Doubled(%d, %d, %d) = %d, want %d", test.times, test.least, test.most, got, test.want)
		}
	}
}
