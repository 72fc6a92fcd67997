package match

import (
	"bytes"
	_ "embed"
	"math/bits"
	"sync"
)

// sampleText is a small sample of container logs: it decides which literal or window of an expression is rare.
//
//go:embed sample.log
var sampleText []byte

// sample is built once and never changes.
var sample = sync.OnceValue(func() *textIndex { return newTextIndex(sampleText) })

// positions has a bit for each byte of the sample.
type positions []uint64

func (p positions) count() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// andNext keeps the positions of p that are k before one of q, and reports whether there are any. k is less than 64, and both are of one text.
func (p positions) andNext(q positions, k int) bool {
	left, bit, last := uint64(0), uint(k)&63, len(p)-1
	q = q[:len(p)]
	for i := range last {
		p[i] &= q[i]>>bit | q[i+1]<<(64-bit)
		left |= p[i]
	}
	p[last] &= q[last] >> bit
	return left|p[last] != 0
}

// textIndex holds the positions in a text of each byte value, and those of each pair of bytes without regard to ASCII case.
type textIndex struct {
	size int
	at   [256]positions

	folded []byte // the text, ASCII letters in lower case
	number [256]int
	kinds  int      // values in folded; number[b] is from 0, or kinds for a byte that is not there
	counts []int    // by number
	first  []uint16 // by pair of numbers: where its positions begin in pairs
	pairs  []uint16

	share nibbleShare
}

// newTextIndex indexes a text of less than 64 KiB.
func newTextIndex(text []byte) *textIndex {
	t := &textIndex{size: len(text)}
	t.indexPairs(text)
	words := (len(text) + 63) / 64
	for i, b := range text {
		if b == '\n' { // ends a line, and is no part of it
			continue
		}
		if t.at[b] == nil {
			t.at[b] = make(positions, words)
		}
		t.at[b][i>>6] |= 1 << (i & 63)
	}
	t.share = newNibbleShare(t)
	return t
}

func (t *textIndex) indexPairs(text []byte) {
	var seen byteSet
	t.folded = make([]byte, len(text))
	for i, b := range text {
		t.folded[i] = lower(b)
		seen.add(t.folded[i])
	}
	t.kinds = seen.len()
	for b := range t.number {
		t.number[b] = t.kinds
	}
	kind := 0
	seen.each(func(b byte) { t.number[b], kind = kind, kind+1 })
	t.counts = make([]int, t.kinds+1)
	for _, b := range t.folded {
		t.counts[t.number[b]]++
	}
	// Sorted by counting: first has the ends of the pairs, and then their beginnings.
	t.first = make([]uint16, t.kinds*t.kinds+1)
	t.pairs = make([]uint16, max(0, len(text)-1))
	for i := range t.pairs {
		t.first[t.pair(t.folded[i], t.folded[i+1])]++
	}
	sum := uint16(0)
	for i := range t.first {
		sum += t.first[i]
		t.first[i] = sum
	}
	for i := len(t.pairs) - 1; i >= 0; i-- {
		p := &t.first[t.pair(t.folded[i], t.folded[i+1])]
		*p--
		t.pairs[*p] = uint16(i)
	}
}

// pair is the index of a pair of bytes of the folded text.
func (t *textIndex) pair(a, b byte) int { return t.number[a]*t.kinds + t.number[b] }

// pairAt gives the positions of a pair of bytes, ASCII letters in lower case.
func (t *textIndex) pairAt(a, b byte) []uint16 {
	if t.number[a] == t.kinds || t.number[b] == t.kinds {
		return nil
	}
	p := t.pair(a, b)
	return t.pairs[t.first[p]:t.first[p+1]]
}

// count is how often a text occurs, ASCII letters of both in lower case.
func (t *textIndex) count(text []byte) (n int) {
	if len(text) == 1 {
		return t.counts[t.number[text[0]]]
	}
	rarest, at := t.pairAt(text[0], text[1]), 0
	for i := 1; i+1 < len(text) && len(rarest) > 0; i++ {
		if p := t.pairAt(text[i], text[i+1]); len(p) < len(rarest) {
			rarest, at = p, i
		}
	}
	for _, p := range rarest {
		begin := int(p) - at
		if begin >= 0 && begin+len(text) <= len(t.folded) && bytes.Equal(t.folded[begin:begin+len(text)], text) {
			n++
		}
	}
	return n
}

// model estimates how often sequences of byte classes occur in log text. One for each compilation: it remembers classes.
type model struct {
	text    *textIndex
	classes map[byteSet]*classStat
	pairs   map[uint64]float64            // by the numbers of two classes
	rates   map[[windowLen]uint32]float64 // by the numbers of a window's classes
	work    positions
}

type classStat struct {
	set    byteSet
	number uint64 // from 1
	at     positions
	count  int
	passes float64 // the share of bytes that its nibbles let through
}

func newModel() *model {
	t := sample()
	return &model{
		text:    t,
		classes: map[byteSet]*classStat{},
		pairs:   map[uint64]float64{},
		rates:   map[[windowLen]uint32]float64{},
		work:    make(positions, (t.size+63)/64),
	}
}

func (m *model) class(s byteSet) *classStat {
	c, ok := m.classes[s]
	if !ok {
		c = &classStat{set: s, number: uint64(len(m.classes) + 1), at: make(positions, len(m.work))}
		s.each(func(b byte) {
			for i, w := range m.text.at[b] {
				c.at[i] |= w
			}
		})
		c.count = c.at.count()
		c.passes = m.text.share.of(nibblesOf(&s))
		m.classes[s] = c
	}
	return c
}

// follows estimates the probability of b directly after a.
func (m *model) follows(a, b *classStat) float64 {
	k := a.number<<32 | b.number
	p, ok := m.pairs[k]
	if !ok {
		copy(m.work, a.at)
		m.work.andNext(b.at, 1)
		p = (float64(m.work.count()) + 0.05) / (float64(a.count) + 1)
		m.pairs[k] = p
	}
	return p
}

// rate estimates the share of positions at which the classes come in sequence: their share in the sample, and below its
// resolution the product of the shares of pairs.
func (m *model) rate(seq []*classStat) float64 {
	var key [windowLen]uint32
	for i, c := range seq {
		key[i] = uint32(c.number)
	}
	rate, ok := m.rates[key]
	if !ok {
		rate = m.rateOf(seq)
		m.rates[key] = rate
	}
	return rate
}

func (m *model) rateOf(seq []*classStat) float64 {
	size := float64(m.text.size)
	copy(m.work, seq[0].at)
	occurs := seq[0].count > 0
	for i := 1; occurs && i < len(seq); i++ {
		occurs = m.work.andNext(seq[i].at, i)
	}
	if occurs {
		return float64(m.work.count()) / size
	}
	chain := (float64(seq[0].count) + 0.05) / size
	for i, c := range seq[1:] {
		chain *= m.follows(seq[i], c)
	}
	return min(chain, 0.5/size)
}

// The sample knows few words, and pairs of bytes make every word look rare. So a word is taken to be no rarer than this,
// and each further word in the same literal to make it that much rarer.
const (
	wordRate    = 3e-6
	furtherWord = 1e-2
	wordLen     = 3
)

// literalRate is the rate of a literal of an expression.
func (m *model) literalRate(lit []byte) float64 { return max(m.foldedRate(lit), leastRate(lit)) }

// leastRate is the rate that a literal is taken to have at least, for its words.
func leastRate(lit []byte) float64 {
	least, run := wordRate/furtherWord, 0
	for i := range len(lit) {
		if lit[i] < 'a' || 'z' < lit[i] {
			run = 0
		} else if run++; run == wordLen {
			least *= furtherWord
		}
	}
	if least > wordRate {
		return 0 // no word at all
	}
	return least
}

// foldedRate is rate for a text of which case does not matter, ASCII letters in lower case. It is not empty.
func (m *model) foldedRate(text []byte) float64 {
	t := m.text
	size := float64(t.size)
	if n := t.count(text); n > 0 {
		return float64(n) / size
	}
	before := float64(t.counts[t.number[text[0]]])
	chain := (before + 0.05) / size
	for i, b := range text[1:] {
		chain *= (float64(len(t.pairAt(text[i], b))) + 0.05) / (before + 1)
		before = float64(t.counts[t.number[b]])
	}
	return min(chain, 0.5/size)
}
