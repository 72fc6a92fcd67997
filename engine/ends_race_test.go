package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestLinesEndIncidentsBesideHits: workers open and end incidents of the same keys at once. Each incident that was opened ends once, by a line or in the end,
// and every hit is reported.
func TestLinesEndIncidentsBesideHits(t *testing.T) {
	rule := link("capture.name")
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 10_000}, Rules: []RuleSettings{rule}})
	const workers, rounds = 4, 300
	var mu sync.Mutex
	var all []Alert
	var running sync.WaitGroup
	for n := range workers {
		running.Go(func() {
			w := r.e.Worker()
			defer w.Release()
			source := web("c1")
			var got []Alert
			for i := range rounds {
				text := fmt.Sprintf("link n%d down", (i*7+n)%40)
				switch {
				case i%10 == n:
					text = "link up"
				case i%3 == 0:
					text = fmt.Sprintf("link n%d up", (i+n)%40)
				}
				rec := Record{Time: r.now, Text: []byte(text), Source: source}
				got = w.Process(&rec, r.now, got)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, got...)
		})
	}
	running.Wait()
	r.pass(time.Second)
	all = append(all, r.line("link up")...)
	open, reported := map[string]int{}, int64(0)
	for i := range all {
		a := &all[i]
		for _, n := range a.Suppressed {
			reported += n
		}
		reported += a.Count
		switch {
		case a.Kind == KindResolved:
			open[a.Key]--
		case a.Resolves:
			open[a.Key]++
		}
	}
	for key, n := range open {
		if n != 0 {
			t.Errorf("%q: %d incidents without an end", key, n)
		}
	}
	if c := r.counts()["link"]; c.Hits != reported || c.Resolved == 0 || len(open) != 40 {
		t.Errorf("%d hits, %d reported, %d ends, %d keys", c.Hits, reported, c.Resolved, len(open))
	}
}
