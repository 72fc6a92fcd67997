package fleettest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Incident is an incident in simulated time: nodes are hit, each with a window of its own that is as long as the cooldown, and a keeper takes what is due. It asks
// an engine alone, without stores and loops.
type Incident struct {
	Engine fleet.Engine
	Terms  fleet.Terms
	Key    fleet.Key
	// Hits are the times from and to which each node is hit, and how often.
	Hits []Hitting
	// Set sets the engine's clock.
	Set func(since time.Duration)
}

// Hitting says when a node is hit.
type Hitting struct {
	Node            string
	From, To, Every time.Duration
}

type incidentNode struct {
	opened, last time.Duration // opened: of its own window; less than 0: none
	began        time.Duration // its own episode
	suppressed   int64
	seq          int64
}

// Run plays the incident for a length of time, second by second, and returns the alerts that left: a lead as "lead 0s", a roll-up as "7 at 5m10s", with the steps
// of an escalation it has passed as in "7 at 12m0s step 1".
func (i *Incident) Run(ctx context.Context, length time.Duration) (left []string, err error) {
	nodes := map[string]*incidentNode{}
	for at := time.Duration(0); at <= length; at += time.Second {
		i.Set(at)
		for _, h := range i.Hits {
			n := nodes[h.Node]
			if n == nil {
				n = &incidentNode{opened: -1}
				nodes[h.Node] = n
			}
			if n.suppressed > 0 && (at >= n.opened+i.Terms.Cooldown || slices.Contains(i.Terms.Steps, at-n.began)) {
				lead, err := i.claim(ctx, h.Node, n, at, true)
				if err != nil {
					return left, err
				}
				if lead {
					left = append(left, fmt.Sprintf("a roll-up leads %v", at))
				}
			}
			if at < h.From || at >= h.To || (at-h.From)%h.Every != 0 {
				continue
			}
			if at-n.last > 2*i.Terms.Cooldown || n.opened < 0 {
				n.began = at
			}
			if n.last = at; n.opened >= 0 && at < n.opened+i.Terms.Cooldown {
				n.suppressed++
				continue
			}
			n.suppressed++
			lead, err := i.claim(ctx, h.Node, n, at, false)
			if err != nil {
				return left, err
			}
			if lead {
				left = append(left, fmt.Sprintf("lead %v", at))
			}
		}
		taken, err := i.take(ctx, at)
		if err != nil {
			return left, err
		}
		left = append(left, taken...)
	}
	return left, nil
}

// claim asks for an alert of a node, and gives its hits if it is held.
func (i *Incident) claim(ctx context.Context, name string, n *incidentNode, at time.Duration, rollup bool) (lead bool, err error) {
	id := fmt.Sprintf("al_%s_%d", name, at/time.Second)
	a := i.Engine.Claim(ctx, []fleet.Claim{{Key: i.Key, Run: name, Node: name, ID: id, Rollup: rollup, Terms: i.Terms}})[0]
	if a.Err != nil {
		return false, a.Err
	}
	hits, last := n.suppressed, at-n.last
	if n.opened, n.suppressed = at, 0; a.Verdict == fleet.Lead {
		return true, nil
	}
	n.seq++
	return false, i.Engine.Give(ctx, []fleet.Gift{{
		Key: i.Key, Run: name, Node: name, Seq: n.seq, Counts: fleet.Counts{"cooldown": hits}, First: last, Last: last, Terms: i.Terms,
	}})[0].Err
}

// take takes what is due, and settles it.
func (i *Incident) take(ctx context.Context, at time.Duration) (left []string, err error) {
	work, err := i.Engine.Due(ctx, []int{i.Key.Shard()}, i.Terms.Triggers, 1)
	for _, w := range work {
		t := i.Engine.Take(ctx, []fleet.Take{{Work: w, Run: "keeper", Node: "keeper", Triggers: i.Terms.Triggers, Lease: 10 * time.Second}})[0]
		if t.Err != nil || t.Kind == fleet.Nothing {
			return left, t.Err
		}
		what := fmt.Sprintf("%d at %v", t.Counts.Sum(), at)
		if t.Step > 0 {
			what += fmt.Sprintf(" step %d", t.Step)
		}
		left = append(left, what)
		s := i.Engine.Settle(ctx, []fleet.Settlement{{Work: w, Run: "keeper", Triggers: i.Terms.Triggers, DueAt: t.DueAt}})[0]
		if s.Err != nil || !s.Mine {
			return left, fmt.Errorf("settled: %+v", s)
		}
	}
	return left, err
}
