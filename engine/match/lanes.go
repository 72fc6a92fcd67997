package match

// This file makes an automaton search faster. Each step waits for the one before, which is most of its time; so a search goes on from the beginning of a
// text and from three places further on at once. Those three know nothing of the text before their places, and so miss at most matches that begin
// there. What they missed is made up for: when the search from the beginning comes to such a place, it goes on only until it is in the state in which the
// other one was after the same byte. From there on both would do the same, and mostly that is a few bytes later.
// Promise: the result is that of one search.

const (
	lanes = 4
	// minLane is the least length of a lane that is worth its beginning, in bytes.
	minLane = 24
	// tracedBytes is how many states of a lane are remembered from its beginning. If the search from the beginning is in none of them, it goes through the lane.
	tracedBytes = 16
	// A search is left to one lane when, over triedLanes searches, it had to go through more than half of the bytes that the others had read.
	triedLanes = 1024
)

// laneStats says whether lanes pay.
type laneStats struct {
	tried       int
	read, again int // bytes that the lanes behind the first one read, and those of them that the search from the beginning read again
	useless     bool
}

// mayUseLanes reports whether a search of n bytes is worth lanes. Only one that may begin to match at every byte can begin in the middle.
func (d *dfa) mayUseLanes(n int) bool {
	return n >= lanes*minLane && !d.lanes.useless && !d.nfa.anchored
}

// search reads text from state s on, the one at its beginning. It returns the state before its end, or accept, dead or refused as soon as it gets there. It
// calls found with each state that has matches to report, possibly more than once; an automaton of one expression has none.
func (d *dfa) search(b *budget, text []byte, s uint32, found func(s uint32)) uint32 {
	n := len(text) / lanes
	begins := [lanes]uint32{s}
	for k := 1; k < lanes; k++ {
		if begins[k] = d.note(d.begin(b, text, k*n, 0, d.nfa.starts, restart), found); begins[k] <= refused {
			return begins[k]
		}
	}
	at := begins
	if s := d.together(b, text, n, &at, found); s <= refused {
		return s
	}
	s = at[0]
	for k := 1; k < lanes; k++ {
		lane := text[k*n:][:n]
		i := 0
		for same := s == begins[k]; !same && i < n; i++ {
			if s = d.note(d.transition(b, s, uint32(d.nfa.class[lane[i]])), found); s <= refused {
				return s
			}
			same = i < tracedBytes && s == d.trace[i][k-1]
		}
		if i < n {
			s = at[k]
		}
		d.lanes.read, d.lanes.again = d.lanes.read+n, d.lanes.again+i
	}
	if d.lanes.tried++; d.lanes.tried == triedLanes {
		d.lanes = laneStats{useless: d.lanes.again > d.lanes.read/2}
	}
	for _, c := range text[lanes*n:] {
		if s = d.note(d.transition(b, s, uint32(d.nfa.class[c])), found); s <= refused {
			return s
		}
	}
	return s
}

// together reads n bytes in each lane. at has their states. It returns a state that ends the search, or one above refused.
func (d *dfa) together(b *budget, text []byte, n int, at *[lanes]uint32, found func(s uint32)) uint32 {
	for i := 0; ; i++ {
		if i < tracedBytes {
			i = d.skipTraced(text, i, n, at)
		}
		if i >= tracedBytes {
			i = d.skipTogether(text, i, n, at)
		}
		if i >= n {
			return at[0]
		}
		for k := range lanes {
			if at[k] = d.note(d.transition(b, at[k], uint32(d.nfa.class[text[k*n+i]])), found); at[k] <= refused {
				return at[k]
			}
		}
		if i < tracedBytes {
			d.trace[i] = [lanes - 1]uint32{at[1], at[2], at[3]}
		}
	}
}

// skipTogether is skip for all lanes, from byte i to byte n.
func (d *dfa) skipTogether(text []byte, i, n int, at *[lanes]uint32) int {
	next, class := d.next, &d.nfa.class
	s0, s1, s2, s3 := at[0], at[1], at[2], at[3]
	t0, t1, t2, t3 := text[:n], text[n:][:n], text[2*n:][:n], text[3*n:][:n]
	for ; i < n; i++ {
		n0, n1 := next[s0+uint32(class[t0[i]])], next[s1+uint32(class[t1[i]])]
		n2, n3 := next[s2+uint32(class[t2[i]])], next[s3+uint32(class[t3[i]])]
		if special(n0)|special(n1)|special(n2)|special(n3) != 0 {
			break
		}
		s0, s1, s2, s3 = n0, n1, n2, n3
	}
	*at = [lanes]uint32{s0, s1, s2, s3}
	return i
}

// skipTraced is skipTogether for the bytes whose states are remembered.
func (d *dfa) skipTraced(text []byte, i, n int, at *[lanes]uint32) int {
	next, class := d.next, &d.nfa.class
	s0, s1, s2, s3 := at[0], at[1], at[2], at[3]
	t0, t1, t2, t3 := text[:tracedBytes], text[n:][:tracedBytes], text[2*n:][:tracedBytes], text[3*n:][:tracedBytes]
	for ; i < tracedBytes; i++ {
		n0, n1 := next[s0+uint32(class[t0[i]])], next[s1+uint32(class[t1[i]])]
		n2, n3 := next[s2+uint32(class[t2[i]])], next[s3+uint32(class[t3[i]])]
		if special(n0)|special(n1)|special(n2)|special(n3) != 0 {
			break
		}
		s0, s1, s2, s3 = n0, n1, n2, n3
		d.trace[i] = [lanes - 1]uint32{s1, s2, s3}
	}
	*at = [lanes]uint32{s0, s1, s2, s3}
	return i
}

// special has its highest bit set for a transition that is not built yet, leads to no state, or to one with matches to report.
func special(t uint32) uint32 { return (t - refused - 1) & (1 << 31) }

// note calls found with a state that has matches to report, and returns it without that mark.
func (d *dfa) note(s uint32, found func(s uint32)) uint32 {
	if s&reports == 0 {
		return s
	}
	s &^= reports
	found(s)
	return s
}
