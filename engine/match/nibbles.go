package match

import (
	"math"
	"math/bits"
	"slices"
)

// nibbleTables approximate the windows of a group in eight buckets: bit i of the byte 2k·32 + the low nibble, and of
// (2k+1)·32 + the high nibble, is set when a window of bucket i may take such a byte at its position k. Each table of 16
// stands twice, as VPSHUFB wants it.
type nibbleTables [2 * windowLen * 32]byte

// nibbles are the low and the high nibbles of some bytes.
type nibbles struct{ lo, hi uint16 }

func nibblesOf(s *byteSet) (n nibbles) {
	s.each(func(b byte) {
		n.lo |= 1 << (b & 15)
		n.hi |= 1 << (b >> 4)
	})
	return n
}

// bucket is the nibbles that some windows take at their positions.
type bucket [windowLen]nibbles

func bucketOf(classes []byteSet) (b bucket) {
	for k := range b {
		b[k] = nibbles{0xffff, 0xffff}
		if k < len(classes) {
			b[k] = nibblesOf(&classes[k])
		}
	}
	return b
}

func (b bucket) join(o bucket) bucket {
	for k := range b {
		b[k].lo |= o[k].lo
		b[k].hi |= o[k].hi
	}
	return b
}

// pass estimates the share of positions that the bucket lets through.
func (b bucket) pass(s *nibbleShare) float64 {
	p := 1.0
	for _, n := range b {
		p *= s.of(n)
	}
	return p
}

// nibbleShare is how often a byte of the sample has the high nibble (row) and the low nibble (column).
type nibbleShare [16][16]float64

func newNibbleShare(t *textIndex) (s nibbleShare) {
	for b := range 256 {
		s[b>>4][b&15] = (float64(t.at[b].count()) + 0.5) / float64(t.size)
	}
	return s
}

// of estimates the share of bytes with such nibbles.
func (s *nibbleShare) of(n nibbles) (share float64) {
	for hi := range 16 {
		if n.hi>>hi&1 != 0 {
			for lo := n.lo; lo != 0; lo &= lo - 1 {
				share += s[hi][bits.TrailingZeros16(lo)]
			}
		}
	}
	return share
}

// cluster is some windows, neighbours in their order, that share a bucket.
type cluster struct {
	bucket
	pass     float64
	from, to int // the windows
}

const (
	bucketsOfGroup = 8
	nsGroup        = 20 // for an ordinary line
	nsPass         = 5  // for a position that the nibble tables let through
)

// newClusters joins neighbours whose buckets widen least, down to the number that costs least: few groups let more positions through, many take longer.
func newClusters(windows []window, share *nibbleShare) []cluster {
	least, best := math.Inf(1), 0
	joinClusters(windows, share, func(n int, pass float64) bool {
		groups := (n + bucketsOfGroup - 1) / bucketsOfGroup
		if cost := float64(groups)*nsGroup + pass*lineBytes*nsPass; cost <= least {
			least, best = cost, n
		}
		return true
	})
	return joinClusters(windows, share, func(n int, _ float64) bool { return n > best })
}

// joinClusters joins one pair after the other, as long as goesOn says so of the number of clusters and the share of positions that they let through together.
func joinClusters(windows []window, share *nibbleShare, goesOn func(n int, pass float64) bool) []cluster {
	all := make([]cluster, len(windows))
	total := 0.0
	for i, w := range windows {
		b := bucketOf(w.classes)
		all[i] = cluster{b, b.pass(share), i, i + 1}
		total += all[i].pass
	}
	// grows has for each pair of neighbours how much more their common bucket lets through.
	grows := make([]float64, len(all)-1)
	grow := func(i int) float64 {
		if all[i+1].to-all[i].from > groupSize {
			return math.Inf(1)
		}
		return all[i].join(all[i+1].bucket).pass(share) - all[i].pass - all[i+1].pass
	}
	for i := range grows {
		grows[i] = grow(i)
	}
	for goesOn(len(all), total) && len(grows) > 0 {
		i := 0
		for k, g := range grows {
			if g < grows[i] {
				i = k
			}
		}
		if math.IsInf(grows[i], 1) {
			break
		}
		total += grows[i]
		b := all[i].join(all[i+1].bucket)
		all[i] = cluster{b, b.pass(share), all[i].from, all[i+1].to}
		all, grows = slices.Delete(all, i+1, i+2), slices.Delete(grows, i, i+1)
		if i < len(grows) {
			grows[i] = grow(i)
		}
		if i > 0 {
			grows[i-1] = grow(i - 1)
		}
	}
	return all
}

// newNibbleTables has a bit for each of at most eight clusters.
func newNibbleTables(clusters []cluster) (t nibbleTables) {
	for i, b := range clusters {
		for k := range windowLen {
			for v := range 16 {
				lo, hi := byte(b.bucket[k].lo>>v&1)<<i, byte(b.bucket[k].hi>>v&1)<<i
				t[2*k*32+v] |= lo
				t[2*k*32+16+v] |= lo
				t[(2*k+1)*32+v] |= hi
				t[(2*k+1)*32+16+v] |= hi
			}
		}
	}
	return t
}
