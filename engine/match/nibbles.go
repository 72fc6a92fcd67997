package match

import (
	"math"
	"math/bits"
)

// nibbleTables approximate the windows of a group in eight buckets: bit i of the byte 2k·32 + the low nibble, and of
// (2k+1)·32 + the high nibble, is set when a window of bucket i may take such a byte at its position k. Each table of 16
// stands twice, as VPSHUFB wants it.
type nibbleTables [2 * windowLen * 32]byte

// bucket is the set of nibbles that some windows take at their positions.
type bucket struct{ lo, hi [windowLen]uint16 }

func bucketOf(classes []byteSet) (b bucket) {
	for k := range windowLen {
		if k >= len(classes) {
			b.lo[k], b.hi[k] = 0xffff, 0xffff
			continue
		}
		classes[k].each(func(c byte) {
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

// bucketize shares windows, by their classes, out to eight buckets, joining those that widen the tables least.
func bucketize(windows [][]byteSet) (t nibbleTables) {
	type entry struct {
		bucket
		pass float64
	}
	share := newNibbleShare(sample())
	var all []entry
	for _, classes := range windows {
		b := bucketOf(classes)
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
