package redis

import (
	"context"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

func lines(list []string) string { return strings.Join(list, "\n") }

// incidentArgs returns the arguments of report in incident.lua.
func incidentArgs(i *fleet.Incident) []any {
	return []any{ms(i.Resolve), ms(i.Arrived), ms(i.Hit), ms(i.First), i.Alerts, i.Hits, i.Made, lines(i.Severities), lines(i.Triggers), i.About}
}

// indexCall returns a call about the list of incidents of a rule and a workload.
func (e *Engine) indexCall(s *script, index fleet.Key, args ...any) *call {
	return &call{script: s, shard: index.Shard(), keys: []string{e.prefix(index.Shard()) + "x:" + string(index)}, args: args}
}

// enter puts an incident into its index. It may be another slot, so this is a step of its own, and comes first: an incident that is open is listed.
func (e *Engine) enter(calls []*call, key fleet.Key, i *fleet.Incident, t *fleet.Terms) []*call {
	if i == nil || i.Index == "" || i.Alerts == 0 {
		return calls
	}
	return append(calls, e.indexCall(e.scripts.index, i.Index, ms(fleet.Memory+max(t.Cooldown, i.Resolve)), fleet.Member(key, i.Parts)))
}

// list puts the incidents of claims into their indexes. A claim whose incident cannot be listed is asked all the same: the next report lists it.
func (e *Engine) list(ctx context.Context, claims []fleet.Claim) {
	var calls []*call
	for i := range claims {
		if q := &claims[i]; q.Check() == nil {
			calls = e.enter(calls, q.Key, q.Incident, &q.Terms)
		}
	}
	if len(calls) > 0 {
		e.run(ctx, calls)
	}
}

// Note implements fleet.Engine.
func (e *Engine) Note(ctx context.Context, list []fleet.Note) []fleet.Noted {
	var calls []*call
	for i := range list {
		if q := &list[i]; q.Check() == nil {
			calls = e.enter(calls, q.Key, &q.Incident, &q.Terms)
		}
	}
	if len(calls) > 0 {
		e.run(ctx, calls)
	}
	return each(ctx, e, list, (*fleet.Note).Check, func(q *fleet.Note) *call {
		args := []any{q.Run, ms(q.Terms.Cooldown), ms(q.Terms.Grace), q.Title.Rule, q.Title.Text, e.maxKeys}
		return e.windowCall(e.scripts.note, q.Key, q.Terms.Triggers, append(args, incidentArgs(&q.Incident)...)...)
	}, func(_ *fleet.Note, a *answer) fleet.Noted {
		open := a.number(0, 2)
		if open == 2 {
			return fleet.Noted{Err: fleet.ErrFull}
		}
		return fleet.Noted{Open: open == 1, Ended: a.number(0, 1) == 1}
	}, func(err error) fleet.Noted { return fleet.Noted{Err: err} })
}

// End implements fleet.Engine. Each step may be repeated: the incidents are looked at, end for those who serve their triggers, and all nodes hear of it.
func (e *Engine) End(ctx context.Context, list []fleet.Ending) []fleet.Ended {
	out := make([]fleet.Ended, len(list))
	triggers := make([]string, len(list))
	e.step(ctx, list, out, func(i int) *call {
		if err := list[i].Check(); err != nil {
			out[i].Err = err
			return nil
		}
		return e.windowCall(e.scripts.view, list[i].Key, "-")
	}, func(i int, a *answer) {
		w, set, ok, err := window(list[i].Key, a)
		if a.err = err; ok && w.Incident != nil {
			triggers[i] = set
		}
	})
	e.step(ctx, list, out, func(i int) *call {
		if triggers[i] == "" {
			return nil
		}
		return e.windowCall(e.scripts.end, list[i].Key, triggers[i], ms(list[i].Age))
	}, func(i int, a *answer) { out[i].Open = a.number(0, 1) == 1 })
	e.step(ctx, list, out, func(i int) *call {
		q := &list[i]
		switch {
		case out[i].Err != nil:
		case out[i].Open:
			return e.sharedCall(e.scripts.closed, string(q.Key), ms(fleet.CloseMemory), "e")
		case triggers[i] == "" && q.Index != "":
			return e.indexCall(e.scripts.index, q.Index, 0, fleet.Member(q.Key, q.Parts))
		}
		return nil
	}, func(int, *answer) {})
	return out
}

// step runs a call for each item that has one, and reads its answer.
func (e *Engine) step(ctx context.Context, list []fleet.Ending, out []fleet.Ended, ask func(int) *call, answered func(int, *answer)) {
	var calls []*call
	var at []int
	for i := range list {
		if c := ask(i); c != nil {
			calls, at = append(calls, c), append(at, i)
		}
	}
	if len(calls) == 0 {
		return
	}
	e.run(ctx, calls)
	for j, c := range calls {
		a := read(c.value, c.err)
		if answered(at[j], a); a.err != nil {
			out[at[j]] = fleet.Ended{Err: a.err}
		}
	}
}

// Listed implements fleet.Engine.
func (e *Engine) Listed(ctx context.Context, index fleet.Key) (list []fleet.Listed, err error) {
	if !index.Valid() {
		return nil, fleet.ErrRefused
	}
	a := e.one(ctx, e.indexCall(e.scripts.indexed, index, fleet.MaxListed))
	for a.err == nil && len(a.parts) > 0 && len(list) < fleet.MaxListed {
		l, ok := fleet.ReadMember(string(a.bytes(64 + fleet.MaxNames)))
		if !ok {
			a.fail("an incident is not one")
			break
		}
		list = append(list, l)
	}
	if a.err != nil {
		return nil, a.err
	}
	return list, nil
}

// pastOf reads an incident that is over.
func pastOf(a *answer) *fleet.Past {
	p := &fleet.Past{Alerts: a.number(0, maxHits), Hits: a.number(0, maxHits), Severities: a.names(), Triggers: a.names(), About: a.bytes(fleet.MaxAbout)}
	if p.Line = -1; a.err == nil {
		if line := a.number(-1, maxMillis); line >= 0 {
			p.Line = dur(line)
		}
	}
	return p
}

// names reads lines that other nodes wrote.
func (a *answer) names() (list []string) {
	for name := range strings.SplitSeq(string(a.bytes(fleet.MaxNames)), "\n") {
		if name != "" {
			list = append(list, safetext.Cut(safetext.Visible(name), fleet.MaxName))
		}
	}
	return list
}
