package redis

import (
	"context"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Mark implements fleet.Engine.
func (e *Engine) Mark(ctx context.Context, list []fleet.Mark) []fleet.Marked {
	return each(ctx, e, list, (*fleet.Mark).Check, func(q *fleet.Mark) *call {
		p := e.prefix(q.Key.Shard())
		args := []any{q.Run, q.Seq, q.Count, ms(q.Within), ms(q.Cooldown), ms(fleet.CrossingLease), flag(q.Values), termsText(q.CooldownMax, nil)}
		hits, reports := "m:", "mr:"
		if q.Values {
			hits, reports = "v:", "vr:"
		}
		for _, h := range q.Hits {
			if q.Values {
				args = append(args, ms(h.Age), fmt.Sprintf("%016x", h.Value))
			} else {
				args = append(args, ms(h.Age), h.Hits)
			}
		}
		keys := []string{p + hits + string(q.Key), p + reports + string(q.Key), p + "w:" + string(q.Key)}
		return &call{script: e.scripts.mark, shard: q.Key.Shard(), keys: keys, args: args}
	}, func(_ *fleet.Mark, a *answer) fleet.Marked {
		return fleet.Marked{Crossed: a.number(0, 1) == 1, Sum: a.number(0, maxHits), Reached: a.number(0, 1) == 1}
	}, func(err error) fleet.Marked { return fleet.Marked{Err: err} })
}

// absenceCall returns a call about an absence.
func (e *Engine) absenceCall(s *script, key fleet.Key, triggers string, args ...any) *call {
	p := e.prefix(key.Shard())
	return &call{script: s, shard: key.Shard(), keys: []string{p + "a:" + string(key), p + "due:" + triggers}, args: append([]any{string(key)}, args...)}
}

// Hear implements fleet.Engine.
func (e *Engine) Hear(ctx context.Context, list []fleet.Hearing) []fleet.Heard {
	return each(ctx, e, list, (*fleet.Hearing).Check, func(q *fleet.Hearing) *call {
		return e.absenceCall(e.scripts.hear, q.Key, q.Triggers, flag(q.Watch), ms(q.Age), ms(q.Within), q.Sample, q.Title.Rule, q.Title.Text)
	}, func(_ *fleet.Hearing, a *answer) fleet.Heard {
		return fleet.Heard{Age: dur(a.millis())}
	}, func(err error) fleet.Heard { return fleet.Heard{Err: err} })
}

// See implements fleet.Engine.
func (e *Engine) See(ctx context.Context, list []fleet.Sight) []fleet.Seen {
	return each(ctx, e, list, (*fleet.Sight).Check, func(q *fleet.Sight) *call {
		p := e.prefix(q.Key.Shard())
		if i := q.Image; i != nil {
			age := ""
			if i.Appeared {
				age = ms(i.Age)
			}
			return &call{
				script: e.scripts.seeImage, shard: q.Key.Shard(), keys: []string{p + "ti:" + string(q.Key), p + "i:" + string(i.Key)},
				args: []any{q.Run + ":" + q.ID, ms(q.For), q.Run + ":" + fleet.NoAlert, ms(i.Template), age},
			}
		}
		keys := []string{p + "t:" + string(q.Key)}
		return &call{script: e.scripts.see, shard: q.Key.Shard(), keys: keys, args: []any{q.Run + ":" + q.ID, ms(q.For), q.Run + ":" + fleet.NoAlert}}
	}, func(_ *fleet.Sight, a *answer) fleet.Seen { return fleet.Seen{New: a.number(0, 1) == 1} },
		func(err error) fleet.Seen { return fleet.Seen{Err: err} })
}
