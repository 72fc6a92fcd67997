package fleet

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
)

// Rated is a hit that counts for a rate or a ratio of the fleet.
type Rated struct {
	Key   Key // of the count
	Slice time.Duration
	Than  time.Duration // 0: of a ratio
	At    time.Time
	Other bool    // of the other rule of a ratio
	Asks  *Asking // the alert that the hit may make; nil: none
}

// Asking is an alert that is made if too many hits came. Name is the node's own name of the key, which no call to the engine contains.
type Asking struct {
	Key     Key // of the incident
	Name    string
	Above   rate.Factor
	Ratio   rate.Ratio // if there is no Above
	AtLeast int64

	Cooldown, CooldownMax time.Duration // see Terms
}

// Compared is what a rate or a ratio compares, of all nodes.
type Compared struct {
	Hits   int64
	Usual  int64 // of a rate, in units of package rate
	Others int64 // of a ratio
}

// Bounds of the tallies that wait.
const (
	maxAsking  = 64               // alerts that one count may make
	tallyAgain = 30 * time.Minute // a report without an answer is not repeated for longer: the engine forgets its run after an hour
)

// tallying is the hits of a key that wait.
type tallying struct {
	slice, than time.Duration
	seq         int64
	begun       time.Time // when the report whose answer is awaited was made
	sent        []ratedHits
	sentAsks    map[Key]Asking
	hits        []ratedHits // the oldest first, at most MaxAged
	asks        map[Key]Asking
	fold        *Fold // that the next report has
	latest      time.Time
	next        time.Time // it is not reported before
}

type ratedHits struct {
	at    time.Time
	hits  int64
	other bool
}

// Rate reports a hit for a rate or a ratio. It never blocks. It reports false when there is no room: the node compares by itself.
func (f *Fleet) Rate(h Rated) bool {
	r := &f.reporter
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.tallies[h.Key]
	if c == nil {
		if len(r.tallies) >= maxReporting {
			r.full++
			return false
		}
		c = &tallying{slice: h.Slice, than: h.Than}
		r.tallies[h.Key] = c
	}
	c.latest = f.opt.Now()
	c.add(&h)
	if h.Asks == nil {
		return true
	}
	if _, known := c.asks[h.Asks.Key]; !known && len(c.asks) >= maxAsking {
		r.full++
		return false
	}
	if c.asks == nil {
		c.asks = map[Key]Asking{}
	}
	c.asks[h.Asks.Key] = *h.Asks
	return true
}

// add counts a hit. Hits of nearly one time are one entry, much shorter than a slice. Of a node that is not answered for long, those of long ago become coarser.
func (c *tallying) add(h *Rated) {
	i := len(c.hits)
	for i > 0 && c.hits[i-1].at.After(h.At) {
		i--
	}
	// Those of both rules alternate, so the entry before the last is looked at as well.
	for j := i - 1; j >= max(0, i-2); j-- {
		if c.hits[j].other == h.Other && h.At.Sub(c.hits[j].at) < c.slice/32 {
			c.hits[j].hits++
			return
		}
	}
	if len(c.hits) == MaxAged {
		c.coarsen()
		c.add(h)
		return
	}
	c.hits = slices.Insert(c.hits, i, ratedHits{h.At, 1, h.Other})
}

// coarsen makes one entry of every two neighbours of one rule in the older three quarters.
func (c *tallying) coarsen() {
	var out []ratedHits
	older := len(c.hits) * 3 / 4
	last := map[bool]int{false: -1, true: -1} // the entry of each rule that another may join
	for i, h := range c.hits {
		if j := last[h.other]; i < older && j >= 0 {
			out[j].hits += h.hits
			last[h.other] = -1
			continue
		}
		last[h.other] = len(out)
		out = append(out, h)
	}
	c.hits = out
}

// tallyReport is a Tally on its way.
type tallyReport struct {
	Tally
	asks  map[Key]Asking
	begun time.Time
}

// tallyReports returns the reports of hits that wait. A report without an answer is repeated with its hits and its Seq, since it may have counted.
func (r *reporter) tallyReports(now time.Time) (list []tallyReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.tallies)) {
		c := r.tallies[key]
		if len(c.sent) > 0 && now.Sub(c.begun) > tallyAgain {
			c.sent, c.sentAsks = nil, nil
		}
		if len(c.sent) == 0 {
			if len(c.hits) == 0 {
				if now.Sub(c.latest) > rate.Slices*c.slice+c.than+time.Hour { // the engine has forgotten the run by then, too
					delete(r.tallies, key)
				}
				continue
			}
			if now.Before(c.next) && c.next.Sub(now) <= reportSlowly {
				continue
			}
			c.seq++
			c.begun, c.sent, c.hits, c.sentAsks, c.asks = now, c.hits, nil, c.asks, nil
		}
		t := tallyReport{Tally{Key: key, Run: r.run, Seq: c.seq, Slice: c.slice, Than: c.than, Fold: c.fold}, c.sentAsks, c.begun}
		for _, h := range c.sent {
			// Older ones hardly weigh anything.
			if age := max(0, now.Sub(h.at)); age < 2*c.than+rate.Slices*c.slice && age < maxAge {
				t.Hits = append(t.Hits, TallyHits{age, min(h.hits, MaxHits), h.other})
			}
		}
		list = append(list, t)
	}
	return list
}

// reportTallies reports the hits that wait, compares what the engine answers, and asks for the alerts of those keys of which too many came.
func (f *Fleet) reportTallies(ctx context.Context) {
	now := f.opt.Now()
	for part := range slices.Chunk(f.reporter.tallyReports(now), batch) {
		list := make([]Tally, len(part))
		for i := range part {
			list[i] = part[i].Tally
		}
		var answers []Tallied
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Tally(ctx, list) })
		if ctx.Err() != nil {
			return
		}
		var crossings []crossingOf
		for i := range answers {
			if err := answers[i].Err; err != nil { // the same report is sent again
				f.unrated(&part[i], err)
				continue
			}
			for _, key := range slices.Sorted(maps.Keys(part[i].asks)) {
				asking := part[i].asks[key]
				if c, crossed := asking.compare(&list[i], &answers[i]); crossed {
					crossings = append(crossings, crossingOf{i, asking, c})
				}
			}
		}
		open := f.cross(ctx, part, crossings)
		for i := range answers {
			if answers[i].Err == nil && open[i] != unanswered {
				f.reporter.tallied(&part[i], &answers[i], open[i] == elsewhere, now)
			}
		}
	}
}

// unrated makes the node go by its own numbers, unless asking again can help in time.
func (f *Fleet) unrated(t *tallyReport, err error) {
	f.health.note(err)
	if f.opt.Unanswered == nil || again(err) && f.opt.Now().Sub(t.begun) < f.opt.Settings.Wait {
		return
	}
	for _, a := range t.asks {
		f.opt.Unanswered(a.Name)
	}
}

// compare returns what the engine's answer says of the alert, and whether too many hits came.
func (a *Asking) compare(q *Tally, t *Tallied) (c Compared, crossed bool) {
	if a.Above == 0 {
		c.Hits, c.Others = rate.SumShare(t.Slices, t.Now)
		return c, c.Others >= a.AtLeast && rate.Exceeds(c.Hits, c.Others, a.Ratio.Millionths, a.Ratio.Reached)
	}
	p := q.pace(t)
	c.Hits, c.Usual = p.Hits(), p.Usual()
	return c, p.Learned() && c.Hits >= a.AtLeast && p.Exceeds(int64(a.Above))
}

// pace returns the pace of all nodes. Its unit of time is a millisecond.
func (t *Tally) pace(a *Tallied) rate.Pace {
	return rate.Sum(t.Slice.Milliseconds(), t.Than.Milliseconds(), a.Past, a.Slices, a.Now)
}

// crossingOf is a crossing of one of several reports.
type crossingOf struct {
	report int
	Asking
	Compared
}

// What is known of the crossings of a report.
const (
	none       = iota // there are none, or this node makes their alerts
	elsewhere         // another node alerts, or has
	unanswered        // the engine did not answer
)

// cross asks for the alerts of crossings, and returns what is known for each report. A question that is asked again has the same Seq.
func (f *Fleet) cross(ctx context.Context, reports []tallyReport, list []crossingOf) map[int]int {
	known := map[int]int{}
	for part := range slices.Chunk(list, batch) {
		q := make([]Crossing, len(part))
		for i, c := range part {
			q[i] = Crossing{Key: c.Key, Run: f.reporter.run, Seq: reports[c.report].Seq, Cooldown: c.Cooldown, CooldownMax: c.CooldownMax}
		}
		var answers []Crossed
		f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { answers = f.opt.Engine.Cross(ctx, q) })
		for i, a := range answers {
			c := &part[i]
			switch {
			case a.Err != nil:
				known[c.report] = unanswered
				if ctx.Err() == nil {
					f.unrated(&reports[c.report], a.Err)
				}
			case a.Mine && f.opt.Exceeded != nil:
				f.opt.Exceeded(c.Name, c.Compared)
			case !a.Mine && f.opt.Reached != nil:
				known[c.report] = max(known[c.report], elsewhere)
				f.opt.Reached(c.Name)
			}
		}
	}
	return known
}

// tallied ends a report. The next one folds the slices that are not recent any more.
func (r *reporter) tallied(one *tallyReport, a *Tallied, open bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.tallies[one.Key]
	if c == nil || c.seq != one.Seq {
		return
	}
	c.sent, c.sentAsks, c.fold = nil, nil, nil
	// Often enough beside a slice, and not oftener than it changes anything.
	c.next = now.Add(min(max(c.slice/20, reportEvery), reportSlowly))
	if open {
		c.next = now.Add(reportSlowly)
	}
	if c.than == 0 || a.Now <= a.Past.Head {
		return
	}
	p := one.pace(a)
	if past, folded := p.Fold(a.Slices); len(folded) > 0 {
		c.fold = &Fold{Of: a.Past.Head, Past: past, Folded: folded}
	}
}
