package backtest

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// Options configures Run.
type Options struct {
	Logs    *replay.Set
	New     RuleSet
	Against *RuleSet // a rule set to compare with; nil: none
	Samples int      // maximum number of samples per rule, of each kind
	Workers int      // number of matching goroutines; 0: one per processor
	// Lines counts the evaluated lines during the run. It may be nil.
	Lines *atomic.Int64
}

// Run replays logs through rules. If a rule cannot be compiled, Run returns a BrokenError and reads nothing.
func Run(ctx context.Context, o Options) (*Result, error) {
	r := &run{opt: o}
	if err := r.begin(); err != nil {
		return nil, err
	}
	series := o.Logs.Series()
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	engines := make([]*engine.Engine, len(r.sides))
	for i, s := range r.sides {
		engines[i] = s.engine
	}
	s := newScanner(ctx, engines, o.Samples > 0, workers, len(series))
	err := r.merge(s, series)
	s.stop()
	if err != nil {
		return nil, err
	}
	return r.finish(), nil
}

// run is a run in progress. It belongs to one goroutine.
type run struct {
	opt         Options
	axis        axis
	all         *row
	sides       []*side
	compare     *comparer
	lines, own  int64
	first, last int64
	begun       bool
	now         int64 // arrival of the current line, the engine's clock; it never goes back
}

func (r *run) begin() error {
	r.all = r.axis.newRow()
	sets := []*RuleSet{&r.opt.New}
	if r.opt.Against != nil {
		sets = append(sets, r.opt.Against)
	}
	for i, set := range sets {
		s, err := newSide(set, &r.axis, r.opt.Samples)
		if err != nil {
			if i > 0 {
				err = errors.Join(errors.New("rules to compare with"), err)
			}
			return err
		}
		r.sides = append(r.sides, s)
	}
	if len(r.sides) == 2 {
		r.compare = newComparer(r.sides[0], r.sides[1], r.opt.Samples)
	}
	return nil
}

// merge evaluates all logs in order of time. It opens a log when the others have reached its first line.
func (r *run) merge(s *scanner, series []*replay.Series) error {
	var open streams
	next := 0
	for {
		for next < len(series) && (len(open) == 0 || series[next].First() <= open[0].key()) {
			st := s.open(next, series[next])
			next++
			more, err := s.advance(st, r.passed)
			if err != nil {
				return err
			}
			if more {
				heap.Push(&open, st)
			}
		}
		if len(open) == 0 {
			break
		}
		st := open[0]
		r.event(st)
		st.next++
		more, err := s.advance(st, r.passed)
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&open, 0)
		default:
			heap.Pop(&open)
		}
	}
	if r.begun {
		for _, one := range r.sides {
			one.tick(r.last)
		}
	}
	return nil
}

// passed counts the lines of a block whose evaluation begins.
func (r *run) passed(t *task) {
	r.lines += t.lines
	r.own += t.own
	if r.opt.Lines != nil {
		r.opt.Lines.Add(t.lines)
	}
	for _, one := range t.tally {
		r.axis.add(r.all, one.second, one.lines)
	}
	for i := range t.block.Records {
		at := t.block.Records[i].Time
		if !r.begun {
			r.first, r.last, r.begun = at, at, true
		}
		r.first, r.last = min(r.first, at), max(r.last, at)
	}
}

// event evaluates one record in all rule sets.
func (r *run) event(st *stream) {
	t := st.task
	e := &t.events[st.next]
	rec := &t.block.Records[e.at]
	file, number := t.block.Place(e.at)
	at := place{file, number}
	if e.meet && !st.met.add(rec.Source) {
		e.meet = false
	}
	r.now = max(r.now, e.key)
	var alerts [2][]engine.Alert
	for i, one := range r.sides {
		// The order is the engine's contract: alerts that are due by now come before the record changes any state, and a source is known before its hits.
		one.tick(r.now)
		if e.meet {
			one.worker.OnSource(rec.Source, rec.Time, r.now)
		}
		if e.lines > 0 {
			one.worker.OnLines(rec.Source, e.lines, rec.Time, r.now)
		}
		one.see(rec, r.now)
		if hits := t.hits[i][e.lo[i]:e.hi[i]]; len(hits) > 0 {
			alerts[i] = one.evaluate(hits, r.now, at)
		}
	}
	if r.compare != nil && len(alerts[0])+len(alerts[1]) > 0 {
		r.compare.record(alerts[0], alerts[1], at)
	}
}

func (r *run) finish() *Result {
	for _, one := range r.sides {
		one.finish()
	}
	now := r.sides[0]
	st := r.opt.Logs.Stats()
	out := &Result{
		Inputs: []string{},
		Lines:  r.lines, Own: r.own, Bad: st.BadLines, BadFiles: st.BadFiles, Problems: st.Problems, Untimed: st.Untimed, Unwanted: now.unwanted, Rules: []Rule{},
	}
	if st.Untimed != nil {
		out.Reported = append(out.Reported, st.Untimed.String())
	}
	for _, p := range st.Problems {
		out.Reported = append(out.Reported, p.String())
	}
	for _, one := range r.opt.Logs.Series() {
		out.Inputs = append(out.Inputs, one.Name)
	}
	if r.begun {
		out.First, out.Last = utc(r.first), utc(r.last)
		out.Timeline = Timeline{Start: utc(r.axis.start * 1e9), Seconds: r.axis.width, Lines: r.axis.values(r.all)}
	}
	for _, a := range now.rules {
		out.Rules = append(out.Rules, a.rule)
	}
	out.Deploys = now.deploys
	for _, one := range now.engine.Silences() {
		s := Silence{ID: one.ID, Every: one.Every, Zone: one.Zone, Suppressed: one.Suppressed}
		if one.Until != 0 {
			s.Until = utc(one.Until)
		}
		out.Silences = append(out.Silences, s)
	}
	for i := range now.triggers {
		out.Triggers = append(out.Triggers, now.triggers[i].out)
	}
	if r.compare != nil {
		out.Against = r.compare.finish()
	}
	return out
}

// streams is a heap of the open logs, ordered by the time of their next event. Logs with equal times keep their order.
type streams []*stream

func (s streams) Len() int { return len(s) }
func (s streams) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(s[i].key(), s[j].key()), cmp.Compare(s[i].index, s[j].index)) < 0
}
func (s streams) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *streams) Push(x any)   { *s = append(*s, x.(*stream)) }
func (s *streams) Pop() any {
	last := len(*s) - 1
	st := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return st
}
