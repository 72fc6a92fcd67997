package fleet_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// mute is an engine that does what it is asked, and of whose answers every third is lost.
type mute struct {
	fleet.Engine
	calls atomic.Int64
}

func lose[A any](m *mute, list []A, lost A) []A {
	if m.calls.Add(1)%3 == 0 {
		for i := range list {
			list[i] = lost
		}
	}
	return list
}

func (m *mute) Claim(ctx context.Context, list []fleet.Claim) []fleet.Claimed {
	return lose(m, m.Engine.Claim(ctx, list), fleet.Claimed{Err: fleet.ErrUnreachable})
}

func (m *mute) Give(ctx context.Context, list []fleet.Gift) []fleet.Given {
	return lose(m, m.Engine.Give(ctx, list), fleet.Given{Err: fleet.ErrUnreachable})
}

func (m *mute) Take(ctx context.Context, list []fleet.Take) []fleet.Taken {
	return lose(m, m.Engine.Take(ctx, list), fleet.Taken{Err: fleet.ErrUnreachable})
}

func (m *mute) Settle(ctx context.Context, list []fleet.Settlement) []fleet.Settled {
	return lose(m, m.Engine.Settle(ctx, list), fleet.Settled{Err: fleet.ErrUnreachable})
}

func (m *mute) Note(ctx context.Context, list []fleet.Note) []fleet.Noted {
	return lose(m, m.Engine.Note(ctx, list), fleet.Noted{Err: fleet.ErrUnreachable})
}

func (m *mute) End(ctx context.Context, list []fleet.Ending) []fleet.Ended {
	return lose(m, m.Engine.End(ctx, list), fleet.Ended{Err: fleet.ErrUnreachable})
}

// TestLostAnswersEndAnIncidentOnce: every effect comes once, however often a call is repeated, and whether time or a line ends it.
func TestLostAnswersEndAnIncidentOnce(t *testing.T) {
	for name, line := range map[string]bool{"by time": false, "by a line": true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.stop()
			for first, node := range []string{"a", "b", "c"} {
				w.start(node, func(o *fleet.Options) {
					m := &mute{Engine: w.engine}
					m.calls.Store(int64(first)) // each loses other answers
					o.Engine = m
				})
			}
			time.Sleep(10 * time.Second)
			var hits int64
			for i, node := range []string{"a", "b", "c"} {
				m := w.nodes[node]
				m.Rollup = &fleet.Incident{Resolve: resolve, Severities: []string{"warning"}, Triggers: []string{"ops"}}
				hits += m.hit("al_"+node, int64(1+i), func(c *fleet.Candidate) { c.Incident = incidentOf(1) })
				time.Sleep(time.Second)
			}
			for range 40 {
				w.nodes["a"].note(*incidentOf(1)) // its alert left
				w.nodes["b"].again()
				w.nodes["c"].again()
				time.Sleep(time.Second)
			}
			if line {
				w.nodes["c"].Fleet.End(fleet.EndingLine{Key: key, At: time.Now()})
			} else {
				time.Sleep(resolve)
			}
			for _, node := range []string{"a", "b"} {
				hits += w.nodes[node].rest("al_rest_"+node, 4)
			}
			time.Sleep(3 * time.Minute)
			alerts, ends := 0, map[string]bool{}
			var told int64
			for _, sent := range w.list() {
				if !strings.Contains(sent, " end ") {
					alerts++
				}
			}
			for _, end := range w.ends() {
				ends[fleet.WorkID("test", &end)] = true
				told = end.Incident.Hits + end.Counts.Sum()
			}
			if len(ends) != 1 || told != hits {
				t.Errorf("%s: %d ends, of %d hits, want one of %d; %q", name, len(ends), told, hits, w.list())
			}
			w.check(hits, 0, w.list()...)
			if alerts != 2 {
				t.Errorf("%s: %q, want an alert and a roll-up", name, w.list())
			}
		})
	}
}
