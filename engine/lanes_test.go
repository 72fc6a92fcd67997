package engine

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestSuppressedHitsNeedOneLane: a hit that the cooldown suppresses is decided while another worker holds its part of the lock, and counts as every other.
func TestSuppressedHitsNeedOneLane(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: time.Hour, Rollup: true}}})
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Time: t0, Text: []byte("boom"), Source: web("1")}
	for range 2 { // the alert, and the hit that the roll-up shows
		w.Process(&rec, t0, nil)
	}
	other := r.e.keyed.Lane()
	for other == w.lane {
		other = r.e.keyed.Lane()
	}
	other.Lock()
	w.Process(&rec, t0, nil)
	other.Unlock()
	if h := w.Hits(); len(h) != 1 || h[0].Outcome() != outcomeOf(ReasonCooldown) {
		t.Errorf("hits %+v", h)
	}
	s := r.e.Stats()
	if c := s.Total(); c.Hits != 3 || c.Alerts != 1 || c.Suppressed[ReasonCooldown] != 2 {
		t.Errorf("%+v", c)
	}
}

// TestWorkersShareKeys: workers that hit the same keys at once lose no hit, and what they suppressed is reported.
func TestWorkersShareKeys(t *testing.T) {
	const workers, keys, hits = 4, 3, 6000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	r := newRun(t, Settings{Rules: []RuleSettings{{
		Name: "r", Pattern: "boom", Cooldown: time.Hour, CooldownBy: []string{"container"}, Rollup: true,
	}}})
	var sources [keys]*Source
	for i := range sources {
		sources[i] = web(fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := r.e.Worker()
			defer w.Release()
			for i := range hits {
				rec := Record{Time: t0, Text: []byte("boom"), Source: sources[i%keys]}
				w.Process(&rec, t0+int64(i/500), nil)
			}
		})
	}
	wg.Wait()
	rollups := r.e.Tick(t0+int64(2*time.Hour), nil)
	var reported int64
	for _, a := range rollups {
		reported += a.Suppressed[ReasonCooldown]
	}
	s := r.e.Stats()
	c := s.Total()
	if c.Hits != workers*hits || c.Alerts != keys || c.Suppressed[ReasonCooldown] != c.Hits-keys || len(rollups) != keys || reported != c.Hits-keys {
		t.Errorf("%d roll-ups report %d of %+v", len(rollups), reported, c)
	}
}
