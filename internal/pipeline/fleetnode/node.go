package fleetnode

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

var _ fleet.Node = (*loops)(nil)

// Asked implements fleet.Node.
func (l *loops) Asked(ctx context.Context, due time.Time) ([]fleet.Candidate, error) {
	rows, err := l.host.store.FleetAsked(ctx, l.opt.Now(), l.opt.Instance, due)
	if err != nil {
		return nil, err
	}
	var list []fleet.Candidate
	for i := range rows {
		if c, ok := l.candidate(&rows[i]); ok {
			list = append(list, c)
		}
	}
	return list, nil
}

// Decide implements fleet.Node. The engine of rules counts a candidate once its outcome is on disk.
func (l *loops) Decide(ctx context.Context, list []fleet.Decision) (late []string, err error) {
	outcomes := map[fleet.Outcome]store.FleetOutcome{
		fleet.Leads: store.FleetLeads, fleet.Alone: store.FleetAlone, fleet.Holds: store.FleetHeld, fleet.Knows: store.FleetKnown,
	}
	rows := make([]store.FleetDecision, len(list))
	for i, d := range list {
		rows[i] = store.FleetDecision{ID: d.ID, Outcome: outcomes[d.Outcome], Payload: led, Forget: !l.host.has(d.ID)}
	}
	became, err := l.host.delivery.FleetDecide(ctx, l.opt.Instance, rows)
	if err != nil {
		return nil, err
	}
	for i, outcome := range became {
		id := list[i].ID
		if outcome == store.FleetAlone && list[i].Outcome != fleet.Alone {
			late = append(late, id)
		}
		switch {
		case outcome == store.FleetAlone:
			if ticket, ok := l.host.take(id); ok {
				l.opt.Alone(ticket)
			}
		case outcome != store.FleetKnown: // one that is no row was not stored in time, and left as it was
			l.host.decided(id, outcome != store.FleetHeld)
		default:
			if ticket, ok := l.host.take(id); ok {
				l.opt.Known(ticket)
			}
		}
	}
	return late, nil
}

// Outbox implements fleet.Node.
func (l *loops) Outbox(ctx context.Context, limit int) ([]fleet.Unreported, error) {
	rows, err := l.host.store.FleetOutbox(ctx, l.opt.Instance, limit)
	if err != nil {
		return nil, err
	}
	var list []fleet.Unreported
	var unreadable []int64
	for _, row := range rows {
		var g gift
		if json.Unmarshal(row.Gift, &g) != nil || g.Counts.Sum() != row.Hits {
			unreadable = append(unreadable, row.Seq)
			continue
		}
		list = append(list, fleet.Unreported{
			Gift: fleet.Gift{
				Key: fleet.Key(row.Key), Seq: row.Seq, Counts: g.Counts, Terms: l.terms(&g.About),
				Title: fleet.Title{Rule: g.About.Rule, Text: g.About.Workload}, Sample: g.Sample,
			},
			FirstAt: g.First, LastAt: g.Last, HeldAt: row.At,
		})
	}
	if len(unreadable) > 0 { // of another version: no engine would take them
		return list, l.Forget(ctx, unreadable)
	}
	return list, nil
}

// Given implements fleet.Node.
func (l *loops) Given(ctx context.Context, seqs []int64) error {
	return l.host.store.FleetGiven(ctx, l.opt.Now(), l.opt.Instance, seqs)
}

// Forget implements fleet.Node.
func (l *loops) Forget(ctx context.Context, seqs []int64) error {
	return l.host.store.FleetForget(ctx, l.opt.Now(), l.opt.Instance, seqs)
}

// Leaving implements fleet.Node.
func (l *loops) Leaving(ctx context.Context, limit int) ([]fleet.Leaving, error) {
	rows, err := l.host.store.FleetLeaving(ctx, l.opt.Instance, limit)
	return l.leaving(rows), err
}

// Waiting implements fleet.Node.
func (l *loops) Waiting(ctx context.Context, after string, limit int) ([]fleet.Leaving, error) {
	rows, err := l.host.store.FleetWaiting(ctx, l.opt.Instance, after, limit)
	return l.leaving(rows), err
}

func (l *loops) leaving(rows []store.FleetAlert) []fleet.Leaving {
	list := make([]fleet.Leaving, len(rows))
	for i := range rows {
		row := &rows[i]
		var a about
		_ = json.Unmarshal(row.About, &a) // a row without a digest is settled by that in force
		list[i] = fleet.Leaving{
			Work: fleet.Work{Key: fleet.Key(row.Key), Absence: a.Absence, Waits: a.Waits}, ID: row.ID, Triggers: a.Triggers, DueAt: a.DueAt, Alone: row.Alone, Ended: row.Ended,
		}
		if a.DueAt == 0 {
			list[i].HandOver = l.settings.HandOver
		}
	}
	return list
}

// Settled implements fleet.Node.
func (l *loops) Settled(ctx context.Context, list []fleet.SettledRow) error {
	ids, mine := make([]string, len(list)), map[string]bool{}
	for i, row := range list {
		ids[i], mine[row.ID] = row.ID, row.Mine
	}
	return l.host.store.FleetSettled(ctx, l.opt.Now(), l.opt.Instance, ids, mine)
}

// Yield implements fleet.Node.
func (l *loops) Yield(ctx context.Context, ids []string) error {
	return l.host.store.FleetYield(ctx, l.opt.Now(), l.opt.Instance, ids)
}

// Accept implements fleet.Node.
func (l *loops) Accept(ctx context.Context, id string, t *fleet.Taken) error {
	row := store.FleetRow{Instance: l.opt.Instance, Key: string(t.Key), Taken: true}
	a := about{Rule: t.Title.Rule, Workload: t.Title.Text, Triggers: t.Triggers, DueAt: t.DueAt, Absence: t.Absence, Waits: t.Waits}
	alert, sent, later := l.alertOf(id, t)
	if later {
		return fleet.ErrLater
	}
	switch t.Kind {
	case fleet.HandOver:
		a.DueAt = 0
	case fleet.Rollup:
		row.Hits = t.Counts.Sum()
	}
	var err error
	if row.About, err = json.Marshal(&a); err != nil {
		return err
	}
	if alert == nil {
		return l.host.store.FleetForgetTaken(ctx, l.opt.Now(), id, row)
	}
	err = l.host.delivery.AcceptNow(ctx, delivery.Item{Alert: *alert, Triggers: l.opt.Route(alert), Fleet: &row})
	if err == nil && sent != nil {
		sent()
	}
	return err
}

// alertOf returns the alert of work that was taken; nil if this node makes none.
func (l *loops) alertOf(id string, t *fleet.Taken) (alert *trigger.Alert, sent func(), later bool) {
	switch t.Kind {
	case fleet.HandOver:
		return handedOver(t), nil, false
	case fleet.Rollup:
		return l.rollup(id, t), nil, false
	case fleet.Absence:
		alert, sent, later = l.opt.Absence(t.Title.Rule, t.Title.Text, l.opt.Now().Add(-t.Last), len(t.Sample) > 0)
	case fleet.Missing:
		alert, sent, later = l.missing(t)
	case fleet.Recovery:
		alert, sent = l.opt.Recovery(t.Title.Rule, t.Title.Text, l.opt.Now().Add(-t.Last), t.Gone)
	}
	if alert != nil {
		alert.ID, alert.Key = id, alertKey(t.Key)
		alert.Fleet = &trigger.Fleet{Namespace: l.settings.Namespace, Nodes: max(1, l.fleet.Stats().Nodes), Engine: trigger.EngineOK}
	}
	return alert, sent, later
}

// Totals implements fleet.Node.
func (l *loops) Totals(ctx context.Context) (given, reported int64, err error) {
	n, err := l.host.store.FleetTotals(ctx, l.opt.Now(), l.opt.Instance)
	return n.Given, n.Reported, err
}

// Share implements fleet.Node. The namespace is stored with the epoch: the silences of another one are not given to this one's engine.
func (l *loops) Share(ctx context.Context, s fleet.Shared, whole bool) error {
	s.Epoch = l.settings.Namespace + "/" + s.Epoch
	if err := l.host.shared.Share(ctx, s, whole); err != nil {
		return err
	}
	l.host.closeWindows(s.Closed)
	return nil
}

// Silences implements fleet.Node.
func (l *loops) Silences(ctx context.Context) (epoch string, list []fleet.Silence, err error) {
	stored, list, err := l.host.shared.Silences(ctx)
	epoch, ok := strings.CutPrefix(stored, l.settings.Namespace+"/")
	if !ok {
		return "", nil, err
	}
	return epoch, list, err
}
