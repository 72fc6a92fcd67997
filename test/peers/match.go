package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// pair is a line and a rule that matches it.
type pair struct{ line, rule int }

// results is what the plot shows.
type results struct {
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

// loopTries bounds how often a plain loop runs a regexp, for comparing results and for one measurement.
const (
	checkTries = 800_000
	loopTries  = 60_000
)

// compare checks and measures all contenders on one set.
func compare(o options, set ruleSet, all []contender) (map[string]*subject, []string, error) {
	lines, err := o.corpus.newLines(o.lines, set.exprs, set.exprs)
	if err != nil {
		return nil, nil, err
	}
	var notes []string
	if err := checkLoop(set, lines); err != nil {
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
		if r, ok := m.(interface{ close() }); ok {
			defer r.close()
		}
		if !c.sampled {
			found := pairs(m)
			if truth == nil {
				truth = found
			}
			refused, err := agree(m, found, truth, set, own)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if refused > 0 {
				notes = append(notes, fmt.Sprintf("%s refused %d of the %s rules and did without them.", c.name, refused, set.name))
			}
		}
		if built > time.Second {
			notes = append(notes, fmt.Sprintf("%s took %.1f s to build for %s rules.", c.name, built.Seconds(), set.name))
		}
		s := &subject{name: c.name, per: float64(len(own))}
		if r, ok := m.(*remote); ok {
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

// checkLoop holds the first contender against a plain loop over regexp, on as many lines as that can go over in a few seconds: those that
// hit first.
func checkLoop(set ruleSet, lines [][]byte) error {
	n := checkTries / set.n
	var some [][]byte
	for i := hitEvery - 1; i < len(lines) && len(some) < n/2; i += hitEvery {
		some = append(some, lines[i])
	}
	some = append(some, spread(lines, n-len(some))...)
	reference, err := newLoop(set.exprs, some)
	if err != nil {
		return err
	}
	for _, c := range contenders(options{})[:2] {
		m, err := c.make(set.exprs, some)
		if err != nil {
			return err
		}
		if _, err := agree(m, pairs(m), pairs(reference), set, some); err != nil {
			return fmt.Errorf("%s and %s: %w", c.name, nameLoop, err)
		}
	}
	return nil
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

// agree compares what a matcher found with the truth, and returns how many rules it refuses; those are left out.
func agree(m matcher, found, truth map[pair]bool, set ruleSet, lines [][]byte) (refused int, err error) {
	r, isChoosy := m.(choosy)
	want := maps.Clone(truth)
	for p := range truth {
		if isChoosy && r.refuses(p.rule) {
			delete(want, p)
		}
	}
	for p := range found {
		if !want[p] {
			return 0, fmt.Errorf("%q matches %q, and should not", set.exprs[p.rule], lines[p.line])
		}
		delete(want, p)
	}
	for p := range want {
		return 0, fmt.Errorf("%q does not match %q, and should", set.exprs[p.rule], lines[p.line])
	}
	if isChoosy {
		return r.refusals(), nil
	}
	return 0, nil
}
