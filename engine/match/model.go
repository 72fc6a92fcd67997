package match

import (
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

// textIndex holds the positions in a text of each byte value.
type textIndex struct {
	size int
	at   [256]positions
}

func newTextIndex(text []byte) *textIndex {
	t := &textIndex{size: len(text)}
	words := (len(text) + 63) / 64
	for i, b := range text {
		if t.at[b] == nil {
			t.at[b] = make(positions, words)
		}
		t.at[b][i>>6] |= 1 << (i & 63)
	}
	return t
}

// model estimates how often sequences of byte classes occur in log text. One for each compilation: it remembers classes.
type model struct {
	text    *textIndex
	classes map[byteSet]*classStat
	folded  [256]*classStat
	pairs   map[uint64]float64 // by the numbers of two classes
	work    positions
}

type classStat struct {
	number uint64
	at     positions
	count  int
}

func newModel() *model {
	t := sample()
	return &model{
		text:    t,
		classes: map[byteSet]*classStat{},
		pairs:   map[uint64]float64{},
		work:    make(positions, (t.size+63)/64),
	}
}

func (m *model) class(s byteSet) *classStat {
	c, ok := m.classes[s]
	if !ok {
		c = &classStat{number: uint64(len(m.classes)), at: make(positions, len(m.work))}
		s.each(func(b byte) {
			for i, w := range m.text.at[b] {
				c.at[i] |= w
			}
		})
		c.count = c.at.count()
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
func (m *model) rate(seq []byteSet) float64 {
	classes := make([]*classStat, len(seq))
	for i, s := range seq {
		classes[i] = m.class(s)
	}
	return m.rateOf(classes)
}

func (m *model) rateOf(seq []*classStat) float64 {
	if len(seq) == 0 {
		return 1
	}
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
func (m *model) literalRate(lit string) float64 {
	least, run := wordRate/furtherWord, 0
	for i := range len(lit) {
		if lit[i] < 'a' || 'z' < lit[i] {
			run = 0
		} else if run++; run == wordLen {
			least *= furtherWord
		}
	}
	if least > wordRate {
		least = 0 // no word at all
	}
	return max(m.foldedRate(lit), least)
}

// foldedRate is rate for a text of which case does not matter.
func (m *model) foldedRate(text string) float64 {
	var room [maxLiteral]*classStat
	seq := room[:0]
	for i := range len(text) {
		b := text[i]
		if m.folded[b] == nil {
			m.folded[b] = m.class(foldSet(b))
		}
		seq = append(seq, m.folded[b])
	}
	return m.rateOf(seq)
}
