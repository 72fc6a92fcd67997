package fleet

import (
	"context"
	"errors"
	"time"
)

// keeper sends the heartbeat, and takes the work that is due while this node is the keeper. A lease decides who that is, for economy: with two keepers, or
// none for a while, every number stays right.
func (f *Fleet) keeper(ctx context.Context) {
	k := keeping{Fleet: f}
	sleep(ctx, time.Duration(f.opt.Random()*float64(beatEvery))) // a thousand nodes that start at once do not connect at once
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for ctx.Err() == nil {
		now := f.opt.Now()
		if !now.Before(k.nextBeat) || k.nextBeat.Sub(now) > beatEvery { // or the clock stepped back
			k.beat(ctx, now)
		}
		if now.Before(k.until) {
			k.work(ctx)
		}
		select {
		case <-ticks.C:
		case <-f.beats:
			k.nextBeat = time.Time{}
		case <-ctx.Done():
		}
	}
}

// keeping is the state of the keeper.
type keeping struct {
	*Fleet
	nextBeat time.Time
	until    time.Time // this node is the keeper until then
	triggers string    // of the last heartbeat
	orphans  []string
	epoch    string // as last seen
	version  int64  // of Shared, as last pulled
	pulled   bool
	lost     time.Time // when it was noticed that the engine lost its data, until that is reported; zero: it did not
	shard    int       // where work goes on
	summed   time.Time // when the account was last asked for
}

func (k *keeping) beat(ctx context.Context, now time.Time) {
	k.nextBeat = now.Add(beatEvery)
	given, reported, err := k.opt.Node.Totals(ctx)
	if err != nil {
		k.storeFailed(ctx, "totals cannot be read", err)
		return
	}
	b := Beat{Run: k.opt.Run, Node: k.opt.Name, Version: k.opt.Version, Triggers: *k.Fleet.triggers.Load(), Given: given, Reported: reported}
	var p Pulse
	k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { p, err = k.opt.Engine.Beat(ctx, b) })
	if ctx.Err() != nil {
		return
	}
	k.health.note(err)
	if err != nil {
		return
	}
	k.count.beats.Add(1)
	before := k.pulse.Swap(&p)
	if p.Twin && (before == nil || !before.Twin) {
		k.opt.Log.Warn("fleet: another node has the same name; set fleet.node", "node", k.opt.Name)
	}
	k.triggers, k.orphans = b.Triggers, p.Orphans
	k.until = time.Time{}
	if p.Keeper {
		k.until = now.Add(KeeperLease - beatEvery)
	}
	k.share(ctx, &p)
	k.sum(ctx, p.Keeper, now)
	if !k.lost.IsZero() && now.Sub(k.lost) > 2*beatEvery { // all nodes have sent their totals again
		k.reportLoss(ctx, p.Keeper)
	}
}

// sum notes the account of the namespace for Stats, if this node is the keeper.
func (k *keeping) sum(ctx context.Context, keeper bool, now time.Time) {
	if !keeper {
		k.account.Store(nil)
		return
	}
	if age := now.Sub(k.summed); age >= 0 && age < sumEvery {
		return
	}
	k.summed = now
	var a Account
	var err error
	k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { a, err = k.opt.Engine.Account(ctx) })
	if err != nil {
		k.health.note(err)
		k.account.Store(nil)
		return
	}
	k.account.Store(&a)
}

// reportLoss reports a loss of the engine's data, if this node is the keeper.
func (k *keeping) reportLoss(ctx context.Context, keeper bool) {
	if keeper && k.opt.Lost != nil {
		var a Account
		var err error
		k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { a, err = k.opt.Engine.Account(ctx) })
		if err != nil {
			k.health.note(err)
			return
		}
		k.opt.Lost(ctx, a)
	}
	k.lost = time.Time{}
}

// share pulls silences and closed windows after a change. An engine that lost its data gets the silences of this node back first.
func (k *keeping) share(ctx context.Context, p *Pulse) {
	if k.pulled && p.Epoch == k.epoch && p.Version == k.version {
		return
	}
	known, own, err := k.opt.Node.Silences(ctx)
	if err != nil {
		k.storeFailed(ctx, "silences cannot be read", err)
		return
	}
	lost := known != "" && known != p.Epoch
	if lost {
		for _, s := range own {
			k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { err = k.opt.Engine.PutSilence(ctx, s, true) })
			if err != nil {
				k.health.note(err)
				return
			}
		}
	}
	if err := k.pull(ctx, !lost); err != nil {
		return
	}
	k.pulled, k.epoch, k.version = true, p.Epoch, p.Version
	if !lost {
		return
	}
	k.count.epochs.Add(1)
	k.lost = k.opt.Now()
	k.opt.Log.Warn("fleet: the engine lost its data; windows that were open open again, and counts it had are lost", "keeper", p.Keeper)
}

// pull puts silences and closed windows of the fleet in force.
func (f *Fleet) pull(ctx context.Context, whole bool) error {
	f.silences.Lock()
	defer f.silences.Unlock()
	var s Shared
	var err error
	f.call(ctx, f.opt.Settings.Wait, func(ctx context.Context) { s, err = f.opt.Engine.Shared(ctx) })
	if err != nil {
		f.health.note(err)
		return err
	}
	if err := f.opt.Node.Share(ctx, s, whole); err != nil {
		f.storeFailed(ctx, "silences of the fleet cannot be stored", err)
		return err
	}
	return nil
}

// Pull puts silences and closed windows of the fleet in force at once, after a change that this node made.
func (f *Fleet) Pull(ctx context.Context) error { return f.pull(ctx, true) }

// work takes the work that is due and stores it. Work that cannot be stored is taken again, by whoever is the keeper, when its lease ends.
func (k *keeping) work(ctx context.Context) {
	shards := make([]int, Shards)
	for i := range shards {
		shards[i] = (i + k.shard) % Shards
	}
	k.shard = (k.shard + 1) % Shards // none comes last forever
	for _, triggers := range append([]string{k.triggers}, k.orphans...) {
		var due []Work
		var err error
		k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { due, err = k.opt.Engine.Due(ctx, shards, triggers, 16) })
		if err != nil && ctx.Err() == nil {
			k.health.note(err) // work of other shards is taken all the same
		}
		for len(due) > 0 && ctx.Err() == nil {
			part := due[:min(batch, len(due))]
			due = due[len(part):]
			k.take(ctx, part, triggers)
		}
	}
}

func (k *keeping) take(ctx context.Context, work []Work, triggers string) {
	list := make([]Take, len(work))
	for i, w := range work {
		list[i] = Take{Work: w, Run: k.opt.Run, Node: k.opt.Name, Triggers: triggers, Lease: max(workLease, k.opt.Settings.HandOver)}
	}
	var taken []Taken
	k.call(ctx, k.opt.Settings.Wait, func(ctx context.Context) { taken = k.opt.Engine.Take(ctx, list) })
	stored := false
	for i := range taken {
		t := &taken[i]
		if t.Err != nil {
			if ctx.Err() == nil {
				k.health.note(t.Err)
			}
			continue
		}
		id := t.ID
		if t.Kind == Nothing {
			continue
		}
		t.Triggers = triggers
		if t.Kind != HandOver {
			id = WorkID(k.opt.Settings.Namespace, t)
		}
		if err := k.opt.Node.Accept(ctx, id, t); errors.Is(err, ErrLater) {
			continue
		} else if err != nil {
			k.storeFailed(ctx, "work that was taken cannot be stored", err)
			continue
		}
		stored = true
		switch t.Kind {
		case HandOver:
			k.count.handovers.Add(1)
		case Rollup:
			k.count.rollups.Add(1)
		case Absence, Missing:
			k.count.absences.Add(1)
		case End:
			k.count.ends.Add(1)
		}
	}
	if stored {
		wake(k.moves)
	}
}
