package engine

import (
	"testing"
)

// TestRulesAreTimedOnSamples has a clock that moves on by one at every look: a sample takes one, and stands for as many as it is one of.
func TestRulesAreTimedOnSamples(t *testing.T) {
	e := New()
	now := int64(0)
	e.SetClock(func() int64 { now++; return now })
	r := DefaultRule()
	r.Name, r.Keywords = "boom", []string{"boom"}
	n, err := e.Compile(Settings{Limits: DefaultLimits(), Rules: []RuleSettings{r}})
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(n)
	w := e.Worker()
	defer w.Release()
	src := &Source{Kind: "log", Workload: "w"}
	for range 1000 {
		w.Process(&Record{Text: []byte("quiet"), Source: src}, 1, nil)
	}
	if got := e.Stats().Nanos["boom"]; got != 0 || now != 0 {
		t.Errorf("lines that hit nothing were timed: %d ns, %d looks at the clock", got, now)
	}
	const hits = 160
	for range hits {
		w.Process(&Record{Text: []byte("boom"), Source: src}, 1, nil)
	}
	if got := e.Stats().Nanos["boom"]; got != 2*hits { // each hit is confirmed and judged
		t.Errorf("%d ns, want %d", got, 2*hits)
	}
}
