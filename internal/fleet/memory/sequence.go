package memory

import (
	"context"
	"slices"
	"strconv"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// sequence is the hits of the other rule of a sequence, and the hit that waits for one.
type sequence struct {
	times   []int64          // of the other rule, sorted
	steps   map[string]int64 // the last report of each run
	waits   map[string]wait  // the last wait of each run
	began   int64            // when the hit came that waits; 0: none does
	ends    int64            // when the wait ends
	by      string           // whose it is
	title   fleet.Title
	sample  []byte
	dealt   int64  // waits that began until then were reported
	frozen  frozen // due, until, run, last and sample
	named   fleet.Title
	settled struct {
		due int64
		run string
	}
	end int64 // when it is forgotten
	due map[string]int64
}

type wait struct{ seq, at int64 }

// sequenceOf returns the sequence of a key, or nil.
func (e *Engine) sequenceOf(key fleet.Key, now int64) *sequence {
	s := e.steps[key]
	if s != nil && s.end <= now {
		delete(e.steps, key)
		return nil
	}
	return s
}

// newSequence returns the sequence of a key, which may be new.
func (e *Engine) newSequence(key fleet.Key, now int64) *sequence {
	s := e.sequenceOf(key, now)
	if s == nil {
		s = &sequence{steps: map[string]int64{}, waits: map[string]wait{}, due: map[string]int64{}}
		e.steps[key] = s
	}
	return s
}

// recent returns the times within twice the time that counts.
func (s *sequence) recent(now, within int64) (list []int64) {
	for _, at := range s.times {
		if at = min(at, now); at > now-2*within {
			list = append(list, at)
		}
	}
	return list
}

func (s *sequence) schedule(triggers string) {
	switch {
	case s.frozen.due > 0:
		s.due[triggers] = s.frozen.until
	case s.began > 0:
		s.due[triggers] = s.ends + ms(fleet.Unordered)
	default:
		delete(s.due, triggers)
	}
}

func (s *sequence) keep(now, within int64) {
	if s.end = now + 2*within + 600_000; s.began > 0 || s.frozen.due > 0 || s.dealt > 0 {
		s.end = now + 3*within + 3_600_000
	}
}

// Step implements fleet.Engine.
func (e *Engine) Step(ctx context.Context, list []fleet.Step) []fleet.Stepped {
	return each(ctx, e, list, (*fleet.Step).Check, func(now int64, q *fleet.Step) fleet.Stepped {
		s := e.newSequence(q.Key, now)
		defer s.schedule(q.Triggers)
		if q.Seq <= s.steps[q.Run] {
			return fleet.Stepped{}
		}
		s.began = min(s.began, now) // the clock stepped back
		times := s.recent(now, ms(q.Within))
		for _, age := range q.Ages {
			at := now - ms(age)
			times = append(times, at)
			if s.began > 0 && at > s.began-ms(fleet.Apart) && at < s.ends {
				s.began = 0
			}
		}
		slices.Sort(times)
		s.times, s.steps[q.Run] = fleet.Thin(times, ms(q.Within)), q.Seq
		s.keep(now, ms(q.Within))
		return fleet.Stepped{}
	}, func(err error) fleet.Stepped { return fleet.Stepped{Err: err} })
}

// Follow implements fleet.Engine.
func (e *Engine) Follow(ctx context.Context, list []fleet.Follow) []fleet.Followed {
	return each(ctx, e, list, (*fleet.Follow).Check, func(now int64, q *fleet.Follow) (f fleet.Followed) {
		var times []int64
		if s := e.sequenceOf(q.Key, now); s != nil {
			times = s.times
		}
		for _, span := range q.Spans {
			f.Spans = append(f.Spans, slices.ContainsFunc(times, func(at int64) bool {
				at = min(at, now)
				before := func(age int64) bool { return at < now-age+ms(fleet.Apart) && at > now-age-ms(q.Within) }
				return before(ms(span.First)) || before(ms(span.Last))
			}))
		}
		return f
	}, func(err error) fleet.Followed { return fleet.Followed{Err: err} })
}

// Wait implements fleet.Engine.
func (e *Engine) Wait(ctx context.Context, list []fleet.Wait) []fleet.Waited {
	return each(ctx, e, list, (*fleet.Wait).Check, func(now int64, q *fleet.Wait) fleet.Waited {
		s, at, within := e.newSequence(q.Key, now), now-ms(q.Age), ms(q.Within)
		defer s.schedule(q.Triggers)
		s.began, s.dealt = min(s.began, now), min(s.dealt, now)
		switch last := s.waits[q.Run]; {
		case last.seq > q.Seq:
			return fleet.Waited{Over: true}
		case last.seq == q.Seq:
			at = min(last.at, at) // the report that was quicker is right
		}
		over := s.dealt > 0 && at <= s.dealt ||
			slices.ContainsFunc(s.recent(now, within), func(other int64) bool { return other > at-ms(fleet.Apart) && other < at+within })
		s.waits[q.Run] = wait{q.Seq, at}
		switch by := q.Run + ":" + strconv.FormatInt(q.Seq, 10); {
		case s.began > 0 && s.by == by && over:
			s.began = 0
		case s.began > 0 && s.by == by:
			s.began = min(s.began, at)
		case s.began == 0 && !over:
			s.by = by
			s.began, s.ends, s.sample, s.title = at, now-ms(q.Waited)+within, slices.Clone(q.Sample), q.Title
		}
		s.keep(now, within)
		return fleet.Waited{Over: over}
	}, func(err error) fleet.Waited { return fleet.Waited{Err: err} })
}

func (e *Engine) takeWait(now int64, q *fleet.Take) fleet.Taken {
	s := e.sequenceOf(q.Key, now)
	if s == nil {
		return fleet.Taken{}
	}
	defer s.schedule(q.Triggers)
	s.began, s.dealt = min(s.began, now), min(s.dealt, now)
	f := &s.frozen
	switch {
	case f.due > 0:
		if f.until > now && f.run != q.Run {
			return fleet.Taken{}
		}
		if f.until <= now {
			f.until, f.run = now+ms(q.Lease), q.Run
		}
	case s.began > 0 && now >= s.ends+ms(fleet.Unordered):
		*f = frozen{due: max(s.ends, s.settled.due+1), until: now + ms(q.Lease), run: q.Run, last: s.began, sample: s.sample}
		s.keep(now, s.ends-s.began)
		s.dealt, s.named, s.began = max(s.dealt, s.ends), s.title, 0
	default:
		return fleet.Taken{}
	}
	return fleet.Taken{Kind: fleet.Missing, DueAt: f.due, Last: dur(now - f.last), Sample: f.sample, Title: s.named}
}

func (e *Engine) settleWait(now int64, q *fleet.Settlement) fleet.Settled {
	s := e.sequenceOf(q.Key, now)
	if s == nil {
		return fleet.Settled{}
	}
	defer s.schedule(q.Triggers)
	if s.frozen.due == q.DueAt {
		s.frozen = frozen{}
		s.settled.due, s.settled.run = q.DueAt, q.Run
	}
	return fleet.Settled{Mine: s.settled.due == q.DueAt && s.settled.run == q.Run}
}
