// Package plaintext relates plain text and regular expressions: the expression of a list of keywords, and the texts that every match of an expression
// contains.
package plaintext

import (
	"regexp"
	"strings"
)

// Expr is the expression that matches any of the keywords literally, with anyCase the way (?i) compares letters.
// Without keywords it matches nothing.
func Expr(keywords []string, anyCase bool) string {
	if len(keywords) == 0 {
		return `[^\x00-\x{10FFFF}]`
	}
	var b strings.Builder
	b.WriteString("(?")
	if anyCase {
		b.WriteByte('i')
	}
	b.WriteByte(':')
	for i, k := range keywords {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(regexp.QuoteMeta(k))
	}
	b.WriteByte(')')
	return b.String()
}
