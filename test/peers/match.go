package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// pair is a line and a rule that matches it.
type pair struct{ line, rule int }

// results is what the plot shows.
type results struct {
	title  string
	points map[string]map[int]float64 // name → number of rules → ns a line
	host   float64                    // ns a line of Fluent Bit with the output null
}

func (r *results) add(name string, rules int, ns float64) {
	if r.points == nil {
		r.points = map[string]map[int]float64{}
	}
	if r.points[name] == nil {
		r.points[name] = map[int]float64{}
	}
	r.points[name][rules] = ns
}

// measureMatchers compares the matchers on every set of rules.
func measureMatchers(o options, out *results) error {
	var sets []ruleSet
	for _, name := range strings.Split(o.rules, ",") {
		s, ok, err := o.corpus.ruleSet(name)
		if err != nil {
			return err
		}
		if ok {
			sets = append(sets, s)
		}
	}
	if len(sets) == 0 {
		return fmt.Errorf("-rules %q: the folder has %d", o.rules, len(o.corpus.exprs))
	}
	rows := map[string][]string{}
	var notes []string
	all := contenders(o)
	for _, set := range sets {
		subjects, more, err := compare(o, set, all)
		if err != nil {
			return fmt.Errorf("%s rules: %w", set.name, err)
		}
		for _, note := range more {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
		for _, c := range all {
			cell := "–"
			if s := subjects[c.name]; s != nil {
				cell = figure(s.median())
				if scan := subjects[nameScan]; scan != nil && s != scan {
					cell += fmt.Sprintf(" (%s ×)", figure(s.median()/scan.median()))
				}
				if !set.literal {
					out.add(c.name, set.n, s.median())
				}
			}
			rows[c.name] = append(rows[c.name], cell)
		}
	}
	fmt.Print("\nNanoseconds a line, and as a multiple of ", nameScan, ":\n\n| rules |")
	for _, set := range sets {
		fmt.Printf(" %s |", set.name)
	}
	fmt.Println("\n|---|" + strings.Repeat("---|", len(sets)))
	for _, c := range all {
		fmt.Printf("| %s | %s |\n", c.name, strings.Join(rows[c.name], " | "))
	}
	fmt.Println()
	for _, note := range notes {
		fmt.Println("-", note)
	}
	return nil
}

// loopTries bounds how often a plain loop runs a regexp in one measurement.
const loopTries = 60_000

// slowPass is the processor time of a pass over all lines from which on a contender is measured over every tenth line alone.
const slowPass = time.Second

// compare checks and measures all contenders on one set.
func compare(o options, set ruleSet, all []contender) (map[string]*subject, []string, error) {
	lines, err := o.corpus.newLines(o.lines, set.exprs, set.exprs)
	if err != nil {
		return nil, nil, err
	}
	notes, err := checkLoops(o, set, lines)
	if err != nil {
		return nil, nil, err
	}
	subjects := map[string]*subject{}
	var inOrder []*subject
	var truth map[pair]bool
	for _, c := range all {
		own := lines
		if c.sampled {
			own = spread(lines, loopTries/set.n)
		}
		start := time.Now()
		m, err := c.make(set.exprs, own)
		if errors.Is(err, errAbsent) {
			notes = append(notes, fmt.Sprintf("%s: %v.", c.name, err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.name, err)
		}
		built := time.Since(start)
		if !c.sampled {
			begin := time.Now()
			found := pairs(m)
			slow := time.Since(begin) > slowPass
			if truth == nil {
				truth = found
			}
			if err := agree(m, found, truth, set, own); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if slow {
				closeMatcher(m)
				own = spread(lines, len(lines)/10)
				if m, err = c.make(set.exprs, own); err != nil {
					return nil, nil, fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
		defer closeMatcher(m)
		if n := refusals(m); n > 0 {
			notes = append(notes, fmt.Sprintf("%s refused %d of the %s rules and did without them.", c.name, n, set.name))
		}
		if built > time.Second {
			notes = append(notes, fmt.Sprintf("%s took %.1f s to build for %s rules.", c.name, built.Seconds(), set.name))
		}
		s := &subject{name: c.name, per: float64(len(own))}
		if r, ok := m.(interface{ timed() time.Duration }); ok {
			s.work = r.timed
		} else {
			n := 0
			s.work = timed(func() { m.pass(func(int, int) { n++ }) })
		}
		subjects[c.name] = s
		inOrder = append(inOrder, s)
	}
	inTurns(o.rounds, inOrder)
	return subjects, notes, nil
}

// closeMatcher ends the process of a matcher that has one.
func closeMatcher(m matcher) {
	if r, ok := m.(interface{ close() }); ok {
		r.close()
	}
}

// checkLoops holds the first contenders and the loops of others against a plain loop over regexp, on as many lines as that may go over (-check): those
// that hit first. It returns what it compared.
func checkLoops(o options, set ruleSet, lines [][]byte) ([]string, error) {
	some, err := checkLines(o.check/set.n, set, lines)
	if err != nil {
		return nil, err
	}
	reference, err := newLoop(set.exprs, some)
	if err != nil {
		return nil, err
	}
	truth := pairs(reference)
	for i, c := range contenders(o) {
		if i >= 2 && (!c.sampled || c.name == nameLoop) {
			continue
		}
		m, err := c.make(set.exprs, some)
		if errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = agree(m, pairs(m), truth, set, some)
		closeMatcher(m)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", c.name, nameLoop, err)
		}
	}
	return []string{fmt.Sprintf("%s rules: %d lines, %d of them compared with a loop over regexp, which found %d pairs of line and rule there.",
		set.name, len(lines), len(some), len(truth))}, nil
}

// checkLines returns up to n lines: half of them with a hit, if there are as many, and others.
func checkLines(n int, set ruleSet, lines [][]byte) ([][]byte, error) {
	if n >= len(lines) {
		return lines, nil
	}
	m, err := newOurs(match.Options{})(set.exprs, lines)
	if err != nil {
		return nil, err
	}
	var some [][]byte
	last := -1
	m.pass(func(line, _ int) {
		if line != last && len(some) < n/2 {
			some = append(some, lines[line])
		}
		last = line
	})
	return append(some, spread(lines, n-len(some))...), nil
}

// spread returns n of the lines, evenly.
func spread(lines [][]byte, n int) [][]byte {
	if n >= len(lines) {
		return lines
	}
	out := make([][]byte, n)
	for i := range out {
		out[i] = lines[i*len(lines)/n]
	}
	return out
}

func pairs(m matcher) map[pair]bool {
	found := map[pair]bool{}
	m.pass(func(line, rule int) { found[pair{line, rule}] = true })
	return found
}

// choosy is a matcher that does not take every rule.
type choosy interface {
	refuses(rule int) bool
	refusals() int
}

// refusals is how many rules a matcher refused.
func refusals(m matcher) int {
	if r, ok := m.(choosy); ok {
		return r.refusals()
	}
	return 0
}

// agree compares what a matcher found with the truth. Rules that the matcher refuses are left out.
func agree(m matcher, found, truth map[pair]bool, set ruleSet, lines [][]byte) error {
	r, isChoosy := m.(choosy)
	want := maps.Clone(truth)
	for p := range truth {
		if isChoosy && r.refuses(p.rule) {
			delete(want, p)
		}
	}
	for p := range found {
		if !want[p] {
			return fmt.Errorf("%q matches %q, and should not", set.exprs[p.rule], lines[p.line])
		}
		delete(want, p)
	}
	for p := range want {
		return fmt.Errorf("%q does not match %q, and should", set.exprs[p.rule], lines[p.line])
	}
	return nil
}
