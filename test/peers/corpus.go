package main

import (
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// ruleSet is a set of rules by its name: a number, with an L when those without fixed text are left out.
type ruleSet struct {
	name    string
	n       int
	literal bool
	exprs   []string
}

func newRuleSet(name string) (ruleSet, error) {
	number, literal := strings.CutSuffix(name, "L")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return ruleSet{}, fmt.Errorf("-rules: %q is no number of rules", name)
	}
	s := ruleSet{name: name, n: n, literal: literal, exprs: matchtest.Rules(n)}
	if literal {
		s.exprs = matchtest.LiteralRules(n)
	}
	return s, nil
}

// hitEvery: one line in so many matches a rule; the others match none.
const hitEvery = 100

// newLines makes n lines of printable ASCII; those without a hit all differ. Beyond ASCII, Hyperscan and regexp disagree about \s and (?i). The matcher
// under test says which lines have no hit; each comparison checks that with a plain loop over regexp.
func newLines(n int, exprs, hitExprs []string) ([][]byte, error) {
	set, err := match.Compile(exprs, match.Options{})
	if err != nil {
		return nil, err
	}
	m := set.NewMatcher()
	rng := rand.New(rand.NewSource(7))
	var hits [][]byte
	for _, line := range matchtest.Lines(400, 1, hitExprs) {
		if printable(line) {
			hits = append(hits, line)
		}
	}
	if len(hits) == 0 {
		return nil, errors.New("there are no lines that hit")
	}
	lines := make([][]byte, 0, n)
	for len(lines) < n {
		line := []byte(matchtest.Line(rng))
		if len(lines)%hitEvery == hitEvery-1 {
			line = hits[rng.Intn(len(hits))]
		} else if !printable(line) || len(m.Match(line, nil, nil)) > 0 {
			continue
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func printable(line []byte) bool {
	for _, c := range line {
		if c != '\t' && c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
