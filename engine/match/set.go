package match

import "regexp"

// Options change how a Set works, never its results. The zero value is the best for production; the rest is there to
// compare the variants.
type Options struct {
	NoASM      bool // plain Go only
	NoLiterals bool // without stage A
	NoWindows  bool // without stage B
	NoDFA      bool // without stage C and the shared automata
	// Stride of stage A: 1, 2 or 4; 0 chooses.
	Stride int
	// CacheBytes bounds the memory of the automata of one Matcher; 0 is 16 MiB.
	CacheBytes int
}

const defaultCacheBytes = 16 << 20

// Set is an immutable compiled set of expressions, safe for concurrent use.
type Set struct {
	options      Options
	exprs        []expression
	grams        *gramIndex
	windows      *windowIndex
	anchored     *shared
	union        *shared
	always       []int32
	foldsToASCII []int32 // match U+212A or U+017F for a folded k or s, which A and B do not see
	all          []uint64
	kernels      bool
	analyses     []analysis // of the expressions, for Recompile
}

// analysis is the part of compiling an expression that depends on nothing else.
type analysis struct {
	long, short plan // literals of 7, of 4 bytes and more
	window      plan
}

// Filter is the way in which candidates of an expression are found.
type Filter uint8

const (
	Literal  Filter = iota // by literals of which every match holds one
	Window                 // by a short sequence of byte classes
	Anchored               // by the shared automaton of those that match at the start of a line only
	Union                  // by the shared automaton of those that nothing else can filter
	Always                 // not at all: the standard regexp runs on every line
)

// String is the filter's name in lower case.
func (f Filter) String() string {
	return [...]string{"literal", "window", "anchored", "union", "always"}[f]
}

// expression is one of a Set.
type expression struct {
	text   string
	re     func() *regexp.Regexp // compiled when a line first needs it: mostly an automaton answers
	nfa    *nfa                  // nil: too large
	places int                   // that candidates start from
	exact  bool                  // the automaton's yes is certain on ASCII text
	filter Filter
	plan   plan
}

// shared is an automaton of several expressions.
type shared struct {
	nfa *nfa
	ids []int32
}

// Len is the number of expressions.
func (s *Set) Len() int { return len(s.exprs) }

// Regexp is the compiled expression, for captures.
func (s *Set) Regexp(id int) *regexp.Regexp { return s.exprs[id].re() }

// MemoryBytes estimates the memory of the indexes and automata of the set, without the compiled regexps. A Matcher adds at
// most Options.CacheBytes and a little for each expression.
func (s *Set) MemoryBytes() int {
	n := len(s.all)*8 + (len(s.always)+len(s.foldsToASCII))*4
	for i := range s.exprs {
		n += 120
		if a := s.exprs[i].nfa; a != nil {
			n += a.memory()
		}
		for _, x := range s.exprs[i].plan.required {
			n += 48 + len(x.literal) + len(x.window)*32
		}
	}
	if s.grams != nil {
		n += s.grams.memory()
	}
	if s.windows != nil {
		n += s.windows.memory()
	}
	for _, a := range []*shared{s.anchored, s.union} {
		if a != nil {
			n += a.nfa.memory() + len(a.ids)*4
		}
	}
	return n
}
