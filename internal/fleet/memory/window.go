package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// window is the state of one key. Times are milliseconds of its clock.
type window struct {
	opened    int64 // 0: closed
	gen       int64 // rises with each roll-up
	terms     ruleTerms
	doublings int
	touched   int64 // when a node last claimed, or was hit
	began     int64 // when the episode of the escalation did; 0: there is none
	step      int   // the steps that it has passed
	triggers  string
	title     fleet.Title
	end       int64 // when it is forgotten

	lead struct {
		id, run, node string
		payload       []byte
		deadline      int64  // 0: nobody takes it over
		handed        string // the run that took it over
	}

	counts      fleet.Counts // unreported
	nodes       int
	first, last int64
	sample      []byte
	hosts       []string
	gifts       map[string]gift // by run

	incident incident
	frozen   frozen
	settled  struct {
		due int64
		run string
	}
	due  map[string]int64 // by set of triggers
	said map[string]said  // by run: of incidents
}

type gift struct{ gen, seq int64 }

// frozen is a roll-up that a node delivers.
type frozen struct {
	due, until  int64
	run         string
	counts      fleet.Counts
	nodes       int
	first, last int64
	sample      []byte
	hosts       []string
	step        int
	past        *fleet.Past // of an end: then, and line is when the line happened
	line        int64
}

// ruleTerms are fleet.Terms in milliseconds.
type ruleTerms struct {
	cooldown, grace, max int64
	steps                []int64
}

func termsOf(t *fleet.Terms) ruleTerms {
	out := ruleTerms{cooldown: ms(t.Cooldown), grace: ms(t.Grace), max: ms(t.CooldownMax)}
	for _, at := range t.Steps {
		out.steps = append(out.steps, ms(at))
	}
	return out
}

// ends returns when the window ends by the terms of a rule, and its length: a window that is longer than the cooldown ends when it was not touched for that time.
func (w *window) ends(t *ruleTerms) (at, length int64) {
	length = t.cooldown
	for range w.doublings {
		if length < t.max {
			length = min(2*length, t.max)
		}
	}
	return min(w.opened+length, max(w.opened, w.touched)+t.cooldown), length
}

// open reports whether the window of a key is open, nil for none.
func (w *window) open(now int64, cooldown, most time.Duration) bool {
	if w == nil || w.opened == 0 {
		return false
	}
	till, _ := w.ends(&ruleTerms{cooldown: ms(cooldown), max: ms(most)})
	return now < till
}

// goesOn reports whether hits kept coming until a time, so that the episode goes on. Nodes report hits a cooldown late, and give them within a grace.
func (w *window) goesOn(at int64, t *ruleTerms) bool { return at < w.touched+t.cooldown+t.grace }

// nextStep returns when the next step of the escalation is due; 0: never.
func (w *window) nextStep() int64 {
	t := &w.terms
	if w.began == 0 || w.step >= len(t.steps) || !w.goesOn(w.began+t.steps[w.step], t) {
		return 0
	}
	return w.began + t.steps[w.step]
}

// rollupDue returns when a roll-up was due; 0: none is.
func (w *window) rollupDue(now int64) int64 {
	if w.opened == 0 {
		return now
	}
	due, _ := w.ends(&w.terms)
	if now < due+w.terms.grace {
		due = 0
	}
	if at := w.nextStep(); at > 0 && at <= now && (due == 0 || at < due) {
		due = at
	}
	return due
}

// escalate returns how many steps the episode has passed. One that ended begins anew with the roll-up.
func (w *window) escalate(now, due int64) int {
	if len(w.terms.steps) == 0 {
		return 0
	}
	if w.began == 0 || !w.goesOn(due, &w.terms) {
		w.began = now
	}
	for w.step = 0; w.step < len(w.terms.steps) && w.began+w.terms.steps[w.step] <= now; {
		w.step++
	}
	return w.step
}

// follow opens the next window, which is twice as long if nodes were hit in this one until its end.
func (w *window) follow(now, due int64) {
	t := &w.terms
	switch _, length := w.ends(t); {
	case w.last <= w.opened || due >= max(w.opened, w.touched)+t.cooldown || t.max <= t.cooldown:
		w.doublings = 0
	case length < t.max:
		w.doublings++
	}
	w.opened = now
}

// window returns the window of a key that is not forgotten yet, or nil.
func (e *Engine) window(key fleet.Key, now int64) *window {
	w := e.windows[key]
	if w == nil {
		return nil
	}
	if w.end <= now {
		delete(e.windows, key)
		return nil
	}
	return w
}

// steady is window with an opening that is not in the future: the clock may have stepped back.
func (e *Engine) steady(key fleet.Key, now int64) *window {
	w := e.window(key, now)
	if w != nil {
		w.opened, w.touched, w.began = min(w.opened, now), min(w.touched, now), min(w.began, now)
	}
	return w
}

// room returns the window of a key, a new one if there is none, or nil if there is no room.
func (e *Engine) room(key fleet.Key, now int64) *window {
	if w := e.window(key, now); w != nil {
		return w
	}
	n := int64(0)
	for k := range e.windows {
		if k.Shard() == key.Shard() && e.window(k, now) != nil {
			n++
		}
	}
	if n >= e.maxKeys {
		e.full[key.Shard()]++
		return nil
	}
	w := &window{gifts: map[string]gift{}, due: map[string]int64{}, counts: fleet.Counts{}, said: map[string]said{}}
	e.windows[key] = w
	return w
}

// keep prolongs the memory of a window.
func (w *window) keep(now int64) {
	w.end = now + fleet.Memory.Milliseconds() + max(w.terms.cooldown, w.terms.max, w.incident.resolve)
}

// schedule notes when work of a set of triggers is due, if any is.
func (w *window) schedule(triggers string, now int64) {
	at := int64(0)
	if w.lead.deadline > 0 && w.triggers == triggers {
		at = w.lead.deadline
	}
	next := int64(0)
	moment, ends := w.over()
	switch {
	case w.frozen.due > 0:
		next = w.frozen.until
	case moment > 0 && moment <= now: // the end reports what is left
	case w.counts.Sum() > 0 && w.opened == 0 && !w.incident.ended():
		next = now
	case w.counts.Sum() > 0 && w.opened > 0:
		next, _ = w.ends(&w.terms)
		next += w.terms.grace
		if step := w.nextStep(); step > 0 && step < next {
			next = step
		}
		next = max(now, next)
	}
	if ends > 0 && w.frozen.due == 0 && w.triggers == triggers && (next == 0 || ends < next) {
		next = ends
	}
	if next > 0 && (at == 0 || next < at) {
		at = next
	}
	if at == 0 {
		delete(w.due, triggers)
		return
	}
	w.due[triggers] = at
}

// Claim implements fleet.Engine.
func (e *Engine) Claim(ctx context.Context, list []fleet.Claim) []fleet.Claimed {
	return each(ctx, e, list, (*fleet.Claim).Check, e.claim, func(err error) fleet.Claimed { return fleet.Claimed{Err: err} })
}

func (e *Engine) claim(now int64, q *fleet.Claim) fleet.Claimed {
	terms, on := termsOf(&q.Terms), false
	e.enter(now, q.Key, q.Incident, &q.Terms)
	if w := e.steady(q.Key, now); w != nil {
		on = w.goesOn(now, &terms)
		till, _ := w.ends(&terms)
		answer := fleet.Claimed{Verdict: fleet.Held, LeadID: w.lead.id, LeadNode: w.lead.node, Left: dur(till - now)}
		if w.lead.id == q.ID && w.lead.run == q.Run {
			answer.Verdict = fleet.Lead
			return answer
		}
		i := &w.incident
		if q.Rest && i.gen > 0 {
			if answer.Verdict = fleet.Over; i.opened > 0 && w.frozen.past == nil {
				answer.Verdict = fleet.Held
			}
			return answer
		}
		switch {
		case w.frozen.past != nil && w.frozen.until > now:
			return fleet.Claimed{Err: fleet.ErrEnding}
		case w.frozen.past != nil:
			w.resume()
		case i.opened > 0 && q.Incident != nil:
			i.touch(now, q.Incident)
			w.schedule(q.Terms.Triggers, now)
		}
		waits := w.counts.Sum() > 0 || w.frozen.due > 0 || q.Rollup
		if w.opened > 0 && (now < till || waits && now < till+ms(fleet.Overdue(0, q.Terms.Grace))) {
			if terms.max > 0 || len(terms.steps) > 0 {
				if w.touched = now; !on {
					w.began, w.step = 0, 0
				}
				w.schedule(q.Terms.Triggers, now)
			}
			return answer
		}
	}
	w := e.room(q.Key, now)
	if w == nil {
		return fleet.Claimed{Err: fleet.ErrFull}
	}
	w.opened, w.touched, w.doublings, w.terms, w.triggers, w.title = now, now, 0, terms, q.Terms.Triggers, q.Title
	switch {
	case len(terms.steps) == 0:
		w.began, w.step = 0, 0
	case w.began == 0 || !on:
		w.began, w.step = now, 0
	}
	w.lead.id, w.lead.run, w.lead.node, w.lead.handed = q.ID, q.Run, q.Node, ""
	w.lead.payload, w.lead.deadline = nil, 0
	if len(q.Payload) > 0 && q.HandOver > 0 {
		w.lead.payload, w.lead.deadline = slices.Clone(q.Payload), now+ms(q.HandOver)
	}
	if q.Incident != nil {
		w.report(now, q.Run, q.Incident)
	}
	w.keep(now)
	w.schedule(q.Terms.Triggers, now)
	return fleet.Claimed{Verdict: fleet.Lead, LeadID: q.ID, LeadNode: q.Node, Left: q.Terms.Cooldown}
}

// Give implements fleet.Engine.
func (e *Engine) Give(ctx context.Context, list []fleet.Gift) []fleet.Given {
	return each(ctx, e, list, (*fleet.Gift).Check, e.give, func(err error) fleet.Given { return fleet.Given{Err: err} })
}

func (e *Engine) give(now int64, q *fleet.Gift) fleet.Given {
	w := e.steady(q.Key, now)
	if w != nil && q.Seq <= w.gifts[q.Run].seq {
		return fleet.Given{}
	}
	fresh := w == nil
	if w = e.room(q.Key, now); w == nil {
		return fleet.Given{Err: fleet.ErrFull}
	}
	if fresh { // the engine lost its data
		w.opened, w.touched, w.terms, w.triggers, w.title = now, now, termsOf(&q.Terms), q.Terms.Triggers, q.Title
		if len(w.terms.steps) > 0 {
			w.began = now
		}
	}
	before, known := w.gifts[q.Run]
	w.gifts[q.Run] = gift{w.gen, q.Seq}
	if w.counts.Sum() == 0 {
		w.sample = slices.Clone(q.Sample)
	}
	if !known || before.gen != w.gen {
		w.nodes++
		if len(w.hosts) < fleet.MaxHosts {
			w.hosts = append(w.hosts, q.Node)
		}
	}
	first, last := now-ms(q.First), now-ms(q.Last)
	if w.first == 0 || first < w.first {
		w.first = first
	}
	w.last = max(w.last, last)
	w.touched = max(w.touched, w.last)
	for reason, n := range q.Counts {
		w.counts[reason] += n
	}
	e.given += q.Counts.Sum()
	w.keep(now)
	w.schedule(q.Terms.Triggers, now)
	return fleet.Given{New: true}
}

// Due implements fleet.Engine.
func (e *Engine) Due(ctx context.Context, shards []int, triggers string, limit int) ([]fleet.Work, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	type due struct {
		fleet.Work
		at int64
	}
	var out []fleet.Work
	for _, shard := range shards {
		var all []due
		for key, w := range e.windows {
			if at := w.due[triggers]; at > 0 && at <= now && key.Shard() == shard {
				all = append(all, due{fleet.Work{Key: key}, at})
			}
		}
		for key, a := range e.absence {
			if at := a.due[triggers]; at > 0 && at <= now && key.Shard() == shard {
				all = append(all, due{fleet.Work{Key: key, Absence: true}, at})
			}
		}
		for key, s := range e.steps {
			if at := s.due[triggers]; at > 0 && at <= now && key.Shard() == shard {
				all = append(all, due{fleet.Work{Key: key, Waits: true}, at})
			}
		}
		slices.SortFunc(all, func(x, y due) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.Key, y.Key)) })
		for _, d := range all[:min(len(all), limit)] {
			out = append(out, d.Work)
		}
	}
	return out, nil
}

// Take implements fleet.Engine.
func (e *Engine) Take(ctx context.Context, list []fleet.Take) []fleet.Taken {
	return each(ctx, e, list, (*fleet.Take).Check, func(now int64, q *fleet.Take) fleet.Taken {
		var t fleet.Taken
		switch {
		case q.Absence:
			t = e.takeAbsence(now, q)
		case q.Waits:
			t = e.takeWait(now, q)
		default:
			t = e.take(now, q)
		}
		t.Work = q.Work
		return t
	}, func(err error) fleet.Taken { return fleet.Taken{Err: err} })
}

func (e *Engine) take(now int64, q *fleet.Take) fleet.Taken {
	w := e.steady(q.Key, now)
	if w == nil {
		return fleet.Taken{}
	}
	defer w.schedule(q.Triggers, now)
	if l := &w.lead; l.deadline > 0 && w.triggers == q.Triggers && (l.deadline <= now || l.handed == q.Run) {
		if l.deadline <= now {
			l.deadline, l.run, l.node, l.handed = now+ms(q.Lease), q.Run, q.Node, q.Run
		}
		return fleet.Taken{Kind: fleet.HandOver, ID: l.id, Payload: l.payload, Title: w.title}
	}
	f, due := &w.frozen, w.rollupDue(now)
	moment, ends := w.over()
	switch {
	case f.due > 0:
		if f.until > now && f.run != q.Run {
			return fleet.Taken{}
		}
		if f.until <= now {
			f.until, f.run = now+ms(q.Lease), q.Run
		}
	case ends > 0 && ends <= now && w.triggers == q.Triggers:
		w.freeze(moment, now, q)
		w.freezeEnd()
		w.keep(now)
	case w.counts.Sum() > 0 && due > 0 && (w.opened > 0 || !w.incident.ended()) && (moment == 0 || moment > now):
		step := w.escalate(now, due)
		if w.opened > 0 {
			w.follow(now, due)
		}
		w.freeze(due, now, q)
		w.frozen.step = step
		w.keep(now)
	default:
		return fleet.Taken{}
	}
	t := fleet.Taken{
		Kind: fleet.Rollup, DueAt: f.due, Counts: maps.Clone(f.counts), Nodes: f.nodes, Hosts: slices.Clone(f.hosts), First: dur(now - f.first),
		Last: dur(now - f.last), Sample: f.sample, Title: w.title, Step: f.step,
	}
	if f.past != nil {
		past := *f.past
		if past.Line = -1; f.line > 0 {
			past.Line = dur(now - f.line)
		}
		t.Kind, t.Incident, t.First = fleet.End, &past, dur(now-w.firstOfEnd())
	}
	return t
}

// freeze keeps what no alert reported for whoever delivers it.
func (w *window) freeze(due, now int64, q *fleet.Take) {
	due = max(due, w.settled.due+1) // so that no two have one id
	w.frozen = frozen{
		due: due, until: now + ms(q.Lease), run: q.Run, counts: w.counts, nodes: w.nodes, first: w.first, last: w.last, sample: w.sample, hosts: w.hosts,
	}
	w.counts, w.nodes, w.first, w.last, w.sample, w.hosts = fleet.Counts{}, 0, 0, 0, nil, nil
	w.gen++
}

// Settle implements fleet.Engine.
func (e *Engine) Settle(ctx context.Context, list []fleet.Settlement) []fleet.Settled {
	return each(ctx, e, list, (*fleet.Settlement).Check, func(now int64, q *fleet.Settlement) fleet.Settled {
		switch {
		case q.Absence:
			return e.settleAbsence(now, q)
		case q.Waits:
			return e.settleWait(now, q)
		}
		w := e.window(q.Key, now)
		if w == nil {
			return fleet.Settled{}
		}
		defer w.schedule(q.Triggers, now)
		if q.ID != "" {
			if w.lead.id != q.ID {
				return fleet.Settled{}
			}
			w.lead.payload, w.lead.deadline, w.lead.handed = nil, 0, ""
			return fleet.Settled{Mine: w.lead.run == q.Run}
		}
		if w.frozen.due == q.DueAt {
			e.reported += w.frozen.counts.Sum()
			w.settleIncident(now, q)
			w.frozen = frozen{}
			w.settled.due, w.settled.run = q.DueAt, q.Run
		}
		return fleet.Settled{Mine: w.settled.due == q.DueAt && w.settled.run == q.Run}
	}, func(err error) fleet.Settled { return fleet.Settled{Err: err} })
}

// Renew implements fleet.Engine.
func (e *Engine) Renew(ctx context.Context, list []fleet.Renewal) []fleet.Renewed {
	return each(ctx, e, list, (*fleet.Renewal).Check, func(now int64, q *fleet.Renewal) fleet.Renewed {
		w := e.window(q.Key, now)
		if w == nil || w.lead.id != q.ID {
			return fleet.Renewed{}
		}
		if w.lead.run != q.Run {
			return fleet.Renewed{Lost: true}
		}
		if w.lead.deadline > 0 {
			w.lead.deadline = now + ms(q.HandOver)
			w.schedule(q.Triggers, now)
		}
		return fleet.Renewed{}
	}, func(err error) fleet.Renewed { return fleet.Renewed{Err: err} })
}

// Windows implements fleet.Engine.
func (e *Engine) Windows(ctx context.Context, limit int) ([]fleet.Window, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	var out []fleet.Window
	for _, key := range slices.Sorted(maps.Keys(e.windows)) {
		w := e.window(key, now)
		if w == nil || len(out) >= limit {
			continue
		}
		if v := view(key, w, now); v.Left > 0 || v.Unreported > 0 || v.Frozen > 0 || v.Incident != nil {
			out = append(out, v)
		}
	}
	return out, nil
}

// Window implements fleet.Engine.
func (e *Engine) Window(ctx context.Context, key fleet.Key) (fleet.Window, bool, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return fleet.Window{}, false, err
	}
	w := e.window(key, now)
	if w == nil {
		return fleet.Window{}, false, nil
	}
	return view(key, w, now), true, nil
}

func view(key fleet.Key, w *window, now int64) fleet.Window {
	v := fleet.Window{
		Key: key, Title: w.title, LeadID: w.lead.id, LeadNode: w.lead.node, Waiting: w.lead.deadline > 0, Unreported: w.counts.Sum(),
		Nodes: w.nodes, Frozen: w.frozen.counts.Sum(),
	}
	seen := *w
	seen.opened, seen.touched = min(w.opened, now), min(w.touched, now)
	till, length := seen.ends(&w.terms)
	if v.Cooldown = dur(length); w.opened > 0 {
		v.Opened, v.Left = dur(now-seen.opened), dur(till-now)
	}
	v.Incident = w.viewIncident(now)
	return v
}

// CloseWindow implements fleet.Engine.
func (e *Engine) CloseWindow(ctx context.Context, key fleet.Key) (bool, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return false, err
	}
	w := e.steady(key, now)
	if w == nil || w.opened == 0 {
		return false, nil
	}
	till, _ := w.ends(&w.terms)
	open := till > now
	w.opened, w.doublings = 0, 0
	w.schedule(w.triggers, now)
	e.listClosed(fleet.Closed{Key: key, At: now})
	return open, nil
}

// listClosed lists a window that was closed, and forgets those that were long ago.
func (e *Engine) listClosed(c fleet.Closed) {
	maps.DeleteFunc(e.closed, func(_ fleet.Key, before fleet.Closed) bool { return c.At-before.At >= ms(fleet.CloseMemory) })
	e.closed[c.Key] = c
	e.version++
}
