package redis

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Claim implements fleet.Engine.
func (e *Engine) Claim(ctx context.Context, list []fleet.Claim) []fleet.Claimed {
	e.list(ctx, list)
	return each(ctx, e, list, (*fleet.Claim).Check, func(q *fleet.Claim) *call {
		args := []any{
			q.Run, q.Node, q.ID, flag(q.Rollup), ms(q.Terms.Cooldown), ms(q.Terms.Grace), ms(q.HandOver), q.Payload, q.Title.Rule, q.Title.Text, e.maxKeys,
			termsText(q.Terms.CooldownMax, q.Terms.Steps), flag(q.Rest),
		}
		if q.Incident != nil {
			args = append(args, incidentArgs(q.Incident)...)
		}
		return e.windowCall(e.scripts.claim, q.Key, q.Terms.Triggers, args...)
	}, func(_ *fleet.Claim, a *answer) fleet.Claimed {
		verdict := a.number(0, 4)
		c := fleet.Claimed{LeadID: a.id(), LeadNode: a.name(), Left: dur(a.millis())}
		switch verdict {
		case 1:
			c.Verdict = fleet.Lead
		case 2:
			return fleet.Claimed{Err: fleet.ErrFull}
		case 3:
			return fleet.Claimed{Err: fleet.ErrEnding}
		case 4:
			c.Verdict = fleet.Over
		default:
			c.Verdict = fleet.Held
		}
		return c
	}, func(err error) fleet.Claimed { return fleet.Claimed{Err: err} })
}

// termsText writes the terms of a rule as scripts read them: see length.lua.
func termsText(cooldownMax time.Duration, steps []time.Duration) string {
	if cooldownMax == 0 && len(steps) == 0 {
		return ""
	}
	words := []string{ms(cooldownMax)}
	for _, at := range steps {
		words = append(words, ms(at))
	}
	return strings.Join(words, " ")
}

// Give implements fleet.Engine.
func (e *Engine) Give(ctx context.Context, list []fleet.Gift) []fleet.Given {
	return each(ctx, e, list, (*fleet.Gift).Check, func(q *fleet.Gift) *call {
		args := []any{q.Run, q.Node, q.Seq, ms(q.First), ms(q.Last), ms(q.Terms.Cooldown), ms(q.Terms.Grace), q.Sample, q.Title.Rule, q.Title.Text, e.maxKeys,
			termsText(q.Terms.CooldownMax, q.Terms.Steps)}
		for _, reason := range slices.Sorted(maps.Keys(q.Counts)) {
			args = append(args, reason, q.Counts[reason])
		}
		return e.windowCall(e.scripts.give, q.Key, q.Terms.Triggers, args...)
	}, func(_ *fleet.Gift, a *answer) fleet.Given {
		switch a.number(0, 2) {
		case 1:
			return fleet.Given{New: true}
		case 2:
			return fleet.Given{Err: fleet.ErrFull}
		}
		return fleet.Given{}
	}, func(err error) fleet.Given { return fleet.Given{Err: err} })
}

// Due implements fleet.Engine. Shards that fail are left out, and their error is returned.
func (e *Engine) Due(ctx context.Context, shards []int, triggers string, limit int) (work []fleet.Work, failed error) {
	limit = min(limit, fleet.MaxDue)
	var calls []*call
	for _, shard := range shards {
		calls = append(calls, &call{script: e.scripts.due, shard: shard, keys: []string{e.prefix(shard) + "due:" + triggers}, args: []any{limit}})
	}
	e.run(ctx, calls)
	for _, c := range calls {
		a := read(c.value, c.err)
		for a.err == nil && len(a.parts) > 0 {
			text := string(a.bytes(fleet.MaxID))
			w := fleet.Work{Key: fleet.Key(text)}
			if len(text) == 33 { // a hash has 32 digits, and may begin with an "a" as well
				w = fleet.Work{Key: fleet.Key(text[1:]), Absence: text[0] == 'a', Waits: text[0] == 'q'}
			}
			if a.err == nil && (!w.Key.Valid() || w.Key.Shard() != c.shard) {
				a.fail("a key is not one of the shard")
			}
			if a.err == nil && len(work) < fleet.MaxDue*fleet.Shards {
				work = append(work, w)
			}
		}
		if a.err != nil {
			failed = a.err
		}
	}
	return work, failed
}

// Take implements fleet.Engine.
func (e *Engine) Take(ctx context.Context, list []fleet.Take) []fleet.Taken {
	return each(ctx, e, list, (*fleet.Take).Check, func(q *fleet.Take) *call {
		switch {
		case q.Absence:
			return e.absenceCall(e.scripts.takeAbsence, q.Key, q.Triggers, q.Run, ms(q.Lease))
		case q.Waits:
			return e.sequenceCall(e.scripts.takeWait, q.Key, q.Triggers, q.Run, ms(q.Lease))
		}
		return e.windowCall(e.scripts.take, q.Key, q.Triggers, q.Run, q.Node, ms(q.Lease))
	}, func(q *fleet.Take, a *answer) fleet.Taken {
		t, ended := fleet.Taken{Work: q.Work}, false
		switch kind := a.number(0, 5); {
		case kind == 1 && !q.Absence && !q.Waits:
			t.Kind, t.ID, t.Payload = fleet.HandOver, a.id(), a.bytes(fleet.MaxPayload)
		case (kind == 2 || kind == 5) && !q.Absence && !q.Waits:
			t.Kind, t.DueAt, t.Counts, t.Nodes = fleet.Rollup, a.number(1, maxMillis), a.counts(), int(a.number(0, 1<<31))
			t.Hosts = hosts(string(a.bytes(fleet.MaxHosts * (fleet.MaxName + 1))))
			t.First, t.Last, t.Sample = dur(a.millis()), dur(a.millis()), a.bytes(fleet.MaxSample)
			ended = kind == 5
		case kind == 4 && q.Absence:
			t.Kind, t.DueAt, t.Last, t.Gone = fleet.Recovery, a.number(1, maxMillis), dur(a.millis()), dur(a.millis())
		case kind == 3 && q.Absence:
			t.Kind, t.DueAt, t.Last, t.Sample = fleet.Absence, a.number(1, maxMillis), dur(a.millis()), a.bytes(fleet.MaxSample)
		case kind == 5 && q.Waits:
			t.Kind, t.DueAt, t.Last, t.Sample = fleet.Missing, a.number(1, maxMillis), dur(a.millis()), a.bytes(fleet.MaxSample)
		case kind == 0:
			return t
		default:
			a.fail("work is of another kind")
		}
		t.Title = fleet.Title{Rule: a.name(), Text: a.name()}
		switch {
		case ended:
			t.Kind, t.Incident = fleet.End, pastOf(a)
		case t.Kind == fleet.Rollup:
			t.Step = int(a.number(0, fleet.MaxSteps))
		}
		return t
	}, func(err error) fleet.Taken { return fleet.Taken{Err: err} })
}

// hosts splits the names of nodes.
func hosts(text string) (list []string) {
	for name := range strings.SplitSeq(text, "\n") {
		if len(list) < fleet.MaxHosts && text != "" {
			list = append(list, safetext.Cut(safetext.Visible(name), fleet.MaxName))
		}
	}
	return list
}

// Settle implements fleet.Engine.
func (e *Engine) Settle(ctx context.Context, list []fleet.Settlement) []fleet.Settled {
	return each(ctx, e, list, (*fleet.Settlement).Check, func(q *fleet.Settlement) *call {
		switch {
		case q.Absence:
			return e.absenceCall(e.scripts.settleAbsence, q.Key, q.Triggers, q.Run, q.DueAt)
		case q.Waits:
			return e.sequenceCall(e.scripts.settleWait, q.Key, q.Triggers, q.Run, q.DueAt)
		}
		args := []any{q.Run, q.ID, q.DueAt}
		if i := q.Incident; i != nil {
			args = append(args, ms(i.Resolve), lines(i.Severities), lines(i.Triggers), i.About)
		}
		return e.windowCall(e.scripts.settle, q.Key, q.Triggers, args...)
	}, func(_ *fleet.Settlement, a *answer) fleet.Settled { return fleet.Settled{Mine: a.number(0, 1) == 1} },
		func(err error) fleet.Settled { return fleet.Settled{Err: err} })
}

// Renew implements fleet.Engine.
func (e *Engine) Renew(ctx context.Context, list []fleet.Renewal) []fleet.Renewed {
	return each(ctx, e, list, (*fleet.Renewal).Check, func(q *fleet.Renewal) *call {
		return e.windowCall(e.scripts.renew, q.Key, q.Triggers, q.Run, q.ID, ms(q.HandOver))
	}, func(_ *fleet.Renewal, a *answer) fleet.Renewed { return fleet.Renewed{Lost: a.number(0, 1) == 1} },
		func(err error) fleet.Renewed { return fleet.Renewed{Err: err} })
}

// Windows implements fleet.Engine.
func (e *Engine) Windows(ctx context.Context, limit int) ([]fleet.Window, error) {
	var lists []*call
	for shard := range fleet.Shards {
		lists = append(lists, &call{script: e.scripts.list, shard: shard, keys: []string{e.prefix(shard) + "win"}, args: []any{limit}})
	}
	e.run(ctx, lists)
	var failed error
	var keys []fleet.Key
	for _, c := range lists {
		a := read(c.value, c.err)
		for a.err == nil && len(a.parts) > 0 && len(keys) < 4*limit {
			if k := a.key(); a.err == nil && k.Shard() == c.shard {
				keys = append(keys, k)
			}
		}
		if a.err != nil {
			failed = a.err
		}
	}
	var out []fleet.Window
	for part := range slices.Chunk(keys, 256) {
		var views []*call
		for _, k := range part {
			views = append(views, e.windowCall(e.scripts.view, k, "-"))
		}
		e.run(ctx, views)
		for i, c := range views {
			w, _, ok, err := window(part[i], read(c.value, c.err))
			if err != nil {
				failed = err
			}
			if ok && len(out) < limit && (w.Left > 0 || w.Unreported > 0 || w.Frozen > 0 || w.Incident != nil) {
				out = append(out, w)
			}
		}
	}
	if len(out) > 0 {
		return out, nil // in a cluster, those that could be asked
	}
	return nil, failed
}

// window reads a view.
func window(key fleet.Key, a *answer) (w fleet.Window, triggers string, ok bool, err error) {
	if a.err != nil || len(a.parts) == 0 {
		return w, "", false, a.err
	}
	w.Key = key
	if age := a.number(-1, maxMillis); age > 0 {
		w.Opened = dur(age)
	}
	w.Cooldown, w.Left, w.LeadID, w.LeadNode = dur(a.millis()), dur(a.millis()), a.id(), a.name()
	w.Waiting, w.Unreported = a.number(0, 1) == 1, a.number(0, maxHits)
	w.Nodes, w.Frozen = int(a.number(0, 1<<31)), a.number(0, maxHits)
	w.Title, triggers = fleet.Title{Rule: a.name(), Text: a.name()}, a.id()
	if a.err == nil && len(a.parts) > 0 {
		w.Incident = &fleet.OpenIncident{
			Opened: dur(a.millis()), Last: dur(a.millis()), Left: dur(a.millis()), Ending: a.number(0, 1) == 1, Alerts: a.number(0, maxHits), Hits: a.number(0, maxHits),
		}
	}
	return w, triggers, a.err == nil, a.err
}

// Window implements fleet.Engine.
func (e *Engine) Window(ctx context.Context, key fleet.Key) (fleet.Window, bool, error) {
	w, _, ok, err := e.view(ctx, key)
	return w, ok, err
}

func (e *Engine) view(ctx context.Context, key fleet.Key) (fleet.Window, string, bool, error) {
	if !key.Valid() {
		return fleet.Window{}, "", false, fleet.ErrRefused
	}
	return window(key, e.one(ctx, e.windowCall(e.scripts.view, key, "-")))
}

// CloseWindow implements fleet.Engine.
func (e *Engine) CloseWindow(ctx context.Context, key fleet.Key) (bool, error) {
	_, triggers, ok, err := e.view(ctx, key)
	if err != nil || !ok {
		return false, err
	}
	a := e.one(ctx, e.windowCall(e.scripts.closeWindow, key, triggers))
	open := a.number(-1, 1)
	if a.err != nil || open < 0 {
		return false, a.err
	}
	noted := e.one(ctx, e.sharedCall(e.scripts.closed, string(key), ms(fleet.CloseMemory), ""))
	return open == 1, noted.err
}
