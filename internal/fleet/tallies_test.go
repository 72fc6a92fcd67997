package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
)

// forgetful is an engine whose answers about rates get lost now and then, while their effect does not.
type forgetful struct {
	fleet.Engine
	mu     sync.Mutex
	random *rand.Rand
	often  int // one in so many is lost; 0: none
}

func (e *forgetful) lost() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.often > 0 && e.random.IntN(e.often) == 0
}

func (e *forgetful) Tally(ctx context.Context, list []fleet.Tally) []fleet.Tallied {
	answers := e.Engine.Tally(ctx, list)
	for i := range answers {
		if e.lost() {
			answers[i] = fleet.Tallied{Err: fleet.ErrUnreachable}
		}
	}
	return answers
}

func (e *forgetful) Cross(ctx context.Context, list []fleet.Crossing) []fleet.Crossed {
	answers := e.Engine.Cross(ctx, list)
	for i := range answers {
		if e.lost() {
			answers[i] = fleet.Crossed{Err: fleet.ErrUnreachable}
		}
	}
	return answers
}

// rates is the crossings of a rule of the fleet: 12 slices of 25 seconds, a past of an hour, above three times as many hits as usual, at least 20.
type rates struct {
	t      *testing.T
	world  *world
	engine *forgetful
	asks   fleet.Asking

	mu         sync.Mutex
	said       []fleet.Compared
	alerted    time.Time
	by         []string
	reached    int
	unanswered int
}

// rateCooldown ends between two steps, whose hits are reported within five seconds.
const rateCooldown = 10*time.Minute + 10*time.Second

func newRates(t *testing.T, seed uint64, nodes int) *rates {
	w := newWorld(t)
	r := &rates{t: t, world: w, engine: &forgetful{Engine: w.engine, random: rand.New(rand.NewPCG(seed, 3))}}
	r.asks = fleet.Asking{Key: fleet.KeyOf("cooldown", "errors"), Name: "errors", Cooldown: rateCooldown, Above: 3 * rate.Unit, AtLeast: 20}
	for i := range nodes {
		name := string(rune('a' + i))
		w.start(name, func(o *fleet.Options) {
			o.Engine = r.engine
			o.Exceeded = func(_ string, c fleet.Compared) { r.exceeded(name, c) }
			o.Reached = func(string) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.reached++
			}
			o.Unanswered = func(string) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.unanswered++
			}
		})
	}
	return r
}

// exceeded opens the window, as the alert of the node does.
func (r *rates) exceeded(node string, c fleet.Compared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alerted = time.Now()
	r.said, r.by = append(r.said, c), append(r.by, node)
	claimed := r.world.engine.Claim(r.t.Context(), []fleet.Claim{{
		Key: r.asks.Key, Run: "run-" + node, Node: node, ID: fmt.Sprint("al_", r.alerted.UnixNano()), Terms: fleet.Terms{Cooldown: rateCooldown, Grace: time.Second, Triggers: "t1"},
	}})[0]
	if claimed.Verdict != fleet.Lead {
		r.t.Errorf("the alert of a crossing is %v: %v", claimed.Verdict, claimed.Err)
	}
}

func (r *rates) take() (said []fleet.Compared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	said, r.said = r.said, nil
	return said
}

// hit reports a hit of a node.
func (r *rates) hit(node string, at time.Time, other bool) {
	one := fleet.Rated{Key: fleet.KeyOf("rate", "errors"), Slice: 25 * time.Second, Than: time.Hour, At: at, Other: other}
	if r.asks.Above == 0 {
		one.Than = 0
	}
	if !other {
		asks := r.asks
		one.Asks = &asks
	}
	if !r.world.nodes[node].Rate(one) {
		r.t.Errorf("%s has no room", node)
	}
}

// TestAFleetSaysWhatAPaceOfAllHitsSays: hits that are spread over nodes at random, some of them late, cross at the moments at which those of one place do, with
// the same numbers; each crossing is said to one node, answers that are lost included. All hits of a moment lie in one slice, and so do their reports.
func TestAFleetSaysWhatAPaceOfAllHitsSays(t *testing.T) {
	crossings := 0
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			nodes := 1 + random.IntN(5)
			r := newRates(t, seed, nodes)
			r.engine.often = 4
			defer r.world.stop()
			slice := 25 * time.Second
			time.Sleep(slice - time.Duration(time.Now().UnixNano())%slice)
			all := rate.New(int64(12*slice), int64(time.Hour), time.Now().UnixNano())
			all.Note(time.Now().UnixNano())
			r.hit("a", time.Now(), false)
			time.Sleep(slice)
			var window time.Time // until when the window of the last alert is open
			for step := range 400 {
				n := random.IntN(4)
				if step > 180 && random.IntN(30) == 0 {
					n = 20 + random.IntN(80)
				}
				for i := range n {
					at := time.Now()
					if random.IntN(10) == 0 && i > 0 && n < 20 { // late ones change what is usual, and may be reported after those that cross
						at = at.Add(-time.Duration(random.Int64N(int64(20 * slice))))
					}
					all.Note(at.UnixNano())
					r.hit(string(rune('a'+random.IntN(nodes))), at, false)
				}
				all.AdvanceTo(time.Now().UnixNano())
				crosses := n > 0 && all.Learned() && all.Hits() >= 20 && all.Exceeds(3*rate.Unit) && !time.Now().Before(window)
				time.Sleep(slice - 5*time.Second)
				said := r.take()
				if len(said) > 0 {
					window = r.alerted.Add(rateCooldown)
				}
				switch {
				case crosses != (len(said) == 1):
					t.Fatalf("seed %d, step %d: %d of %d hits, usually %d, crosses: %t; the fleet says %+v", seed, step, n, all.Hits(), all.Usual(), crosses, said)
				case crosses:
					crossings++
					if d := said[0].Usual - all.Usual(); said[0].Hits > all.Hits() || said[0].Hits < 20 || max(d, -d) > 1 {
						t.Errorf("seed %d, step %d: the fleet says %+v, want at most %d hits, usually %d", seed, step, said[0], all.Hits(), all.Usual())
					}
				}
				time.Sleep(time.Duration(1+random.IntN(3))*slice - (slice - 5*time.Second))
			}
			r.mu.Lock()
			if r.unanswered > 0 {
				t.Errorf("nodes go by their own numbers %d times", r.unanswered)
			}
			r.mu.Unlock()
		})
	}
	if crossings < 10 {
		t.Errorf("%d crossings in all: the scenarios compare too little", crossings)
	}
}

// TestAnOutageLeavesNoHoleInThePast: nodes keep their hits until the engine answers, and what was usual stays so. Meanwhile each goes by its own numbers.
func TestAnOutageLeavesNoHoleInThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(t, 1, 3)
		defer r.world.stop()
		steady := func(length time.Duration) {
			for range length / (5 * time.Second) {
				for _, node := range []string{"a", "b", "c"} {
					r.hit(node, time.Now(), false)
				}
				time.Sleep(5 * time.Second)
			}
		}
		steady(2 * time.Hour)
		r.world.engine.Fail(errors.New("down"))
		steady(3 * time.Hour)
		r.mu.Lock()
		if r.unanswered == 0 {
			t.Error("no node goes by its own numbers in an outage")
		}
		r.mu.Unlock()
		r.world.engine.Fail(nil)
		steady(10 * time.Minute)
		if said := r.take(); len(said) != 0 {
			t.Errorf("steady hits cross after an outage: %+v", said)
		}
		for range 400 {
			r.hit("a", time.Now(), false)
		}
		time.Sleep(5 * time.Second)
		said := r.take()
		if len(said) != 1 || said[0].Usual < 170*rate.Unit || said[0].Usual > 190*rate.Unit {
			t.Errorf("three nodes have a hit in 5 s each, 180 in 5 minutes: %+v", said)
		}
	})
}

// TestAnEngineThatLosesItsDataLearnsAgain.
func TestAnEngineThatLosesItsDataLearnsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(t, 1, 2)
		defer r.world.stop()
		burst := func() []fleet.Compared {
			for range 50 {
				r.hit("a", time.Now(), false)
				r.hit("b", time.Now(), false)
			}
			time.Sleep(5 * time.Second)
			return r.take()
		}
		steady := func(length time.Duration) {
			for range length / (20 * time.Second) {
				r.hit("a", time.Now(), false)
				time.Sleep(20 * time.Second)
			}
		}
		steady(2 * time.Hour)
		if said := burst(); len(said) != 1 {
			t.Fatalf("before: %+v", said)
		}
		r.world.engine.Lose()
		steady(30 * time.Minute)
		if said := burst(); len(said) != 0 {
			t.Errorf("after half an hour: %+v", said)
		}
		steady(2 * time.Hour)
		if said := burst(); len(said) != 1 {
			t.Errorf("after %v: %+v", 2*time.Hour, said)
		}
	})
}

// TestARatioIsOfTheFleet: the hits of both rules are those of all nodes, and hits of the other rule alert nobody.
func TestARatioIsOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(t, 1, 3)
		defer r.world.stop()
		r.asks.Above, r.asks.Ratio, r.asks.AtLeast = 0, rate.Ratio{Millionths: 50_000}, 100
		for i := range 200 {
			r.hit(string(rune('a'+i%3)), time.Now(), true)
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		for range 10 {
			r.hit("a", time.Now(), false)
		}
		time.Sleep(3 * time.Second)
		if said := r.take(); len(said) != 0 {
			t.Errorf("5%%: %+v", said)
		}
		r.hit("b", time.Now(), false)
		time.Sleep(3 * time.Second)
		if said := r.take(); len(said) != 1 || said[0] != (fleet.Compared{Hits: 11, Others: 200}) || r.by[0] != "b" {
			t.Errorf("5.5%%: %+v by %v", said, r.by)
		}
		r.hit("c", time.Now(), false) // while the window is open
		time.Sleep(3 * time.Second)
		if said := r.take(); len(said) != 0 || r.reached != 1 {
			t.Errorf("in the window: %+v, reached %d", said, r.reached)
		}
		time.Sleep(6 * time.Minute)
		r.hit("c", time.Now(), true)
		time.Sleep(3 * time.Second)
		tallied := r.world.engine.Tally(t.Context(), []fleet.Tally{{Key: fleet.KeyOf("rate", "errors"), Run: "x", Seq: 1, Slice: 25 * time.Second}})[0]
		if len(tallied.Slices) != 1 || tallied.Slices[0].Others != 1 {
			t.Errorf("slices that are not recent are kept: %+v", tallied)
		}
	})
}

// TestTalliesThatWaitAreBounded in keys, entries and alerts.
func TestTalliesThatWaitAreBounded(t *testing.T) {
	f := fleet.New(fleet.Options{Engine: memory.New(time.Now, 1000), Settings: settings()})
	at := time.Now()
	for i := range 5000 {
		asks := fleet.Asking{Key: fleet.KeyOf("cooldown", fmt.Sprint(i%100)), Name: fmt.Sprint(i % 100), Above: rate.Unit}
		if room := f.Rate(fleet.Rated{Key: fleet.KeyOf("rate", "1"), Slice: time.Second, Than: time.Hour, At: at.Add(time.Duration(i) * time.Second), Asks: &asks}); room != (i%100 < 64) {
			t.Fatalf("hit %d: room %t", i, room)
		}
	}
	for i := range 9_999 {
		if !f.Rate(fleet.Rated{Key: fleet.KeyOf("rate", fmt.Sprint("k", i)), Slice: time.Second, At: at}) {
			t.Fatalf("no room for key %d", i)
		}
	}
	if f.Rate(fleet.Rated{Key: fleet.KeyOf("rate", "more"), Slice: time.Second, At: at}) {
		t.Error("there is room for any number of keys")
	}
}
