package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// gate asks the engine for candidates, and records its answers. A candidate whose answer does not come in time leaves by the store's due time, whether or not
// this loop still runs: it decides nothing that must happen.
func (f *Fleet) gate(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		var overflow []string
		f.offered.Lock()
		f.waiting, f.offered.list = append(f.waiting, f.offered.list...), nil
		overflow, f.offered.overflow = f.offered.overflow, nil
		f.offered.Unlock()
		before, beforeBytes := weight(f.waiting)
		full := f.decideOverflow(ctx, overflow)
		var again []Candidate
		for part := range slices.Chunk(f.waiting, batch) {
			again = append(again, f.ask(ctx, part)...)
		}
		f.waiting = again
		left, leftBytes := weight(f.waiting)
		f.offered.Lock()
		f.offered.held, f.offered.bytes = f.offered.held-before+left, f.offered.bytes-beforeBytes+leftBytes
		f.offered.overflow = append(full, f.offered.overflow...)
		f.offered.Unlock()
		if len(f.waiting)+len(full) > 0 {
			timer.Reset(retryLeast)
		}
		select {
		case <-f.asks:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// weight returns how many candidates there are, and the bytes of their payloads.
func weight(list []Candidate) (n, bytes int) {
	for i := range list {
		bytes += len(list[i].Payload)
	}
	return len(list), bytes
}

// decideOverflow lets candidates leave that there was no room for. It returns those whose decision could not be stored: it is recorded later, how ever they
// left meanwhile.
func (f *Fleet) decideOverflow(ctx context.Context, ids []string) (left []string) {
	if len(ids) == 0 {
		return nil
	}
	for part := range slices.Chunk(ids, batch) {
		var list []Decision
		for _, id := range part {
			list = append(list, Decision{ID: id, Outcome: Alone, Why: WhyQueue})
		}
		if _, err := f.opt.Node.Decide(ctx, list); err != nil {
			left = append(left, part...)
			continue
		}
		f.count.add(&f.count.alone, WhyQueue, int64(len(part)))
	}
	if n := len(ids) - len(left); n > 0 {
		f.opt.Log.Warn("fleet: too many alerts wait for the engine, so some are sent without it", "alerts", n)
		wake(f.moves)
	}
	return left
}

// ask asks for some candidates, records the answers, and returns those to ask again.
func (f *Fleet) ask(ctx context.Context, list []Candidate) (again []Candidate) {
	now := f.opt.Now()
	decisions := make([]Decision, len(list)) // without an Outcome: not decided
	most := f.opt.Settings.Wait
	for i := range list {
		decisions[i].ID = list[i].ID
		left := list[i].Until.Sub(now) - f.opt.Settings.Wait/20
		if left <= 0 { // recorded a little before the delivery is due, so that the record says how it left
			decisions[i].Outcome, decisions[i].Why = Alone, WhyWait
			continue
		}
		most = min(most, left)
	}
	f.askSights(ctx, most, list, decisions)
	f.askClaims(ctx, most, list, decisions)
	var decided []Decision
	for i := range decisions {
		if decisions[i].Outcome != 0 {
			decided = append(decided, decisions[i])
		} else {
			again = append(again, list[i])
		}
	}
	if len(decided) == 0 {
		return again
	}
	late, err := f.opt.Node.Decide(ctx, decided)
	if err != nil { // the store fails: they leave when they are due, and a decision is recorded once it works
		if ctx.Err() == nil {
			f.opt.Log.Warn("fleet: decisions cannot be stored", "error", safetext.Visible(err.Error()))
		}
		return list
	}
	for _, d := range decided {
		switch {
		case slices.Contains(late, d.ID):
			f.count.claim("late", 1)
			f.count.left(WhyWait)
		case d.Outcome == Alone:
			f.count.claim("error", 1)
			f.count.left(d.Why)
		default:
			f.count.claim(d.Outcome.String(), 1)
		}
	}
	wake(f.moves)
	return again
}

// askSights decides candidates whose template was seen before.
func (f *Fleet) askSights(ctx context.Context, most time.Duration, list []Candidate, decisions []Decision) {
	var at []int
	var sights []Sight
	now := f.opt.Now()
	for i := range list {
		if list[i].Sight != nil && decisions[i].Outcome == 0 {
			s := list[i].Sight.sight(now)
			s.Run, s.ID = f.opt.Run, list[i].ID
			at, sights = append(at, i), append(sights, s)
		}
	}
	if len(sights) == 0 {
		return
	}
	f.call(ctx, most, func(ctx context.Context) {
		for j, seen := range f.opt.Engine.See(ctx, sights) {
			d := &decisions[at[j]]
			switch {
			case seen.Err != nil:
				f.failed(d, seen.Err)
			case !seen.New:
				d.Outcome = Knows
			}
		}
	})
}

// askClaims decides the others, unless their sight failed.
func (f *Fleet) askClaims(ctx context.Context, most time.Duration, list []Candidate, decisions []Decision) {
	var at []int
	var claims []Claim
	for i := range list {
		if decisions[i].Outcome == 0 && decisions[i].Why == "" {
			at, claims = append(at, i), append(claims, f.claim(&list[i]))
		}
	}
	if len(claims) == 0 {
		return
	}
	f.call(ctx, most, func(ctx context.Context) {
		var failed error
		for j, a := range f.opt.Engine.Claim(ctx, claims) {
			d := &decisions[at[j]]
			switch a.Verdict {
			case Lead:
				d.Outcome = Leads
			case Held:
				d.Outcome, d.LeadID, d.LeadNode = Holds, a.LeadID, a.LeadNode
			case Over:
				d.Outcome = Knows
			default:
				if a.Err == nil {
					a.Err = ErrAnswer
				}
				failed = a.Err
				f.failed(d, a.Err)
			}
		}
		if ctx.Err() != context.Canceled {
			f.health.note(failed)
		}
	})
}

// failed notes an error at a candidate: it leaves alone, unless asking again can help.
func (f *Fleet) failed(d *Decision, err error) {
	d.Why = Why(err)
	if !again(err) {
		d.Outcome = Alone
	}
}

// claim returns the claim of a candidate, within the bounds of the wire.
func (f *Fleet) claim(c *Candidate) Claim {
	q := c.Claim
	q.Run, q.Node = f.opt.Run, f.opt.Name
	q.Terms.Triggers = *f.triggers.Load()
	q.Title = q.Title.cut()
	if q.HandOver == 0 {
		q.HandOver = f.opt.Settings.HandOver
	}
	if !f.opt.Settings.ShareLines || len(q.Payload) > MaxPayload {
		q.Payload = nil
	}
	if q.Terms.Grace == 0 {
		q.Terms.Grace = f.opt.Settings.Grace
	}
	return q
}

func (t Title) cut() Title {
	return Title{Rule: safetext.Cut(safetext.Visible(t.Rule), MaxName), Text: safetext.Cut(safetext.Visible(t.Text), MaxName)}
}
