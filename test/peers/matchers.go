package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
	"github.com/wasilibs/go-re2/experimental"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// matcher finds the rules that match lines. It was made for certain rules and lines.
type matcher interface {
	// pass goes over all lines and calls hit once for each pair of a line and a rule that matches it.
	pass(hit func(line, rule int))
}

// contender makes matchers.
type contender struct {
	name string
	make func(exprs []string, lines [][]byte) (matcher, error)
	// sampled: too slow for all lines.
	sampled bool
}

// errAbsent: a contender that this binary was built without.
var errAbsent = errors.New("left out")

const (
	nameOurs  = "four stages, AVX2"
	namePlain = "four stages, plain Go"
	nameLoop  = "loop over regexp"
	namePy    = "loop over Python's re"
	nameScan  = "Hyperscan, each line"
	nameChunk = "Hyperscan, whole chunk"
	nameRE2   = "go-re2 Set"
	nameRE2C  = "go-re2 Set, cgo"
	nameAC    = "Aho–Corasick + regexp"
)

func contenders(o options) []contender {
	return []contender{
		{name: nameOurs, make: newOurs(match.Options{})},
		{name: namePlain, make: newOurs(match.Options{NoASM: true})},
		{name: nameScan, make: newHyperscan(false)},
		{name: nameChunk, make: newHyperscan(true)},
		{name: nameAC, make: newAhoCorasick},
		{name: nameRE2, make: newRE2},
		{name: nameRE2C, make: func(exprs []string, lines [][]byte) (matcher, error) { return newRemote(o.re2, exprs, lines) }},
		{name: nameLoop, make: newLoop, sampled: true},
		{name: namePy, make: newPython, sampled: true},
	}
}

type ours struct {
	lines [][]byte
	m     *match.Matcher
	ids   []int32
}

func newOurs(opt match.Options) func([]string, [][]byte) (matcher, error) {
	return func(exprs []string, lines [][]byte) (matcher, error) {
		set, err := match.Compile(exprs, opt)
		if err != nil {
			return nil, err
		}
		return &ours{lines: lines, m: set.NewMatcher()}, nil
	}
}

func (o *ours) pass(hit func(line, rule int)) {
	for i, line := range o.lines {
		o.ids = o.m.Match(line, nil, o.ids[:0])
		for _, id := range o.ids {
			hit(i, int(id))
		}
	}
}

func compileAll(exprs []string) ([]*regexp.Regexp, error) {
	res := make([]*regexp.Regexp, len(exprs))
	for i, e := range exprs {
		re, err := regexp.Compile(e)
		if err != nil {
			return nil, err
		}
		res[i] = re
	}
	return res, nil
}

// loop is the naive way, and what the others must agree with.
type loop struct {
	lines [][]byte
	res   []*regexp.Regexp
}

func newLoop(exprs []string, lines [][]byte) (matcher, error) {
	res, err := compileAll(exprs)
	return &loop{lines, res}, err
}

func (l *loop) pass(hit func(line, rule int)) {
	for i, line := range l.lines {
		for id, re := range l.res {
			if re.Match(line) {
				hit(i, id)
			}
		}
	}
}

// re2Set is RE2 with a set of rules. What it finds is confirmed by regexp, as it has to be for captures.
type re2Set struct {
	lines [][]byte
	set   *experimental.Set
	res   []*regexp.Regexp
}

func newRE2(exprs []string, lines [][]byte) (matcher, error) {
	set, err := experimental.CompileSet(exprs)
	if err != nil {
		return nil, err
	}
	res, err := compileAll(exprs)
	return &re2Set{lines, set, res}, err
}

func (r *re2Set) pass(hit func(line, rule int)) {
	for i, line := range r.lines {
		for _, id := range r.set.FindAll(line, -1) {
			if r.res[id].Match(line) {
				hit(i, id)
			}
		}
	}
}

// ahoCorasick looks for a literal of each rule and runs regexp on the candidates; rules without a literal run on every line.
type ahoCorasick struct {
	lines   [][]byte
	finder  ahocorasick.AhoCorasick
	owners  [][]int // literal → rules
	always  []int
	res     []*regexp.Regexp
	seen    []int // rule → line that it was tried on last
	anyText bool
}

func newAhoCorasick(exprs []string, lines [][]byte) (matcher, error) {
	res, err := compileAll(exprs)
	if err != nil {
		return nil, err
	}
	a := &ahoCorasick{lines: lines, res: res, seen: make([]int, len(exprs))}
	var texts []string
	index := map[string]int{}
	for id, e := range exprs {
		literals, err := literalsOf(e)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", id, err)
		}
		if len(literals) == 0 {
			a.always = append(a.always, id)
		}
		for _, text := range literals {
			n, ok := index[text]
			if !ok {
				n = len(texts)
				index[text] = n
				texts = append(texts, text)
				a.owners = append(a.owners, nil)
			}
			a.owners[n] = append(a.owners[n], id)
		}
	}
	a.anyText = len(texts) > 0
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{AsciiCaseInsensitive: true, MatchKind: ahocorasick.StandardMatch, DFA: true})
	a.finder = builder.Build(texts)
	return a, nil
}

func (a *ahoCorasick) pass(hit func(line, rule int)) {
	for id := range a.seen {
		a.seen[id] = -1
	}
	for i, line := range a.lines {
		if a.anyText {
			for it := a.finder.IterOverlappingByte(line); ; {
				m := it.Next()
				if m == nil {
					break
				}
				for _, id := range a.owners[m.Pattern()] {
					if a.seen[id] != i {
						a.seen[id] = i
						if a.res[id].Match(line) {
							hit(i, id)
						}
					}
				}
			}
		}
		for _, id := range a.always {
			if a.res[id].Match(line) {
				hit(i, id)
			}
		}
	}
}

// joined is the lines as one text, each with a line end.
func joined(lines [][]byte) []byte { return append(bytes.Join(lines, []byte{'\n'}), '\n') }
