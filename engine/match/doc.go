// Package match finds which of many regular expressions match a line, with exactly the results of the standard
// library's regexp, in a time that hardly grows with their number.
//
//	line ─┬─ A  literals      hashed 4-grams ──────────┐
//	      ├─ B  windows       nibble or pair tables ───┼─ candidates ─ C  lazy automaton ─ D  regexp ─► ids
//	      ├─ anchored         one automaton for all ───┤  (expression,
//	      ├─ union            one automaton for all ───┤   position)
//	      └─ always ───────────────────────────────────┘
//
// Each expression is found by one filter, the cheapest that it allows: a set of literals of which every match holds one
// (stage A); a short sequence of byte classes that every match shows, such as [45]\d\d\W (stage B); the automaton of
// those that match at the start of the line only; the automaton of the rest. An expression that is too large for an automaton is
// always run. Cost reports which it is.
//
// No stage loses a match: its "no" is certain. Stages A and B name a place in the expression and a position in the line;
// stage C goes on from there and mostly dies within a few bytes, so that frequent candidates stay cheap. Stage D, the
// standard regexp, decides wherever the automaton may have said too much: on lines with bytes outside ASCII, for counted
// repetitions that were loosened to keep an automaton small, and when one reached its bounds. Every stage can be switched off
// (Options) without a change in the results.
//
// A Set is immutable and shared; a Matcher holds the lazily built automata and belongs to one goroutine. Both are bounded
// in memory, and the work for one line is bounded by a constant factor of the work of the standard library.
package match
