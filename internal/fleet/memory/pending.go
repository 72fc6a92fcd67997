package memory

import (
	"context"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// marks are the hits towards a threshold.
type marks struct {
	hits  []mark // by time, those of one time as they came
	last  map[string]marked
	until int64
}

type mark struct {
	at, hits int64
}

type marked struct {
	seq     int64
	crossed bool
	sum     int64
}

// Mark implements fleet.Engine.
func (e *Engine) Mark(ctx context.Context, list []fleet.Mark) []fleet.Marked {
	return each(ctx, e, list, (*fleet.Mark).Check, e.mark, func(err error) fleet.Marked { return fleet.Marked{Err: err} })
}

func (e *Engine) mark(now int64, q *fleet.Mark) fleet.Marked {
	m := e.marks[q.Key]
	if m == nil || m.until <= now {
		m = &marks{last: map[string]marked{}}
		e.marks[q.Key] = m
	}
	if last := m.last[q.Run]; q.Seq <= last.seq {
		return fleet.Marked{Crossed: last.crossed && last.seq == q.Seq, Sum: last.sum}
	}
	within := ms(q.Within)
	for _, h := range q.Hits {
		m.hits = append(m.hits, mark{now - ms(h.Age), h.Hits})
	}
	slices.SortStableFunc(m.hits, func(x, y mark) int { return int(x.at - y.at) })
	m.hits = slices.DeleteFunc(m.hits, func(h mark) bool { return h.at <= now-within })
	sum := int64(0)
	for _, h := range m.hits {
		sum += h.hits
	}
	answer := marked{seq: q.Seq, sum: sum}
	if sum >= q.Count {
		w := e.window(q.Key, now)
		if w == nil || w.opened == 0 || now-w.opened >= ms(q.Cooldown) {
			answer.crossed, m.hits = true, nil
		} else {
			for len(m.hits) > 0 && sum-m.hits[0].hits >= q.Count {
				sum -= m.hits[0].hits
				m.hits = m.hits[1:]
			}
			answer.sum = sum
		}
	}
	m.last[q.Run] = answer
	m.until = now + within + 3_600_000
	return fleet.Marked{Crossed: answer.crossed, Sum: answer.sum}
}

// absence is the state of one key of an absence rule.
type absence struct {
	heard, within int64
	end           int64 // when it is forgotten
	title         fleet.Title
	sample        []byte
	frozen        frozen // due, until and run
	reported      int64  // the due time of the absence that was reported and is not over; 0: none
	settled       struct {
		due int64
		run string
	}
	due map[string]int64
}

func (e *Engine) heardOf(key fleet.Key, now int64) *absence {
	a := e.absence[key]
	if a != nil && a.end <= now {
		delete(e.absence, key)
		return nil
	}
	return a
}

func (a *absence) schedule(triggers string) {
	switch {
	case a.frozen.due > 0:
		a.due[triggers] = a.frozen.until
	case a.reported > 0:
		delete(a.due, triggers)
	default:
		a.due[triggers] = a.heard + a.within
	}
}

func (a *absence) keep(now int64) { a.end = now + 3*a.within + 3_600_000 }

// Hear implements fleet.Engine.
func (e *Engine) Hear(ctx context.Context, list []fleet.Hearing) []fleet.Heard {
	return each(ctx, e, list, (*fleet.Hearing).Check, func(now int64, q *fleet.Hearing) (h fleet.Heard) {
		a, heard := e.heardOf(q.Key, now), now-ms(q.Age)
		if a == nil {
			a = &absence{heard: heard, due: map[string]int64{}}
			if q.Watch {
				a.heard = now
			}
			e.absence[q.Key] = a
		}
		a.heard = min(a.heard, now) // the clock stepped back
		if !q.Watch {
			a.heard = max(a.heard, heard)
			if a.reported > 0 && a.heard > a.reported {
				h.Recovered, h.Gone = true, dur(a.heard-(a.reported-a.within))
				a.reported = 0
			}
			a.sample = slices.Clone(q.Sample)
		}
		a.within, a.title = ms(q.Within), q.Title
		a.keep(now)
		a.schedule(q.Triggers)
		return h
	}, func(err error) fleet.Heard { return fleet.Heard{Err: err} })
}

func (e *Engine) takeAbsence(now int64, q *fleet.Take) fleet.Taken {
	a := e.heardOf(q.Key, now)
	if a == nil {
		return fleet.Taken{}
	}
	defer a.schedule(q.Triggers)
	f := &a.frozen
	switch {
	case f.due > 0:
		if f.until > now && f.run != q.Run {
			return fleet.Taken{}
		}
		if f.until <= now {
			f.until, f.run = now+ms(q.Lease), q.Run
		}
	case a.reported == 0 && now >= a.heard+a.within:
		f.due, f.until, f.run = max(a.heard+a.within, a.settled.due+1), now+ms(q.Lease), q.Run
		f.last, f.sample = a.heard, a.sample
		a.keep(now)
	default:
		return fleet.Taken{}
	}
	return fleet.Taken{Kind: fleet.Absence, DueAt: f.due, Last: dur(now - f.last), Sample: f.sample, Title: a.title}
}

func (e *Engine) settleAbsence(now int64, q *fleet.Settlement) fleet.Settled {
	a := e.heardOf(q.Key, now)
	if a == nil {
		return fleet.Settled{}
	}
	defer a.schedule(q.Triggers)
	if a.frozen.due == q.DueAt {
		a.frozen, a.reported = frozen{}, q.DueAt
		a.settled.due, a.settled.run = q.DueAt, q.Run
	}
	return fleet.Settled{Mine: a.settled.due == q.DueAt && a.settled.run == q.Run}
}
