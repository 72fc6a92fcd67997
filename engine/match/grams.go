package match

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Stage A: literals. Four bytes of the line at a time ("grams", ASCII case folded by setting bit 5) are looked up in a
// hashed bitmap, at every stride-th position only: a literal of stride+3 bytes and more holds stride grams in a row, and
// one of them is at such a position. Positions that pass the bitmap are compared with the literals that have the gram.
// Promise: each occurrence of a literal, in any ASCII case, is reported, at least once.

const (
	gramBits   = 18
	gramFold   = 0x20202020
	gramFactor = 0x9E3779B1
	longStride = 4
)

// gramBitmap has a bit for each hash of a gram. 32 KiB: it fits in the first-level cache.
type gramBitmap [1 << (gramBits - 6)]uint64

// target is where a literal or a window leads: an expression, and the place in it that a match passes there.
type target struct {
	id    int32
	slot  int32 // number of the place in the expression, from 1
	entry int32 // its nfa state
	// fullMatch: a match from there on is a match of the expression.
	fullMatch bool
}

type literal struct {
	text    string
	targets []target
}

// gramUse is a gram of a literal. mask and want are up to eight bytes of the literal around the gram, folded, so that most
// false hits are found by one comparison.
type gramUse struct {
	mask, want uint64
	literal    int32
	off        int32 // of the gram in the literal
	lead       int32 // of the gram in the eight bytes
}

type gramSlot struct {
	gram     uint32
	from, to uint32 // uses; empty when equal
}

// gramIndex is immutable once built.
type gramIndex struct {
	bitmap   gramBitmap
	stride   int
	literals []literal
	uses     []gramUse
	slots    []gramSlot // open addressing, a power of two
}

// buildGrams indexes the literals, each of stride+3 bytes and more, by their rarest grams.
func buildGrams(literals []literal, stride int, m *model) *gramIndex {
	g := &gramIndex{stride: stride, literals: literals}
	uses := map[uint32][]gramUse{}
	var order []uint32
	rates := map[uint32]float64{}
	rate := func(text string) float64 {
		k := foldGram(text)
		r, ok := rates[k]
		if !ok {
			r = m.foldedRate([]byte(text[:4]))
			rates[k] = r
		}
		return r
	}
	for id, l := range literals {
		best, at := math.Inf(1), 0
		for o := 0; o+stride+3 <= len(l.text); o++ {
			sum := 0.0
			for k := range stride {
				// A gram that others use as well costs them a comparison, too.
				sum += rate(l.text[o+k:]) * float64(1+len(uses[foldGram(l.text[o+k:])]))
			}
			if sum < best {
				best, at = sum, o
			}
		}
		for k := range stride {
			gram := foldGram(l.text[at+k:])
			if uses[gram] == nil {
				order = append(order, gram)
			}
			uses[gram] = append(uses[gram], newGramUse(l.text, int32(id), at+k))
			h := gram * gramFactor >> (32 - gramBits)
			g.bitmap[h>>6] |= 1 << (h & 63)
		}
	}
	g.slots = make([]gramSlot, max(16, 1<<bits.Len(uint(2*len(order)))))
	for _, gram := range order {
		from := uint32(len(g.uses))
		g.uses = append(g.uses, uses[gram]...)
		i := g.slot(gram)
		for g.slots[i].from != g.slots[i].to {
			i = (i + 1) & uint32(len(g.slots)-1)
		}
		g.slots[i] = gramSlot{gram, from, uint32(len(g.uses))}
	}
	return g
}

func newGramUse(text string, id int32, off int) gramUse {
	first := max(0, min(off-2, len(text)-8))
	u := gramUse{literal: id, off: int32(off), lead: int32(off - first)}
	for i := first; i < min(first+8, len(text)); i++ {
		u.want |= uint64(text[i]|0x20) << (8 * (i - first))
		u.mask |= 0xff << (8 * (i - first))
	}
	return u
}

func foldGram(s string) uint32 {
	return (uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24) | gramFold
}

// slot is where the search for a gram begins.
func (g *gramIndex) slot(gram uint32) uint32 {
	return gram * gramFactor >> 7 & uint32(len(g.slots)-1)
}

// at gives the uses of the gram at line[pos:].
func (g *gramIndex) at(line []byte, pos int) []gramUse {
	gram := binary.LittleEndian.Uint32(line[pos:]) | gramFold
	for i := g.slot(gram); ; i = (i + 1) & uint32(len(g.slots)-1) {
		s := &g.slots[i]
		if s.from == s.to {
			return nil
		}
		if s.gram == gram {
			return g.uses[s.from:s.to]
		}
	}
}

// standsAt reports whether the literal text is in line around the gram at pos, and where it begins.
func (u *gramUse) standsAt(line []byte, pos int, text string) (begin int, ok bool) {
	begin = pos - int(u.off)
	if begin < 0 || begin+len(text) > len(line) {
		return 0, false
	}
	return begin, equalFold(line[begin:begin+len(text)], text)
}

// mayStandAt rejects most false hits by one comparison.
func (u *gramUse) mayStandAt(line []byte, pos int) bool {
	at := pos - int(u.lead)
	return at < 0 || at+8 > len(line) || (binary.LittleEndian.Uint64(line[at:])|gramFold<<32|gramFold)&u.mask == u.want
}

// equalFold compares with a literal in lower case, folding ASCII.
func equalFold(line []byte, text string) bool {
	for i := range text {
		if lower(line[i]) != text[i] {
			return false
		}
	}
	return true
}

func (b *gramBitmap) has(gram uint32) bool {
	h := gram * gramFactor >> (32 - gramBits)
	return b[h>>6]>>(h&63)&1 != 0
}

// next is the first position from i on, in steps of the stride, whose gram may be one of the index; -1 if no position qualifies.
func (g *gramIndex) next(line []byte, i int) int {
	if g.stride == longStride {
		return g.bitmap.nextLong(line, i)
	}
	return g.bitmap.nextShort(line, i, g.stride)
}

func (b *gramBitmap) nextLong(line []byte, i int) int {
	for ; i+16 <= len(line); i += 16 {
		w := line[i : i+16]
		v0 := binary.LittleEndian.Uint64(w) | gramFold<<32 | gramFold
		v1 := binary.LittleEndian.Uint64(w[8:]) | gramFold<<32 | gramFold
		switch {
		case b.has(uint32(v0)):
			return i
		case b.has(uint32(v0 >> 32)):
			return i + 4
		case b.has(uint32(v1)):
			return i + 8
		case b.has(uint32(v1 >> 32)):
			return i + 12
		}
	}
	return b.nextShort(line, i, longStride)
}

func (b *gramBitmap) nextShort(line []byte, i, stride int) int {
	if stride == 1 {
		for ; i+8 <= len(line); i += 4 {
			v := binary.LittleEndian.Uint64(line[i:]) | gramFold<<32 | gramFold
			switch {
			case b.has(uint32(v)):
				return i
			case b.has(uint32(v >> 8)):
				return i + 1
			case b.has(uint32(v >> 16)):
				return i + 2
			case b.has(uint32(v >> 24)):
				return i + 3
			}
		}
	}
	for ; i+4 <= len(line); i += stride {
		if b.has(binary.LittleEndian.Uint32(line[i:]) | gramFold) {
			return i
		}
	}
	return -1
}

func (g *gramIndex) memory() int {
	n := len(g.bitmap)*8 + len(g.uses)*32 + len(g.slots)*12
	for i := range g.literals {
		n += 40 + len(g.literals[i].text) + len(g.literals[i].targets)*16
	}
	return n
}
