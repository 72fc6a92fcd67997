package memory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

const minute = time.Minute

func step(e *Engine, run string, seq int64, ages ...time.Duration) {
	e.Step(context.Background(), []fleet.Step{{Key: key, Run: run, Seq: seq, Within: minute, Ages: ages, Triggers: "t1"}})
}

func follows(e *Engine, first, last time.Duration) bool {
	return e.Follow(context.Background(), []fleet.Follow{{Key: key, Within: minute, Spans: []fleet.Span{{First: first, Last: last}}}})[0].Spans[0]
}

func waits(e *Engine, run string, seq int64, age time.Duration) (over bool) {
	return e.Wait(context.Background(), []fleet.Wait{{
		Key: key, Run: run, Seq: seq, Age: age, Waited: age, Within: minute, Triggers: "t1", Title: fleet.Title{Rule: "begun"}, Sample: []byte(run),
	}})[0].Over
}

func takeWaits(e *Engine, run string) fleet.Taken {
	return e.Take(context.Background(), []fleet.Take{{Work: fleet.Work{Key: key, Waits: true}, Run: run, Triggers: "t1", Lease: 10 * time.Second}})[0]
}

func settleWaits(e *Engine, run string, due int64) bool {
	return e.Settle(context.Background(), []fleet.Settlement{{Work: fleet.Work{Key: key, Waits: true}, Run: run, Triggers: "t1", DueAt: due}})[0].Mine
}

// TestAHitFollowsTheOtherRule that any node was hit by: less than a minute before, or at the same moment.
func TestAHitFollowsTheOtherRule(t *testing.T) {
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	e := New(c.now, 10)
	if follows(e, 0, 0) {
		t.Error("nothing was hit")
	}
	step(e, "a", 1, 10*time.Second)
	for _, one := range []struct {
		first, last time.Duration
		want        bool
	}{
		{10 * time.Second, 10 * time.Second, true}, {0, 0, true}, {11 * time.Second, 11 * time.Second, false}, {11 * time.Second, 9 * time.Second, true},
		{60 * time.Second, 11 * time.Second, false}, {10*time.Second + fleet.Apart, 10*time.Second + fleet.Apart, false},
		{10*time.Second + fleet.Apart - time.Millisecond, 10*time.Second + fleet.Apart - time.Millisecond, true},
	} {
		if got := follows(e, one.first, one.last); got != one.want {
			t.Errorf("hits from %s to %s ago: %v", one.first, one.last, got)
		}
	}
	c.pass(50*time.Second - time.Millisecond)
	if !follows(e, 0, 0) {
		t.Error("at the end of the minute")
	}
	c.pass(time.Millisecond)
	if follows(e, 0, 0) || !follows(e, time.Millisecond, 0) {
		t.Error("after the minute")
	}
	step(e, "a", 1, 0) // repeated: it is known
	if follows(e, 0, 0) {
		t.Error("a report that is repeated counts twice")
	}
}

// TestManyHitsOfTheOtherRuleAreFewTimes, and each hit is answered as by all of them.
func TestManyHitsOfTheOtherRuleAreFewTimes(t *testing.T) {
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	e := New(c.now, 10)
	for seq := range int64(2000) { // each 100 ms
		c.pass(100 * time.Millisecond)
		step(e, "a", seq+1, 0)
	}
	if n := len(e.steps[key].times); n > fleet.MaxTimes {
		t.Fatalf("%d times", n)
	}
	for ago := time.Duration(0); ago < minute; ago += 777 * time.Millisecond {
		if !follows(e, ago, ago) {
			t.Errorf("a hit %s ago", ago)
		}
	}
}

// TestThinChangesNoAnswer compares with all times, for random ones.
func TestThinChangesNoAnswer(t *testing.T) {
	const within = 800
	for seed := range int64(50) {
		var all []int64
		for at, i := int64(0), int64(0); i < 30; i++ {
			at += (seed*7919 + i*i*104729 + 13*i) % (40 * (1 + seed%5))
			all = append(all, at)
		}
		few := fleet.Thin(slices.Clone(all), within)
		for at := all[0] - 1; at < all[len(all)-1]+within+2; at++ {
			in := func(list []int64) bool {
				return slices.ContainsFunc(list, func(x int64) bool { return x <= at && x > at-within })
			}
			if in(all) != in(few) {
				t.Fatalf("seed %d: %d of %v, of %v", seed, at, all, few)
			}
		}
	}
}

// TestAHitThatNoneFollowedIsWorkOnce: the wait is one for all nodes, with the sample of the first. A report that is repeated, by whichever node, begins no other.
func TestAHitThatNoneFollowedIsWorkOnce(t *testing.T) {
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	e := New(c.now, 10)
	if waits(e, "a", 1, 0) {
		t.Fatal("it is over at once")
	}
	c.pass(30 * time.Second)
	if waits(e, "b", 1, 0) || waits(e, "a", 1, 30*time.Second) {
		t.Error("it is over before its end")
	}
	c.pass(30*time.Second + fleet.Unordered - time.Millisecond)
	if got := takeWaits(e, "k"); got.Kind != fleet.Nothing {
		t.Fatalf("before its end: %+v", got)
	}
	c.pass(time.Millisecond)
	first := takeWaits(e, "k")
	if first.Kind != fleet.Missing || string(first.Sample) != "a" || first.Last != minute+fleet.Unordered || first.Title.Rule != "begun" {
		t.Fatalf("%+v", first)
	}
	if !waits(e, "a", 1, 65*time.Second) || !waits(e, "b", 1, 35*time.Second) || takeWaits(e, "l").Kind != fleet.Nothing {
		t.Error("it is not over once it is taken")
	}
	c.pass(10 * time.Second) // the lease
	if got := takeWaits(e, "l"); got.DueAt != first.DueAt || got.Kind != fleet.Missing {
		t.Errorf("taken again: %+v", got)
	}
	if !settleWaits(e, "l", first.DueAt) || settleWaits(e, "k", first.DueAt) || !settleWaits(e, "l", first.DueAt) {
		t.Error("it is not settled by one node")
	}
	c.pass(time.Second)
	if waits(e, "b", 2, 0) {
		t.Error("a hit after that waits for nothing")
	}
	c.pass(minute + fleet.Unordered)
	if got := takeWaits(e, "k"); got.Kind != fleet.Missing || string(got.Sample) != "b" || got.DueAt <= first.DueAt {
		t.Errorf("the next wait: %+v", got)
	}
}

// TestAHitOfTheOtherRuleEndsTheWait, on whichever node and in whatever order both are reported.
func TestAHitOfTheOtherRuleEndsTheWait(t *testing.T) {
	for name, play := range map[string]func(e *Engine, c *clock) (over bool){
		"after it": func(e *Engine, c *clock) bool {
			waits(e, "a", 1, 0)
			c.pass(minute)
			step(e, "b", 1, time.Millisecond)
			return waits(e, "a", 1, minute)
		},
		"reported first": func(e *Engine, _ *clock) bool {
			step(e, "b", 1, time.Second)
			return waits(e, "a", 1, 2*time.Second)
		},
		"at the same moment": func(e *Engine, _ *clock) bool {
			step(e, "b", 1, 0)
			return waits(e, "a", 1, 0)
		},
		"reported before the alert": func(e *Engine, c *clock) bool {
			waits(e, "a", 1, 0)
			c.pass(minute + fleet.Unordered - time.Millisecond)
			step(e, "b", 1, fleet.Unordered)
			return waits(e, "a", 1, minute)
		},
		"and a late answer to a wait changes nothing": func(e *Engine, c *clock) bool {
			waits(e, "a", 1, 0)
			step(e, "b", 1, 0)
			c.pass(time.Second) // the age of the repeated report is too small by the time that it took
			return waits(e, "a", 1, 500*time.Millisecond)
		},
		"and the wait was reported slowly": func(e *Engine, c *clock) bool {
			step(e, "b", 1, 0)
			c.pass(time.Second)
			waits(e, "a", 1, 0)
			c.pass(time.Second)
			return waits(e, "a", 1, 2*time.Second)
		},
	} {
		c := &clock{time.UnixMilli(1_800_000_000_000)}
		e := New(c.now, 10)
		if !play(e, c) {
			t.Errorf("%s: it goes on", name)
		}
		c.pass(time.Hour)
		if got := takeWaits(e, "k"); got.Kind != fleet.Nothing {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, play := range map[string]func(e *Engine, c *clock){
		"before it": func(e *Engine, _ *clock) {
			step(e, "b", 1, time.Second)
			waits(e, "a", 1, time.Second-fleet.Apart)
		},
		"too late": func(e *Engine, c *clock) {
			waits(e, "a", 1, 0)
			c.pass(minute)
			step(e, "b", 1, 0)
		},
		"repeated": func(e *Engine, c *clock) {
			step(e, "b", 1, 0)
			c.pass(time.Second)
			waits(e, "a", 1, 0)
			step(e, "b", 1, 0)
		},
	} {
		c := &clock{time.UnixMilli(1_800_000_000_000)}
		e := New(c.now, 10)
		play(e, c)
		c.pass(minute + fleet.Unordered)
		if got := takeWaits(e, "k"); got.Kind != fleet.Missing {
			t.Errorf("the other rule was hit %s: %+v", name, got)
		}
	}
}
