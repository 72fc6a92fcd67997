package backtest

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The pace of Records: after so many records it pauses, so that a node that evaluates lines beside it has its processors most of the time.
const (
	stretch = 256
	pause   = time.Millisecond
)

// Records replays records in the order of their times through rules, on the calling goroutine and with pauses. It returns the error of ctx if that ends
// first. The result has samples for each rule and no triggers.
func Records(ctx context.Context, set RuleSet, samples int, records []engine.Record) (*Result, error) {
	r := &run{opt: Options{New: set, Samples: samples}}
	if err := r.begin(); err != nil {
		return nil, err
	}
	one := r.sides[0]
	var met sources
	var hits []engine.Hit
	for i := range records {
		if i%stretch == stretch-1 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(pause):
			}
		}
		rec := &records[i]
		if !r.begun {
			r.first, r.last, r.begun = rec.Time, rec.Time, true
		}
		r.lines++
		r.last, r.now = max(r.last, rec.Time), max(r.now, rec.Time)
		r.axis.add(r.all, floorDiv(rec.Time, 1e9), 1)
		one.tick(r.now)
		if met.add(rec.Source) {
			one.worker.OnSource(rec.Source, rec.Time, r.now)
		}
		one.see(rec, r.now)
		if hits = one.worker.Find(rec, hits[:0]); len(hits) > 0 {
			one.evaluate(hits, r.now, place{})
		}
	}
	if r.begun {
		one.tick(r.last)
	}
	one.finish()
	out := &Result{Inputs: []string{}, Lines: r.lines, Rules: []Rule{}}
	if r.begun {
		out.First, out.Last = utc(r.first), utc(r.last)
		out.Timeline = Timeline{Start: utc(r.axis.start * 1e9), Seconds: r.axis.width, Lines: r.axis.values(r.all)}
	}
	for _, a := range one.rules {
		out.Rules = append(out.Rules, a.rule)
	}
	return out, nil
}
