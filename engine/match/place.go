package match

import "sort"

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
	first map[int32]bool // states where the expression begins
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
	var visited []int32
	stack := append([]int32(nil), from...)
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
				f.states = append(f.states, i)
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
	return f
}

// windowAt is the sequence of classes a match shows from entry on.
func (p *planner) windowAt(entry int32) plan {
	w := make([]byteSet, 0, windowLen)
	f := p.reach([]int32{entry})
	for len(w) < windowLen && !f.done && len(f.states) > 0 {
		var class byteSet
		next := make([]int32, 0, len(f.states))
		for _, i := range f.states {
			s := &p.nfa.states[i]
			class.union(&p.nfa.sets[s.arg])
			next = append(next, s.out)
		}
		w = append(w, class)
		f = p.reach(next)
	}
	if len(w) == 0 {
		return plan{}
	}
	return p.weigh(entry, plan{required: []requiredLiteral{{window: w, entry: entry}}, rate: max(p.model.rate(w), minRate)})
}

// variant is one of the texts that a match may begin with from a place on.
type variant struct {
	text string
	front
}

// literalsAt is the best set of literals, each of minLen bytes and more, one of which a match shows from entry on.
func (p *planner) literalsAt(entry int32, minLen int) (b plan) {
	cur := []variant{{front: p.reach([]int32{entry})}}
	for n := 0; ; n++ {
		var next []variant
		if n < maxLiteral {
			next = p.extend(cur)
		}
		// Judge only when it is the last word, or before it branches.
		if n >= minLen && len(next) != len(cur) {
			x := plan{}
			for _, v := range cur {
				x.required = append(x.required, requiredLiteral{literal: v.text, entry: entry})
				x.rate += max(p.model.literalRate(v.text), minRate)
			}
			b = better(b, p.weigh(entry, x))
		}
		if next == nil {
			return b
		}
		cur = next
	}
}

// extend gives the variants one byte longer; nil when one of them ends here or there would be too many.
func (p *planner) extend(cur []variant) []variant {
	type key struct {
		v int
		b byte
	}
	next := map[key][]int32{}
	for v := range cur {
		if cur[v].done || len(cur[v].states) == 0 {
			return nil
		}
		for _, i := range cur[v].states {
			s := &p.nfa.states[i]
			set := &p.nfa.sets[s.arg]
			if set.len() > 2*maxVariants {
				return nil
			}
			set.each(func(b byte) {
				k := key{v, lower(b)}
				next[k] = append(next[k], s.out)
			})
		}
		if len(next) > maxVariants {
			return nil
		}
	}
	out := make([]variant, 0, len(next))
	for k, states := range next {
		out = append(out, variant{cur[k.v].text + string([]byte{k.b}), p.reach(states)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].text < out[j].text })
	return out
}
