// Package render turns alerts into the texts of messages: plain, harmless for the reader's client, and within limits. It also compiles and runs body
// templates, whose output is valid JSON for any log line.
package render

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// ZeroWidth separates characters that a receiver would otherwise read together as markup. It is invisible.
const ZeroWidth = "\u200b"

// Plain returns a text that is safe to show: valid UTF-8, no terminal sequences, every line end a line feed, and characters that hide or reorder
// text written out as escapes (internal/safetext).
func Plain(s string) string {
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = string(safetext.Strip(nil, []byte(s)))
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = lineEnds.Replace(s)
	}
	return safetext.VisibleText(s)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// OneLine returns a plain text with each run of white space replaced by one space.
func OneLine(s string) string { return strings.Join(strings.Fields(Plain(s)), " ") }

// muteAt separates every "@" from the name that follows. It is for text outside of code.
func muteAt(s string) string { return strings.ReplaceAll(s, "@", "@"+ZeroWidth) }

// MuteSchemes separates the scheme of an address from the rest, for receivers that link "https://…" and nothing else.
func MuteSchemes(s string) string { return strings.ReplaceAll(s, "://", ":"+ZeroWidth+"//") }

// MuteLinks breaks up addresses that a client would link by itself: those with a scheme, and names and numbers with dots, because clients link
// "example.com" and "192.0.2.1" too.
func MuteLinks(s string) string {
	s = MuteSchemes(s)
	if !strings.Contains(s, ".") {
		return s
	}
	var b strings.Builder
	before := false // whether the previous character can be part of a name
	for i, r := range s {
		b.WriteRune(r)
		if r == '.' && before {
			if next, _ := utf8.DecodeRuneInString(s[i+1:]); isNamePart(next) {
				b.WriteString(ZeroWidth)
			}
		}
		before = isNamePart(r)
	}
	return b.String()
}

func isNamePart(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_'
}

// Inert returns a text in which no client finds a mention or a link.
func Inert(s string) string { return muteAt(MuteLinks(s)) }

// PartLinks separates the two halves of a Markdown link or image.
func PartLinks(s string) string { return strings.ReplaceAll(s, "](", "]"+ZeroWidth+"(") }

// PartTags separates the characters that begin a tag or an entity of HTML from what follows them. A client that shows plain text shows the same text.
func PartTags(s string) string { return tags.ReplaceAllString(s, "${1}"+ZeroWidth+"${2}") }

var tags = regexp.MustCompile(`([<&])([A-Za-z/!?#])`)

// broadcast matches the mentions that notify a whole channel or group in some chat service.
var broadcast = regexp.MustCompile(`(?i)@(everyone|here|channel|all|room|group|team|online)`)

// MaskCode makes a text safe inside a fence of backticks: it leaves no run of backticks and no broadcast mention.
func MaskCode(s string) string {
	return PartBackticks(broadcast.ReplaceAllString(s, "@"+ZeroWidth+"$1"))
}

// PartBackticks breaks up runs of backticks, so that a text can neither open nor close a fence.
func PartBackticks(s string) string {
	for strings.Contains(s, "``") {
		s = strings.ReplaceAll(s, "``", "`"+ZeroWidth+"`")
	}
	return s
}

// JSONForm returns a text as it appears between the quotes of a JSON string.
func JSONForm(text string) string {
	form, err := json.Marshal(text)
	if err != nil || len(form) < 2 {
		return text
	}
	return string(form[1 : len(form)-1])
}

// IsWebURL reports whether a text is a URL that a message may link to.
func IsWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}
