package quantity

import (
	"math"
	"testing"
)

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1: "-1", -999: "-999", -1000: "-1,000", -123456: "-123,456",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 hits", 1: "1 hit", 2: "2 hits", 1000: "1,000 hits", -1: "-1 hits"} {
		if got := Plural(n, "hit"); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if got := Plural(int64(1), "alert"); got != "1 alert" {
		t.Error(got)
	}
}
