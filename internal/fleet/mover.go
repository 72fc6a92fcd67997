package fleet

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// mover gives the outbox to the engine, and settles and renews the alerts that leave.
func (f *Fleet) mover(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	m := moving{Fleet: f}
	for {
		select {
		case <-timer.C:
		case <-f.moves:
		case <-ctx.Done():
			return
		}
		waiting := m.settleAll(ctx)
		m.renewAll(ctx)
		if busy := m.giveAll(ctx); busy || waiting {
			timer.Reset(tick)
		} else {
			timer.Reset(10 * tick) // a row may be there without a wake, after a panic
		}
	}
}

// moving is the state of the mover.
type moving struct {
	*Fleet
	giveAt  time.Time       // when the outbox is given; zero: it was empty
	fails   int             // in a row
	renewAt time.Time       // when renewAll next looks
	seen    map[string]bool // the alerts that were not delivered when it last did
}

// giveAll gives the outbox once its time has come: at a random moment of half a grace, so that the nodes of one incident do not give at once. It reports
// whether something is left.
func (m *moving) giveAll(ctx context.Context) (left bool) {
	for ctx.Err() == nil {
		rows, err := m.opt.Node.Outbox(ctx, batch)
		if err != nil {
			m.storeFailed(ctx, "the outbox cannot be read", err)
			return true
		}
		if len(rows) == 0 {
			m.giveAt = time.Time{}
			return false
		}
		now := m.opt.Now()
		if m.giveAt.IsZero() {
			m.giveAt = now.Add(time.Duration(m.opt.Random() * float64(m.opt.Settings.Grace/2)))
		}
		if now.Before(m.giveAt) {
			return true
		}
		if !m.give(ctx, now, rows) {
			return true
		}
	}
	return true
}

// give gives one batch, and reports whether all of it was acknowledged.
func (m *moving) give(ctx context.Context, now time.Time, rows []Unreported) bool {
	var old []int64
	var gifts []Gift
	keys := map[Key]bool{} // one gift of a key at a time: a later one must not overtake one that fails
	for i := range rows {
		r := &rows[i]
		if keys[r.Key] {
			continue
		}
		keys[r.Key] = true
		if now.Sub(r.HeldAt) > MaxGiftAge {
			old = append(old, r.Seq)
			m.count.forgotten.Add(r.Counts.Sum())
			continue
		}
		gifts = append(gifts, m.gift(now, r))
	}
	if len(old) > 0 {
		m.opt.Log.Warn("fleet: hits were not given to the engine within 12 hours: no roll-up of the fleet reports them", "alerts", len(old))
		if err := m.opt.Node.Forget(ctx, old); err != nil {
			m.storeFailed(ctx, "the outbox cannot be written", err)
			return false
		}
	}
	if len(gifts) == 0 {
		return true
	}
	var given []int64
	var hits int64
	var failed error
	m.call(ctx, m.opt.Settings.Wait, func(ctx context.Context) {
		for i, a := range m.opt.Engine.Give(ctx, gifts) {
			if a.Err != nil {
				failed = a.Err
				continue
			}
			given = append(given, gifts[i].Seq)
			hits += gifts[i].Counts.Sum()
		}
	})
	if ctx.Err() == nil {
		m.health.note(failed)
	}
	if len(given) > 0 {
		if err := m.opt.Node.Given(ctx, given); err != nil {
			m.storeFailed(ctx, "the outbox cannot be written", err)
			return false // they are given again, and counted once
		}
		m.count.given.Add(hits)
	}
	if failed == nil {
		m.fails = 0
		return true
	}
	m.giveAt = now.Add(time.Duration((0.5 + m.opt.Random()) * float64(min(30*time.Second, time.Second<<min(m.fails, 5)))))
	m.fails++
	return false
}

// gift returns the gift of a row, within the bounds of the wire.
func (m *moving) gift(now time.Time, r *Unreported) Gift {
	g := r.Gift
	g.Run, g.Node = m.opt.Run, m.opt.Name
	g.First, g.Last = min(max(0, now.Sub(r.FirstAt)), maxAge), min(max(0, now.Sub(r.LastAt)), maxAge)
	g.Terms.Triggers = *m.triggers.Load()
	g.Title = g.Title.cut()
	if g.Terms.Grace == 0 {
		g.Terms.Grace = m.opt.Settings.Grace
	}
	if !m.opt.Settings.ShareLines || len(g.Sample) > MaxSample {
		g.Sample = nil
	}
	return g
}

// settleAll settles alerts that ended, and reports whether others wait for their end.
func (m *moving) settleAll(ctx context.Context) (waiting bool) {
	for ctx.Err() == nil {
		rows, err := m.opt.Node.Leaving(ctx, batch)
		if err != nil {
			m.storeFailed(ctx, "alerts that leave cannot be read", err)
			return true
		}
		var ended []Leaving
		for _, r := range rows {
			if r.Ended || r.DueAt > 0 {
				ended = append(ended, r)
			}
		}
		waiting = len(ended) < len(rows)
		if !m.settle(ctx, ended) || len(rows) < batch {
			break
		}
	}
	return waiting
}

// renewAll renews the alerts that are not delivered, all of them, once they were seen by the pass before: most are delivered at once. Two passes are a third of
// hand_over.
func (m *moving) renewAll(ctx context.Context) {
	now, every := m.opt.Now(), m.opt.Settings.HandOver/6
	if now.Before(m.renewAt) && m.renewAt.Sub(now) <= every { // else the clock stepped back
		return
	}
	m.renewAt = now.Add(every)
	seen := map[string]bool{}
	after := ""
	for ctx.Err() == nil {
		rows, err := m.opt.Node.Waiting(ctx, after, batch)
		if err != nil {
			m.storeFailed(ctx, "alerts that leave cannot be read", err)
			return
		}
		var renew []Leaving
		for _, r := range rows {
			if seen[r.ID] = true; m.seen[r.ID] && r.HandOver > 0 {
				renew = append(renew, r)
			}
		}
		m.renew(ctx, renew)
		if len(rows) < batch {
			break
		}
		after = rows[len(rows)-1].ID
	}
	m.seen = seen
}

// settle settles a batch, and reports whether that made room for more.
func (m *moving) settle(ctx context.Context, rows []Leaving) bool {
	if len(rows) == 0 {
		return false
	}
	list := make([]Settlement, len(rows))
	for i, r := range rows {
		list[i] = Settlement{Work: r.Work, Run: m.opt.Run, Triggers: r.Triggers, ID: r.ID, DueAt: r.DueAt, Incident: r.Incident}
		if r.DueAt > 0 {
			list[i].ID = "" // a roll-up is known by its due time
		}
		if r.Triggers == "" {
			list[i].Triggers = *m.triggers.Load()
		}
	}
	var done []SettledRow
	var failed error
	reported := false
	m.call(ctx, m.opt.Settings.Wait, func(ctx context.Context) {
		for i, a := range m.opt.Engine.Settle(ctx, list) {
			if a.Err != nil {
				failed = a.Err
				continue
			}
			done = append(done, SettledRow{ID: rows[i].ID, Mine: a.Mine})
			reported = reported || a.Mine && rows[i].DueAt > 0
		}
	})
	if ctx.Err() == nil {
		m.health.note(failed)
	}
	if len(done) == 0 {
		return false
	}
	if err := m.opt.Node.Settled(ctx, done); err != nil {
		m.storeFailed(ctx, "settled alerts cannot be written", err)
		return false
	}
	if reported {
		wake(m.beats) // else hits that were reported would count as lost until the next heartbeat
	}
	return failed == nil
}

func (m *moving) renew(ctx context.Context, rows []Leaving) {
	if len(rows) == 0 {
		return
	}
	list := make([]Renewal, len(rows))
	for i, r := range rows {
		list[i] = Renewal{Key: r.Key, Run: m.opt.Run, ID: r.ID, Triggers: r.Triggers, HandOver: r.HandOver}
		if r.Triggers == "" {
			list[i].Triggers = *m.triggers.Load()
		}
	}
	var lost []string
	m.call(ctx, m.opt.Settings.Wait, func(ctx context.Context) {
		for i, a := range m.opt.Engine.Renew(ctx, list) {
			if a.Err == nil && a.Lost && !rows[i].Alone {
				lost = append(lost, rows[i].ID)
			}
		}
	})
	if len(lost) > 0 {
		m.opt.Log.Info("fleet: another node sends alerts that this one could not deliver in time", "alerts", len(lost))
		if err := m.opt.Node.Yield(ctx, lost); err != nil {
			m.storeFailed(ctx, "alerts that another node has cannot be withdrawn", err)
		}
	}
}

func (f *Fleet) storeFailed(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		f.opt.Log.Warn("fleet: "+what, "error", safetext.Visible(err.Error()))
	}
}
