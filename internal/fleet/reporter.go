package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"
)

// Threshold is the condition of a rule of the fleet on its hits.
type Threshold struct {
	Count    int64
	Within   time.Duration
	Cooldown time.Duration
	Values   bool // different values are counted

	CooldownMax time.Duration // see Terms
}

// Hit is a hit that counts towards a threshold. Name is the node's own name of the key, which no call to the engine contains.
type Hit struct {
	Threshold
	Key   Key
	Name  string
	At    time.Time
	Value uint64 // a digest of the value, where values are counted; else 0
}

// Bounds of the reports that wait.
const (
	reportEvery  = 250 * time.Millisecond // at most so often a key is reported
	reportSlowly = 2 * time.Second        // and so often at least, while its window is open
	maxReporting = 10_000                 // keys
	hearLeast    = time.Second
	hearMost     = time.Minute
)

// reporter holds the reports that wait: hits towards thresholds, rates and ratios, templates that were seen, and lines that were heard. It is in memory alone: a node that is killed loses the hits of the
// last reportEvery, which the engine of rules counts as suppressed all the same.
type reporter struct {
	run    string // of this process: sequence numbers begin with it
	silent bool   // the engine did not answer about a line; of the loop

	mu      sync.Mutex // guards the fields below
	counts  map[Key]*counting
	tallies map[Key]*tallying
	sights  map[Key]Template // that were seen without an alert
	hearing map[Key]*hearing
	known   map[Key]*known // keys of rules that ask for ends
	endings []EndingLine
	endAt   time.Time // lines are not reported before, since the engine did not answer
	full    int64     // reports that there was no room for
}

type counting struct {
	Threshold
	name   string
	seq    int64
	sent   []timed // of the report whose answer is awaited
	hits   []timed // the oldest first, at most MaxAged
	latest time.Time
	next   time.Time // it is not reported before
}

type timed struct {
	at    time.Time
	hits  int64
	value uint64
}

// add counts a hit. Hits of nearly one time are one entry, fine enough for 64 of them within the time that counts; so are those of one value.
// It reports whether there was no room for another value.
func (c *counting) add(h *Hit) (dropped bool) {
	if h.Values {
		if i := slices.IndexFunc(c.hits, func(one timed) bool { return one.value == h.Value }); i >= 0 {
			if !h.At.After(c.hits[i].at) {
				return false
			}
			c.hits = slices.Delete(c.hits, i, i+1)
		} else if len(c.hits) == MaxAged { // the oldest value says least
			c.hits, dropped = c.hits[1:], true
		}
	}
	// Searched from the end, because most hits come in the order of their times.
	i := len(c.hits)
	for i > 0 && c.hits[i-1].at.After(h.At) {
		i--
	}
	if !h.Values {
		switch near := h.Within / 64; {
		case i > 0 && (h.At.Sub(c.hits[i-1].at) < near || len(c.hits) == MaxAged):
			c.hits[i-1].hits++
			return false
		case i < len(c.hits) && (c.hits[i].at.Sub(h.At) < near || len(c.hits) == MaxAged):
			c.hits[i].hits++
			return false
		}
	}
	c.hits = slices.Insert(c.hits, i, timed{h.At, 1, h.Value})
	return dropped
}

// Line is a line that must not be absent, and when this node heard it, or with Watch that it is waited for. Triggers and Age of the Hearing are not used. Name is
// the node's own name of it, which no call to the engine contains.
type Line struct {
	Hearing
	Name string
	At   time.Time
}

type hearing struct {
	Hearing
	name  string
	at    time.Time // zero: not heard, the watch began
	next  time.Time // when it may be reported again
	dirty bool
}

func (r *reporter) init() {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	r.run = hex.EncodeToString(random[:])
	r.counts, r.tallies, r.sights, r.hearing = map[Key]*counting{}, map[Key]*tallying{}, map[Key]Template{}, map[Key]*hearing{}
	r.known = map[Key]*known{}
}

// Count reports a hit towards a threshold of the fleet. It never blocks. It reports false when there is no room: the node counts by itself.
func (f *Fleet) Count(h Hit) bool {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[h.Key]
	if c == nil {
		if len(r.counts) >= maxReporting {
			r.full++
			return false
		}
		c = &counting{}
		r.counts[h.Key] = c
	}
	if c.Values != h.Values { // a reload changed the rule
		c.hits = nil
	}
	c.Threshold, c.name, c.latest = h.Threshold, h.Name, h.At
	if c.add(&h) {
		r.full++
	}
	return true
}

// Template is a template that a node saw.
type Template struct {
	Key   Key
	For   time.Duration // see Sight
	Image Key           // "": the rule does not go by images
	// First is when the node saw the template first, and Appeared when the image did, zero for unknown.
	First, Appeared time.Time
}

// sight returns what the engine is asked about a template by now.
func (t *Template) sight(now time.Time) Sight {
	s := Sight{Key: t.Key, For: t.For}
	if t.Image != "" {
		s.Image = &ImageSight{Key: t.Image, Template: min(max(0, now.Sub(t.First)), maxAge), Appeared: !t.Appeared.IsZero()}
		if s.Image.Appeared {
			s.Image.Age = min(max(0, now.Sub(t.Appeared)), maxAge)
		}
	}
	return s
}

// Saw reports that a template was seen, in a line without an alert: all nodes know it from then on. It never blocks.
func (f *Fleet) Saw(t Template) {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.sights[t.Key]; !known && len(r.sights) >= maxReporting {
		r.full++
		return
	}
	r.sights[t.Key] = t
}

// reportSights reports templates that were seen. One whose report failed is reported again.
func (f *Fleet) reportSights(ctx context.Context) {
	r := &f.reporter
	r.mu.Lock()
	all := r.sights
	r.sights = map[Key]Template{}
	r.mu.Unlock()
	now := f.opt.Now()
	for part := range slices.Chunk(slices.Sorted(maps.Keys(all)), batch) {
		list := make([]Sight, len(part))
		for i, key := range part {
			t := all[key]
			list[i] = t.sight(now)
			list[i].Run, list[i].ID = f.opt.Run, NoAlert
		}
		var answers []Seen
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.See(ctx, list) })
		for i, a := range answers {
			if a.Err == nil {
				continue
			}
			if ctx.Err() == nil {
				f.health.note(a.Err)
			}
			f.Saw(all[list[i].Key])
		}
	}
}

// Heard reports a line that was heard, or is waited for. It never blocks. It reports false when there is no room.
func (f *Fleet) Heard(l Line) bool {
	f.reporter.mu.Lock()
	defer f.reporter.mu.Unlock()
	return f.reporter.hear(&l)
}

// Await says which lines there are from now on, in place of all that were reported.
func (f *Fleet) Await(list []Line) {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearing = map[Key]*hearing{}
	for i := range list {
		r.hear(&list[i])
	}
}

// hear notes a line. The caller holds r.mu.
func (r *reporter) hear(l *Line) bool {
	e := r.hearing[l.Key]
	if e == nil {
		if len(r.hearing) >= maxReporting {
			r.full++
			return false
		}
		e = &hearing{}
		r.hearing[l.Key] = e
	}
	watch := l.Watch && e.at.IsZero()
	e.Hearing, e.name, e.dirty = l.Hearing, l.Name, true
	e.Watch = watch
	if !l.Watch && l.At.After(e.at) {
		e.at = l.At
	}
	return true
}

// report reports every reportEvery.
func (f *Fleet) report(ctx context.Context) {
	ticks := time.NewTicker(reportEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		f.reportCounts(ctx)
		f.reportTallies(ctx)
		f.reportSights(ctx)
		f.reportHeard(ctx)
		f.reportIncidents(ctx)
		f.reportSequences(ctx)
	}
}

// reportCounts reports the hits that wait. A node whose report is not answered in time goes by its own count.
func (f *Fleet) reportCounts(ctx context.Context) {
	now := f.opt.Now()
	for part := range slices.Chunk(f.reporter.marks(now, f.opt.Name), batch) {
		var answers []Marked
		list := make([]Mark, len(part))
		for i := range part {
			list[i] = part[i].Mark
		}
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Mark(ctx, list) })
		for i, a := range answers {
			report := &part[i]
			switch {
			case ctx.Err() != nil:
			case a.Err != nil: // the same report is sent again
				f.health.note(a.Err)
				if f.opt.Unanswered != nil && (!again(a.Err) || f.opt.Now().Sub(report.oldest) >= f.opt.Settings.Wait) {
					f.opt.Unanswered(report.name)
				}
				continue
			case a.Crossed && f.opt.Crossed != nil:
				f.opt.Crossed(report.name, a.Sum)
			case a.Reached && f.opt.Reached != nil:
				f.opt.Reached(report.name)
			}
			f.reporter.acknowledge(report, a.Reached, now)
		}
	}
}

// report is a Mark on its way.
type report struct {
	Mark
	name   string
	oldest time.Time // of its hits
}

// marks returns the reports of hits. A report without an answer is repeated with its hits and its Seq, since it may have counted.
func (r *reporter) marks(now time.Time, node string) (list []report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.counts)) {
		c := r.counts[key]
		if len(c.sent) == 0 {
			if len(c.hits) == 0 {
				if now.Sub(c.latest) > c.Within+time.Hour { // the engine has forgotten the run by then, too
					delete(r.counts, key)
				}
				continue
			}
			if now.Before(c.next) && c.next.Sub(now) <= reportSlowly {
				continue
			}
			c.seq++
			c.sent, c.hits = c.hits, nil
		}
		m := Mark{Key: key, Run: r.run, Node: node, Seq: c.seq, Count: c.Threshold.Count, Within: c.Within, Cooldown: c.Cooldown,
			CooldownMax: c.CooldownMax, Values: c.Values}
		for _, h := range c.sent {
			if m.Values != (h.value != 0) { // of before a reload
				continue
			}
			m.Hits = append(m.Hits, Aged{min(max(0, now.Sub(h.at)), maxAge), min(h.hits, MaxHits), h.value})
		}
		list = append(list, report{m, c.name, c.sent[0].at})
	}
	return list
}

// acknowledge ends a report. While the window of the key is open, nothing can alert, so the next one takes its time.
func (r *reporter) acknowledge(one *report, open bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[one.Key]
	if c == nil || c.seq != one.Seq {
		return
	}
	if c.sent = nil; open {
		c.next = now.Add(min(one.Within/20, reportSlowly))
	}
}

func (f *Fleet) reportHeard(ctx context.Context) {
	now := f.opt.Now()
	for part := range slices.Chunk(f.reporter.heard(now, *f.triggers.Load()), batch) {
		list := make([]Hearing, len(part))
		for i := range part {
			list[i] = part[i].Hearing
		}
		var answers []Heard
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Hear(ctx, list) })
		for i, a := range answers {
			switch {
			case a.Err != nil:
				if ctx.Err() == nil {
					f.health.note(a.Err)
					f.silent(true)
				}
				f.reporter.unheard(part[i].Key)
			case f.opt.Heard != nil:
				f.silent(false)
				f.opt.Heard(part[i].Name, a.Age)
			}
		}
	}
}

// silent logs, once in an outage, which nodes report absences.
func (f *Fleet) silent(now bool) {
	if before := f.reporter.silent; now && !before {
		f.opt.Log.Warn("fleet: until the engine answers, an absence is reported only by nodes that heard the line themselves")
	}
	f.reporter.silent = now
}

// heard returns the lines to report: those that changed, and the others now and then, so that an engine that lost its data learns of them.
func (r *reporter) heard(now time.Time, triggers string) (list []Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.hearing)) {
		e := r.hearing[key]
		if now.Before(e.next) && !e.next.After(now.Add(hearMost)) {
			continue
		}
		if !e.at.IsZero() && now.Sub(e.at) > 3*e.Within && !e.dirty { // another node hears it, or nobody: that is the engine's to know
			delete(r.hearing, key)
			continue
		}
		h := e.Hearing
		h.Triggers, h.Title = triggers, h.Title.cut()
		if len(h.Sample) > MaxSample {
			h.Sample = nil
		}
		if h.Age = 0; !e.Watch {
			h.Age = min(max(0, now.Sub(e.at)), maxAge)
		}
		e.dirty, e.next = false, now.Add(min(max(e.Within/20, hearLeast), hearMost))
		list = append(list, Line{Hearing: h, Name: e.name})
	}
	return list
}

// unheard makes a report whose answer did not come due again.
func (r *reporter) unheard(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.hearing[key]; e != nil {
		e.dirty = true
	}
}
