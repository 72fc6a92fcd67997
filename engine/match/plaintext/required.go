package plaintext

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Required is a text that every match of an expression holds: one of the alternatives.
type Required struct {
	Alternatives []string
	Fold         bool // in any case
}

// String returns the text in quotes.
func (r Required) String() string {
	quoted := make([]string, len(r.Alternatives))
	for i, a := range r.Alternatives {
		if r.Fold {
			a = strings.ToLower(a)
		}
		quoted[i] = strconv.Quote(a)
	}
	s := strings.Join(quoted, " or ")
	if r.Fold {
		s += " in any case"
	}
	return s
}

// In reports whether a line holds the text.
func (r Required) In(line []byte) bool {
	for _, a := range r.Alternatives {
		if !r.Fold && bytes.Contains(line, []byte(a)) || r.Fold && folded(a).Match(line) {
			return true
		}
	}
	return false
}

func folded(text string) *regexp.Regexp { return regexp.MustCompile("(?i)" + regexp.QuoteMeta(text)) }

// maxAlternatives bounds how many branches of an expression a Required lists.
const maxAlternatives = 16

// RequiredTexts returns texts that every match of the expression holds, in the order in which they occur in it: not all that there may be, but
// none that a match could do without. It returns nil for an expression that does not compile.
func RequiredTexts(expr string) []Required {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return requiredOf(tree)
}

func requiredOf(re *syntax.Regexp) []Required {
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if strings.ContainsRune(text, utf8.RuneError) { // an invalid byte counts as one
			return nil
		}
		return []Required{{[]string{text}, re.Flags&syntax.FoldCase != 0}}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var all []Required
		for _, sub := range re.Sub {
			all = append(all, requiredOf(sub)...)
		}
		return all
	case syntax.OpAlternate:
		return anyOf(re.Sub)
	}
	return nil
}

// anyOf returns one text for all branches, where each has one: the longest of it.
func anyOf(branches []*syntax.Regexp) []Required {
	out := Required{}
	for i, b := range branches {
		best := Required{}
		for _, r := range requiredOf(b) {
			if len(r.Alternatives[0]) > longest(best.Alternatives) {
				best = r
			}
		}
		if len(best.Alternatives) == 0 || i > 0 && best.Fold != out.Fold || len(out.Alternatives)+len(best.Alternatives) > maxAlternatives {
			return nil
		}
		out.Fold = best.Fold
		out.Alternatives = append(out.Alternatives, best.Alternatives...)
	}
	return []Required{out}
}

func longest(texts []string) int {
	n := 0
	for _, t := range texts {
		n = max(n, len(t))
	}
	return n
}
