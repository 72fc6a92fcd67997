package match

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// Stage C: automata that are determinised as lines ask for it. A "no" is certain. On ASCII text and with an exact nfa a
// "yes" is, too. "unknown" means that the automaton would have grown beyond its bounds.

type verdict uint8

const (
	no verdict = iota
	yes
	unknown
)

// Targets of a transition that are no states. States are numbers of rows, multiplied by the length of a row, which is
// more than these.
const (
	unbuilt uint32 = iota
	dead           // nothing can match any more
	accept         // has matched (an automaton of one expression)
	refused        // the bounds forbid to build the state
)

// reports is set in the number of a state (of an automaton of several expressions) that has matches to report.
const reports = 1 << 31

// The byte before the current position, as far as conditions depend on it.
const (
	afterOther uint8 = iota
	afterStart
	afterWord
	afterNewline
	contexts
)

// restart marks states of a search: the expressions may also begin at every later position.
const restart = 1 << 7

const (
	// stateOverhead is the memory of a state besides its row and its key.
	stateOverhead = 80
	// dfaOverhead is the memory of an empty automaton.
	dfaOverhead = 500
	// An automaton that was full maxFlushes times and read fewer than readPerState bytes for each state it built is given
	// up: the regexp is no slower.
	maxFlushes   = 8
	readPerState = 16
)

// dfa holds the states built so far. Not safe for concurrent use.
type dfa struct {
	nfa    *nfa
	multi  bool     // of several expressions: reports which
	limit  int      // bytes
	shift  uint8    // log2 of a row's length
	next   []uint32 // rows of transitions by class
	keys   []string // of state i: flags, matches, nfa states
	index  map[string]uint32
	begins []uint32 // first state by entry and context
	bytes  int
	full   bool
	// to notice an automaton that is no use
	read, flushes int
	gaveUp        bool

	lanes laneStats
	trace [tracedBytes][lanes - 1]uint32 // after each of their first bytes, the states of the lanes behind the first
}

// newDFA makes an automaton of n with room for first states at entries places besides the start.
func newDFA(b *budget, n *nfa, entries, limit int, multi bool) *dfa {
	d := &dfa{nfa: n, multi: multi, limit: limit, begins: make([]uint32, (entries+1)*int(contexts))}
	for 1<<d.shift < len(n.reps)+1 || d.shift < 2 {
		d.shift++
	}
	d.index = map[string]uint32{}
	b.bytes += dfaOverhead + 4*len(d.begins)
	return d
}

// flush forgets all states.
func (d *dfa) flush(b *budget) {
	b.bytes -= d.bytes
	d.bytes = 0
	d.next, d.keys = nil, nil
	d.index = map[string]uint32{}
	clear(d.begins)
	d.full = false
}

// ready makes room if the bounds were reached, and reports whether the automaton is worth running.
func (d *dfa) ready(b *budget, text int) bool {
	if d.gaveUp {
		return false
	}
	if d.full {
		if d.flushes++; d.flushes >= maxFlushes {
			if d.read < readPerState*d.flushes*len(d.keys) {
				d.gaveUp = true
			}
			d.flushes, d.read = 0, 0
		}
		d.flush(b)
	}
	d.read += text
	return !d.gaveUp
}

// from reports whether a match can go on from entry at text[pos:]; entry is the number of the place and its nfa state.
func (d *dfa) from(b *budget, text []byte, pos int, slot int, entry int32) (v verdict, steps int) {
	if !d.ready(b, 0) {
		return unknown, 0
	}
	v, steps = d.run(b, text, pos, d.begin(b, text, pos, slot, []int32{entry}, 0))
	d.read += steps
	return v, steps
}

// anywhere reports whether the only expression matches somewhere in text.
func (d *dfa) anywhere(b *budget, text []byte) verdict {
	if !d.ready(b, len(text)) {
		return unknown
	}
	s := d.begin(b, text, 0, 0, d.nfa.starts, d.mode())
	if s > refused && d.mayUseLanes(len(text)) {
		if s = d.search(b, text, s, nil); s > refused {
			s = d.transition(b, s, uint32(len(d.nfa.reps)))
		}
		return verdictOf(s)
	}
	v, _ := d.run(b, text, 0, s)
	return v
}

func (d *dfa) mode() uint8 {
	if d.nfa.anchored {
		return 0
	}
	return restart
}

// run reads text[pos:] from state s on; steps is how many bytes it took to decide.
func (d *dfa) run(b *budget, text []byte, pos int, s uint32) (v verdict, steps int) {
	i := pos
	for s > refused {
		if s, i = d.skip(text, i, s); i == len(text) {
			s = d.transition(b, s, uint32(len(d.nfa.reps)))
			break
		}
		s = d.transition(b, s, uint32(d.nfa.class[text[i]]))
		i++
	}
	return verdictOf(s), i - pos
}

func verdictOf(s uint32) verdict {
	switch s {
	case dead:
		return no
	case accept:
		return yes
	}
	return unknown
}

// transition is where class c leads from state s.
func (d *dfa) transition(b *budget, s, c uint32) uint32 {
	if t := d.next[s+c]; t != unbuilt {
		return t
	}
	return d.step(b, s, c)
}

// all calls yield with the number of each expression that matches somewhere in text, possibly more than once; false
// when it had to give up.
func (d *dfa) all(b *budget, text []byte, yield func(id int32)) bool {
	if !d.ready(b, len(text)) {
		return false
	}
	s, i := d.begin(b, text, 0, 0, d.nfa.starts, d.mode()), 0
	if s > refused && d.mayUseLanes(len(text)) {
		found := func(s uint32) { d.report(s, yield) }
		s = d.search(b, text, d.note(s, found), found)
		i = len(text)
	}
	for ; ; i++ {
		if s <= refused {
			return s == dead
		}
		if s&reports != 0 {
			s &^= reports
			d.report(s, yield)
		}
		if i > len(text) {
			return true
		}
		if i < len(text) {
			s, i = d.skip(text, i, s)
		}
		c := uint32(len(d.nfa.reps))
		if i < len(text) {
			c = uint32(d.nfa.class[text[i]])
		}
		s = d.transition(b, s, c)
	}
}

// skip follows transitions from text[i] on until one leads nowhere yet, to no state, or to a report.
func (d *dfa) skip(text []byte, i int, s uint32) (uint32, int) {
	next, class := d.next, &d.nfa.class
	for i < len(text) {
		t := next[s+uint32(class[text[i]])]
		if t-refused-1 >= reports-refused-1 {
			break
		}
		s = t
		i++
	}
	return s, i
}

func (d *dfa) report(s uint32, yield func(id int32)) {
	key := d.keys[s>>d.shift][1:]
	n, w := uvarint(key)
	for key = key[w:]; n > 0; n-- {
		id, w := uvarint(key)
		key = key[w:]
		yield(int32(id))
	}
}

// begin is the state before text[pos], for runs at the given nfa states.
func (d *dfa) begin(b *budget, text []byte, pos, slot int, at []int32, mode uint8) uint32 {
	ctx := afterStart
	if pos > 0 {
		ctx = contextAfter(text[pos-1])
	}
	p := &d.begins[slot*int(contexts)+int(ctx)]
	if *p == unbuilt {
		b.start(d.nfa)
		for _, i := range at {
			b.add(d.nfa, i)
		}
		s := d.intern(b, mode, ctx)
		// Not remembered: the next line has a budget of its own.
		if s == refused {
			return s
		}
		*p = s
	}
	return *p
}

func contextAfter(c byte) uint8 {
	switch {
	case c == '\n':
		return afterNewline
	case isWordByte(c):
		return afterWord
	}
	return afterOther
}

// step builds the transition of state s by class c.
func (d *dfa) step(b *budget, s, c uint32) uint32 {
	key := d.keys[s>>d.shift]
	mode, ctx := key[0]&restart, key[0]&^restart
	end := int(c) == len(d.nfa.reps)
	var by byte
	if !end {
		by = d.nfa.reps[c]
	}
	holds := conditions(ctx, by, end)

	// Resolve the conditions between the last byte and this one.
	b.start(d.nfa)
	rest := key[1:]
	n, w := uvarint(rest)
	for rest = rest[w:]; n > 0; n-- {
		_, w = uvarint(rest)
		rest = rest[w:]
	}
	for prev := uint64(0); len(rest) > 0; {
		delta, w := uvarint(rest)
		rest = rest[w:]
		prev += delta
		b.add(d.nfa, int32(prev))
	}
	for k := 0; k < len(b.set); k++ {
		if i := &d.nfa.states[b.set[k]]; i.op == opAssert && i.arg&^holds == 0 {
			b.add(d.nfa, i.out)
		}
	}

	// Consume. Matches before this byte stay found.
	from := b.next()
	for _, k := range from {
		if i := &d.nfa.states[k]; i.op == opBytes && !end && d.nfa.sets[i.arg].has(by) {
			b.add(d.nfa, i.out)
		}
	}
	switch {
	case end:
		mode = 0
	case mode == restart:
		for _, i := range d.nfa.starts {
			b.add(d.nfa, i)
		}
	}
	t := d.intern(b, mode, contextAfter(by))
	// A refusal is for this line only.
	if t != refused {
		d.next[s+c] = t
	}
	return t
}

// intern returns the state for the nfa states in b, and builds it if it is new.
func (d *dfa) intern(b *budget, mode, ctx uint8) uint32 {
	if len(b.found) > 0 && !d.multi {
		return accept
	}
	if len(b.set) == 0 && len(b.found) == 0 && mode == 0 {
		return dead
	}
	if !b.asserts {
		ctx = afterOther // nothing asks
	}
	slices.Sort(b.set)
	slices.Sort(b.found)
	b.found = slices.Compact(b.found)
	k := append(b.key[:0], mode|ctx)
	k = binary.AppendUvarint(k, uint64(len(b.found)))
	for _, id := range b.found {
		k = binary.AppendUvarint(k, uint64(id))
	}
	prev := int32(0)
	for _, i := range b.set {
		k = binary.AppendUvarint(k, uint64(i-prev))
		prev = i
	}
	b.key = k
	if s, ok := d.index[string(k)]; ok {
		return s
	}
	row := 1 << d.shift
	cost := row*4 + len(k) + stateOverhead
	b.work -= cost
	if d.bytes+cost > d.limit {
		d.full = true
	}
	if d.full || b.work < 0 {
		return refused
	}
	if len(d.keys) == 0 {
		d.keys = append(d.keys, "") // row 0 is no state
		d.next = append(d.next, make([]uint32, row)...)
	}
	s := uint32(len(d.keys)) << d.shift
	if len(b.found) > 0 {
		s |= reports
	}
	key := string(k)
	d.keys = append(d.keys, key)
	d.next = append(d.next, make([]uint32, row)...)
	d.index[key] = s
	d.bytes += cost
	b.bytes += cost
	return s
}

// conditions are those that hold between a context and the byte (or the end) that follows.
func conditions(ctx uint8, next byte, end bool) uint32 {
	var op syntax.EmptyOp
	if ctx == afterStart {
		op |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	}
	if ctx == afterNewline {
		op |= syntax.EmptyBeginLine
	}
	if end {
		op |= syntax.EmptyEndText | syntax.EmptyEndLine
	} else if next == '\n' {
		op |= syntax.EmptyEndLine
	}
	if (ctx == afterWord) != (!end && isWordByte(next)) {
		op |= syntax.EmptyWordBoundary
	} else {
		op |= syntax.EmptyNoWordBoundary
	}
	return uint32(op)
}
