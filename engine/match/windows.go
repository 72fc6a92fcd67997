package match

import (
	"encoding/binary"
	"sort"
)

// Stage B: class windows. For expressions without a useful literal: up to four byte classes in sequence, such as
// [45], \d, \d, \W. Windows go in groups; a group finds exactly which of its windows are at a position by four table
// look-ups and three ANDs. Before that comes a coarser test of all positions: a bitmap of the pairs of bytes that
// windows begin with (plain Go), or the nibble tables of the groups (AVX2).
// Promise: each position of a window is reported.

const (
	// groupSize is how many windows a group may have: a bit of a word each.
	groupSize = 64
	// endOfLine is the column of the tables for positions behind the last byte.
	endOfLine = 256
)

type window struct {
	classes []byteSet // 1 to windowLen
	targets []target
}

// windowGroup has a bit for each of its windows: bit i of at[k][b] is set when window i takes byte b at its position k, or has ended
// before.
type windowGroup struct {
	at      [windowLen][endOfLine + 1]uint64
	windows []window
	nibbles nibbleTables
}

// windowIndex is immutable once built.
type windowIndex struct {
	groups []windowGroup
	pairs  [1 << 16 / 64]uint64 // first two bytes, little-endian
}

func buildWindows(windows []window) *windowIndex {
	x := &windowIndex{}
	// Alike windows share a group, so that their buckets stay narrow.
	sort.SliceStable(windows, func(i, j int) bool { return less(windows[i].classes, windows[j].classes) })
	for clusters := newClusters(windows, &sample().share); len(clusters) > 0; {
		n, from := 1, clusters[0].from
		for n < min(len(clusters), bucketsOfGroup) && clusters[n].to-from <= groupSize {
			n++
		}
		x.groups = append(x.groups, newWindowGroup(windows[from:clusters[n-1].to], clusters[:n]))
		clusters = clusters[n:]
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

func newWindowGroup(windows []window, clusters []cluster) windowGroup {
	g := windowGroup{windows: windows, nibbles: newNibbleTables(clusters)}
	for i, w := range windows {
		for k := range windowLen {
			for b := range endOfLine + 1 {
				if k >= len(w.classes) || b < endOfLine && w.classes[k].has(byte(b)) {
					g.at[k][b] |= 1 << i
				}
			}
		}
	}
	return g
}

// match is the set of windows of the group that match at line[pos:].
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

// next is the first position from i on where the first two bytes of a window occur; -1 if there is none.
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
