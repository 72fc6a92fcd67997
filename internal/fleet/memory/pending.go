package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// marks are the hits towards a threshold, or the different values.
type marks struct {
	hits    []mark // by time, those of one time as they came
	last    map[string]marked
	until   int64
	crossed int64 // when the threshold was last crossed; 0: never
	reached int64 // by how many hits
}

type mark struct {
	at, hits int64
	value    uint64
}

type marked struct {
	seq              int64
	crossed, reached bool
	sum              int64
}

// markKey separates the counts of hits and of values of one key.
type markKey struct {
	fleet.Key
	values bool
}

// Mark implements fleet.Engine.
func (e *Engine) Mark(ctx context.Context, list []fleet.Mark) []fleet.Marked {
	return each(ctx, e, list, (*fleet.Mark).Check, e.mark, func(err error) fleet.Marked { return fleet.Marked{Err: err} })
}

func (e *Engine) mark(now int64, q *fleet.Mark) fleet.Marked {
	name := markKey{q.Key, q.Values}
	m := e.marks[name]
	if m == nil || m.until <= now {
		m = &marks{last: map[string]marked{}}
		e.marks[name] = m
	}
	if last := m.last[q.Run]; q.Seq <= last.seq {
		again := last.seq == q.Seq
		return fleet.Marked{Crossed: again && last.crossed, Reached: again && last.reached, Sum: last.sum}
	}
	within, lease := ms(q.Within), ms(fleet.CrossingLease)
	m.add(now, q)
	m.hits = slices.DeleteFunc(m.hits, func(h mark) bool { return h.at <= now-within })
	sum := int64(0)
	for _, h := range m.hits {
		sum += h.hits
	}
	w := e.window(q.Key, now)
	open := w.open(now, q.Cooldown, q.CooldownMax)
	answer := marked{seq: q.Seq, sum: sum}
	// A crossing whose alert opened no window within the lease is lost with its node, or suppressed there: another node may make the alert.
	if x := min(m.crossed, now); x > 0 && !open && sum > 0 && (w == nil || w.opened < x) && now-x >= lease && now-x < lease+within {
		if answer.sum += m.reached; q.Values { // they may be the same
			answer.sum = max(sum, m.reached)
		}
	}
	switch {
	case answer.sum < q.Count:
	case open:
		for len(m.hits) > 0 && sum-m.hits[0].hits >= q.Count {
			sum -= m.hits[0].hits
			m.hits = m.hits[1:]
		}
		answer.reached, answer.sum = true, sum
	default:
		answer.crossed, m.hits, m.crossed, m.reached = true, nil, now, answer.sum
	}
	m.last[q.Run] = answer
	m.until = now + within + 3_600_000
	return fleet.Marked{Crossed: answer.crossed, Reached: answer.reached, Sum: answer.sum}
}

// add adds the hits of a report. A value that is there already gets the later time.
func (m *marks) add(now int64, q *fleet.Mark) {
	for _, h := range q.Hits {
		one := mark{now - ms(h.Age), h.Hits, h.Value}
		if q.Values {
			if i := slices.IndexFunc(m.hits, func(other mark) bool { return other.value == h.Value }); i >= 0 {
				one.at = max(one.at, m.hits[i].at)
				m.hits = slices.Delete(m.hits, i, i+1)
			}
		}
		m.hits = append(m.hits, one)
	}
	slices.SortStableFunc(m.hits, func(x, y mark) int {
		if q.Values { // those of one time in the order of their names on the server
			return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.value, y.value))
		}
		return cmp.Compare(x.at, y.at)
	})
}

// absence is the state of one key of an absence rule.
type absence struct {
	heard, within int64
	end           int64 // when it is forgotten
	title         fleet.Title
	sample        []byte
	frozen        frozen // due, until and run
	ends          bool   // what is frozen is the end of an absence
	gone          int64  // then: for how long nothing was heard
	reported      int64  // the due time of the absence that was reported and is not over; 0: none
	recovered     int64  // when the line was heard after that; 0: not yet
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
	case a.recovered > 0:
		a.due[triggers] = a.recovered
	case a.reported > 0:
		delete(a.due, triggers)
	default:
		a.due[triggers] = a.heard + a.within
	}
}

func (a *absence) keep(now int64) { a.end = now + 3*a.within + 3_600_000 }

// recover notes that the line was heard after its absence was reported, which is work of its own.
func (a *absence) recover() {
	if a.reported > 0 && a.recovered == 0 && a.heard > a.reported {
		a.recovered = a.heard
	}
}

// Hear implements fleet.Engine.
func (e *Engine) Hear(ctx context.Context, list []fleet.Hearing) []fleet.Heard {
	return each(ctx, e, list, (*fleet.Hearing).Check, func(now int64, q *fleet.Hearing) fleet.Heard {
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
			a.sample = slices.Clone(q.Sample)
		}
		a.within, a.title = ms(q.Within), q.Title
		a.recover()
		a.keep(now)
		a.schedule(q.Triggers)
		return fleet.Heard{Age: dur(now - a.heard)}
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
	case a.recovered > 0:
		f.due, f.until, f.run = max(a.recovered, a.settled.due+1), now+ms(q.Lease), q.Run
		f.last, a.ends, a.gone = a.recovered, true, a.recovered-(a.reported-a.within)
	case a.reported == 0 && now >= a.heard+a.within:
		f.due, f.until, f.run = max(a.heard+a.within, a.settled.due+1), now+ms(q.Lease), q.Run
		f.last, f.sample, a.ends = a.heard, a.sample, false
		a.keep(now)
	default:
		return fleet.Taken{}
	}
	t := fleet.Taken{Kind: fleet.Absence, DueAt: f.due, Last: dur(now - f.last), Sample: f.sample, Title: a.title}
	if a.ends {
		t.Kind, t.Gone, t.Sample = fleet.Recovery, dur(a.gone), nil
	}
	return t
}

func (e *Engine) settleAbsence(now int64, q *fleet.Settlement) fleet.Settled {
	a := e.heardOf(q.Key, now)
	if a == nil {
		return fleet.Settled{}
	}
	defer a.schedule(q.Triggers)
	if a.frozen.due == q.DueAt {
		a.frozen = frozen{}
		a.settled.due, a.settled.run = q.DueAt, q.Run
		if a.ends {
			a.reported, a.recovered = 0, 0
		} else {
			a.reported = q.DueAt
			a.recover()
		}
	}
	return fleet.Settled{Mine: a.settled.due == q.DueAt && a.settled.run == q.Run}
}
