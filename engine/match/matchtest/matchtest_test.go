package matchtest

import (
	"regexp"
	"slices"
	"testing"
)

func TestRules(t *testing.T) {
	for _, rules := range [][]string{Rules(2000), LiteralRules(2000)} {
		if len(rules) != 2000 || len(set(rules)) != 2000 {
			t.Errorf("%d rules, %d different", len(rules), len(set(rules)))
		}
		for _, r := range rules {
			if _, err := regexp.Compile(r); err != nil {
				t.Error(err)
			}
		}
	}
	if !slices.Equal(Rules(100), Rules(1000)[:100]) {
		t.Error("fewer rules are no prefix of more")
	}
}

func TestLines(t *testing.T) {
	rules := Rules(20)
	var res []*regexp.Regexp
	for _, r := range rules {
		res = append(res, regexp.MustCompile(r))
	}
	for _, share := range []float64{0, 0.01, 0.1} {
		size, hits := 0, 0
		lines := Lines(2000, share, rules)
		for _, l := range lines {
			size += len(l)
			if matches(res, l) {
				hits++
			}
		}
		if mean := size / len(lines); mean < 140 || mean > 200 {
			t.Errorf("mean length %d", mean)
		}
		if got := float64(hits) / float64(len(lines)); got != share {
			t.Errorf("share of hits %v, want %v", got, share)
		}
	}
}
