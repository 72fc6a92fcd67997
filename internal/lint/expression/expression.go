// Package expression answers questions about regular expressions: whether one matches every line or none, and whether the lines of one are lines of
// another. An answer of yes is certain, except that MatchesEverything tries lines instead of proving it; a no may only mean that it could not decide.
package expression

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match/plaintext"
)

// MatchesEverything reports whether an expression matches every line that is not empty. It is tried on lines of one character, each of its
// own class, and on longer ones of all classes; an expression that matches all of them is taken to match everything.
func MatchesEverything(expr string) bool {
	re, err := regexp.Compile(expr)
	if err != nil {
		return false
	}
	for _, line := range everything() {
		if !re.MatchString(line) {
			return false
		}
	}
	return true
}

func everything() []string {
	var lines []string
	for c := range 256 {
		if c != '\n' {
			lines = append(lines, string([]byte{byte(c)}))
		}
	}
	return append(lines, "é", "日本", "ab", "AB cd", "12", "--", "  ", "a1-b2 c3", strings.Repeat("x", 300), strings.Repeat("0 ", 200), "\xff\xfe",
		`{"level":"info","msg":"ok"}`, "2026-01-02T12:00:00Z INFO all is well")
}

// maxProgram bounds the programs that are searched for a match.
const maxProgram = 20_000

// kind is a class of characters that assertions distinguish. The ends of a line count as one, too.
type kind uint8

const (
	kindEnd     kind = iota // before the first character, behind the last
	kindNewline             // \n
	kindWord                // a word character of \b
	kindOther
	numKinds
)

// set is a set of kinds.
type set uint8

func (s set) has(k kind) bool { return s>>k&1 != 0 }

const anyNext = set(1<<numKinds - 1)

// MatchesNothing reports whether no text at all matches an expression: its assertions contradict each other or their neighbours, as in
// a^b, or it asks for a character of an empty class. An expression too large to search counts as one that can match.
func MatchesNothing(expr string) bool {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return false
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return false
	}
	type state struct {
		pc   uint32
		prev kind // of the character before
		next set  // that the character behind may be of
	}
	seen := map[state]bool{}
	var todo []state
	push := func(s state) {
		if s.next != 0 && !seen[s] {
			seen[s] = true
			todo = append(todo, s)
		}
	}
	for k := range numKinds {
		push(state{uint32(prog.Start), k, anyNext})
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch i := &prog.Inst[s.pc]; i.Op {
		case syntax.InstMatch:
			return false
		case syntax.InstAlt, syntax.InstAltMatch:
			push(state{i.Out, s.prev, s.next})
			push(state{i.Arg, s.prev, s.next})
		case syntax.InstCapture, syntax.InstNop:
			push(state{i.Out, s.prev, s.next})
		case syntax.InstEmptyWidth:
			push(state{i.Out, s.prev, s.next & allowed(syntax.EmptyOp(i.Arg), s.prev)})
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for k := kindNewline; k < numKinds; k++ {
				if s.next.has(k) && accepts(i, k) {
					push(state{i.Out, k, anyNext})
				}
			}
		}
	}
	return true
}

// allowed returns the kinds of the next character with which assertions hold behind one of the kind prev.
func allowed(op syntax.EmptyOp, prev kind) set {
	out := set(0)
	for next := range numKinds {
		ok := true
		if op&syntax.EmptyBeginText != 0 {
			ok = ok && prev == kindEnd
		}
		if op&syntax.EmptyBeginLine != 0 {
			ok = ok && (prev == kindEnd || prev == kindNewline)
		}
		if op&syntax.EmptyEndText != 0 {
			ok = ok && next == kindEnd
		}
		if op&syntax.EmptyEndLine != 0 {
			ok = ok && (next == kindEnd || next == kindNewline)
		}
		if op&syntax.EmptyWordBoundary != 0 {
			ok = ok && (prev == kindWord) != (next == kindWord)
		}
		if op&syntax.EmptyNoWordBoundary != 0 {
			ok = ok && (prev == kindWord) == (next == kindWord)
		}
		if ok {
			out |= 1 << next
		}
	}
	return out
}

// accepts reports whether an instruction consumes some character of a kind.
func accepts(i *syntax.Inst, k kind) bool {
	if k == kindNewline {
		return i.MatchRune('\n')
	}
	for r := rune(0); r < 0x80; r++ {
		if r != '\n' && syntax.IsWordChar(r) == (k == kindWord) && i.MatchRune(r) {
			return true
		}
	}
	if k == kindWord {
		return false
	}
	for _, r := range i.Rune { // the ends of ranges; a range that goes beyond ASCII ends there
		if r >= 0x80 {
			return true
		}
	}
	return i.Op == syntax.InstRuneAny || i.Op == syntax.InstRuneAnyNotNL
}

// Group returns the part of an expression that a named group stands for; nil when there is none.
func Group(re *syntax.Regexp, name string) *syntax.Regexp {
	if re.Op == syntax.OpCapture && re.Name == name {
		return re.Sub[0]
	}
	for _, sub := range re.Sub {
		if g := Group(sub, name); g != nil {
			return g
		}
	}
	return nil
}

// Unbounded reports whether a part of an expression is made of digits, hexadecimal ones included, and their separators, without a bound
// below which there are few of them.
func Unbounded(re *syntax.Regexp) bool {
	digits := true
	open := false
	var walk func(re *syntax.Regexp)
	walk = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpLiteral:
			for _, r := range re.Rune {
				digits = digits && isNumberRune(r)
			}
		case syntax.OpCharClass:
			for i := 0; i < len(re.Rune); i += 2 {
				for r := re.Rune[i]; r <= re.Rune[i+1] && digits; r++ {
					digits = isNumberRune(r)
				}
			}
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			digits = false
		case syntax.OpStar, syntax.OpPlus:
			open = true
		case syntax.OpRepeat:
			open = open || re.Max < 0 || re.Max > maxDigits
		}
		for _, sub := range re.Sub {
			walk(sub)
		}
	}
	walk(re)
	return digits && open
}

// maxDigits is the number of digits up to which a pattern still has few enough matches to name each of them.
const maxDigits = 3

func isNumberRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || strings.ContainsRune(".:-x", r)
}

// AnyText reports whether a part of an expression takes any text: .+ and .* and the like.
func AnyText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus:
		return re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL
	case syntax.OpCapture:
		return AnyText(re.Sub[0])
	}
	return false
}

// literal returns the text of an expression that is nothing but a text.
func literal(expr string) (text string, fold, ok bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || tree.Op != syntax.OpLiteral {
		return "", false, false
	}
	return string(tree.Rune), tree.Flags&syntax.FoldCase != 0, true
}

// Implies reports whether every line that matches the expression a certainly matches b: they are the same, or b is a text that every match of
// a holds.
func Implies(a, b string) bool {
	if a == b {
		return true
	}
	text, fold, ok := literal(b)
	if !ok {
		return false
	}
	for _, r := range plaintext.RequiredTexts(a) {
		if holdAll(r, text, fold) {
			return true
		}
	}
	return false
}

// holdAll reports whether each alternative of a required text holds a text.
func holdAll(r plaintext.Required, text string, fold bool) bool {
	if r.Fold && !fold {
		return false
	}
	return !slices.ContainsFunc(r.Alternatives, func(a string) bool {
		if fold && isASCII(a) && isASCII(text) {
			return !strings.Contains(strings.ToLower(a), strings.ToLower(text))
		}
		return !strings.Contains(a, text)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
