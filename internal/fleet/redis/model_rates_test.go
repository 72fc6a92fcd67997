package redis

import (
	"reflect"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// rates makes a call about a rate or a ratio. Keys of even shards have a past, whose folds are made of the last answer, or of one that is old.
func (g *generator) rates(key fleet.Key, run string, cooldown time.Duration) (string, caller) {
	if g.IntN(3) == 0 {
		g.seq["c"+run]++
		q := fleet.Crossing{Key: key, Run: run, Seq: max(1, g.seq["c"+run]-g.Int64N(2)), Cooldown: cooldown, CooldownMax: time.Duration(g.IntN(80)) * time.Second}
		return "cross", func(tb testing.TB, e fleet.Engine) any { return e.Cross(tb.Context(), []fleet.Crossing{q}) }
	}
	name := "t" + run + string(key)
	g.seq[name]++
	q := fleet.Tally{Key: key, Run: run, Seq: max(1, g.seq[name]-g.Int64N(4)/3), Slice: 5 * time.Second}
	if key.Shard()%2 == 0 {
		q.Than = time.Duration(2+g.IntN(2)) * time.Minute
	}
	for range g.IntN(6) {
		age := time.Duration(g.IntN(90_000)) * time.Millisecond
		if g.IntN(40) == 0 {
			age = time.Hour
		}
		q.Hits = append(q.Hits, fleet.TallyHits{Age: age, Hits: 1 + g.Int64N(3), Other: q.Than == 0 && g.IntN(2) == 0})
	}
	if before, ok := g.sums[key]; ok && q.Than > 0 && g.IntN(2) == 0 {
		slice, than := q.Slice.Milliseconds(), q.Than.Milliseconds()
		p := rate.Sum(slice, than, before.Past, before.Slices, before.Now+g.Int64N(2))
		f := &fleet.Fold{Of: before.Past.Head}
		if f.Past, f.Folded = p.Fold(before.Slices); f.Past.Head > f.Of {
			q.Fold = f
		}
	}
	return "tally", func(tb testing.TB, e fleet.Engine) any {
		list := e.Tally(tb.Context(), []fleet.Tally{q})
		if g.IntN(4) > 0 {
			g.sums[key] = list[0]
		}
		return list
	}
}

// TestATallyIsBounded in slices, of which the earliest are forgotten, and in runs, of which those are that have not reported for long.
func TestATallyIsBounded(t *testing.T) {
	server := redis.Start(t, nil)
	now := int64(1_800_000_000_000)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	var err error
	if e.scripts, err = newScriptsWith(stoppedClock); err != nil {
		t.Fatal(err)
	}
	m := memory.New(func() time.Time { return time.UnixMilli(now) }, 1000)
	key := fleet.KeyOf("k", "1")
	tally := func(run string, seq int64, hits ...fleet.TallyHits) fleet.Tallied {
		t.Helper()
		server.Do("SET", "{clock}", now)
		q := []fleet.Tally{{Key: key, Run: run, Seq: seq, Slice: 5 * time.Second, Than: 2 * time.Hour, Hits: hits}}
		got, want := e.Tally(t.Context(), q)[0], m.Tally(t.Context(), q)[0]
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("the script answers %+v\nthe model answers %+v", got, want)
		}
		return got
	}
	tally("a", 1, fleet.TallyHits{Age: time.Hour, Hits: 1})
	for seq := range int64(3) {
		var hits []fleet.TallyHits
		for i := range int64(200) {
			hits = append(hits, fleet.TallyHits{Age: time.Duration(200*seq+i) * 5 * time.Second, Hits: 1})
		}
		tally("b", 1+seq, hits...)
	}
	got := tally("b", 3)
	if len(got.Slices) != fleet.MaxSlices || got.Slices[len(got.Slices)-1].Number != got.Now || got.Slices[0].Number != got.Now-fleet.MaxSlices+1 {
		t.Errorf("%d slices, from %d to %d", len(got.Slices), got.Slices[0].Number, got.Slices[len(got.Slices)-1].Number)
	}
	for range 3 {
		now += (31 * time.Minute).Milliseconds()
		tally("a", 2+now)
	}
	if n, err := redigo.Int(server.Do("HLEN", e.prefix(key.Shard())+"rr:"+string(key)), nil); err != nil || n != 2 {
		t.Errorf("%d fields, want that of the run that reports and the time of the purge: %v", n, err)
	}
}
