package redis

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Account implements fleet.Engine.
func (e *Engine) Account(ctx context.Context) (fleet.Account, error) {
	acct := fleet.Account{Keepers: map[string]string{}}
	var calls []*call
	for shard := range fleet.Shards {
		p := e.prefix(shard)
		calls = append(calls, &call{script: e.scripts.account, shard: shard, keys: []string{p + "acct", p + "win"}})
	}
	p := e.prefix(whole)
	nodes := &call{script: e.scripts.nodes, shard: whole, keys: []string{p + "runs", p + "sets", p + "epoch"}}
	e.run(ctx, append(calls, nodes))
	for _, c := range calls {
		a := read(c.value, c.err)
		acct.Given += a.number(0, maxHits)
		acct.Reported += a.number(0, maxHits)
		acct.Unreported += a.number(0, maxHits)
		acct.Full += a.number(0, maxHits)
		acct.Windows += a.number(0, maxHits)
		if a.err != nil {
			return fleet.Account{}, a.err
		}
	}
	a := read(nodes.value, nodes.err)
	acct.Epoch = a.id()
	now := a.millis()
	runs, sets := a.list(1<<17), a.list(1<<12)
	for a.err == nil && runs.err == nil && len(runs.parts) > 0 {
		n, at, err := described(runs.id(), string(runs.bytes(4<<10)))
		if err != nil {
			return fleet.Account{}, err
		}
		n.Age = dur(max(0, now-at))
		acct.NodesGiven += n.Given
		acct.NodesReported += n.Reported
		acct.Nodes = append(acct.Nodes, n)
	}
	var keepers []*call
	var names []string
	for a.err == nil && sets.err == nil && len(sets.parts) > 0 {
		set := sets.id()
		_ = sets.bytes(32)
		names = append(names, set)
		keepers = append(keepers, &call{script: e.scripts.keeper, shard: whole, keys: []string{p + "keeper:" + set}})
	}
	for _, err := range []error{a.err, runs.err, sets.err} {
		if err != nil {
			return fleet.Account{}, err
		}
	}
	e.run(ctx, keepers)
	for i, c := range keepers {
		k := read(c.value, c.err)
		if name := k.name(); k.err == nil && name != "" {
			acct.Keepers[names[i]] = name
		}
	}
	slices.SortFunc(acct.Nodes, func(x, y fleet.NodeInfo) int { return strings.Compare(x.Node+"\n"+x.Run, y.Node+"\n"+y.Run) })
	return acct, nil
}

// described reads the description of a run.
func described(run, text string) (n fleet.NodeInfo, at int64, err error) {
	parts := strings.SplitN(text, "\n", 6)
	if len(parts) != 6 || run == "" {
		return n, 0, fleet.ErrAnswer
	}
	for i, to := range []*int64{&at, &n.Given, &n.Reported} {
		if *to, err = parse(parts[i]); err != nil {
			return n, 0, err
		}
	}
	show := func(s string) string { return safetext.Cut(safetext.Visible(s), fleet.MaxName) }
	n.Run, n.Triggers, n.Node, n.Version = run, show(parts[3]), show(parts[4]), show(parts[5])
	return n, at, nil
}

// newEpoch returns a random id for data that has none.
func (e *Engine) newEpoch() string {
	return strconv.FormatInt(e.now().UnixNano(), 36) + strconv.FormatInt(int64(e.random()*float64(1<<40)), 36)
}

// Beat implements fleet.Engine.
func (e *Engine) Beat(ctx context.Context, b fleet.Beat) (fleet.Pulse, error) {
	if err := b.Check(); err != nil {
		return fleet.Pulse{}, err
	}
	p := e.prefix(whole)
	a := e.one(ctx, &call{
		script: e.scripts.beat, shard: whole,
		keys: []string{p + "nodes", p + "runs", p + "names", p + "sets", p + "keeper:" + b.Triggers, p + "epoch", p + "silv"},
		args: []any{b.Run, b.Node, b.Version, b.Triggers, b.Given, b.Reported, e.newEpoch(), ms(fleet.KeeperLease), ms(fleet.Absent), ms(fleet.Memory)},
	})
	pulse := fleet.Pulse{
		Epoch: a.id(), Keeper: a.number(0, 1) == 1, KeeperNode: a.name(), Nodes: int(a.number(0, 1<<31)), Twin: a.number(0, 1) == 1, Version: a.number(0, maxHits),
	}
	orphans := a.list(8)
	for a.err == nil && len(orphans.parts) > 0 && orphans.err == nil {
		pulse.Orphans = append(pulse.Orphans, orphans.id())
	}
	if a.err == nil {
		a.err = orphans.err
	}
	if a.err != nil {
		return fleet.Pulse{}, a.err
	}
	return pulse, nil
}

// sharedCall returns a call about silences and closed windows.
func (e *Engine) sharedCall(s *script, args ...any) *call {
	p := e.prefix(whole)
	return &call{script: s, shard: whole, keys: []string{p + "sil", p + "cl", p + "silv", p + "epoch"}, args: args}
}

// maxSilences bounds the silences of a namespace.
const maxSilences = 4096

// Shared implements fleet.Engine.
func (e *Engine) Shared(ctx context.Context) (fleet.Shared, error) {
	a := e.one(ctx, e.sharedCall(e.scripts.pull, ms(fleet.CloseMemory)))
	s := fleet.Shared{Epoch: a.id(), Version: a.number(0, maxHits)}
	silences, closed := a.list(3*maxSilences), a.list(maxItems)
	for silences.err == nil && len(silences.parts) > 0 {
		x := fleet.Silence{ID: silences.id(), Left: dur(silences.number(1, maxMillis)), Body: silences.bytes(fleet.MaxSilence)}
		s.Silences = append(s.Silences, x)
	}
	for closed.err == nil && len(closed.parts) > 0 {
		s.Closed = append(s.Closed, fleet.Closed{Key: closed.key(), At: closed.millis(), Ended: closed.number(0, 1) == 1})
	}
	for _, err := range []error{a.err, silences.err, closed.err} {
		if err != nil {
			return fleet.Shared{}, err
		}
	}
	slices.SortFunc(s.Silences, func(x, y fleet.Silence) int { return strings.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Closed, func(x, y fleet.Closed) int { return strings.Compare(string(x.Key), string(y.Key)) })
	return s, nil
}

// PutSilence implements fleet.Engine.
func (e *Engine) PutSilence(ctx context.Context, s fleet.Silence, onlyNew bool) error {
	if err := s.Check(); err != nil {
		return err
	}
	a := e.one(ctx, e.sharedCall(e.scripts.putSilence, s.ID, ms(max(s.Left, time.Millisecond)), s.Body, flag(onlyNew), maxSilences))
	if n := a.number(1, 2); a.err == nil && n == 2 {
		return fleet.ErrFull
	}
	return a.err
}

// DropSilence implements fleet.Engine.
func (e *Engine) DropSilence(ctx context.Context, id string) (bool, error) {
	a := e.one(ctx, e.sharedCall(e.scripts.dropSilence, id))
	was := a.number(0, 1) == 1
	return was && a.err == nil, a.err
}
