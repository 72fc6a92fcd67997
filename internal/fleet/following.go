package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of the reports about sequences.
const (
	stepEvery = time.Second     // at most so often the other rule's hits of a key are reported, after the first
	askKept   = 10 * Unordered  // a question that nobody answers is kept so long
	askAgain  = Unordered / 5   // it is asked again after this, and at the end of Unordered
	waitLeast = 2 * time.Second // a wait is reported again after a twentieth of its length, within these
	waitMost  = time.Minute
)

// Asked is a hit that follows none of the other rule on its node. Name is the node's own name of the key, which no call to the engine contains. Shown is handed back
// to Options.Followed.
type Asked struct {
	Key    Key
	Name   string
	At     time.Time
	Within time.Duration
	Shown  any
}

// Waiting is a hit that waits for the other rule. Name is the node's own name of the key.
type Waiting struct {
	Key      Key
	Name     string
	At, From time.Time // when it happened, and since when it waits
	Within   time.Duration
	Title    Title
	Sample   []byte
	seq      int64
	next     time.Time
	again    bool // it was reported twice
}

// following holds the reports about sequences that wait. It is in memory alone.
type following struct {
	sync.Mutex // guards the fields below
	steps      map[Key]*stepping
	asks       map[askKey]*asking
	waits      map[Key]*Waiting
	seq        int64
	full       int64 // reports that there was no room for
}

type stepping struct {
	within time.Duration
	seq    int64
	sent   []int64 // of the report whose answer is awaited; ms
	times  []int64
	next   time.Time
	again  bool // sent is reported for the second time
}

type askKey struct {
	key  Key
	name string
}

type asking struct {
	within time.Duration
	shown  any
	spans  []asked // the oldest first
	next   time.Time
}

// asked is the hits between two moments less than half of within apart.
type asked struct {
	first, last, added time.Time
	times              int // that it was asked about
}

func (f *following) init() {
	f.steps, f.asks, f.waits = map[Key]*stepping{}, map[askKey]*asking{}, map[Key]*Waiting{}
}

// Step reports a hit of the other rule of a sequence. It never blocks.
func (f *Fleet) Step(key Key, at time.Time, within time.Duration) {
	l := &f.following
	l.Lock()
	defer l.Unlock()
	s := l.steps[key]
	if s == nil {
		if len(l.steps) >= maxReporting {
			l.full++
			return
		}
		s = &stepping{}
		l.steps[key] = s
	}
	s.within = within
	s.add(at.UnixMilli())
}

// add adds a time.
func (s *stepping) add(at int64) {
	i, _ := slices.BinarySearch(s.times, at)
	s.times = Thin(slices.Insert(s.times, i, at), s.within.Milliseconds())
}

// Follow asks about a hit. It never blocks. It reports whether Shown is kept: of the hits of one key and name that are asked about, that of the first is.
func (f *Fleet) Follow(a Asked) bool {
	l := &f.following
	l.Lock()
	defer l.Unlock()
	name := askKey{a.Key, a.Name}
	one, now := l.asks[name], f.opt.Now()
	fresh := one == nil
	if fresh {
		if len(l.asks) >= maxReporting {
			l.full++
			return false
		}
		one = &asking{shown: a.Shown}
		l.asks[name] = one
	}
	one.within = a.Within
	one.add(a.At, now)
	one.next = time.Time{}
	return fresh
}

// add adds a hit. Its span is a new one if it was asked about before, so that each hit is asked about for as long.
func (a *asking) add(at, now time.Time) {
	if n := len(a.spans); n > 0 {
		s := &a.spans[n-1]
		first, last := s.first, s.last
		if at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
		if now.Sub(s.added) < time.Second && last.Sub(first) < a.within/2 {
			s.first, s.last, s.times = first, last, 0
			return
		}
	}
	if len(a.spans) == MaxSpans {
		a.spans = slices.Delete(a.spans, 0, 1)
	}
	a.spans = append(a.spans, asked{first: at, last: at, added: now})
}

// Wait reports a hit that waits for the other rule, until the wait is over. It never blocks.
func (f *Fleet) Wait(w Waiting) {
	l := &f.following
	l.Lock()
	defer l.Unlock()
	if old := l.waits[w.Key]; old != nil && old.At.Equal(w.At) {
		return
	} else if old == nil && len(l.waits) >= maxReporting {
		l.full++
		return
	}
	l.seq++
	w.seq, w.Title = l.seq, w.Title.cut()
	if len(w.Sample) > MaxSample {
		w.Sample = nil
	}
	l.waits[w.Key] = &w
}

// reportSequences reports hits of other rules first, so that the answers know them.
func (f *Fleet) reportSequences(ctx context.Context) {
	f.reportSteps(ctx)
	f.reportAsks(ctx)
	f.reportWaits(ctx)
}

// ageOf returns the age of a moment within the bounds of the wire.
func ageOf(at, now time.Time) time.Duration { return min(max(0, now.Sub(at)), maxAge) }

// slow reports whether a call that began at a time took so long that its ages were wrong by more than Apart: it is made again, once.
func (f *Fleet) slow(begun time.Time) bool { return f.opt.Now().Sub(begun) > Apart }

// since returns how long ago a list was made, of which a part is sent now: ages must be right to a fraction of Apart.
func (f *Fleet) since(made time.Time) time.Duration { return max(0, f.opt.Now().Sub(made)) }

func (f *Fleet) reportSteps(ctx context.Context) {
	now := f.opt.Now()
	for part := range slices.Chunk(f.following.stepped(now, f.reporter.run, *f.triggers.Load()), batch) {
		late := f.since(now)
		for i := range part {
			for j := range part[i].Ages {
				part[i].Ages[j] += late
			}
		}
		var answers []Stepped
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Step(ctx, part) })
		for i, a := range answers {
			if ctx.Err() == nil && a.Err != nil {
				f.health.note(a.Err)
			}
			if a.Err == nil {
				f.following.acknowledge(&part[i], now, f.slow(now.Add(late)))
			}
		}
	}
}

// stepped returns the reports that are due. One without an answer is repeated with its Seq, since it may have counted.
func (l *following) stepped(now time.Time, run, triggers string) (list []Step) {
	l.Lock()
	defer l.Unlock()
	for _, key := range slices.Sorted(maps.Keys(l.steps)) {
		s := l.steps[key]
		if len(s.sent) == 0 {
			if now.Before(s.next) && s.next.Sub(now) <= stepEvery { // or the clock stepped back
				continue
			}
			if len(s.times) == 0 {
				delete(l.steps, key)
				continue
			}
			l.seq++
			s.seq = l.seq
			s.sent, s.times = s.times, nil
		}
		if now.Sub(time.UnixMilli(s.sent[len(s.sent)-1])) > 2*s.within { // nobody asks for them any more
			s.sent = nil
			continue
		}
		one := Step{Key: key, Run: run, Seq: s.seq, Within: s.within, Triggers: triggers}
		for _, at := range s.sent {
			one.Ages = append(one.Ages, ageOf(time.UnixMilli(at), now))
		}
		list = append(list, one)
	}
	return list
}

func (l *following) acknowledge(one *Step, now time.Time, slow bool) {
	l.Lock()
	defer l.Unlock()
	switch s := l.steps[one.Key]; {
	case s == nil || s.seq != one.Seq:
	case slow && !s.again:
		l.seq++
		s.seq, s.again = l.seq, true
	default:
		s.again = false
		s.sent, s.next = nil, now.Add(min(one.Within/20, stepEvery))
	}
}

func (f *Fleet) reportAsks(ctx context.Context) {
	now := f.opt.Now()
	names, all := f.following.asked(now)
	for start := 0; start < len(all); start += batch {
		part := all[start:min(start+batch, len(all))]
		late := f.since(now)
		for i := range part {
			for j := range part[i].Spans {
				part[i].Spans[j].First += late
				part[i].Spans[j].Last += late
			}
		}
		var answers []Followed
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Follow(ctx, part) })
		for i, a := range answers {
			if a.Err != nil {
				if ctx.Err() == nil {
					f.health.note(a.Err)
				}
				continue
			}
			name := names[start+i]
			shown, follows := f.following.answered(name, slices.Contains(a.Spans, true), now)
			if follows && f.opt.Followed != nil {
				f.opt.Followed(name.name, shown)
			}
		}
	}
}

// asked returns the questions that are due. One that nobody answered for long is given up.
func (l *following) asked(now time.Time) (names []askKey, list []Follow) {
	l.Lock()
	defer l.Unlock()
	for name, a := range l.asks {
		a.spans = slices.DeleteFunc(a.spans, func(s asked) bool { return now.Sub(s.added) > askKept || now.Sub(s.added) < 0 })
		if len(a.spans) == 0 {
			delete(l.asks, name)
			continue
		}
		if now.Before(a.next) && a.next.Sub(now) <= Unordered {
			continue
		}
		one := Follow{Key: name.key, Within: a.within}
		for i := range a.spans {
			s := &a.spans[i]
			one.Spans = append(one.Spans, Span{ageOf(s.first, now), ageOf(s.last, now)})
		}
		names, list = append(names, name), append(list, one)
	}
	return names, list
}

// answered puts an answer into effect. A hit that follows none is asked about three times, and then forgotten.
func (l *following) answered(name askKey, follows bool, now time.Time) (shown any, _ bool) {
	l.Lock()
	defer l.Unlock()
	a := l.asks[name]
	if a == nil {
		return nil, false
	}
	if follows {
		delete(l.asks, name)
		return a.shown, true
	}
	a.next = time.Time{}
	a.spans = slices.DeleteFunc(a.spans, func(s asked) bool { return now.Sub(s.added) >= Unordered })
	for i := range a.spans {
		s := &a.spans[i]
		s.times++
		next := s.added.Add(Unordered)
		if s.times == 1 {
			next = now.Add(askAgain)
		}
		if a.next.IsZero() || next.Before(a.next) {
			a.next = next
		}
	}
	if len(a.spans) == 0 {
		delete(l.asks, name)
	}
	return nil, false
}

func (f *Fleet) reportWaits(ctx context.Context) {
	now := f.opt.Now()
	names, all := f.following.waiting(now, f.reporter.run, *f.triggers.Load())
	for start := 0; start < len(all); start += batch {
		part := all[start:min(start+batch, len(all))]
		late := f.since(now)
		for i := range part {
			part[i].Age += late
			part[i].Waited += late
		}
		var answers []Waited
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Wait(ctx, part) })
		for i, a := range answers {
			if a.Err != nil {
				if ctx.Err() == nil {
					f.health.note(a.Err)
				}
				continue
			}
			if f.following.waited(&part[i], a.Over, now, f.slow(now.Add(late))) && f.opt.WaitOver != nil {
				f.opt.WaitOver(names[start+i])
			}
		}
	}
}

// waiting returns the waits that are to be reported, each again now and then: the engine may have lost its data, and says when one is over.
func (l *following) waiting(now time.Time, run, triggers string) (names []string, list []Wait) {
	l.Lock()
	defer l.Unlock()
	for key, w := range l.waits {
		if now.Before(w.next) && w.next.Sub(now) <= waitMost {
			continue
		}
		if now.Sub(w.From) > 2*w.Within+time.Hour { // the node went by itself meanwhile
			delete(l.waits, key)
			continue
		}
		age := ageOf(w.At, now)
		list = append(list, Wait{
			Key: key, Run: run, Seq: w.seq, Age: age, Waited: min(age, ageOf(w.From, now)), Within: w.Within, Triggers: triggers, Title: w.Title, Sample: w.Sample,
		})
		names = append(names, w.Name)
	}
	return names, list
}

// waited puts an answer into effect, and reports whether the wait is over.
func (l *following) waited(one *Wait, over bool, now time.Time, slow bool) bool {
	l.Lock()
	defer l.Unlock()
	w := l.waits[one.Key]
	if w == nil || w.seq != one.Seq { // another hit waits by now
		return false
	}
	if over {
		delete(l.waits, one.Key)
		return true
	}
	if slow && !w.again {
		w.again = true
		return false
	}
	w.next = now.Add(min(max(w.Within/20, waitLeast), waitMost))
	return false
}
