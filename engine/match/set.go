package match

import (
	"fmt"
	"regexp"
)

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

// expression is one of a Set.
type expression struct {
	re     *regexp.Regexp
	nfa    *nfa // nil: too large
	places int  // that candidates start from
	exact  bool // the automaton's yes is certain on ASCII text
	filter Filter
	plan   plan
}

// shared is an automaton of several expressions.
type shared struct {
	nfa *nfa
	ids []int32
}

// Compile makes a Set of expressions in the syntax of regexp.Compile. The number of an expression is its index.
func Compile(exprs []string, opt Options) (*Set, error) { return Recompile(exprs, opt, nil) }

// Recompile is Compile, and reuses the analyses of another Set for the expressions that both have. It makes the
// same Set as Compile. before may be nil.
func Recompile(exprs []string, opt Options, before *Set) (*Set, error) {
	switch opt.Stride {
	case 0, 1, 2, 4:
	default:
		return nil, fmt.Errorf("stride %d: must be one of 0, 1, 2, 4", opt.Stride)
	}
	if opt.CacheBytes == 0 {
		opt.CacheBytes = defaultCacheBytes
	}
	s := &Set{options: opt, exprs: make([]expression, len(exprs)), all: make([]uint64, (len(exprs)+63)/64),
		kernels: haveKernels() && !opt.NoASM}
	c := &compiler{set: s, model: newModel(), windowIndex: map[string]int{}, literalIndex: map[string]int{}}
	if before != nil && before.options == opt {
		c.before, c.known = before, make(map[string]int, len(before.exprs))
		for i := range before.exprs {
			c.known[before.exprs[i].re.String()] = i
		}
	}
	for i, text := range exprs {
		if err := c.parse(i, text); err != nil {
			return nil, fmt.Errorf("expression %d: %w", i, err)
		}
		s.all[i>>6] |= 1 << (i & 63)
	}
	c.assign()
	s.analyses = c.analyses
	return s, nil
}

// Len is the number of expressions.
func (s *Set) Len() int { return len(s.exprs) }

// Regexp is the compiled expression, for captures.
func (s *Set) Regexp(id int) *regexp.Regexp { return s.exprs[id].re }

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
