// Package glob matches names against globs: * stands for any text, slashes included, ? for one character, and \ makes the character after it an
// ordinary one.
//
// It promises that a match costs at most the product of both lengths, because labels of containers and requests to the API contain globs.
package glob

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

var errEmpty = errors.New("an empty glob matches nothing: * stands for any text, slashes included, and ? for one character")

// Check returns an error for a glob that matches nothing.
func Check(glob string) error {
	if glob == "" {
		return errEmpty
	}
	return nil
}

// Match reports whether the whole name matches the glob.
func Match(glob, name string) bool {
	g, n := 0, 0
	star, covered := -1, 0 // the glob behind the last star, and the end of the text that this star stands for
	for {
		switch {
		case g < len(glob) && glob[g] == '*':
			g++
			star, covered = g, n
			continue
		case n == len(name):
			return g == len(glob)
		case g == len(glob):
		case glob[g] == '?':
			_, width := utf8.DecodeRuneInString(name[n:])
			g, n = g+1, n+width
			continue
		case glob[g] == '\\':
			if g+1 < len(glob) && glob[g+1] == name[n] {
				g, n = g+2, n+1
				continue
			}
		case glob[g] == name[n]:
			g, n = g+1, n+1
			continue
		}
		// The last star stands for one character more. Earlier stars need no second try: the last one can stand for whatever they leave.
		if star < 0 {
			return false
		}
		_, width := utf8.DecodeRuneInString(name[covered:])
		covered += width
		g, n = star, covered
	}
}

// MatchAny reports whether one of the globs matches the name.
func MatchAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return Match(g, name) })
}

// IsLiteral reports whether a glob matches exactly one text: itself.
func IsLiteral(glob string) bool { return glob != "" && !strings.ContainsAny(glob, `*?\`) }

var escaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`)

// Literal returns the glob that matches only the text.
func Literal(text string) string { return escaper.Replace(text) }

// Meet reports whether some name matches both globs.
func Meet(globA, globB string) bool {
	a, okA := parse(globA)
	b, okB := parse(globB)
	if !okA || !okB {
		return false
	}
	// meet[i][j] is whether the rest of a from i and the rest of b from j match a common text.
	meet := make([][]bool, len(a)+1)
	for i := range meet {
		meet[i] = make([]bool, len(b)+1)
	}
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				meet[i][j] = true
			case i < len(a) && a[i] == anyText:
				meet[i][j] = meet[i+1][j] || j < len(b) && meet[i][j+1]
			case j < len(b) && b[j] == anyText:
				meet[i][j] = meet[i][j+1] || i < len(a) && meet[i+1][j]
			case i < len(a) && j < len(b):
				meet[i][j] = (a[i] == b[j] || a[i] == anyRune || b[j] == anyRune) && meet[i+1][j+1]
			}
		}
	}
	return meet[0][0]
}

// The tokens of a parsed glob that stand for more than one text. All others are characters.
const (
	anyText rune = -1 - iota
	anyRune
)

// parse returns the tokens of a glob; false if it matches nothing, because nothing follows its last \.
func parse(glob string) (tokens []rune, ok bool) {
	escaped := false
	for _, r := range glob {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
			continue
		case r == '*':
			r = anyText
		case r == '?':
			r = anyRune
		}
		tokens = append(tokens, r)
	}
	return tokens, !escaped
}
