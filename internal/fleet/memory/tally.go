package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// tally is the hits of a key by slices.
type tally struct {
	now    int64 // the number of the latest slice
	past   rate.Past
	slices map[int64]rate.Counted
	until  int64

	runs   map[string]tallyRun
	purged int64
}

type tallyRun struct{ seq, at int64 }

// runMemory is how long the last report of a run is remembered, in ms.
const runMemory = 3_600_000

// Tally implements fleet.Engine.
func (e *Engine) Tally(ctx context.Context, list []fleet.Tally) []fleet.Tallied {
	return each(ctx, e, list, (*fleet.Tally).Check, e.tally, func(err error) fleet.Tallied { return fleet.Tallied{Err: err} })
}

func (e *Engine) tally(now int64, q *fleet.Tally) fleet.Tallied {
	slice, than := ms(q.Slice), ms(q.Than)
	current := now / slice
	y := e.tallies[q.Key]
	if y == nil {
		y = &tally{}
		e.tallies[q.Key] = y
	}
	if y.until <= now {
		*y = tally{runs: map[string]tallyRun{}, purged: now}
	}
	if y.now > current+rate.Slices { // the clock stepped back by more than is recent
		y.slices = nil
	}
	if y.slices == nil {
		y.slices, y.now = map[int64]rate.Counted{}, current
		first := current
		for _, h := range q.Hits {
			first = min(first, (now-ms(h.Age))/slice)
		}
		y.past = rate.Past{First: first, Head: first}
	}
	y.now = max(y.now, current)
	if q.Seq > y.runs[q.Run].seq {
		y.runs[q.Run] = tallyRun{q.Seq, now}
		for _, h := range q.Hits {
			y.add((now-ms(h.Age))/slice, &h)
		}
	}
	if q.Fold != nil && than > 0 && q.Fold.Of == y.past.Head {
		y.fold(q.Fold)
	}
	y.bound(than)
	if now-y.purged > runMemory {
		y.purged = now
		for name, r := range y.runs {
			if now-r.at > runMemory {
				delete(y.runs, name)
			}
		}
	}
	y.until = now + (rate.Slices+1)*slice + than + runMemory
	return fleet.Tallied{Now: y.now, Past: y.past, Slices: y.list()}
}

func (y *tally) add(number int64, h *fleet.TallyHits) {
	if number < y.past.First {
		return
	}
	c := y.slices[number]
	if c.Number = number; h.Other {
		c.Others += h.Hits
	} else {
		c.Hits += h.Hits
	}
	y.slices[number] = c
}

func (y *tally) fold(f *fleet.Fold) {
	for _, one := range f.Folded {
		c, ok := y.slices[one.Number]
		if c.Hits -= one.Hits; c.Hits > 0 {
			y.slices[one.Number] = c
		} else if ok {
			delete(y.slices, one.Number)
		}
	}
	y.past.Head, y.past.Weight = f.Past.Head, f.Past.Weight
	y.now = max(y.now, y.past.Head)
}

// bound forgets slices that say nothing, or are too many.
func (y *tally) bound(than int64) {
	list := y.list()
	for i, c := range list {
		if than == 0 && c.Number <= y.now-rate.Slices || len(list)-i > fleet.MaxSlices {
			delete(y.slices, c.Number)
		}
	}
}

func (y *tally) list() (list []rate.Counted) {
	for _, c := range y.slices {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b rate.Counted) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

// crossing is the node that makes the alert of a key.
type crossing struct {
	at  int64
	run string
	seq int64
}

// Cross implements fleet.Engine.
func (e *Engine) Cross(ctx context.Context, list []fleet.Crossing) []fleet.Crossed {
	return each(ctx, e, list, (*fleet.Crossing).Check, func(now int64, q *fleet.Crossing) fleet.Crossed {
		c := e.crossed[q.Key]
		lives := c.at > 0 && now < c.at+ms(fleet.CrossingLease)
		if lives && c.run == q.Run && c.seq == q.Seq {
			return fleet.Crossed{Mine: true}
		}
		w := e.window(q.Key, now)
		open := w.open(now, q.Cooldown, q.CooldownMax)
		if open || lives && (w == nil || w.opened < min(c.at, now)) {
			return fleet.Crossed{}
		}
		e.crossed[q.Key] = crossing{now, q.Run, q.Seq}
		return fleet.Crossed{Mine: true}
	}, func(err error) fleet.Crossed { return fleet.Crossed{Err: err} })
}
