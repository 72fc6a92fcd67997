package match

import (
	"testing"
)

func TestCost(t *testing.T) {
	tests := []struct {
		expr   string
		filter Filter
		detail string
	}{
		{`connection refused`, Literal, `"connection refused"`},
		{`(?i)Out of Memory|oom-killer`, Literal, `"oom-killer" or "out of mem"`},
		{`\b[45]\d\d\b`, Window, `[4-5] [0-9] [0-9]`},
		{`pq: \d`, Window, `p q :  `},
		{`^\d+ \w`, Anchored, ``},
		{`\w+\s\w+`, Union, ``},
		{`.*`, Union, ``},
		{manyKeywords(12000), Always, ``},
	}
	for _, tt := range tests {
		s, err := Compile([]string{tt.expr}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := s.Cost(0)
		if c.Filter != tt.filter || tt.detail != "" && c.Detail != tt.detail || c.Detail == "" || c.EstimatedNsPerLine <= 0 {
			t.Errorf("%.50q: %+v, want %v %q", tt.expr, c, tt.filter, tt.detail)
		}
	}
}

func TestRarity(t *testing.T) {
	// From rare to common.
	order := []string{`java\.lang\.OutOfMemoryError`, `\b[45]\d\d\b`, `\d`, `.*`}
	last := -1.0
	for _, expr := range order {
		r := Rarity(expr)
		if r < 0 || r > 1 || r <= last {
			t.Errorf("%q: %v after %v", expr, r, last)
		}
		last = r
	}
	if r := Rarity(`(`); r != 1 {
		t.Errorf("an expression that does not compile: %v", r)
	}
}

func TestFilterString(t *testing.T) {
	for f, want := range map[Filter]string{Literal: "literal", Window: "window", Anchored: "anchored", Union: "union", Always: "always"} {
		if got := f.String(); got != want {
			t.Errorf("%d: %q, want %q", f, got, want)
		}
	}
}
