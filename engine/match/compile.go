package match

import (
	"cmp"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
)

// Where one filter is cheaper than another; measured, not derived.
const (
	// maxShortLiterals: with more literals that are too short for stride 4, stride 1 is cheaper than so many windows.
	maxShortLiterals = 48
	// commonLiteral is the rate from which a much rarer window is preferred to a literal.
	commonLiteral = 1e-4
	// commonWindow is the rate from which the shared automaton is cheaper than checking every candidate.
	commonWindow = 8e-3
	// rareWindow is the rate up to which a window is preferred to the automaton of the anchored expressions, which may
	// have to read the whole line.
	rareWindow = 2e-4
	// maxCommon bounds the nfa states that common windows bring to the union, whose states multiply.
	maxCommon = 500
	// maxShared bounds the nfa states of a shared automaton; expressions beyond run on their own.
	maxShared = 2 * maxStates
)

// Compile makes a Set of expressions in the syntax of regexp.Compile. The number of an expression is its index.
func Compile(exprs []string, opt Options) (*Set, error) { return Recompile(exprs, opt, nil) }

// Recompile is Compile, and reuses the analyses of another Set for the expressions that both have. It makes the
// same Set as Compile. before may be nil.
func Recompile(exprs []string, opt Options, before *Set) (*Set, error) {
	return NewAnalyzer(opt, before).Compile(exprs)
}

// Analyzer analyses expressions one by one, and then makes a Set of them: who has to check them first need not parse them twice. It is for one goroutine.
type Analyzer struct {
	options Options
	builder *builder
	planner *planner
	known   map[string]analyzed
}

// analyzed is an expression without the parts that depend on the others of a Set.
type analyzed struct {
	expression
	analysis
}

// NewAnalyzer returns an analyzer that knows the analyses of another Set of the same options. before may be nil.
func NewAnalyzer(opt Options, before *Set) *Analyzer {
	if opt.CacheBytes == 0 {
		opt.CacheBytes = defaultCacheBytes
	}
	a := &Analyzer{options: opt, builder: newBuilder(), planner: newPlanner(newModel()), known: map[string]analyzed{}}
	if before != nil && before.options == opt {
		for i := range before.exprs {
			was := &before.exprs[i]
			a.known[was.text] = analyzed{expression{text: was.text, re: was.re, nfa: was.nfa, exact: was.exact}, before.analyses[i]}
		}
	}
	return a
}

// Analyze analyses an expression, for a Set that is made of it later. The error is that of regexp.Compile.
func (a *Analyzer) Analyze(text string) error {
	if _, ok := a.known[text]; ok {
		return nil
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return err
	}
	e := analyzed{expression: expression{text: text}}
	e.re = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) }) // an expression that can be parsed compiles
	var root *node
	if e.nfa, root = a.builder.expression(tree); e.nfa != nil {
		e.exact = e.nfa.exact
		e.analysis = a.planner.analyze(e.nfa, root, a.options)
	}
	a.known[text] = e
	return nil
}

// Compile makes the Set of expressions, as the function Compile does.
func (a *Analyzer) Compile(exprs []string) (*Set, error) {
	switch a.options.Stride {
	case 0, 1, 2, 4:
	default:
		return nil, fmt.Errorf("stride %d: must be one of 0, 1, 2, 4", a.options.Stride)
	}
	s := &Set{options: a.options, exprs: make([]expression, len(exprs)), all: make([]uint64, (len(exprs)+63)/64), analyses: make([]analysis, len(exprs)),
		kernels: haveKernels() && !a.options.NoASM}
	for i, text := range exprs {
		if err := a.Analyze(text); err != nil {
			return nil, fmt.Errorf("expression %d: %w", i, err)
		}
		e := a.known[text]
		s.exprs[i], s.analyses[i] = e.expression, e.analysis
		s.all[i>>6] |= 1 << (i & 63)
	}
	c := &compiler{set: s, model: a.planner.model, analyses: s.analyses, windowIndex: map[string]int{}, literalIndex: map[string]int{}}
	c.assign()
	return s, nil
}

// compiler has the data that is needed only while a Set is made of analysed expressions.
type compiler struct {
	set          *Set
	model        *model
	analyses     []analysis
	literals     []literal
	literalIndex map[string]int
	windows      []window
	windowIndex  map[string]int
}

func (p *planner) analyze(n *nfa, root *node, opt Options) (d analysis) {
	p.plan(n)
	if !opt.NoLiterals {
		d.long = p.literals(root, longStride+3)
		if !d.long.ok() {
			d.short = p.literals(root, 4)
		}
	}
	if !opt.NoWindows && (!d.long.ok() || d.long.rate > commonLiteral) {
		d.window = p.windows(root)
	}
	return d
}

// assign chooses the filter of each expression and builds the indexes.
func (c *compiler) assign() {
	s := c.set
	stride := s.options.Stride
	if stride == 0 {
		stride = longStride
		short := 0
		for i := range c.analyses {
			short += len(c.analyses[i].short.required)
		}
		if short > maxShortLiterals {
			stride = 1
		}
	}
	var anchored, union []int32
	for i := range s.exprs {
		e, id := &s.exprs[i], int32(i)
		e.filter, e.plan = c.analyses[i].choose(e.nfa, stride, s.options)
		switch e.filter {
		case Literal:
			c.addLiterals(id)
		case Anchored:
			anchored = append(anchored, id)
		}
	}
	// Before windows are indexed, because some of them move to the automaton.
	if !s.options.NoDFA {
		c.moveCommonWindows()
	}
	for i := range s.exprs {
		e, id := &s.exprs[i], int32(i)
		switch e.filter {
		case Window:
			c.addWindows(id)
		case Union:
			union = append(union, id)
		}
		if e.nfa != nil && e.nfa.foldsToASCII && (e.filter == Literal || e.filter == Window) {
			s.foldsToASCII = append(s.foldsToASCII, id)
		}
	}
	s.anchored = s.share(anchored)
	s.union = s.share(union)
	// After the automata, because share gives up expressions that are too large for them.
	for i := range s.exprs {
		if s.exprs[i].filter == Always {
			s.always = append(s.always, int32(i))
		}
	}
	if len(c.literals) > 0 {
		s.grams = buildGrams(c.literals, stride, c.model)
	}
	if len(c.windows) > 0 {
		s.windows = buildWindows(c.windows)
	}
}

// moveCommonWindows moves the expressions with the most common windows to the shared automaton where that is cheaper: it
// costs the same for one as for many, so it pays when there is one anyway, or when their candidates cost more.
func (c *compiler) moveCommonWindows() {
	s := c.set
	var common []int32
	sum, states := 0.0, 0
	for i := range s.exprs {
		switch e := &s.exprs[i]; e.filter {
		case Union:
			sum += nsDFAByte * lineBytes
		case Window:
			if ns := e.plan.nanoseconds(); ns > nsUnionMember {
				sum += ns
				common = append(common, int32(i))
			}
		}
	}
	if sum < nsDFAByte*lineBytes {
		return
	}
	slices.SortStableFunc(common, func(a, b int32) int { return cmp.Compare(s.exprs[b].plan.nanoseconds(), s.exprs[a].plan.nanoseconds()) })
	for _, id := range common {
		e := &s.exprs[id]
		if states += len(e.nfa.states); states > maxCommon {
			return
		}
		e.filter, e.plan = Union, plan{}
	}
}

func (d *analysis) choose(n *nfa, stride int, opt Options) (Filter, plan) {
	if n == nil {
		return Always, plan{}
	}
	lit := d.long
	if !lit.ok() && stride == 1 {
		lit = d.short
	}
	switch {
	case lit.ok() && (lit.rate <= commonLiteral || !d.window.ok() || d.window.rate > lit.rate/6):
		return Literal, lit
	case d.window.ok() && d.window.rate <= rareWindow:
		return Window, d.window
	case n.anchored && !opt.NoDFA:
		return Anchored, plan{}
	case d.window.ok() && (d.window.rate <= commonWindow || opt.NoDFA):
		return Window, d.window
	case !opt.NoDFA:
		return Union, plan{}
	}
	return Always, plan{}
}

func (c *compiler) addLiterals(id int32) {
	places := c.newPlaces(id)
	for _, n := range c.set.exprs[id].plan.required {
		i, ok := c.literalIndex[n.literal]
		if !ok {
			i = len(c.literals)
			c.literalIndex[n.literal] = i
			c.literals = append(c.literals, literal{text: n.literal})
		}
		c.literals[i].targets = append(c.literals[i].targets, places(n.entry))
	}
}

func (c *compiler) addWindows(id int32) {
	places := c.newPlaces(id)
	for _, n := range c.set.exprs[id].plan.required {
		key := fmt.Sprint(n.window)
		i, ok := c.windowIndex[key]
		if !ok {
			i = len(c.windows)
			c.windowIndex[key] = i
			c.windows = append(c.windows, window{classes: n.window})
		}
		c.windows[i].targets = append(c.windows[i].targets, places(n.entry))
	}
}

// newPlaces numbers the places of an expression.
func (c *compiler) newPlaces(id int32) func(entry int32) target {
	e := &c.set.exprs[id]
	free := e.nfa.unconditional(nil)
	slots := map[int32]int32{}
	return func(entry int32) target {
		if slots[entry] == 0 {
			e.places++
			slots[entry] = int32(e.places)
		}
		return target{id: id, slot: slots[entry], entry: entry, fullMatch: free[entry]}
	}
}

// share joins the expressions into one automaton; those that are too much for it are run always.
func (s *Set) share(ids []int32) *shared {
	var parts []*nfa
	a := &shared{}
	states := 0
	for _, id := range ids {
		e := &s.exprs[id]
		if states += len(e.nfa.states); states > maxShared {
			e.filter = Always
			continue
		}
		parts = append(parts, e.nfa)
		a.ids = append(a.ids, id)
	}
	if len(parts) == 0 {
		return nil
	}
	a.nfa = merge(parts, func(i int) int32 { return a.ids[i] })
	return a
}
