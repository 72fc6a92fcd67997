package match

import (
	"cmp"
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

// planner finds the best plan of one expression.
type planner struct {
	nfa   *nfa
	model *model
	mark  []bool
	first []bool // states where the expression begins

	// Reused memory: a place is tried for every node.
	visited, stack, from []int32
	steps                []step
	fronts               []int32      // the states of all fronts of one place
	variants             [2][]variant // the present ones, and those one byte longer
}

// step is a byte that a variant may go on with, and the state behind it.
type step struct {
	b   byte
	out int32
}

func newPlanner(n *nfa, m *model) *planner {
	return &planner{nfa: n, model: m, mark: make([]bool, len(n.states)), first: n.unconditional()}
}

// literals is the best plan made of literals of minLen bytes and more.
func (p *planner) literals(root *node, minLen int) plan {
	return p.best(root, 16, func(entry int32) plan { return p.literalsAt(entry, minLen) })
}

// windows is the best plan made of windows.
func (p *planner) windows(root *node) plan {
	return p.best(root, 1, p.windowAt)
}

// best tries the places of the tree; of the runes of a text every step-th.
func (p *planner) best(n *node, step int, at func(entry int32) plan) plan {
	b := at(n.entry)
	switch n.kind {
	case sequence:
		for _, s := range n.subs {
			b = better(b, p.best(s, step, at))
		}
	case text:
		for i := step; i < len(n.subs); i += step {
			b = better(b, at(n.subs[i].entry))
		}
	case choice:
		var all plan
		for _, s := range n.subs {
			x := p.best(s, step, at)
			if !x.ok() || len(all.required)+len(x.required) > maxNeeds {
				return b
			}
			all.required = append(all.required, x.required...)
			all.rate += x.rate
			all.cost += x.cost
		}
		b = better(b, all)
	case loop:
		b = better(b, p.best(n.subs[0], step, at))
		if n.last != 0 {
			b = better(b, at(n.last))
		}
	}
	return b
}

// weigh sets the cost of a plan for one place.
func (p *planner) weigh(entry int32, x plan) plan {
	x.cost = x.rate
	if !p.first[entry] {
		x.cost *= innerCost
	}
	return x
}

// front is a set of states that consume a byte; done: a match may be complete here.
type front struct {
	states []int32
	done   bool
}

// reach gives the front that a run finds from the states. Conditions are taken to hold, states that fold to ASCII are left out
// (lines with those runes are candidates anyway).
func (p *planner) reach(from []int32) (f front) {
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

// windowAt is the sequence of classes a match shows from entry on.
func (p *planner) windowAt(entry int32) plan {
	p.fronts = p.fronts[:0]
	w := make([]byteSet, 0, windowLen)
	f := p.reach([]int32{entry})
	for len(w) < windowLen && !f.done && len(f.states) > 0 {
		var class byteSet
		p.from = p.from[:0]
		for _, i := range f.states {
			s := &p.nfa.states[i]
			class.union(&p.nfa.sets[s.arg])
			p.from = append(p.from, s.out)
		}
		w = append(w, class)
		f = p.reach(p.from)
	}
	if len(w) == 0 {
		return plan{}
	}
	return p.weigh(entry, plan{required: []requiredLiteral{{window: w, entry: entry}}, rate: max(p.model.rate(w), minRate)})
}

// variant is one of the texts that a match may begin with from a place on. All variants of a place are of one length.
type variant struct {
	text [maxLiteral]byte
	front
}

// literalsAt is the best set of literals, each of minLen bytes and more, one of which a match shows from entry on.
func (p *planner) literalsAt(entry int32, minLen int) (b plan) {
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
			x := plan{required: make([]requiredLiteral, 0, len(cur))}
			for i := range cur {
				text := string(cur[i].text[:n])
				x.required = append(x.required, requiredLiteral{literal: text, entry: entry})
				x.rate += max(p.model.literalRate(text), minRate)
			}
			b = better(b, p.weigh(entry, x))
		}
		if next == nil {
			return b
		}
		cur = next
	}
}

// extend gives the variants one byte longer than n, in the order of their texts; nil when one of them ends here or there would be too many. They are
// valid until the call after the next.
func (p *planner) extend(cur []variant, n int) []variant {
	if !p.extends(cur) {
		return nil
	}
	out := p.variants[(n+1)%2][:0]
	for v := range cur {
		p.steps = p.steps[:0]
		for _, i := range cur[v].states {
			s := &p.nfa.states[i]
			p.nfa.sets[s.arg].each(func(b byte) { p.steps = append(p.steps, step{lower(b), s.out}) })
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
			next.union(&p.nfa.sets[p.nfa.states[i].arg])
		}
		next.fold()
		if count += next.len(); count > maxVariants {
			return false
		}
	}
	return true
}
