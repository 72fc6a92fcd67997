package match

import (
	"cmp"
	"math"
	"slices"
)

// This file finds where to look for candidates of an expression: the places that every match passes (see node), and for
// each place the literals or the window of byte classes that a match shows there.

const (
	maxLiteral  = 24   // bytes of a literal; more adds nothing
	maxVariants = 16   // literals at one place
	maxNeeds    = 4096 // literals or windows of one expression
	windowLen   = 4
	// minRate is the lowest estimate: rarer is not better.
	minRate = 1e-9
	// innerCost is how much more a candidate costs inside the expression than one at its beginning: the whole line has to
	// be read when the rest matches.
	innerCost = 4
)

// requiredLiteral is one of several things of which a match has at least one: a literal or a window that begins at entry.
type requiredLiteral struct {
	literal string    // ASCII letters in lower case
	window  []byteSet // used when literal is empty; at most windowLen classes
	entry   int32
}

// plan is an any-of set of needs and the estimated share of positions in log text where one of them occurs.
type plan struct {
	required []requiredLiteral
	rate     float64
	// cost weighs the rate by the work that a candidate makes.
	cost float64
}

func (p plan) ok() bool { return len(p.required) > 0 }

// better prefers the cheaper plan, and of two equal ones the first: it comes before zero-width conditions, which then
// count.
func better(a, b plan) plan {
	if !a.ok() || b.ok() && b.cost < a.cost {
		return b
	}
	return a
}

// planner finds the best plan of one expression after another.
type planner struct {
	nfa    *nfa
	model  *model
	mark   []bool
	first  []bool    // states where the expression begins
	folded []byteSet // the sets of nfa, with lower-case ASCII letters in the place of upper-case ones
	// classes are those of the sets, nil until they are asked for.
	classes []*classStat

	// Reused memory: a place is tried for every node.
	visited, stack, from []int32
	window               [windowLen]*classStat
	steps                []step
	fronts               []int32      // the states of all fronts of one place
	variants             [2][]variant // the present ones, and those one byte longer
}

// step is a byte that a variant may go on with, and the state behind it.
type step struct {
	b   byte
	out int32
}

func newPlanner(m *model) *planner { return &planner{model: m} }

// plan makes n the expression to find plans of.
func (p *planner) plan(n *nfa) {
	p.nfa = n
	if len(p.mark) < len(n.states) {
		p.mark = make([]bool, len(n.states))
	}
	p.first = n.unconditional(p.first)
	p.classes = slices.Grow(p.classes[:0], len(n.sets))[:len(n.sets)]
	clear(p.classes)
	p.folded = append(p.folded[:0], n.sets...)
	for i := range p.folded {
		p.folded[i].fold()
	}
}

// literals is the best plan made of literals of minLen bytes and more.
func (p *planner) literals(root *node, minLen int) plan {
	return p.best(root, 16, noLimit, func(entry int32, limit float64) plan { return p.literalsAt(entry, minLen, limit) })
}

// windows is the best plan made of windows.
func (p *planner) windows(root *node) plan {
	return p.best(root, 1, noLimit, p.windowAt)
}

// noLimit is more than any plan costs.
var noLimit = math.Inf(1)

// best tries the places of the tree; of the runes of a text every step-th. It gives the first of the cheapest plans if that costs less than limit, as
// at does for one place: most places are worse than one before, which shows early.
func (p *planner) best(n *node, step int, limit float64, at func(entry int32, limit float64) plan) (b plan) {
	take := func(x plan) {
		if x.ok() {
			b, limit = x, x.cost
		}
	}
	take(at(n.entry, limit))
	switch n.kind {
	case sequence:
		for _, s := range n.subs {
			take(p.best(s, step, limit, at))
		}
	case text:
		for i := step; i < len(n.subs); i += step {
			take(at(n.subs[i].entry, limit))
		}
	case choice:
		if x := p.all(n.subs, step, limit, at); x.cost < limit {
			take(x)
		}
	case loop:
		take(p.best(n.subs[0], step, limit, at))
		if n.last != 0 {
			take(at(n.last, limit))
		}
	}
	return b
}

// all joins the best plans of all alternatives. It gives none if one of them has none that costs less than limit.
func (p *planner) all(alternatives []*node, step int, limit float64, at func(entry int32, limit float64) plan) (all plan) {
	for _, s := range alternatives {
		x := p.best(s, step, limit, at)
		if !x.ok() || len(all.required)+len(x.required) > maxNeeds {
			return plan{}
		}
		all.required = append(all.required, x.required...)
		all.rate += x.rate
		all.cost += x.cost
	}
	return all
}

// cost weighs the rate of a plan for one place.
func (p *planner) cost(entry int32, rate float64) float64 {
	if !p.first[entry] {
		return rate * innerCost
	}
	return rate
}

// front is a set of states that consume a byte; done: a match may be complete here.
type front struct {
	states []int32
	done   bool
}

// reach gives the front that a run finds from the states. Conditions are taken to hold, states that fold to ASCII are left out
// (lines with those runes are candidates anyway).
func (p *planner) reach(from []int32) (f front) {
	if len(from) == 1 {
		if s := &p.nfa.states[from[0]]; s.op == opBytes && !s.foldsToASCII {
			p.fronts = append(p.fronts, from[0])
			f.states = p.fronts[len(p.fronts)-1 : len(p.fronts) : len(p.fronts)]
			return f
		}
	}
	visited, stack, begin := p.visited[:0], append(p.stack[:0], from...), len(p.fronts)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if p.mark[i] {
			continue
		}
		p.mark[i] = true
		visited = append(visited, i)
		switch s := &p.nfa.states[i]; s.op {
		case opBytes:
			if !s.foldsToASCII {
				p.fronts = append(p.fronts, i)
			}
		case opSplit:
			stack = append(stack, s.alt, s.out)
		case opAssert:
			stack = append(stack, s.out)
		case opMatch:
			f.done = true
		}
	}
	for _, i := range visited {
		p.mark[i] = false
	}
	p.visited, p.stack = visited, stack
	f.states = p.fronts[begin:len(p.fronts):len(p.fronts)]
	return f
}

// windowAt is the sequence of classes a match shows from entry on, if it costs less than limit.
func (p *planner) windowAt(entry int32, limit float64) plan {
	p.fronts = p.fronts[:0]
	w := p.window[:0]
	p.from = append(p.from[:0], entry)
	f := p.reach(p.from)
	for len(w) < windowLen && !f.done && len(f.states) > 0 {
		w = append(w, p.classOf(f.states))
		p.from = p.from[:0]
		for _, i := range f.states {
			p.from = append(p.from, p.nfa.states[i].out)
		}
		f = p.reach(p.from)
	}
	if len(w) == 0 {
		return plan{}
	}
	rate := max(p.model.rate(w), minRate)
	passes := 1.0
	for _, c := range w {
		passes *= c.passes
	}
	cost := p.cost(entry, rate) + passes*nsPass/nsCandidate
	if cost >= limit {
		return plan{}
	}
	window := make([]byteSet, len(w))
	for i, c := range w {
		window[i] = c.set
	}
	return plan{required: []requiredLiteral{{window: window, entry: entry}}, rate: rate, cost: cost}
}

// classOf is the class of the bytes that the states consume.
func (p *planner) classOf(states []int32) *classStat {
	first := p.nfa.states[states[0]].arg
	if len(states) == 1 { // nearly always
		if p.classes[first] == nil {
			p.classes[first] = p.model.class(p.nfa.sets[first])
		}
		return p.classes[first]
	}
	class := p.nfa.sets[first]
	for _, i := range states[1:] {
		class.union(&p.nfa.sets[p.nfa.states[i].arg])
	}
	return p.model.class(class)
}

// variant is one of the texts that a match may begin with from a place on. All variants of a place are of one length.
type variant struct {
	text [maxLiteral]byte
	front
}

// literalsAt is the best set of literals, each of minLen bytes and more, one of which a match shows from entry on, if it costs less than limit.
func (p *planner) literalsAt(entry int32, minLen int, limit float64) (b plan) {
	p.fronts = p.fronts[:0]
	cur := append(p.variants[0][:0], variant{front: p.reach([]int32{entry})})
	p.variants[0] = cur
	for n := 0; ; n++ {
		var next []variant
		if n < maxLiteral {
			next = p.extend(cur, n)
		}
		// Judge only when it is the last word, or before it branches.
		if n >= minLen && len(next) != len(cur) {
			if x := p.judge(cur, n, entry, limit); x.ok() {
				b, limit = x, x.cost
			}
		}
		if next == nil {
			return b
		}
		cur = next
	}
}

// judge gives the plan of variants of n bytes if it costs less than limit.
func (p *planner) judge(variants []variant, n int, entry int32, limit float64) plan {
	// No plan is cheaper than its words make it, which are quickly counted.
	least, rate := 0.0, 0.0
	for i := range variants {
		least += max(leastRate(variants[i].text[:n]), minRate)
	}
	if p.cost(entry, least) >= limit {
		return plan{}
	}
	for i := range variants {
		rate += max(p.model.literalRate(variants[i].text[:n]), minRate)
	}
	cost := p.cost(entry, rate)
	if cost >= limit {
		return plan{}
	}
	required := make([]requiredLiteral, len(variants))
	for i := range variants {
		required[i] = requiredLiteral{literal: string(variants[i].text[:n]), entry: entry}
	}
	return plan{required: required, rate: rate, cost: cost}
}

// extend gives the variants one byte longer than n, in the order of their texts; nil when one of them ends here or there would be too many. They are
// valid until the call after the next.
func (p *planner) extend(cur []variant, n int) []variant {
	if !p.extends(cur) {
		return nil
	}
	out := p.variants[(n+1)%2][:0]
	for v := range cur {
		if states := cur[v].states; len(states) == 1 { // nearly always
			s := &p.nfa.states[states[0]]
			p.from = append(p.from[:0], s.out)
			x := variant{text: cur[v].text, front: p.reach(p.from)}
			p.folded[s.arg].each(func(b byte) {
				x.text[n] = b
				out = append(out, x)
			})
			continue
		}
		p.steps = p.steps[:0]
		for _, i := range cur[v].states {
			s := &p.nfa.states[i]
			p.folded[s.arg].each(func(b byte) { p.steps = append(p.steps, step{b, s.out}) })
		}
		slices.SortFunc(p.steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.b, b.b), cmp.Compare(a.out, b.out)) })
		for i := 0; i < len(p.steps); {
			x := variant{text: cur[v].text}
			x.text[n] = p.steps[i].b
			p.from = p.from[:0]
			for ; i < len(p.steps) && p.steps[i].b == x.text[n]; i++ {
				p.from = append(p.from, p.steps[i].out)
			}
			x.front = p.reach(p.from)
			out = append(out, x)
		}
	}
	p.variants[(n+1)%2] = out
	return out
}

// extends reports whether every variant goes on, to few enough in all.
func (p *planner) extends(cur []variant) bool {
	count := 0
	for v := range cur {
		if cur[v].done || len(cur[v].states) == 0 {
			return false
		}
		var next byteSet
		for _, i := range cur[v].states {
			next.union(&p.folded[p.nfa.states[i].arg])
		}
		if count += next.len(); count > maxVariants {
			return false
		}
	}
	return true
}
