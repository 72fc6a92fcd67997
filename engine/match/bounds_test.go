package match

import (
	"bytes"
	"math/rand"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
	"github.com/tinyforge/fluentbit-trigger/engine/match/plaintext"
)

// pathological expressions are slow or large where nothing is bounded.
var pathological = map[string]string{
	"alternation repeated": `(` + strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz", ""), "|") + `){1000}`,
	"words repeated":       `(?:one|two|three){300}`,
	"dots":                 `.*.*.*x`,
	"many dots":            strings.Repeat(`.*`, 30) + `x`,
	"nested counts":        `(?:(?:a{10}){10}){10}`,
	"nested ranges":        `(?:(?:a{0,9}b?){0,9}c?){0,9}d`,
	"huge class":           `(?:\pL{10}){100}`,
	"many classes":         `(?:[\pL\pN]\PL){400}`,
	"exponential":          `(?:a|b)*a(?:a|b){20}$`,
	"counted gap":          `a.{500}b`,
	"nested stars":         `(?:(?:a*)*)*b`,
	"empty loops":          `(?:(?:|a)+)+$`,
	"keywords":             manyKeywords(1500),
	"any case":             `(?i)` + manyKeywords(500),
	"optional":             strings.Repeat(`a?`, 200) + strings.Repeat(`a`, 200),
}

func manyKeywords(n int) string {
	rng := rand.New(rand.NewSource(9))
	words := make([]string, n)
	for i := range words {
		words[i] = textOf(rng, "abcdefgh", 3+rng.Intn(12))
	}
	return plaintext.Expr(words, false)
}

func TestPathological(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	lines := [][]byte{nil, bytes.Repeat([]byte("a"), 3000), bytes.Repeat([]byte("ab"), 1500), []byte(strings.Repeat("a", 600) + "b")}
	for range 10 {
		lines = append(lines, []byte(textOf(rng, "ab", 800)), []byte(textOf(rng, "abcdefgh onetwthrx", 400)), mutate(rng))
	}
	for name, expr := range pathological {
		t.Run(name, func(t *testing.T) {
			if n, _ := mustBuild(t, expr); n != nil && len(n.states) > maxStates {
				t.Errorf("%d states", len(n.states))
			}
			s, err := Compile([]string{expr, `panic: `, `x$`}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.MemoryBytes(); got > 4<<20 {
				t.Errorf("the set holds %d bytes", got)
			}
			t.Logf("%v, %d bytes", s.Cost(0), s.MemoryBytes())
			m := s.NewMatcher()
			for range 3 {
				for _, line := range lines {
					want := s.Regexp(0).Match(line)
					if got := slices.Contains(m.Match(line, nil, nil), 0); got != want {
						t.Fatalf("%.60q: %v, want %v", line, got, want)
					}
					if m.budget.bytes > defaultCacheBytes+sharedBytes {
						t.Fatalf("the automata hold %d bytes", m.budget.bytes)
					}
					// A state more than the budget, at most.
					if m.budget.work < -(buildPerLine + buildPerByte*len(line)) {
						t.Fatalf("%d bytes of states built for one line", buildPerLine+buildPerByte*len(line)-m.budget.work)
					}
				}
			}
		})
	}
}

// TestHopelessAutomatonIsGivenUp: where nearly every byte needs a new state, the regexp takes over.
func TestHopelessAutomatonIsGivenUp(t *testing.T) {
	n, _ := mustBuild(t, pathological["exponential"])
	b := &budget{}
	d := newDFA(b, n, 0, 16<<10, false)
	rng := rand.New(rand.NewSource(6))
	for i := range 10_000 {
		b.work = 1 << 20
		d.anywhere(b, []byte(textOf(rng, "ab", 500)))
		if d.bytes > d.limit {
			t.Fatalf("%d bytes, limit %d", d.bytes, d.limit)
		}
		if d.gaveUp {
			t.Logf("given up after %d lines", i+1)
			return
		}
	}
	t.Error("never given up")
}

// TestCandidatesEverywhere: a line made to be a candidate at every position is read a bounded number of times.
func TestCandidatesEverywhere(t *testing.T) {
	exprs := []string{`aaaaaaa.*x$`, `aaaaaaaa[^y]*y`, `[0-9]{4}.*x$`, `(?:aaaaaaab|aaaaaaaa).*z`}
	for _, opt := range []Options{{}, {NoASM: true}, {Stride: 1}} {
		s, err := Compile(exprs, opt)
		if err != nil {
			t.Fatal(err)
		}
		m := s.NewMatcher()
		for _, line := range [][]byte{bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("7"), 64<<10)} {
			if ids := m.Match(line, nil, nil); len(ids) > 0 {
				t.Errorf("matches %v", ids)
			}
			for i, p := range m.states {
				if limit := readPerLine + readPerByte*len(line) + len(line) + readPerStart; p.gen == m.gen && int(p.read) > limit {
					t.Errorf("%q read %d bytes of candidates, limit %d", exprs[i], p.read, limit)
				}
			}
		}
	}
}

// TestMemory: 2,000 rules and the automata of a matcher that has seen much stay within 64 MiB.
func TestMemory(t *testing.T) {
	rules := matchtest.Rules(2000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, err := Compile(rules, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := s.NewMatcher()
	rng := rand.New(rand.NewSource(8))
	for range 4000 {
		line := []byte(matchtest.Line(rng))
		for range 3 {
			line[rng.Intn(len(line))] = byte(rng.Intn(256))
		}
		m.Match(line, nil, nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("heap %.1f MiB; set %.1f MiB without regexps, automata %.1f MiB", float64(heap)/(1<<20), float64(s.MemoryBytes())/(1<<20), float64(m.budget.bytes)/(1<<20))
	if heap > 64<<20 {
		t.Errorf("heap grew by %d bytes", heap)
	}
	runtime.KeepAlive(m)
}

// TestCacheIsFlushed: a matcher that learns without end stays within its bytes, and right.
func TestCacheIsFlushed(t *testing.T) {
	rules := matchtest.Rules(200)
	const limit = 4 << 10
	s, err := Compile(rules, Options{CacheBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	m := s.NewMatcher()
	rng := rand.New(rand.NewSource(8))
	flushed, last := 0, 0
	for range 2000 {
		line := []byte(matchtest.Line(rng))
		line[rng.Intn(len(line))] = byte(rng.Intn(256))
		got := m.Match(line, nil, nil)
		for _, id := range got {
			if !s.Regexp(int(id)).Match(line) {
				t.Fatalf("%q does not match %q", rules[id], line)
			}
		}
		if most := limit + buildPerLine + buildPerByte*len(line) + len(rules)*1000; m.budget.bytes > most {
			t.Fatalf("%d bytes", m.budget.bytes)
		}
		if m.budget.bytes < last {
			flushed++
		}
		last = m.budget.bytes
	}
	if flushed == 0 {
		t.Error("never flushed")
	}
}

func TestNoAllocations(t *testing.T) {
	rules := matchtest.Rules(300)
	for _, share := range []float64{0, 1} {
		lines := matchtest.Lines(200, share, rules)
		s, err := Compile(rules, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m := s.NewMatcher()
		dst := make([]int32, 0, len(rules))
		for range 2 {
			for _, l := range lines {
				m.Match(l, nil, dst)
			}
		}
		i := 0
		if n := testing.AllocsPerRun(len(lines), func() { m.Match(lines[i%len(lines)], nil, dst); i++ }); n > 0 {
			t.Errorf("hits %v: %v allocations a line", share, n)
		}
	}
}

// TestMatchersShareASet: the set has no state of its own that changes.
func TestMatchersShareASet(t *testing.T) {
	rules := matchtest.Rules(60)
	lines := matchtest.Lines(200, 0.2, rules)
	s, err := Compile(rules, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := make([][]int32, len(lines))
	for i, l := range lines {
		for id := range rules {
			if s.Regexp(id).Match(l) {
				want[i] = append(want[i], int32(id))
			}
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			m := s.NewMatcher()
			for i, l := range lines {
				if got := m.Match(l, nil, nil); !slices.Equal(got, want[i]) {
					t.Errorf("%q: %v, want %v", l, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestCompileErrors(t *testing.T) {
	if _, err := Compile([]string{`ok`, `(`}, Options{}); err == nil || !strings.Contains(err.Error(), "expression 1: error parsing regexp: missing closing )") {
		t.Errorf("got %v", err)
	}
	if _, err := Compile(nil, Options{Stride: 3}); err == nil {
		t.Error("stride 3 is accepted")
	}
	s, err := Compile(nil, Options{})
	if err != nil || s.Len() != 0 {
		t.Fatalf("empty set: %v", err)
	}
	if got := s.NewMatcher().Match([]byte("x"), nil, nil); got != nil {
		t.Errorf("the empty set matches %v", got)
	}
}

// TestDstIsAppendedTo: what the caller had stays in front.
func TestDstIsAppendedTo(t *testing.T) {
	s, err := Compile([]string{`b`, `zzz`, `a`}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.NewMatcher().Match([]byte("ab"), nil, []int32{9}); !slices.Equal(got, []int32{9, 0, 2}) {
		t.Errorf("got %v", got)
	}
	if re := s.Regexp(1); re.String() != (regexp.MustCompile(`zzz`)).String() {
		t.Errorf("Regexp(1) is %v", re)
	}
}
