// Package memory is an Engine of one process, for tests, and for rule tests and backtests, where the fleet is one node. It is the model that the scripts of
// internal/fleet/redis are compared with: it promises the same answers for the same calls at the same times.
package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Engine is an Engine in memory. It is safe for concurrent use.
type Engine struct {
	now     func() time.Time
	maxKeys int64 // of one shard

	mu        sync.Mutex // guards the fields below
	epoch     int
	windows   map[fleet.Key]*window
	marks     map[markKey]*marks
	tallies   map[fleet.Key]*tally
	crossed   map[fleet.Key]crossing
	absence   map[fleet.Key]*absence
	steps     map[fleet.Key]*sequence
	seen      map[fleet.Key]sight
	templates map[fleet.Key]moment // of rules that go by images
	images    map[imageName]moment
	full      [fleet.Shards]int64
	given     int64
	reported  int64
	runs      map[string]run
	names     map[string]string
	namedAt   map[string]int64
	tds       map[string]int64
	keepers   map[string]keeper
	sil       map[string]silence
	version   int64
	closed    map[fleet.Key]fleet.Closed
	indexes   map[fleet.Key]map[string]int64 // incidents by the end of their memory
	down      error
}

var _ fleet.Engine = (*Engine)(nil)

// New returns an empty engine that holds at most maxKeys windows. Now is the engine's clock.
func New(now func() time.Time, maxKeys int) *Engine {
	e := &Engine{now: now, maxKeys: int64((maxKeys + fleet.Shards - 1) / fleet.Shards)}
	e.reset()
	return e
}

func (e *Engine) reset() {
	e.epoch++
	e.windows, e.marks, e.absence = map[fleet.Key]*window{}, map[markKey]*marks{}, map[fleet.Key]*absence{}
	e.tallies, e.crossed = map[fleet.Key]*tally{}, map[fleet.Key]crossing{}
	e.steps = map[fleet.Key]*sequence{}
	e.templates, e.images = map[fleet.Key]moment{}, map[imageName]moment{}
	e.seen, e.runs, e.names, e.namedAt = map[fleet.Key]sight{}, map[string]run{}, map[string]string{}, map[string]int64{}
	e.tds, e.keepers, e.sil, e.closed = map[string]int64{}, map[string]keeper{}, map[string]silence{}, map[fleet.Key]fleet.Closed{}
	e.indexes = map[fleet.Key]map[string]int64{}
	e.given, e.reported, e.version, e.full = 0, 0, 0, [fleet.Shards]int64{}
}

// Lose forgets everything, as an engine does that is restarted without its data.
func (e *Engine) Lose() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
}

// Fail makes every call return an error, until it is called with nil.
func (e *Engine) Fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = err
}

// CircuitsOpen implements fleet.Engine.
func (e *Engine) CircuitsOpen() int { return 0 }

// Close does nothing.
func (e *Engine) Close() {}

// begin locks the engine, and returns its time in milliseconds.
func (e *Engine) begin(ctx context.Context) (now int64, end func(), err error) {
	if err := ctx.Err(); err != nil {
		return 0, func() {}, err
	}
	e.mu.Lock()
	if e.down != nil {
		defer e.mu.Unlock()
		return 0, func() {}, e.down
	}
	return e.now().UnixMilli(), e.mu.Unlock, nil
}

// each answers a list under one lock. Answer is called with the time, or with the error of all.
func each[Q, A any](ctx context.Context, e *Engine, list []Q, check func(*Q) error, answer func(now int64, q *Q) A, failed func(error) A) []A {
	now, end, err := e.begin(ctx)
	defer end()
	out := make([]A, len(list))
	for i := range list {
		if err == nil {
			if bad := check(&list[i]); bad != nil {
				out[i] = failed(bad)
				continue
			}
			out[i] = answer(now, &list[i])
			continue
		}
		out[i] = failed(err)
	}
	return out
}

// ms returns whole milliseconds.
func ms(d time.Duration) int64 { return d.Milliseconds() }

func dur(ms int64) time.Duration { return time.Duration(max(0, ms)) * time.Millisecond }

type sight struct {
	by  string
	end int64
}

// See implements fleet.Engine.
func (e *Engine) See(ctx context.Context, list []fleet.Sight) []fleet.Seen {
	return each(ctx, e, list, (*fleet.Sight).Check, func(now int64, q *fleet.Sight) fleet.Seen {
		if q.Image != nil {
			return fleet.Seen{New: e.seeImage(now, q)}
		}
		s, by := e.seen[q.Key], q.Run+":"+q.ID
		if s.end <= now || s.by == q.Run+":"+fleet.NoAlert {
			s.by = by
		}
		s.end = now + ms(q.For)
		e.seen[q.Key] = s
		return fleet.Seen{New: s.by == by}
	}, func(err error) fleet.Seen { return fleet.Seen{Err: err} })
}

// imageName is an image among those of a shard.
type imageName struct {
	shard int
	fleet.Key
}

// moment is when something was first seen, and by whom.
type moment struct {
	at, end int64
	by      string
}

// seeImage reports whether a template was not seen before an image appeared.
func (e *Engine) seeImage(now int64, q *fleet.Sight) bool {
	t, end, mine := e.templates[q.Key], now+ms(q.For), q.Run+":"+q.ID
	known := t.end > now
	seen := now - ms(q.Image.Template)
	if known {
		seen = min(seen, t.at)
	}
	if !known || t.by == q.Run+":"+fleet.NoAlert {
		t.by = mine
	}
	e.templates[q.Key] = moment{seen, end, t.by}
	name := imageName{q.Key.Shard(), q.Image.Key}
	i := e.images[name]
	switch appeared := now - ms(q.Image.Age); {
	case i.end <= now && !q.Image.Appeared:
		return t.by == mine
	case i.end <= now:
		i.at = min(now, appeared)
	case q.Image.Appeared:
		i.at = min(i.at, appeared)
	}
	e.images[name] = moment{at: i.at, end: end}
	return seen >= i.at
}

type run struct {
	fleet.Beat
	at int64
}

type keeper struct {
	run, node string
	end       int64
}

// Beat implements fleet.Engine.
func (e *Engine) Beat(ctx context.Context, b fleet.Beat) (fleet.Pulse, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err == nil {
		err = b.Check()
	}
	if err != nil {
		return fleet.Pulse{}, err
	}
	absent := ms(fleet.Absent)
	p := fleet.Pulse{Epoch: strconv.Itoa(e.epoch), Version: e.version}
	other := e.names[b.Node]
	p.Twin = other != "" && other != b.Run && now-e.namedAt[b.Node] < absent
	e.names[b.Node], e.namedAt[b.Node] = b.Run, now
	e.runs[b.Run] = run{b, now}
	e.tds[b.Triggers] = now
	k := e.keepers[b.Triggers]
	if k.end <= now || k.run == b.Run {
		k = keeper{b.Run, b.Node, now + ms(fleet.KeeperLease)}
		e.keepers[b.Triggers] = k
	}
	p.Keeper, p.KeeperNode = k.run == b.Run, k.node
	for _, r := range e.runs {
		if now-r.at < absent {
			p.Nodes++
		}
	}
	for _, td := range slices.Sorted(maps.Keys(e.tds)) {
		switch age := now - e.tds[td]; {
		case age >= ms(fleet.Memory):
			delete(e.tds, td)
		case age >= absent && len(p.Orphans) < 8:
			p.Orphans = append(p.Orphans, td)
		}
	}
	return p, nil
}

type silence struct {
	body []byte
	end  int64
}

// Shared implements fleet.Engine.
func (e *Engine) Shared(ctx context.Context) (fleet.Shared, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return fleet.Shared{}, err
	}
	s := fleet.Shared{Epoch: strconv.Itoa(e.epoch), Version: e.version}
	for _, id := range slices.Sorted(maps.Keys(e.sil)) {
		if x := e.sil[id]; x.end > now {
			s.Silences = append(s.Silences, fleet.Silence{ID: id, Left: dur(x.end - now), Body: x.body})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.closed)) {
		if c := e.closed[key]; now-c.At < ms(fleet.CloseMemory) {
			s.Closed = append(s.Closed, c)
		}
	}
	return s, nil
}

// PutSilence implements fleet.Engine.
func (e *Engine) PutSilence(ctx context.Context, s fleet.Silence, onlyNew bool) error {
	now, end, err := e.begin(ctx)
	defer end()
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return err
	}
	if before, ok := e.sil[s.ID]; ok && onlyNew && before.end > now {
		return nil
	}
	e.sil[s.ID] = silence{slices.Clone(s.Body), now + ms(s.Left)}
	e.version++
	return nil
}

// DropSilence implements fleet.Engine.
func (e *Engine) DropSilence(ctx context.Context, id string) (bool, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return false, err
	}
	s := e.sil[id]
	delete(e.sil, id)
	if s.end <= now {
		return false, nil
	}
	e.version++
	return true, nil
}

// Account implements fleet.Engine.
func (e *Engine) Account(ctx context.Context) (fleet.Account, error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return fleet.Account{}, err
	}
	a := fleet.Account{Epoch: strconv.Itoa(e.epoch), Given: e.given, Reported: e.reported, Keepers: map[string]string{}}
	for key, w := range e.windows {
		if e.window(key, now) == nil {
			continue
		}
		a.Windows++
		a.Unreported += w.counts.Sum() + w.frozen.counts.Sum()
	}
	for _, n := range e.full {
		a.Full += n
	}
	for _, r := range e.runs {
		a.NodesGiven += r.Given
		a.NodesReported += r.Reported
		a.Nodes = append(a.Nodes, fleet.NodeInfo{Beat: r.Beat, Age: dur(now - r.at)})
	}
	slices.SortFunc(a.Nodes, func(x, y fleet.NodeInfo) int { return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Run, y.Run)) })
	for td, k := range e.keepers {
		if k.end > now {
			a.Keepers[td] = k.node
		}
	}
	return a, nil
}
