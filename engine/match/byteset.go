package match

import "math/bits"

// byteSet is a set of byte values.
type byteSet [4]uint64

func (s *byteSet) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *byteSet) has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

func (s *byteSet) addRange(lo, hi byte) {
	for i := range s {
		from, to := max(int(lo), i<<6), min(int(hi), i<<6|63)
		if from <= to {
			s[i] |= ^uint64(0) >> (63 - (to - from)) << (from & 63)
		}
	}
}

func (s *byteSet) union(o *byteSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// split returns the bytes of s that are in o, and those that are not.
func (s *byteSet) split(o *byteSet) (inside, outside byteSet) {
	for i := range s {
		inside[i], outside[i] = s[i]&o[i], s[i]&^o[i]
	}
	return inside, outside
}

// first returns the lowest byte of a set that is not empty.
func (s *byteSet) first() byte {
	for i, w := range s {
		if w != 0 {
			return byte(i<<6 | bits.TrailingZeros64(w))
		}
	}
	return 0
}

func (s *byteSet) len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// each calls yield for every byte of the set, ascending.
func (s *byteSet) each(yield func(b byte)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			yield(byte(i<<6 | bits.TrailingZeros64(w)))
		}
	}
}

// foldSet holds both cases of an ASCII letter, or just b.
func foldSet(b byte) (s byteSet) {
	s.add(b)
	if l := lower(b); 'a' <= l && l <= 'z' {
		s.add(l)
		s.add(l - 'a' + 'A')
	}
	return s
}

// fold puts lower-case ASCII letters in the place of upper-case ones.
func (s *byteSet) fold() {
	const upper = (1<<26 - 1) << ('A' - 64)
	s[1] = s[1]&^upper | s[1]&upper<<('a'-'A')
}

// lower folds ASCII letters and leaves every other byte alone.
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= lower(b) && lower(b) <= 'z'
}

// wordBytes has the bytes of isWordByte.
var wordBytes = byteSet{0x03ff000000000000, 0x07fffffe87fffffe}
