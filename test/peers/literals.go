package main

import (
	"regexp/syntax"
	"strings"
)

// minLiteral is the shortest literal that is looked for.
const minLiteral = 3

// literalsOf returns, in lower case, literals of which every match of an expression holds at least one: the set whose shortest member is
// longest. It returns none when there is no such set. That holds for lines of ASCII: in any case, k and s match letters outside of it, too.
func literalsOf(expr string) ([]string, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return best(tree), nil
}

func best(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return literal(re)
	case syntax.OpCapture, syntax.OpPlus:
		return best(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return best(re.Sub[0])
		}
	case syntax.OpConcat:
		var found []string
		for _, sub := range re.Sub {
			if b := best(sub); shortest(b) > shortest(found) {
				found = b
			}
		}
		return found
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			b := best(sub)
			if b == nil {
				return nil
			}
			all = append(all, b...)
		}
		return all
	}
	return nil
}

func literal(re *syntax.Regexp) []string {
	text := asciiLower(string(re.Rune))
	if len(text) < minLiteral {
		return nil
	}
	return []string{text}
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// shortest is the length of the shortest literal, 0 when there is none.
func shortest(literals []string) int {
	n := 0
	for i, l := range literals {
		if i == 0 || len(l) < n {
			n = len(l)
		}
	}
	return n
}
