package trigger

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// zeroWidth parts characters that a receiver would otherwise read together as markup. It shows as nothing.
const zeroWidth = "\u200b"

// plain returns a text as a person should read it: valid UTF-8, without terminal sequences, with every line end as a line feed, and with what would
// hide or turn around other text written out, as everywhere (internal/safetext).
func plain(s string) string {
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = string(safetext.Strip(nil, []byte(s)))
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = lineEnds.Replace(s)
	}
	return safetext.VisibleText(s)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// oneLine returns a plain text with each run of white space as one space.
func oneLine(s string) string { return strings.Join(strings.Fields(plain(s)), " ") }

// muteAt parts every "@" from the name that follows, for text outside of code.
func muteAt(s string) string { return strings.ReplaceAll(s, "@", "@"+zeroWidth) }

// muteSchemes parts the scheme of an address from the rest, for receivers that make a link of "https://…" and of nothing else.
func muteSchemes(s string) string { return strings.ReplaceAll(s, "://", ":"+zeroWidth+"//") }

// muteLinks parts what a client may make a link of by itself: an address with a scheme, and a name or an address in figures with dots, since
// clients know "example.com" and "192.0.2.1" as well.
func muteLinks(s string) string {
	s = muteSchemes(s)
	if !strings.Contains(s, ".") {
		return s
	}
	var b strings.Builder
	before := false // whether the last character may be a part of a name
	for i, r := range s {
		b.WriteRune(r)
		if r == '.' && before {
			if next, _ := utf8.DecodeRuneInString(s[i+1:]); isNamePart(next) {
				b.WriteString(zeroWidth)
			}
		}
		before = isNamePart(r)
	}
	return b.String()
}

func isNamePart(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_'
}

// inert is a text of which no client makes a mention or a link.
func inert(s string) string { return muteAt(muteLinks(s)) }

// partLinks parts the two halves of a Markdown link or image.
func partLinks(s string) string { return strings.ReplaceAll(s, "](", "]"+zeroWidth+"(") }

// broadcast finds what some chat service reads as a mention of many.
var broadcast = regexp.MustCompile(`(?i)@(everyone|here|channel|all|room|group|team|online)`)

// maskCode makes a text safe within a fence of backticks: no run of backticks, no broadcast mention.
func maskCode(s string) string {
	return partBackticks(broadcast.ReplaceAllString(s, "@"+zeroWidth+"$1"))
}

// partBackticks leaves no run of backticks, so that no fence begins or ends.
func partBackticks(s string) string {
	for strings.Contains(s, "``") {
		s = strings.ReplaceAll(s, "``", "`"+zeroWidth+"`")
	}
	return s
}
