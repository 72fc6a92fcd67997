package expression

import (
	"regexp"
	"slices"
	"testing"
)

// FuzzExpressions compares the answers with regexp itself.
func FuzzExpressions(f *testing.F) {
	for _, e := range []string{`a^b`, `(?m)a$\n^b`, `\bx\B`, `.*`, `a|`, `(?i)k`, `^$`, `\b\b`, `[^\x00-\x{10FFFF}]`, `(?s).`, `é\b`, `panic: .+`, `PANIC`} {
		for _, line := range []string{"a\nb", "panic: PANIC", "5$ é", "\u212a\xff"} {
			f.Add(e, `(?i)panic`, line)
		}
	}
	f.Fuzz(func(t *testing.T, a, b, line string) {
		ra, err := regexp.Compile(a)
		if err != nil || len(a)+len(b)+len(line) > 500 {
			return
		}
		if MatchesNothing(a) && ra.MatchString(line) {
			t.Errorf("%q matches %q, but MatchesNothing reports true", a, line)
		}
		if MatchesNothing(a) && MatchesEverything(a) {
			t.Errorf("%q: both MatchesNothing and MatchesEverything report true", a)
		}
		if rb, err := regexp.Compile(b); err == nil && Implies(a, b) && ra.MatchString(line) && !rb.MatchString(line) {
			t.Errorf("%q matches %q, but %q does not, although Implies reports true", a, line, b)
		}
	})
}

// TestNothingAndEverything lists expressions that are neither.
func TestNothingAndEverything(t *testing.T) {
	for _, e := range []string{`^a$`, `\w`, `a|b`, `(?m)a$.^b`, `[[:alpha:]]`, `^.$`, `\bx`, `^\s*$`, `..`} {
		if MatchesEverything(e) || MatchesNothing(e) && e != `(?m)a$.^b` {
			t.Errorf("%s: everything %v, nothing %v", e, MatchesEverything(e), MatchesNothing(e))
		}
	}
	if !slices.ContainsFunc([]string{`.+`, `^`, `$`, `(?s).`, `x*`, `.`}, MatchesEverything) {
		t.Error("no expression matches everything")
	}
}
