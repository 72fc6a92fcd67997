package redis

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// runMemory is how long the last report of a run about a key is remembered.
const runMemory = time.Hour

// Tally implements fleet.Engine.
func (e *Engine) Tally(ctx context.Context, list []fleet.Tally) []fleet.Tallied {
	return each(ctx, e, list, (*fleet.Tally).Check, e.tallyCall, func(_ *fleet.Tally, a *answer) fleet.Tallied { return a.tallied() },
		func(err error) fleet.Tallied { return fleet.Tallied{Err: err} })
}

func (e *Engine) tallyCall(q *fleet.Tally) *call {
	args := []any{q.Run, q.Seq, ms(q.Slice), ms(q.Than), rate.Slices, fleet.MaxSlices, ms(runMemory)}
	if f := q.Fold; f == nil {
		args = append(args, "", "", "", 0)
	} else {
		args = append(args, f.Of, f.Past.Head, strconv.FormatFloat(f.Past.Weight, 'g', -1, 64), len(f.Folded))
		for _, c := range f.Folded {
			args = append(args, c.Number, c.Hits)
		}
	}
	for _, h := range q.Hits {
		args = append(args, ms(h.Age), h.Hits, flag(h.Other))
	}
	p := e.prefix(q.Key.Shard())
	return &call{script: e.scripts.tally, shard: q.Key.Shard(), keys: []string{p + "r:" + string(q.Key), p + "rr:" + string(q.Key)}, args: args}
}

// tallied reads the slices of a key.
func (a *answer) tallied() fleet.Tallied {
	t := fleet.Tallied{Now: a.millis(), Past: rate.Past{First: a.millis(), Head: a.millis(), Weight: a.weight()}}
	list := a.list(3 * fleet.MaxSlices)
	for a.err == nil && list.err == nil && len(list.parts) > 0 {
		t.Slices = append(t.Slices, rate.Counted{Number: list.number(0, t.Now), Hits: list.number(0, maxHits), Others: list.number(0, maxHits)})
	}
	if a.err == nil {
		a.err = list.err
	}
	if a.err == nil && (t.Past.Head > t.Now || t.Past.First > t.Past.Head) {
		a.fail("a past lies in the future")
	}
	return t
}

// weight returns the weighted hits of a past.
func (a *answer) weight() float64 {
	w, err := strconv.ParseFloat(string(a.bytes(32)), 64)
	if a.err == nil && (err != nil || !(w >= 0) || w > math.MaxInt64) {
		a.fail("a weight is not one")
		return 0
	}
	return w
}

// Cross implements fleet.Engine.
func (e *Engine) Cross(ctx context.Context, list []fleet.Crossing) []fleet.Crossed {
	return each(ctx, e, list, (*fleet.Crossing).Check, func(q *fleet.Crossing) *call {
		p := e.prefix(q.Key.Shard())
		return &call{
			script: e.scripts.cross, shard: q.Key.Shard(), keys: []string{p + "c:" + string(q.Key), p + "w:" + string(q.Key)},
			args: []any{q.Run + " " + strconv.FormatInt(q.Seq, 10), ms(q.Cooldown), ms(fleet.CrossingLease), termsText(q.CooldownMax, nil)},
		}
	}, func(_ *fleet.Crossing, a *answer) fleet.Crossed { return fleet.Crossed{Mine: a.number(0, 1) == 1} },
		func(err error) fleet.Crossed { return fleet.Crossed{Err: err} })
}
