package match

import (
	"regexp/syntax"
	"slices"
)

// stateOp is the operation of a state of an nfa.
type stateOp uint8

const (
	opFail   stateOp = iota // leads nowhere
	opBytes                 // consumes one byte of sets[arg], goes on at out
	opSplit                 // goes on at out and at alt
	opAssert                // goes on at out where the conditions in arg (syntax.EmptyOp) hold
	opMatch                 // the expression numbered arg has matched
)

type state struct {
	op stateOp
	// foldsToASCII: consumes the first byte of U+212A or U+017F where the expression means a folded k or s.
	foldsToASCII bool
	out, alt     int32
	arg          uint32
}

// nfa is a byte automaton of one or several expressions. Each of its runs over-approximates the expression, never the
// other way round: the nfa accepts every match of the expression. On ASCII text an exact nfa accepts nothing else.
// Immutable once built.
type nfa struct {
	states []state
	sets   []byteSet
	starts []int32 // one for each expression
	// anchored: no expression can match anywhere but at the start of the text.
	anchored     bool
	exact        bool
	foldsToASCII bool // some state does
	class        [256]uint8
	reps         []byte // a byte of each class; the end of the text is class len(reps)
}

// classify computes the classes of bytes that no state and no assertion distinguishes.
func (n *nfa) classify() {
	var room [64]byteSet
	classes := append(room[:0], byteSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)})
	// Partition refinement: each set splits the classes it cuts.
	cut := func(s *byteSet) {
		for c := range classes {
			if inside, outside := classes[c].split(s); inside != (byteSet{}) && outside != (byteSet{}) {
				classes[c] = outside
				classes = append(classes, inside)
			}
		}
	}
	for i := range n.sets {
		cut(&n.sets[i])
	}
	cut(&wordBytes)
	cut(&byteSet{1 << '\n'})
	n.reps = make([]byte, len(classes))
	for c := range classes {
		n.reps[c] = classes[c].first()
		classes[c].each(func(b byte) { n.class[b] = uint8(c) })
	}
}

// merge joins automata into one that reports which of them match: id(i) is the number the i-th reports.
func merge(parts []*nfa, id func(i int) int32) *nfa {
	m := &nfa{anchored: true, exact: true}
	index := map[byteSet]uint32{}
	for i, p := range parts {
		base := int32(len(m.states))
		for _, s := range p.states {
			s.out += base
			s.alt += base
			switch s.op {
			case opBytes:
				s.arg = intern(&m.sets, index, p.sets[s.arg])
			case opMatch:
				s.arg = uint32(id(i))
			}
			m.states = append(m.states, s)
		}
		for _, s := range p.starts {
			m.starts = append(m.starts, s+base)
		}
		m.anchored = m.anchored && p.anchored
		m.exact = m.exact && p.exact
		m.foldsToASCII = m.foldsToASCII || p.foldsToASCII
	}
	m.classify()
	return m
}

func intern(sets *[]byteSet, index map[byteSet]uint32, s byteSet) uint32 {
	i, ok := index[s]
	if !ok {
		i = uint32(len(*sets))
		index[s] = i
		*sets = append(*sets, s)
	}
	return i
}

// unconditional marks the states that a run reaches from the start without consuming or asserting anything: whatever
// matches from one of them matches as a whole. It uses the memory of seen, which may be nil.
func (n *nfa) unconditional(seen []bool) []bool {
	seen = slices.Grow(seen[:0], len(n.states))[:len(n.states)]
	clear(seen)
	stack := append([]int32(nil), n.starts...)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		if s := n.states[i]; s.op == opSplit {
			stack = append(stack, s.out, s.alt)
		}
	}
	return seen
}

func (n *nfa) memory() int {
	return len(n.states)*16 + len(n.sets)*32 + len(n.starts)*4 + len(n.reps) + 384
}

// anchoredAtStart reports whether re can match at the start of the text only.
func anchoredAtStart(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		return len(re.Sub) > 0 && anchoredAtStart(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min > 0 && anchoredAtStart(re.Sub[0])
	case syntax.OpAlternate:
		for _, s := range re.Sub {
			if !anchoredAtStart(s) {
				return false
			}
		}
		return true
	}
	return false
}
