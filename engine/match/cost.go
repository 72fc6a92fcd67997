package match

import (
	"fmt"
	"math"
	"regexp/syntax"
	"strings"
)

// Cost is the cost of an expression on lines that it does not match.
type Cost struct {
	Filter Filter
	// Detail lists the literals, or the byte classes of the window.
	Detail string
	// EstimatedNsPerLine is a rough figure for an ordinary line, to compare expressions with.
	EstimatedNsPerLine float64
}

// The constants of the estimates: nanoseconds on a current machine, bytes of an ordinary line.
const (
	lineBytes      = 167
	nsCandidate    = 25
	nsDFAByte      = 1.4
	nsRegexpByte   = 35
	nsAnchored     = 15
	nsFilterShare  = 0.5
	nsUnionMember  = 1.5
	detailLiterals = 4
)

// Cost returns how the expression is filtered, at which cost.
func (s *Set) Cost(id int) Cost {
	e := &s.exprs[id]
	c := Cost{Filter: e.filter}
	switch e.filter {
	case Literal, Window:
		c.Detail = e.plan.describe()
		c.EstimatedNsPerLine = e.plan.nanoseconds()
	case Anchored:
		c.Detail = "anchored to the start of the line"
		c.EstimatedNsPerLine = nsAnchored / float64(len(s.anchored.ids))
	case Union:
		c.Detail = "no literal, no rare sequence of bytes"
		c.EstimatedNsPerLine = nsDFAByte * lineBytes / float64(len(s.union.ids))
	case Always:
		c.Detail = "no filter: too large for an automaton"
		c.EstimatedNsPerLine = nsRegexpByte * lineBytes
	}
	return c
}

// nanoseconds estimates the cost of the plan for an ordinary line: its share of the scan, and its candidates.
func (p plan) nanoseconds() float64 {
	return float64(len(p.required))*nsFilterShare + p.rate*lineBytes*nsCandidate
}

func (p plan) describe() string {
	var b strings.Builder
	for i, n := range p.required {
		if i == detailLiterals {
			fmt.Fprintf(&b, " or %d more", len(p.required)-i)
			break
		}
		if i > 0 {
			b.WriteString(" or ")
		}
		if n.literal != "" {
			fmt.Fprintf(&b, "%q", n.literal)
			continue
		}
		for k, c := range n.window {
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(describeClass(c))
		}
	}
	return b.String()
}

// describeClass writes a class the way an expression would, bytes outside ASCII left out.
func describeClass(s byteSet) string {
	negate := s.len() > 128
	var out strings.Builder
	n := 0
	for from := 0; from < 128; from++ {
		if s.has(byte(from)) == negate {
			continue
		}
		to := from
		for to+1 < 128 && s.has(byte(to+1)) != negate {
			to++
		}
		fmt.Fprintf(&out, "%s", strings.Trim(fmt.Sprintf("%q", rune(from)), "'"))
		if to > from {
			fmt.Fprintf(&out, "-%s", strings.Trim(fmt.Sprintf("%q", rune(to)), "'"))
		}
		n += to - from + 1
		from = to
	}
	switch {
	case negate && n == 0:
		return "any"
	case negate:
		return "[^" + out.String() + "]"
	case n == 1:
		return out.String()
	}
	return "[" + out.String() + "]"
}

// Rarity estimates the share of lines, 0 to 1, that are candidates for the expression: of several expressions that must
// all match, the rarest should be the prefilter. It is 1 for expressions that nothing can filter, and for those that do not compile.
func Rarity(expr string) float64 {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 1
	}
	n, root := newBuilder().expression(tree)
	if n == nil {
		return 1
	}
	p := newPlanner(newModel())
	p.plan(n)
	b := better(p.literals(root, 4), p.windows(root))
	if !b.ok() {
		return 1
	}
	return 1 - math.Pow(1-min(b.rate, 1), lineBytes)
}
