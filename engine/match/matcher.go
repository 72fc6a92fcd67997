package match

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	// Bounds of the memory of one automaton.
	ownBytes    = 256 << 10
	sharedBytes = 2 << 20
	// Bounds of the work for one line: the states that all automata may build (in bytes), and how many bytes the automaton
	// of one expression may read from candidates on before it searches the line once instead.
	buildPerLine = 64 << 10
	buildPerByte = 16
	readPerLine  = 512
	readPerByte  = 2
	readPerStart = 16 // the cost of starting the automaton, in bytes
)

// Matcher matches lines against a Set. It holds the automata built so far and is not safe for concurrent use: give each
// goroutine its own and keep it, for it learns.
type Matcher struct {
	set      *Set
	own      []*dfa // of each expression, nil until it is asked for
	anchored *dfa
	union    *dfa
	budget   budget
	report   func(id int32) // m.reported, made once

	// The line at hand.
	line    []byte
	enabled []uint64
	ascii   bool
	gen     uint32
	states  []progress
	hits    []int32
	blocks  blocks
}

// progress of one expression on the line of generation gen.
type progress struct {
	gen     uint32
	decided bool
	read    int32 // bytes read by the automaton
}

// NewMatcher makes a matcher with empty automata.
func (s *Set) NewMatcher() *Matcher {
	m := &Matcher{set: s, own: make([]*dfa, len(s.exprs)), states: make([]progress, len(s.exprs))}
	m.report = m.reported
	return m
}

// Match appends to dst the numbers, ascending, of the expressions that match line, among those whose bit is set in
// enabled (bit i&63 of word i>>6; nil enables all, words that are missing enable none), and returns it. It keeps no
// reference to its arguments. In a settled state it allocates for dst alone.
func (m *Matcher) Match(line []byte, enabled []uint64, dst []int32) []int32 {
	s := m.set
	if len(s.exprs) == 0 {
		return dst
	}
	if enabled == nil {
		enabled = s.all
	}
	m.begin(line, enabled)
	// Literals and windows are ASCII, but (?i)k also matches U+212A: they would miss such a line.
	if !m.ascii && len(s.foldsToASCII) > 0 && hasFoldToASCII(line) {
		for _, id := range s.foldsToASCII {
			m.found(id)
		}
	}
	// A kernel reads whole blocks, and never behind the end of the line.
	fast := s.kernels && len(line) >= blockRead
	switch {
	case s.grams == nil:
	case fast:
		m.scanLiteralsFast()
	default:
		m.scanLiterals()
	}
	switch {
	case s.windows == nil:
	case fast:
		m.scanWindowsFast()
	default:
		m.scanWindows()
	}
	m.scanShared(s.anchored, &m.anchored)
	m.scanShared(s.union, &m.union)
	for _, id := range s.always {
		m.found(id)
	}
	// The matcher lives on, and must not keep memory of its caller alive.
	m.line, m.enabled = nil, nil
	if len(m.hits) == 0 {
		return dst
	}
	// Each stage reports in the order in which it finds.
	slices.Sort(m.hits)
	return append(dst, m.hits...)
}

func (m *Matcher) begin(line []byte, enabled []uint64) {
	m.line, m.enabled = line, enabled
	m.ascii = isASCII(line)
	m.hits = m.hits[:0]
	if m.gen++; m.gen == 0 {
		// The number came round: the progress of an old line would pass for that of this one.
		clear(m.states)
		m.gen = 1
	}
	// Only between lines: states of an automaton that runs must stay.
	if m.budget.bytes > m.set.options.CacheBytes {
		m.flush()
	}
	m.budget.work = buildPerLine + buildPerByte*len(line)
}

func (m *Matcher) flush() {
	clear(m.own)
	m.anchored, m.union = nil, nil
	m.budget.bytes = 0
}

func (m *Matcher) scanLiterals() {
	g := m.set.grams
	for i := g.next(m.line, 0); i >= 0; i = g.next(m.line, i+g.stride) {
		m.literalsAt(i)
	}
}

func (m *Matcher) literalsAt(pos int) {
	g := m.set.grams
	uses := g.at(m.line, pos)
	for i := range uses {
		u := &uses[i]
		if !u.mayStandAt(m.line, pos) {
			continue
		}
		l := &g.literals[u.literal]
		if begin, ok := u.standsAt(m.line, pos, l.text); ok {
			m.candidates(l.targets, begin)
		}
	}
}

func (m *Matcher) scanWindows() {
	x := m.set.windows
	for i := x.next(m.line, 0); i >= 0; i = x.next(m.line, i+1) {
		for k := range x.groups {
			m.windowsAt(&x.groups[k], i)
		}
	}
}

func (m *Matcher) windowsAt(g *windowGroup, pos int) {
	for w := g.match(m.line, pos); w != 0; w &= w - 1 {
		m.candidates(g.windows[bits.TrailingZeros64(w)].targets, pos)
	}
}

// scanLiteralsFast is scanLiterals by the kernel; line has blockRead bytes at least.
func (m *Matcher) scanLiteralsFast() {
	g, line := m.set.grams, m.line
	for base := 0; ; base += maxBlocks * blockSize {
		base = min(base, len(line)-blockRead)
		chunk := line[base:min(len(line), base+chunkRead)]
		last := len(chunk) - blockRead
		gramBlocks(&chunk[0], last, g.stride, &g.bitmap, &m.blocks[0])
		for i, w := range m.blocks[:blockCount(last)] {
			for ; w != 0; w &= w - 1 {
				k := bits.TrailingZeros32(w)
				m.literalsAt(base + min(i*blockSize, last) + k>>3*g.stride + k&7*4)
			}
		}
		if base+len(chunk) == len(line) {
			return
		}
	}
}

// scanWindowsFast is scanWindows by the kernel; line has blockRead bytes at least.
func (m *Matcher) scanWindowsFast() {
	x, line := m.set.windows, m.line
	for k := range x.groups {
		g := &x.groups[k]
		done := 0 // positions before are tested
		for base := 0; ; base += maxBlocks * blockSize {
			base = min(base, len(line)-blockRead)
			chunk := line[base:min(len(line), base+chunkRead)]
			last := len(chunk) - blockRead
			windowBlocks(&chunk[0], last, &g.nibbles, &m.blocks[0])
			for i, w := range m.blocks[:blockCount(last)] {
				at := base + min(i*blockSize, last)
				w &= ^uint32(0) << max(0, done-at)
				for ; w != 0; w &= w - 1 {
					m.windowsAt(g, at+bits.TrailingZeros32(w))
				}
				done = at + blockSize
			}
			if base+len(chunk) == len(line) {
				break
			}
		}
		for ; done < len(line); done++ {
			m.windowsAt(g, done)
		}
	}
}

// scanShared runs an automaton of several expressions; when it reaches its bounds they run one by one.
func (m *Matcher) scanShared(a *shared, d **dfa) {
	if a == nil || !m.anyEnabled(a.ids) {
		return
	}
	if *d == nil {
		*d = newDFA(&m.budget, a.nfa, 0, sharedBytes, true)
	}
	if !(*d).all(&m.budget, m.line, m.report) {
		for _, id := range a.ids {
			m.found(id)
		}
	}
}

func (m *Matcher) anyEnabled(ids []int32) bool {
	for _, id := range ids {
		if m.isEnabled(id) {
			return true
		}
	}
	return false
}

func (m *Matcher) isEnabled(id int32) bool {
	w := int(id >> 6)
	return w < len(m.enabled) && m.enabled[w]>>(id&63)&1 != 0
}

// open gives the progress of an expression that is enabled and not decided yet, or nil.
func (m *Matcher) open(id int32) *progress {
	p := &m.states[id]
	if p.gen == m.gen {
		if p.decided {
			return nil
		}
		return p
	}
	if !m.isEnabled(id) {
		return nil
	}
	*p = progress{gen: m.gen}
	return p
}

// candidates follows up a literal or window found at pos.
func (m *Matcher) candidates(targets []target, pos int) {
	for i := range targets {
		t := &targets[i]
		p := m.open(t.id)
		if p == nil {
			continue
		}
		d := m.automaton(t.id)
		// So much was read from candidates on that one search of the whole line is cheaper.
		if d == nil || int(p.read) > readPerLine+readPerByte*len(m.line) {
			m.decide(t.id, p)
			continue
		}
		v, read := d.from(&m.budget, m.line, pos, int(t.slot), t.entry)
		p.read += int32(read) + readPerStart
		switch {
		case v == no:
		case v == yes && t.fullMatch && m.certain(t.id):
			m.hit(t.id, p)
		default:
			m.decide(t.id, p)
		}
	}
}

// found follows up an expression of which no place is known.
func (m *Matcher) found(id int32) {
	if p := m.open(id); p != nil {
		m.decide(id, p)
	}
}

// reported follows up an expression that a shared automaton accepts.
func (m *Matcher) reported(id int32) {
	p := m.open(id)
	if p == nil {
		return
	}
	p.decided = true
	if m.certain(id) || m.set.exprs[id].re().Match(m.line) {
		m.hit(id, p)
	}
}

// decide settles whether the expression matches the line: the automaton where its word is certain, else the regexp.
func (m *Matcher) decide(id int32, p *progress) {
	p.decided = true
	if d := m.automaton(id); d != nil {
		switch d.anywhere(&m.budget, m.line) {
		case no:
			return
		case yes:
			if m.certain(id) {
				m.hit(id, p)
				return
			}
		}
	}
	if m.set.exprs[id].re().Match(m.line) {
		m.hit(id, p)
	}
}

func (m *Matcher) hit(id int32, p *progress) {
	p.decided = true
	m.hits = append(m.hits, id)
}

// certain: if the automaton of the expression accepts this line, the regexp matches it.
func (m *Matcher) certain(id int32) bool { return m.ascii && m.set.exprs[id].exact }

// automaton gives the expression's own automaton; nil when it has none.
func (m *Matcher) automaton(id int32) *dfa {
	d := m.own[id]
	if d == nil {
		e := &m.set.exprs[id]
		if e.nfa == nil || m.set.options.NoDFA {
			return nil
		}
		d = newDFA(&m.budget, e.nfa, e.places, ownBytes, false)
		m.own[id] = d
	}
	return d
}

func isASCII(line []byte) bool {
	const high = 0x8080808080808080
	i := 0
	for ; i+32 <= len(line); i += 32 {
		w := line[i : i+32]
		if (binary.LittleEndian.Uint64(w)|binary.LittleEndian.Uint64(w[8:])|binary.LittleEndian.Uint64(w[16:])|binary.LittleEndian.Uint64(w[24:]))&high != 0 {
			return false
		}
	}
	for ; i+8 <= len(line); i += 8 {
		if binary.LittleEndian.Uint64(line[i:])&high != 0 {
			return false
		}
	}
	if len(line) >= 8 { // the last word overlaps
		return binary.LittleEndian.Uint64(line[len(line)-8:])&high == 0
	}
	for _, c := range line {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hasFoldToASCII reports whether line holds U+212A (Kelvin) or U+017F (long s).
func hasFoldToASCII(line []byte) bool {
	return bytes.Contains(line, []byte("\u212a")) || bytes.Contains(line, []byte("\u017f"))
}
