package pipeline

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

const fiveInFiveSeconds = "[[rule]]\nname = \"storm\"\npattern = \"^storm\"\ncount = 5\nwithin = \"5s\"\ncooldown = \"0s\"\n"

// TestCatchingUpIsNoBurst hands over at once what was written while the program was stopped, as a container's log and as a chunk of Fluent Bit's: lines
// three seconds apart are no five in five seconds, lines a second apart are, and say how late they are.
func TestCatchingUpIsNoBurst(t *testing.T) {
	var stopped atomic.Int64
	for name, hand := range map[string]func(p *Pipeline, at []time.Time) error{
		"run": func(p *Pipeline, at []time.Time) error {
			b := &docker.Batch{Source: &engine.Source{Kind: "log", Workload: "shop/api", Container: engine.Container{ID: "c1", Name: "api"}}}
			for i, one := range at {
				b.Lines = append(b.Lines, docker.Line{Time: one.UnixNano(), Text: []byte("storm"), Ordinal: uint64(i)})
			}
			return p.OnLines(t.Context(), b)
		},
		"plugin": func(p *Pipeline, at []time.Time) error {
			var chunk []byte
			for _, one := range at {
				chunk = chunktest.Event(chunk, one.UnixNano(), chunktest.M(), chunktest.M("log", "storm", "container_name", "api"))
			}
			if v := p.Flush(chunk, "docker.api"); v != Accepted {
				t.Errorf("the chunk was %s", v)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o := b.options(b.document(fiveInFiveSeconds))
			start := time.Now()
			stopped.Store(0)
			o.Now = func() time.Time { return start.Add(time.Duration(stopped.Load())) }
			p := b.start(o)
			b.stop(p)
			stopped.Store(int64(20 * time.Minute))
			p = b.start(o)
			write := func(first, every time.Duration) []time.Time {
				var at []time.Time
				for i := range 5 {
					at = append(at, start.Add(first+time.Duration(i)*every))
				}
				return at
			}
			if err := hand(p, write(time.Minute, 3*time.Second)); err != nil {
				t.Fatal(err)
			}
			if c := p.Stats(t.Context()).Engine.Rules["storm"]; c.Hits != 5 || c.Alerts != 0 {
				t.Fatalf("%+v: want no alert of lines three seconds apart", c)
			}
			shuffled := write(8*time.Minute, time.Second)
			slices.Reverse(shuffled)
			if err := hand(p, shuffled); err != nil {
				t.Fatal(err)
			}
			b.messages(1)
			a := b.alerts()[0]
			if a.Kind != "threshold" || a.Late != int64(12*time.Minute/time.Second) || !strings.HasSuffix(a.Summary, " (12m late)") ||
				!a.Time.Equal(start.Add(8*time.Minute)) || a.Suppressed.Total != 9 || !a.FirstSeen.Equal(start.Add(time.Minute)) {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestAlertsAreOfNoTimeToCome: records ahead of the clock, without a time and of 1970 in one chunk are of their arrival, and come as one alert each again.
func TestAlertsAreOfNoTimeToCome(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("boom", "^boom")))
	now := time.Now()
	o.Now = func() time.Time { return now }
	chunk := []byte{}
	for i, at := range []time.Time{now.Add(time.Hour), time.Unix(0, 0), time.Unix(77, 0), now.Add(-30 * time.Second)} {
		chunk = chunktest.Event(chunk, at.UnixNano(), chunktest.M(), chunktest.M("log", "boom "+string(rune('a'+i)), "container_name", "api"))
	}
	p := b.start(o)
	if v := p.Flush(chunk, "docker.api"); v != Accepted {
		t.Fatal(v)
	}
	b.messages(4)
	b.stop(p)
	now = now.Add(time.Minute)
	p = b.start(o) // Fluent Bit hands it over again after a restart
	if v := p.Flush(chunk, "docker.api"); v != Accepted {
		t.Fatal(v)
	}
	if v := p.Flush(chunktest.Event(nil, now.UnixNano(), chunktest.M(), chunktest.M("log", "boom at last", "container_name", "api")), "docker.api"); v != Accepted {
		t.Fatal(v)
	}
	if got := b.messages(5); got[4] != "boom at last" {
		t.Errorf("%q: want each once", got)
	}
	arrived := now.Add(-time.Minute)
	for i, a := range b.alerts()[:4] {
		want := arrived
		if a.Message == "boom d" {
			want = arrived.Add(-30 * time.Second)
		}
		if !a.Time.Equal(want) || a.LastSeen.After(arrived) || a.FirstSeen.After(arrived) || a.Late != 0 {
			t.Errorf("alert %d: %+v", i, a)
		}
	}
}
