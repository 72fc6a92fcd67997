package match

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// corpus is what one benchmark runs on.
type corpus struct {
	rules []string
	lines [][]byte
	bytes int64
}

var corpora sync.Map

func newCorpus(literal bool, n int, hitShare float64) corpus {
	key := fmt.Sprint(literal, n, hitShare)
	if c, ok := corpora.Load(key); ok {
		return c.(corpus)
	}
	c := corpus{rules: matchtest.Rules(n)}
	if literal {
		c.rules = matchtest.LiteralRules(n)
	}
	c.lines = matchtest.Lines(4000, hitShare, c.rules)
	for _, l := range c.lines {
		c.bytes += int64(len(l))
	}
	corpora.Store(key, c)
	return c
}

// perLine reports what one operation, a pass over all lines, costs for each.
func (c corpus) perLine(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(c.lines)), "ns/line")
	b.SetBytes(c.bytes)
}

func (c corpus) run(b *testing.B, opt Options) {
	s, err := Compile(c.rules, opt)
	if err != nil {
		b.Fatal(err)
	}
	m := s.NewMatcher()
	var ids []int32
	pass := func() {
		for _, l := range c.lines {
			ids = m.Match(l, nil, ids[:0])
		}
	}
	pass()
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
	c.perLine(b)
}

// BenchmarkMatch is the matcher at its best, one goroutine.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 2000} {
		for _, hits := range []float64{0, 0.01, 0.1} {
			b.Run(fmt.Sprintf("rules=%d/hits=%g%%", n, hits*100), func(b *testing.B) { newCorpus(false, n, hits).run(b, Options{}) })
		}
	}
}

// BenchmarkMatchLiteral leaves out the expressions without fixed text.
func BenchmarkMatchLiteral(b *testing.B) {
	for _, n := range []int{100, 1000, 2000} {
		b.Run(fmt.Sprintf("rules=%d/hits=1%%", n), func(b *testing.B) { newCorpus(true, n, 0.01).run(b, Options{}) })
	}
}

// BenchmarkVariants shows what each stage is worth.
func BenchmarkVariants(b *testing.B) {
	for _, n := range []int{100, 1000} {
		for _, v := range []string{"best", "noasm", "stride1", "stride4", "nowindows", "nodfa"} {
			b.Run(fmt.Sprintf("rules=%d/%s", n, v), func(b *testing.B) { newCorpus(false, n, 0.01).run(b, variants[v]) })
		}
	}
}

// BenchmarkLoop is the plain loop that the matcher is compared with.
func BenchmarkLoop(b *testing.B) {
	c := newCorpus(false, 100, 0.01)
	c.lines = c.lines[:100]
	c.bytes = 0
	var res []*regexp.Regexp
	for _, r := range c.rules {
		res = append(res, regexp.MustCompile(r))
	}
	for _, l := range c.lines {
		c.bytes += int64(len(l))
	}
	for b.Loop() {
		for _, l := range c.lines {
			for _, re := range res {
				re.Match(l)
			}
		}
	}
	c.perLine(b)
}

// BenchmarkCompile is the time to a usable Set.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{100, 1000, 2000} {
		rules := matchtest.Rules(n)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Compile(rules, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
