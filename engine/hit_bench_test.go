package engine

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkHit is the way of a hit: one that makes an alert, one that a cooldown suppresses, one that counts for a threshold, one of a template that is
// known.
func BenchmarkHit(b *testing.B) {
	for _, c := range []struct {
		name string
		rule RuleSettings
	}{
		{"alert", RuleSettings{}},
		{"cooldown", RuleSettings{Cooldown: 1000 * time.Hour, Rollup: true}},
		{"template", RuleSettings{Cooldown: 1000 * time.Hour, CooldownBy: []string{"container", "template"}}},
		{"redacted", RuleSettings{Cooldown: 1000 * time.Hour, CooldownBy: []string{"container", "template"}}},
		{"threshold", RuleSettings{Count: 1000, Within: time.Second}},
		{"distinct", RuleSettings{Count: 100, Within: time.Second, Distinct: "capture.user"}},
		{"known", RuleSettings{FirstSeen: FirstSeen(1000 * time.Hour)}},
		{"escalate", RuleSettings{Cooldown: 1000 * time.Hour, Escalate: []Escalation{{After: time.Hour, Severity: SeverityError}}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.rule.Name, c.rule.Pattern = "r", `failed for user=(?P<user>\w+)`
			s := Settings{Limits: Limits{MaxKeys: 1000}, Rules: []RuleSettings{c.rule}}
			if c.name == "redacted" { // the template of each hit is made of a line that was searched for secrets
				s.Redact = DefaultRedact()
			}
			e := benchEngine(b, s)
			w := e.Worker()
			defer w.Release()
			rec := Record{Source: web("1")}
			lines := make([][]byte, 64)
			for i := range lines {
				lines[i] = fmt.Appendf(nil, "login failed for user=u%d from 10.0.0.1", i)
			}
			var dst []Alert
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				rec.Time, rec.Text = t0+int64(i)*int64(20*time.Millisecond), lines[i%len(lines)]
				dst = w.Process(&rec, rec.Time, dst[:0])
			}
		})
	}
}

// BenchmarkFirstSuppressed is a hit on a long line that a roll-up will show.
func BenchmarkFirstSuppressed(b *testing.B) {
	e := benchEngine(b, Settings{Limits: Limits{MaxKeys: 100_000}, Rules: []RuleSettings{{
		Name: "r", Pattern: `(?P<first>\w+) .*(?P<how>failed)`, Cooldown: 1000 * time.Hour, CooldownBy: []string{"container"}, Rollup: true,
		Summary: "{{ .Captures.first }} {{ .Captures.how }}",
	}}})
	w := e.Worker()
	defer w.Release()
	line := []byte("x" + strings.Repeat("user=abc def ", 5000) + " failed")
	var dst []Alert
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i%100 == 0 {
			w.Release()
			w = e.Worker()
		}
		rec := Record{Time: t0, Text: line, Source: web(fmt.Sprint(i))}
		dst = w.Process(&rec, t0, dst[:0])
		dst = w.Process(&rec, t0, dst[:0])
	}
}

// BenchmarkTakeState is a save of so many keys that changed.
func BenchmarkTakeState(b *testing.B) {
	for _, keys := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			e := benchEngine(b, Settings{Limits: Limits{MaxKeys: 100_000}, Rules: []RuleSettings{{
				Name: "r", Pattern: "boom", Cooldown: time.Hour, CooldownBy: []string{"container"}, Rollup: true,
			}}})
			w := e.Worker()
			defer w.Release()
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range keys {
					rec := Record{Time: t0, Text: []byte("boom"), Source: web(fmt.Sprint(i))}
					w.Process(&rec, t0, nil)
				}
				b.StartTimer()
				e.TakeState(false)
			}
		})
	}
}

func benchEngine(b *testing.B, s Settings) *Engine {
	b.Helper()
	e := New()
	n, err := e.Compile(s)
	if err != nil {
		b.Fatal(err)
	}
	for _, broken := range n.Broken() {
		b.Fatal(broken.Error())
	}
	e.Apply(n)
	return e
}

// BenchmarkParallelHits is hits that a cooldown suppresses, 500 of a chunk, by several workers at once, each of which has containers of its own: nothing but the
// keyed state makes them wait for each other.
func BenchmarkParallelHits(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			if workers > runtime.NumCPU() {
				b.Skip("there are fewer processors")
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
			e := benchEngine(b, Settings{Limits: Limits{MaxKeys: 1000}, Rules: []RuleSettings{{
				Name: "r", Pattern: `failed for`, Cooldown: 1000 * time.Hour, CooldownBy: []string{"container"}, Rollup: true,
			}}})
			var next atomic.Int64
			start := cpuTime()
			b.RunParallel(func(p *testing.PB) {
				first := next.Add(1) * 20
				sources := make([]*Source, 20)
				for i := range sources {
					sources[i] = web(fmt.Sprint(first + int64(i)))
				}
				w := e.Worker()
				defer w.Release()
				rec := Record{Time: t0, Text: []byte("login failed for user=u1 from 10.0.0.1")}
				var dst []Alert
				for i := 0; p.Next(); i++ {
					rec.Source = sources[i/4%len(sources)]
					dst = w.Process(&rec, t0+int64(i/500), dst[:0])
				}
			})
			b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}
