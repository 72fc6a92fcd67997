package safetext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// TOML returns a text as a string of TOML: in double quotes, or in single ones where that avoids escapes. Characters that Hidden reports become
// escapes, which any editor shows, and bytes that are not UTF-8 become U+FFFD.
func TOML(s string) string {
	escape := strings.ContainsFunc(s, func(r rune) bool { return Hidden(r) || r == utf8.RuneError })
	if !escape && !strings.ContainsAny(s, `"\`) {
		return `"` + s + `"`
	}
	if !escape && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case Hidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		case Hidden(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
