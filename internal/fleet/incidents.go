package fleet

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Known is an incident that this node knows, or a key of such a rule that it was hit with. Its ages are not used: At is when the latest hit arrived, HitAt when it
// happened, and FirstAt when the first did that its alerts report. Name is the node's own name of the key, which no call to the engine contains.
type Known struct {
	Note
	Name               string
	At, HitAt, FirstAt time.Time
}

// EndingLine is a line that ends incidents. Key is that of the only one that it can end; or else Index is where those are listed that it may, and Parts are the
// digests of the parts of their keys, "" for one that may be any.
type EndingLine struct {
	Key   Key
	Index Key
	Parts []string
	At    time.Time
}

// Bounds of the lines that wait for the engine.
const (
	maxEndings = 1000
	endAgain   = time.Second
)

type known struct {
	Known
	next  time.Time // it is not reported before
	dirty bool
}

// Note reports a hit of a rule that asks for ends, or an incident that this node knows. It never blocks. It reports false when there is no room.
func (f *Fleet) Note(k Known) bool {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.known[k.Key]
	if e == nil {
		if len(r.known) >= maxReporting {
			r.full++
			return false
		}
		e = &known{}
		r.known[k.Key] = e
	}
	at, hit := e.At, e.HitAt
	e.Known, e.dirty = k, true
	if at.After(k.At) {
		e.At = at
	}
	if hit.After(k.HitAt) {
		e.HitAt = hit
	}
	return true
}

// Drop forgets an incident that this node does not know any more.
func (f *Fleet) Drop(key Key) {
	f.reporter.mu.Lock()
	defer f.reporter.mu.Unlock()
	delete(f.reporter.known, key)
}

// End reports a line that ends incidents. It never blocks. Until the engine answers, the line waits in memory. It reports false when there is no room.
func (f *Fleet) End(l EndingLine) bool {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.endings) >= maxEndings {
		r.full++
		return false
	}
	r.endings = append(r.endings, l)
	return true
}

// reportIncidents reports the keys that were hit, and then the lines: one from before a hit ends nothing.
func (f *Fleet) reportIncidents(ctx context.Context) {
	now := f.opt.Now()
	r := &f.reporter
	r.mu.Lock()
	lines := r.endings
	if now.Before(r.endAt) && r.endAt.Sub(now) <= endAgain {
		lines = nil
	} else {
		r.endings = nil
	}
	r.mu.Unlock()
	for part := range slices.Chunk(r.notes(now, f.opt.Run, *f.triggers.Load(), f.opt.Settings.Grace, len(lines) > 0), batch) {
		f.note(ctx, part)
	}
	for i := range lines {
		if ctx.Err() != nil || !f.endAll(ctx, now, &lines[i]) {
			r.mu.Lock()
			r.endings, r.endAt = append(slices.Clone(lines[i:]), r.endings...), now.Add(endAgain)
			r.mu.Unlock()
			return
		}
	}
}

// note reports some keys.
func (f *Fleet) note(ctx context.Context, part []Known) {
	list := make([]Note, len(part))
	for i := range part {
		list[i] = part[i].Note
	}
	var answers []Noted
	f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Note(ctx, list) })
	for i, a := range answers {
		one := &part[i]
		switch {
		case a.Err != nil:
			if ctx.Err() == nil {
				f.health.note(a.Err)
			}
			f.reporter.unnoted(one.Key)
		case a.Ended:
			f.Drop(one.Key)
			if f.opt.Ended != nil {
				f.opt.Ended(one.Name, one.Incident.Made)
			}
		}
	}
}

// notes returns the keys to report: those that were hit, and now and then the incidents of which alerts left this node, so that the engine remembers them, and hears of
// them if it lost its data. With all, none is left for later.
func (r *reporter) notes(now time.Time, run, triggers string, grace time.Duration, all bool) (list []Known) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.known)) {
		e := r.known[key]
		wait := hearLeast
		if !e.dirty {
			wait = hearMost
		}
		if early := e.next.Add(wait - hearLeast); now.Before(early) && early.Sub(now) <= hearMost && (!all || !e.dirty) {
			continue
		}
		if !e.dirty && e.Incident.Alerts == 0 {
			delete(r.known, key)
			continue
		}
		k := e.Known
		age := func(t time.Time) time.Duration { return min(max(0, now.Sub(t)), maxAge).Truncate(time.Millisecond) }
		k.Run, k.Terms.Triggers, k.Title = run, triggers, k.Title.cut()
		if k.Terms.Grace == 0 {
			k.Terms.Grace = grace
		}
		k.Incident.Arrived, k.Incident.Hit, k.Incident.First = age(k.At), age(k.HitAt), age(k.FirstAt)
		e.dirty, e.next = false, now.Add(hearLeast)
		list = append(list, k)
	}
	return list
}

// unnoted makes a report whose answer did not come due again.
func (r *reporter) unnoted(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.known[key]; e != nil {
		e.dirty = true
	}
}

// endAll ends the incidents that a line ends, and reports whether the engine answered about all of them. It may be repeated.
func (f *Fleet) endAll(ctx context.Context, now time.Time, l *EndingLine) bool {
	list := []Listed{{Key: l.Key}}
	if l.Key == "" {
		var err error
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { list, err = f.opt.Engine.Listed(ctx, l.Index) })
		if err != nil {
			f.health.note(err)
			return !again(err) && Why(err) != "circuit"
		}
		list = slices.DeleteFunc(list, func(one Listed) bool { return !l.matches(one.Parts) })
	}
	ok := true
	for part := range slices.Chunk(list, batch) {
		calls := make([]Ending, len(part))
		for i, one := range part {
			calls[i] = Ending{Key: one.Key, Age: min(max(0, now.Sub(l.At)), maxAge).Truncate(time.Millisecond)}
			if l.Key == "" {
				calls[i].Index, calls[i].Parts = l.Index, one.Parts
			}
		}
		var answers []Ended
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.End(ctx, calls) })
		for _, a := range answers {
			if a.Err != nil {
				f.health.note(a.Err)
				ok = ok && !again(a.Err) && Why(a.Err) != "circuit"
			}
		}
	}
	return ok
}

// matches reports whether a key has the parts of the line.
func (l *EndingLine) matches(parts []string) bool {
	if len(parts) != len(l.Parts) {
		return false
	}
	for i, part := range l.Parts {
		if part != "" && part != parts[i] {
			return false
		}
	}
	return true
}
