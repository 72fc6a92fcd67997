package redis

import (
	"context"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// sequenceCall returns a call that changes a sequence.
func (e *Engine) sequenceCall(s *script, key fleet.Key, triggers string, args ...any) *call {
	p := e.prefix(key.Shard())
	return &call{script: s, shard: key.Shard(), keys: []string{p + "q:" + string(key), p + "due:" + triggers}, args: append([]any{string(key)}, args...)}
}

// Step implements fleet.Engine.
func (e *Engine) Step(ctx context.Context, list []fleet.Step) []fleet.Stepped {
	return each(ctx, e, list, (*fleet.Step).Check, func(q *fleet.Step) *call {
		args := []any{q.Run, q.Seq, ms(q.Within)}
		for _, age := range q.Ages {
			args = append(args, ms(age))
		}
		return e.sequenceCall(e.scripts.step, q.Key, q.Triggers, args...)
	}, func(_ *fleet.Step, a *answer) fleet.Stepped {
		a.number(0, 1)
		return fleet.Stepped{}
	}, func(err error) fleet.Stepped { return fleet.Stepped{Err: err} })
}

// Follow implements fleet.Engine.
func (e *Engine) Follow(ctx context.Context, list []fleet.Follow) []fleet.Followed {
	return each(ctx, e, list, (*fleet.Follow).Check, func(q *fleet.Follow) *call {
		args := []any{ms(q.Within)}
		for _, s := range q.Spans {
			args = append(args, ms(s.First), ms(s.Last))
		}
		return &call{script: e.scripts.follow, shard: q.Key.Shard(), keys: []string{e.prefix(q.Key.Shard()) + "q:" + string(q.Key)}, args: args}
	}, func(q *fleet.Follow, a *answer) (f fleet.Followed) {
		for range q.Spans {
			f.Spans = append(f.Spans, a.number(0, 1) == 1)
		}
		return f
	}, func(err error) fleet.Followed { return fleet.Followed{Err: err} })
}

// Wait implements fleet.Engine.
func (e *Engine) Wait(ctx context.Context, list []fleet.Wait) []fleet.Waited {
	return each(ctx, e, list, (*fleet.Wait).Check, func(q *fleet.Wait) *call {
		return e.sequenceCall(e.scripts.wait, q.Key, q.Triggers, q.Run, q.Seq, ms(q.Age), ms(q.Waited), ms(q.Within), q.Sample, q.Title.Rule, q.Title.Text)
	}, func(_ *fleet.Wait, a *answer) fleet.Waited {
		return fleet.Waited{Over: a.number(0, 1) == 1}
	}, func(err error) fleet.Waited { return fleet.Waited{Err: err} })
}
