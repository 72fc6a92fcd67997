package match

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sort"
)

// Stage B: class windows. For expressions without a useful literal: up to four byte classes in sequence, such as
// [45], \d, \d, \W. Windows go in groups; a group tells exactly which of its windows stand at a position by four table
// look-ups and three ANDs. In front of that stands a coarser test of all positions: a bitmap of the pairs of bytes that
// windows begin with (plain Go), or the nibble tables of the groups (AVX2).
// Promise: each position where a window stands is reported.

const (
	// groupSize: with more windows a group's eight nibble buckets let too much through.
	groupSize = 24
	// endOfLine is the column of the tables for positions behind the last byte.
	endOfLine = 256
)

type window struct {
	classes []byteSet // 1 to windowLen
	targets []target
}

// windowGroup tells its windows apart: bit i of at[k][b] is set when window i takes byte b at its position k, or has ended
// before.
type windowGroup struct {
	at      [windowLen][endOfLine + 1]uint64
	windows []window
	nibbles nibbleTables
}

// nibbleTables approximate the windows of a group in eight buckets: bit i of the byte 2k·32 + the low nibble, and of
// (2k+1)·32 + the high nibble, is set when a window of bucket i may take such a byte at its position k. Each table of 16
// stands twice, as VPSHUFB wants it.
type nibbleTables [2 * windowLen * 32]byte

// windowIndex is immutable once built.
type windowIndex struct {
	groups []windowGroup
	pairs  [1 << 16 / 64]uint64 // first two bytes, little-endian
}

func buildWindows(windows []window) *windowIndex {
	x := &windowIndex{}
	// Alike windows share a group, so that their buckets stay narrow.
	sort.SliceStable(windows, func(i, j int) bool { return less(windows[i].classes, windows[j].classes) })
	count := (len(windows) + groupSize - 1) / groupSize
	for i := range count {
		from, to := i*len(windows)/count, (i+1)*len(windows)/count
		x.groups = append(x.groups, newWindowGroup(windows[from:to]))
	}
	for i := range windows {
		w := &windows[i]
		for a := range 256 {
			if !w.classes[0].has(byte(a)) {
				continue
			}
			for b := range 256 {
				if len(w.classes) == 1 || w.classes[1].has(byte(b)) {
					p := a | b<<8
					x.pairs[p>>6] |= 1 << (p & 63)
				}
			}
		}
	}
	return x
}

func less(a, b []byteSet) bool {
	for i := range min(len(a), len(b)) {
		for k := range a[i] {
			if a[i][k] != b[i][k] {
				return a[i][k] < b[i][k]
			}
		}
	}
	return len(a) < len(b)
}

func newWindowGroup(windows []window) windowGroup {
	g := windowGroup{windows: windows}
	for i, w := range windows {
		for k := range windowLen {
			for b := range endOfLine + 1 {
				if k >= len(w.classes) || b < endOfLine && w.classes[k].has(byte(b)) {
					g.at[k][b] |= 1 << i
				}
			}
		}
	}
	g.nibbles = bucketize(windows)
	return g
}

// at is the set of windows of the group that stand at line[pos:].
func (g *windowGroup) match(line []byte, pos int) uint64 {
	if pos+windowLen <= len(line) {
		w := line[pos : pos+windowLen]
		return g.at[0][w[0]] & g.at[1][w[1]] & g.at[2][w[2]] & g.at[3][w[3]]
	}
	m := ^uint64(0)
	for k := range windowLen {
		if pos+k < len(line) {
			m &= g.at[k][line[pos+k]]
		} else {
			m &= g.at[k][endOfLine]
		}
	}
	return m
}

// next is the first position from i on where a window may stand, by its first two bytes; -1 when there is none.
func (x *windowIndex) next(line []byte, i int) int {
	for ; i+9 <= len(line); i += 8 {
		v := binary.LittleEndian.Uint64(line[i:])
		switch {
		case x.hasPair(uint16(v)):
			return i
		case x.hasPair(uint16(v >> 8)):
			return i + 1
		case x.hasPair(uint16(v >> 16)):
			return i + 2
		case x.hasPair(uint16(v >> 24)):
			return i + 3
		case x.hasPair(uint16(v >> 32)):
			return i + 4
		case x.hasPair(uint16(v >> 40)):
			return i + 5
		case x.hasPair(uint16(v >> 48)):
			return i + 6
		case x.hasPair(uint16(v>>56) | uint16(line[i+8])<<8):
			return i + 7
		}
	}
	for ; i+2 <= len(line); i++ {
		if x.hasPair(binary.LittleEndian.Uint16(line[i:])) {
			return i
		}
	}
	if i < len(line) {
		return i // the last byte has no pair
	}
	return -1
}

func (x *windowIndex) hasPair(p uint16) bool { return x.pairs[p>>6]>>(p&63)&1 != 0 }

func (x *windowIndex) memory() int {
	n := len(x.pairs) * 8
	for i := range x.groups {
		g := &x.groups[i]
		n += windowLen*(endOfLine+1)*8 + len(g.nibbles)
		for j := range g.windows {
			n += 48 + len(g.windows[j].classes)*32 + len(g.windows[j].targets)*16
		}
	}
	return n
}

// bucket is the set of nibbles that some windows take at their positions.
type bucket struct{ lo, hi [windowLen]uint16 }

func bucketOf(w window) (b bucket) {
	for k := range windowLen {
		if k >= len(w.classes) {
			b.lo[k], b.hi[k] = 0xffff, 0xffff
			continue
		}
		w.classes[k].each(func(c byte) {
			b.lo[k] |= 1 << (c & 15)
			b.hi[k] |= 1 << (c >> 4)
		})
	}
	return b
}

func (b bucket) join(o bucket) bucket {
	for k := range windowLen {
		b.lo[k] |= o.lo[k]
		b.hi[k] |= o.hi[k]
	}
	return b
}

// nibbleShare is how often a byte of the sample has the high nibble (row) and the low nibble (column).
type nibbleShare [16][16]float64

func newNibbleShare(t *textIndex) (s nibbleShare) {
	for b := range 256 {
		s[b>>4][b&15] = (float64(t.at[b].count()) + 0.5) / float64(t.size)
	}
	return s
}

// pass estimates the share of positions that the bucket lets through.
func (b bucket) pass(s *nibbleShare) float64 {
	p := 1.0
	for k := range windowLen {
		q := 0.0
		for hi := range 16 {
			if b.hi[k]>>hi&1 != 0 {
				for m := b.lo[k]; m != 0; m &= m - 1 {
					q += s[hi][bits.TrailingZeros16(m)]
				}
			}
		}
		p *= q
	}
	return p
}

// bucketize shares the windows out to eight buckets, joining those that widen the tables least.
func bucketize(windows []window) (t nibbleTables) {
	type entry struct {
		bucket
		pass float64
	}
	share := newNibbleShare(sample())
	var all []entry
	for _, w := range windows {
		b := bucketOf(w)
		all = append(all, entry{b, b.pass(&share)})
	}
	for len(all) > 8 {
		best, bi, bj := math.Inf(1), 0, 1
		for i := range all {
			for j := i + 1; j < len(all); j++ {
				if grow := all[i].join(all[j].bucket).pass(&share) - all[i].pass - all[j].pass; grow < best {
					best, bi, bj = grow, i, j
				}
			}
		}
		b := all[bi].join(all[bj].bucket)
		all[bi] = entry{b, b.pass(&share)}
		all = append(all[:bj], all[bj+1:]...)
	}
	for i, b := range all {
		for k := range windowLen {
			for v := range 16 {
				lo, hi := byte(b.lo[k]>>v&1)<<i, byte(b.hi[k]>>v&1)<<i
				t[2*k*32+v] |= lo
				t[2*k*32+16+v] |= lo
				t[(2*k+1)*32+v] |= hi
				t[(2*k+1)*32+16+v] |= hi
			}
		}
	}
	return t
}
