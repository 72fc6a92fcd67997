package memory

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

var (
	key   = fleet.KeyOf("cooldown", "db-down")
	terms = fleet.Terms{Cooldown: 20 * time.Second, Grace: 2 * time.Second, Triggers: "t1"}
)

type clock struct{ time.Time }

func (c *clock) now() time.Time       { return c.Time }
func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }
func claim(e *Engine, run, id string, rollup bool) fleet.Claimed {
	return e.Claim(context.Background(), []fleet.Claim{{
		Key: key, Run: run, Node: "node-" + run, ID: id, Rollup: rollup, Terms: terms, HandOver: 8 * time.Second, Payload: []byte(id),
	}})[0]
}

func give(e *Engine, run string, seq, n int64) fleet.Given {
	return e.Give(context.Background(), []fleet.Gift{{
		Key: key, Run: run, Node: "node-" + run, Seq: seq, Counts: fleet.Counts{"cooldown": n}, First: 3 * time.Second, Last: time.Second,
		Terms: terms, Sample: []byte(run),
	}})[0]
}

func take(e *Engine, run string) fleet.Taken {
	return e.Take(context.Background(), []fleet.Take{{Work: fleet.Work{Key: key}, Run: run, Node: "node-" + run, Triggers: "t1", Lease: 10 * time.Second}})[0]
}

func settle(e *Engine, run, id string, due int64) bool {
	return e.Settle(context.Background(), []fleet.Settlement{{Work: fleet.Work{Key: key}, Run: run, Triggers: "t1", ID: id, DueAt: due}})[0].Mine
}

func TestOneIncident(t *testing.T) {
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	e := New(c.now, 100_000)
	if got := claim(e, "a", "al_1", false); got.Verdict != fleet.Lead || got.Left != 20*time.Second {
		t.Fatalf("the first claim: %+v", got)
	}
	if got := claim(e, "a", "al_1", false); got.Verdict != fleet.Lead {
		t.Errorf("the first claim, repeated: %+v", got)
	}
	if got := claim(e, "b", "al_2", false); got.Verdict != fleet.Held || got.LeadID != "al_1" || got.LeadNode != "node-a" {
		t.Errorf("the second claim: %+v", got)
	}
	if !give(e, "b", 1, 7).New || give(e, "b", 1, 7).New || !give(e, "b", 2, 3).New || !give(e, "c", 1, 5).New {
		t.Error("a gift counts once")
	}
	c.pass(8 * time.Second) // the lead's node died
	if got := take(e, "b"); got.Kind != fleet.HandOver || got.ID != "al_1" || string(got.Payload) != "al_1" {
		t.Errorf("the hand-over: %+v", got)
	}
	if got := e.Renew(context.Background(), []fleet.Renewal{{Key: key, Run: "a", ID: "al_1", Triggers: "t1", HandOver: time.Minute}})[0]; !got.Lost {
		t.Errorf("the lead came back and renews: %+v", got)
	}
	if !settle(e, "b", "al_1", 0) || take(e, "c").Kind != fleet.Nothing {
		t.Error("a settled lead is work")
	}
	c.pass(12 * time.Second) // the cooldown is over
	if got := claim(e, "d", "al_3", false); got.Verdict != fleet.Held {
		t.Errorf("a claim while hits are unreported: %+v", got)
	}
	c.pass(2 * time.Second)
	if due, _ := e.Due(context.Background(), []int{key.Shard()}, "t1", 10); len(due) != 1 || due[0].Key != key {
		t.Fatalf("due: %v", due)
	}
	first := take(e, "b")
	if first.Kind != fleet.Rollup || first.Counts.Sum() != 15 || first.Nodes != 2 ||
		len(first.Hosts) != 2 || string(first.Sample) != "b" || first.First != 25*time.Second {
		t.Fatalf("the roll-up: %+v", first)
	}
	if take(e, "c").Kind != fleet.Nothing {
		t.Error("two nodes have one roll-up")
	}
	c.pass(10 * time.Second)
	if again := take(e, "c"); again.DueAt != first.DueAt || again.Counts.Sum() != 15 {
		t.Errorf("taken again: %+v", again)
	}
	if !settle(e, "b", "", first.DueAt) || settle(e, "c", "", first.DueAt) || !settle(e, "b", "", first.DueAt) {
		t.Error("a roll-up is not settled by the first alone")
	}
	a, _ := e.Account(context.Background())
	if a.Given != 15 || a.Reported != 15 || a.Unreported != 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestBoundsAndFaults(t *testing.T) {
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	e := New(c.now, 1)
	if got := claim(e, "a", "", false); !errors.Is(got.Err, fleet.ErrRefused) {
		t.Errorf("a claim without an id: %+v", got)
	}
	claim(e, "a", "al_1", false)
	other := key
	for i := 0; other == key || other.Shard() != key.Shard(); i++ {
		other = fleet.KeyOf("other", string(rune(i)))
	}
	full := fleet.Claim{Key: other, Run: "a", ID: "al_2", Terms: terms}
	if got := e.Claim(context.Background(), []fleet.Claim{full})[0]; got.Err != fleet.ErrFull {
		t.Errorf("a window beyond the bound: %+v", got)
	}
	c.pass(fleet.Memory + time.Minute)
	if got := e.Claim(context.Background(), []fleet.Claim{full})[0]; got.Verdict != fleet.Lead {
		t.Errorf("after the first window was forgotten: %+v", got)
	}
	e.Fail(fleet.ErrUnreachable)
	if got := claim(e, "a", "al_1", false); got.Err != fleet.ErrUnreachable {
		t.Errorf("a failing engine: %+v", got)
	}
}
