package match

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// maxStates bounds one expression's nfa. An expression that needs more even with its counted repetitions loosened has
	// none, and runs always.
	maxStates = 60_000
	// maxUTF8 is how many runes outside ASCII a class spells out; larger ones become "any bytes outside ASCII".
	maxUTF8 = 4
)

// repeatLimits are tried in turn: a counted repetition beyond the limit becomes an open one (x{1000} → x{64,}), which
// keeps automata small at the price of exactness.
var repeatLimits = [...]struct{ copies, states int }{{64, 2000}, {8, 4000}, {1, maxStates}}

// node is a part of an expression together with the nfa state at which a run arrives there. Every match passes through
// entry, and from there on the rest of it is a run of the nfa started at entry: that makes a node a place
// to look for candidates.
type node struct {
	kind  nodeKind
	entry int32
	// last, of a loop over one rune: the entry of a copy of the body that goes straight on to the next node. 0: none.
	last int32
	subs []*node
}

type nodeKind uint8

const (
	leaf     nodeKind = iota // nothing inside that every match passes
	sequence                 // every match passes all subs
	text                     // likewise; the subs are the runes of a literal
	choice                   // every match passes one of the subs
	loop                     // every match passes the only sub at least once
)

// expression makes the automaton of re and the tree of its places, which is valid until the next call; nil when it would be too large.
func (b *builder) expression(re *syntax.Regexp) (*nfa, *node) {
	for _, l := range repeatLimits {
		b.begin(l.copies, l.states)
		b.add(state{op: opFail}) // state 0
		root := b.build(re, b.add(state{op: opMatch}))
		if !b.full {
			n := &nfa{
				states: slices.Clone(b.nfa.states), sets: slices.Clone(b.nfa.sets), starts: []int32{root.entry},
				anchored: anchoredAtStart(re), exact: b.nfa.exact, foldsToASCII: b.nfa.foldsToASCII,
			}
			n.classify()
			return n, root
		}
	}
	return nil, nil
}

// builder makes states from the end of the expression to its beginning, so that the rest is known at every point. It builds one expression after
// another in the same memory.
type builder struct {
	nfa    nfa // being built
	index  map[byteSet]uint32
	copies int // of a repetition
	limit  int
	full   bool

	nodes arena[node]
	subs  arena[*node]
	last  bytesOfClass // of the last class: repetitions ask for the same again and again
}

func newBuilder() *builder { return &builder{index: map[byteSet]uint32{}} }

func (b *builder) begin(copies, limit int) {
	b.nfa = nfa{states: b.nfa.states[:0], sets: b.nfa.sets[:0], exact: true}
	clear(b.index)
	b.copies, b.limit, b.full = copies, limit, false
	b.nodes.reset()
	b.subs.reset()
	b.last = bytesOfClass{}
}

// arena gives values that are all given up at once.
type arena[T any] struct{ free, all []T }

const arenaSize = 512

// take gives n values, all zero.
func (a *arena[T]) take(n int) []T {
	if n > len(a.free) {
		a.all = make([]T, max(n, arenaSize))
		a.free = a.all
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}

// reset makes the memory of the last values free again.
func (a *arena[T]) reset() {
	clear(a.all[:len(a.all)-len(a.free)])
	a.free = a.all
}

func (b *builder) node(n node) *node {
	p := &b.nodes.take(1)[0]
	*p = n
	return p
}

func (b *builder) sequence(kind nodeKind, entry int32, n int) *node {
	return b.node(node{kind: kind, entry: entry, subs: b.subs.take(n)})
}

func (b *builder) add(s state) int32 {
	if len(b.nfa.states) >= b.limit {
		b.full = true
		return 0
	}
	b.nfa.states = append(b.nfa.states, s)
	return int32(len(b.nfa.states) - 1)
}

func (b *builder) split(out, alt int32) int32 { return b.add(state{op: opSplit, out: out, alt: alt}) }

func (b *builder) bytes(s byteSet, next int32) int32 {
	return b.add(state{op: opBytes, out: next, arg: intern(&b.nfa.sets, b.index, s)})
}

func (b *builder) build(re *syntax.Regexp, next int32) *node {
	if b.full {
		return b.node(node{})
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return b.node(node{entry: next})
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			return b.node(node{entry: b.rune(re.Rune[0], re.Flags&syntax.FoldCase != 0, next)})
		}
		n := b.sequence(text, next, len(re.Rune))
		for i := len(re.Rune) - 1; i >= 0; i-- {
			n.entry = b.rune(re.Rune[i], re.Flags&syntax.FoldCase != 0, n.entry)
			n.subs[i] = b.node(node{entry: n.entry})
		}
		return n
	case syntax.OpCharClass:
		return b.node(node{entry: b.class(re.Rune, next)})
	case syntax.OpAnyChar:
		return b.node(node{entry: b.class(anyChar, next)})
	case syntax.OpAnyCharNotNL:
		return b.node(node{entry: b.class(anyCharNotNL, next)})
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return b.node(node{entry: b.add(state{op: opAssert, out: next, arg: uint32(emptyOp(re.Op))})})
	case syntax.OpCapture:
		return b.build(re.Sub[0], next)
	case syntax.OpStar:
		return b.star(re.Sub[0], next)
	case syntax.OpPlus:
		return b.plus(re.Sub[0], next)
	case syntax.OpQuest:
		return b.node(node{entry: b.split(b.build(re.Sub[0], next).entry, next)})
	case syntax.OpRepeat:
		return b.repeat(re.Sub[0], re.Min, re.Max, next)
	case syntax.OpConcat:
		n := b.sequence(sequence, next, len(re.Sub))
		for i := len(re.Sub) - 1; i >= 0; i-- {
			n.subs[i] = b.build(re.Sub[i], n.entry)
			n.entry = n.subs[i].entry
		}
		return n
	case syntax.OpAlternate:
		n := b.sequence(choice, 0, len(re.Sub))
		for i := len(re.Sub) - 1; i >= 0; i-- {
			n.subs[i] = b.build(re.Sub[i], next)
			if i == len(re.Sub)-1 {
				n.entry = n.subs[i].entry
			} else {
				n.entry = b.split(n.subs[i].entry, n.entry)
			}
		}
		return n
	}
	return b.node(node{}) // OpNoMatch
}

func (b *builder) star(sub *syntax.Regexp, next int32) *node {
	s := b.split(0, next)
	body := b.build(sub, s)
	b.nfa.states[s].out = body.entry
	return b.node(node{entry: s})
}

func (b *builder) plus(sub *syntax.Regexp, next int32) *node {
	s := b.split(0, next)
	body := b.build(sub, s)
	b.nfa.states[s].out = body.entry
	n := b.sequence(loop, body.entry, 1)
	n.subs[0] = body
	switch sub.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n.last = b.build(sub, next).entry
	}
	return n
}

// repeat spells x{lo,hi} out: lo copies, then nested optional ones, or a loop. hi -1 is no bound.
func (b *builder) repeat(sub *syntax.Regexp, lo, hi int, next int32) *node {
	if lo > b.copies {
		lo, hi = b.copies, -1
		b.nfa.exact = false
	}
	if hi > b.copies {
		hi = -1
		b.nfa.exact = false
	}
	n := b.sequence(sequence, next, max(lo, hi))
	at := len(n.subs) // from the end
	put := func(s *node) {
		at--
		n.subs[at] = s
		n.entry = s.entry
	}
	switch {
	case hi < 0 && lo == 0:
		return b.star(sub, next)
	case hi < 0:
		put(b.plus(sub, next))
		lo--
	default:
		for range hi - lo {
			if b.full {
				return n
			}
			put(b.node(node{entry: b.split(b.build(sub, n.entry).entry, next)}))
		}
	}
	for range lo {
		if b.full {
			return n
		}
		put(b.build(sub, n.entry))
	}
	return n
}

// rune matches r, or with fold every rune that simple case folding makes equal to it.
func (b *builder) rune(r rune, fold bool, next int32) int32 {
	if r < utf8.RuneSelf && (!fold || lower(byte(r)) != 'k' && lower(byte(r)) != 's') {
		var s byteSet
		if s.add(byte(r)); fold {
			s = foldSet(byte(r))
		}
		return b.bytes(s, next)
	}
	ranges := []rune{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			ranges = append(ranges, f, f)
		}
	}
	return b.class(ranges, next)
}

// class matches one rune of the ranges (pairs of first and last).
func (b *builder) class(ranges []rune, next int32) int32 {
	c := &b.last
	if len(ranges) == 0 || c.of != &ranges[0] {
		*c = newBytesOfClass(ranges)
	}
	entry := int32(0)
	either := func(s int32) {
		if entry == 0 {
			entry = s
		} else {
			entry = b.split(entry, s)
		}
	}
	if c.ascii != (byteSet{}) {
		either(b.bytes(c.ascii, next))
	}
	if c.any {
		either(b.anyHigh(next))
		return entry
	}
	for _, r := range c.high {
		s := b.utf8(r, next)
		if isExotic(r) && (c.ascii.has('k') || c.ascii.has('s')) {
			b.nfa.states[s].foldsToASCII = true
			b.nfa.foldsToASCII = true
		}
		either(s)
	}
	return entry
}

// bytesOfClass is a class of runes in bytes: those in ASCII, and those outside, which are spelled out unless they are too many (any).
type bytesOfClass struct {
	of    *rune // the first of its ranges
	ascii byteSet
	high  []rune
	any   bool
}

func newBytesOfClass(ranges []rune) (c bytesOfClass) {
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		if lo < utf8.RuneSelf {
			c.ascii.addRange(byte(lo), byte(min(hi, utf8.RuneSelf-1)))
		}
		for r := max(lo, utf8.RuneSelf); r <= hi && !c.any; r++ {
			c.high = append(c.high, r)
			// An invalid byte counts as U+FFFD, so that rune cannot be spelled out.
			c.any = len(c.high) > maxUTF8 || r == utf8.RuneError || !utf8.ValidRune(r)
		}
	}
	if len(ranges) > 0 {
		c.of = &ranges[0]
	}
	return c
}

// The ranges of ".", with the flag s and without.
var (
	anyChar      = []rune{0, unicode.MaxRune}
	anyCharNotNL = []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
)

// anyHigh matches one or more bytes outside ASCII: at least the bytes of any rune, and any invalid byte.
func (b *builder) anyHigh(next int32) int32 {
	var high byteSet
	high.addRange(utf8.RuneSelf, 0xff)
	more := b.split(next, 0)
	h := b.bytes(high, more)
	b.nfa.states[more].alt = h
	return h
}

func (b *builder) utf8(r rune, next int32) int32 {
	enc := utf8.AppendRune(nil, r)
	for i := len(enc) - 1; i >= 0; i-- {
		var s byteSet
		s.add(enc[i])
		next = b.bytes(s, next)
	}
	return next
}

// isExotic: the two runes outside ASCII that fold to an ASCII letter.
func isExotic(r rune) bool { return r == '\u212a' || r == '\u017f' }

func emptyOp(op syntax.Op) syntax.EmptyOp {
	switch op {
	case syntax.OpBeginLine:
		return syntax.EmptyBeginLine
	case syntax.OpEndLine:
		return syntax.EmptyEndLine
	case syntax.OpBeginText:
		return syntax.EmptyBeginText
	case syntax.OpEndText:
		return syntax.EmptyEndText
	case syntax.OpWordBoundary:
		return syntax.EmptyWordBoundary
	}
	return syntax.EmptyNoWordBoundary
}
