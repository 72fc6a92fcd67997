package engine

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// benchLines and benchContainers are what one pass of a benchmark goes over: the lines come from the containers in runs, as they do in a
// chunk.
const (
	benchLines      = 4000
	benchContainers = 20
	benchRun        = 50 // lines of one container in a row
)

// corpus is rules, and records that the share hits of them matches.
type corpus struct {
	settings Settings
	records  []Record
	bytes    int64
}

// newCorpus makes the corpora that are asked for, each once.
var newCorpus = func() func(rules int, hits float64) corpus {
	var mu sync.Mutex
	made := map[string]corpus{}
	return func(rules int, hits float64) corpus {
		mu.Lock()
		defer mu.Unlock()
		key := fmt.Sprint(rules, hits)
		c, ok := made[key]
		if !ok {
			c = makeCorpus(rules, hits)
			made[key] = c
		}
		return c
	}
}()

func makeCorpus(rules int, hits float64) corpus {
	c := corpus{settings: Settings{Limits: DefaultLimits()}}
	patterns := matchtest.Rules(rules)
	for i, pattern := range patterns {
		r := DefaultRule()
		r.Name, r.Pattern = fmt.Sprintf("rule-%d", i), pattern
		c.settings.Rules = append(c.settings.Rules, r)
	}
	sources := make([]*Source, benchContainers)
	for i := range sources {
		sources[i] = &Source{
			Kind: "log", Workload: fmt.Sprintf("shop/service-%d", i), Host: "node-1", Tag: "docker",
			Container: Container{ID: fmt.Sprintf("%064d", i), Name: fmt.Sprintf("shop-service-%d-1", i)},
		}
	}
	for i, line := range matchtest.Lines(benchLines, hits, patterns) {
		c.records = append(c.records, Record{Time: t0 + int64(i)*1e6, Text: line, Source: sources[i/benchRun%benchContainers]})
		c.bytes += int64(len(line))
	}
	return c
}

// engine returns an engine with the rules of the corpus.
func (c *corpus) engine(b *testing.B) *Engine {
	b.Helper()
	e := New()
	n, err := e.Compile(c.settings)
	if err != nil {
		b.Fatal(err)
	}
	for _, broken := range n.Broken() {
		b.Fatal(broken.Error())
	}
	e.Apply(n)
	return e
}

// pass hands every record to a worker once.
func (c *corpus) pass(w *Worker, now int64, alerts []Alert) []Alert {
	for i := range c.records {
		alerts = w.Process(&c.records[i], now, alerts[:0])
	}
	return alerts
}

// run measures passes by one goroutine.
func (c *corpus) run(b *testing.B, e *Engine) {
	b.Helper()
	c.teach(e, 1)
	w := e.Worker()
	defer w.Release()
	var alerts []Alert
	now := t0
	b.SetBytes(c.bytes)
	b.ReportAllocs()
	start, passes := cpuTime(), 0
	for b.Loop() {
		now += int64(time.Second)
		alerts = c.pass(w, now, alerts)
		passes++
	}
	c.report(b, start, passes)
}

// teach makes workers that have met the lines before.
func (c *corpus) teach(e *Engine, workers int) {
	taught := make([]*Worker, workers)
	for i := range taught {
		taught[i] = e.Worker()
		c.pass(taught[i], t0, nil)
		c.pass(taught[i], t0, nil)
	}
	for _, w := range taught {
		w.Release()
	}
}

// report reports the cost of a line. The time that the process used of the processors is disturbed less by other programs than time itself.
func (c *corpus) report(b *testing.B, start time.Duration, passes int) {
	lines := float64(passes) * float64(len(c.records))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/lines, "ns/line")
	b.ReportMetric(float64(cpuTime()-start)/lines, "cpu-ns/line")
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkProcess is one worker. One operation is a pass over all lines; without hits it allocates nothing.
func BenchmarkProcess(b *testing.B) {
	for _, rules := range []int{1, 10, 100, 1000, 2000} {
		for _, hits := range []float64{0, 0.01, 0.1} {
			b.Run(fmt.Sprintf("rules=%d/hits=%g%%", rules, hits*100), func(b *testing.B) {
				c := newCorpus(rules, hits)
				c.run(b, c.engine(b))
			})
		}
	}
}

// BenchmarkWorkloads sets engines with 1,000 workload blocks beside one without. In "overrides" each block changes one rule and disables
// another; in "rules" it also has a rule of its own, with a text that no other has. Every workload has been met before.
func BenchmarkWorkloads(b *testing.B) {
	for _, v := range []struct {
		name   string
		blocks int
		own    bool
	}{{"blocks=0", 0, false}, {"blocks=1000/overrides", 1000, false}, {"blocks=1000/rules", 1000, true}} {
		b.Run(v.name, func(b *testing.B) {
			c := newCorpus(100, 0.01)
			c.addBlocks(v.blocks, v.own)
			before := heap()
			e := c.engine(b)
			w := e.Worker()
			for i := range c.settings.Workloads {
				rec := Record{Text: []byte("nothing"), Source: &Source{Workload: c.settings.Workloads[i].Match}}
				w.Process(&rec, t0, nil)
			}
			w.Release()
			held := heap() - before
			c.run(b, e)
			b.ReportMetric(float64(held)/(1<<20), "MiB-held")
		})
	}
}

// addBlocks gives the corpus workload blocks; the workloads of its records are the first of them.
func (c *corpus) addBlocks(n int, own bool) {
	c.settings.Workloads = nil
	for i := range n {
		w := WorkloadSettings{
			Match: fmt.Sprintf("shop/service-%d", i), Disable: []string{fmt.Sprintf("rule-%d", i%90)},
			Overrides: []Override{{
				Rule: fmt.Sprintf("rule-%d", 90+i%10), Keys: []string{"cooldown"}, Settings: RuleSettings{Cooldown: time.Duration(i+1) * time.Minute},
			}},
		}
		if own {
			r := DefaultRule()
			r.Name, r.Pattern = "own", fmt.Sprintf(`tenant-%d quota (?P<quota>\d+) exceeded`, i)
			w.Rules = append(w.Rules, r)
		}
		c.settings.Workloads = append(c.settings.Workloads, w)
	}
}

// heap is what the program holds.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkParallel is several workers at once on one engine. ns/line falls with their number where nothing makes them wait for each
// other and the machine has as many processors to spare; cpu-ns/line stays.
func BenchmarkParallel(b *testing.B) {
	for _, workers := range []int{1, 2} {
		for _, hits := range []float64{0, 0.1} {
			b.Run(fmt.Sprintf("workers=%d/hits=%g%%", workers, hits*100), func(b *testing.B) {
				if workers > runtime.NumCPU() {
					b.Skip("there are fewer processors")
				}
				c := newCorpus(100, hits)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
				e := c.engine(b)
				c.teach(e, workers)
				b.SetBytes(c.bytes)
				b.ReportAllocs()
				b.ResetTimer()
				start := cpuTime()
				b.RunParallel(func(p *testing.PB) {
					w := e.Worker()
					defer w.Release()
					var alerts []Alert
					for now := t0; p.Next(); now += int64(time.Second) {
						alerts = c.pass(w, now, alerts)
					}
				})
				c.report(b, start, b.N)
			})
		}
	}
}

// BenchmarkCompile is the time from settings to a snapshot that can be used.
func BenchmarkCompile(b *testing.B) {
	for _, rules := range []int{100, 1000, 2000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			c := newCorpus(rules, 0)
			e := New()
			start := cpuTime()
			for b.Loop() {
				if _, err := e.Compile(c.settings); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime()-start).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
