package match

// budget is shared by the automata of one matcher: how much they may hold over all and build for one line, and the
// working memory of building.
type budget struct {
	bytes int // held by all automata
	work  int // left for this line; below 0 nothing more is built

	// The state being built.
	set     []int32 // nfa states
	found   []int32 // expressions that matched
	asserts bool    // some state of set asserts something

	previous, stack []int32
	mark            []uint32 // nfa state → generation in which it was added
	gen             uint32
	key             []byte
}

// start begins an empty state of n.
func (b *budget) start(n *nfa) {
	if len(b.mark) < len(n.states) {
		b.mark = make([]uint32, len(n.states))
		b.gen = 0
	}
	b.found = b.found[:0]
	b.next()
}

// next begins the next state, gives the nfa states of the one before, and keeps the matches found so far.
func (b *budget) next() []int32 {
	if b.gen++; b.gen == 0 {
		clear(b.mark)
		b.gen = 1
	}
	b.previous, b.set = b.set, b.previous[:0]
	b.asserts = false
	return b.previous
}

// add puts the nfa state i into the state being built, or those that it leads to without asking anything.
func (b *budget) add(n *nfa, i int32) {
	b.stack = append(b.stack[:0], i)
	for len(b.stack) > 0 {
		i := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		if b.mark[i] == b.gen {
			continue
		}
		b.mark[i] = b.gen
		switch s := &n.states[i]; s.op {
		case opBytes:
			b.set = append(b.set, i)
		case opAssert:
			b.set = append(b.set, i)
			b.asserts = true
		case opSplit:
			b.stack = append(b.stack, s.alt, s.out)
		case opMatch:
			b.found = append(b.found, int32(s.arg))
		}
	}
}

// uvarint reads a number from the key of a state.
func uvarint(s string) (v uint64, width int) {
	for shift := 0; ; shift += 7 {
		c := s[width]
		width++
		if v |= uint64(c&0x7f) << shift; c < 0x80 {
			return v, width
		}
	}
}
