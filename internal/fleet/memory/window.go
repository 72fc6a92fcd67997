package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// window is the state of one key. Times are milliseconds of its clock.
type window struct {
	opened   int64 // 0: closed
	gen      int64 // rises with each roll-up
	cooldown int64
	grace    int64
	triggers string
	title    fleet.Title
	end      int64 // when it is forgotten

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

	frozen  frozen
	settled struct {
		due int64
		run string
	}
	due map[string]int64 // by set of triggers
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
		w.opened = min(w.opened, now)
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
	w := &window{gifts: map[string]gift{}, due: map[string]int64{}, counts: fleet.Counts{}}
	e.windows[key] = w
	return w
}

// keep prolongs the memory of a window.
func (w *window) keep(now int64) { w.end = now + fleet.Memory.Milliseconds() + w.cooldown }

// schedule notes when work of a set of triggers is due, if any is.
func (w *window) schedule(triggers string, now int64) {
	at := int64(0)
	if w.lead.deadline > 0 && w.triggers == triggers {
		at = w.lead.deadline
	}
	next := int64(0)
	switch {
	case w.frozen.due > 0:
		next = w.frozen.until
	case w.counts.Sum() > 0 && w.opened == 0:
		next = now
	case w.counts.Sum() > 0:
		next = max(now, w.opened+w.cooldown+w.grace)
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
	cooldown, grace := ms(q.Terms.Cooldown), ms(q.Terms.Grace)
	if w := e.steady(q.Key, now); w != nil {
		answer := fleet.Claimed{Verdict: fleet.Held, LeadID: w.lead.id, LeadNode: w.lead.node, Left: dur(w.opened + cooldown - now)}
		if w.lead.id == q.ID && w.lead.run == q.Run {
			answer.Verdict = fleet.Lead
			return answer
		}
		if w.opened > 0 {
			age, waits := now-w.opened, w.counts.Sum() > 0 || w.frozen.due > 0 || q.Rollup
			if age < cooldown || waits && age < ms(fleet.Overdue(q.Terms.Cooldown, q.Terms.Grace)) {
				return answer
			}
		}
	}
	w := e.room(q.Key, now)
	if w == nil {
		return fleet.Claimed{Err: fleet.ErrFull}
	}
	w.opened, w.cooldown, w.grace, w.triggers, w.title = now, cooldown, grace, q.Terms.Triggers, q.Title
	w.lead.id, w.lead.run, w.lead.node, w.lead.handed = q.ID, q.Run, q.Node, ""
	w.lead.payload, w.lead.deadline = nil, 0
	if len(q.Payload) > 0 && q.HandOver > 0 {
		w.lead.payload, w.lead.deadline = slices.Clone(q.Payload), now+ms(q.HandOver)
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
		w.opened, w.cooldown, w.grace, w.triggers, w.title = now, ms(q.Terms.Cooldown), ms(q.Terms.Grace), q.Terms.Triggers, q.Title
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
	f := &w.frozen
	switch {
	case f.due > 0:
		if f.until > now && f.run != q.Run {
			return fleet.Taken{}
		}
		if f.until <= now {
			f.until, f.run = now+ms(q.Lease), q.Run
		}
	case w.counts.Sum() > 0 && (w.opened == 0 || now >= w.opened+w.cooldown+w.grace):
		due := now
		if w.opened > 0 {
			due = w.opened + w.cooldown
		}
		due = max(due, w.settled.due+1) // so that no two roll-ups have one id
		*f = frozen{due, now + ms(q.Lease), q.Run, w.counts, w.nodes, w.first, w.last, w.sample, w.hosts}
		w.counts, w.nodes, w.first, w.last, w.sample, w.hosts = fleet.Counts{}, 0, 0, 0, nil, nil
		w.gen++
		if w.opened > 0 {
			w.opened = now
		}
		w.keep(now)
	default:
		return fleet.Taken{}
	}
	return fleet.Taken{
		Kind: fleet.Rollup, DueAt: f.due, Counts: maps.Clone(f.counts), Nodes: f.nodes, Hosts: slices.Clone(f.hosts), First: dur(now - f.first),
		Last: dur(now - f.last), Sample: f.sample, Title: w.title,
	}
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
		if v := view(key, w, now); v.Left > 0 || v.Unreported > 0 || v.Frozen > 0 {
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
		Key: key, Title: w.title, Cooldown: dur(w.cooldown), LeadID: w.lead.id, LeadNode: w.lead.node, Waiting: w.lead.deadline > 0, Unreported: w.counts.Sum(),
		Nodes: w.nodes, Frozen: w.frozen.counts.Sum(),
	}
	if w.opened > 0 {
		opened := min(w.opened, now)
		v.Opened, v.Left = dur(now-opened), dur(opened+w.cooldown-now)
	}
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
	open := w.opened+w.cooldown > now
	w.opened = 0
	w.schedule(w.triggers, now)
	e.closed[key] = now
	e.version++
	return open, nil
}
