package safetext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns a text on one line and escapes all characters that would move, hide, recolour or reorder other text: "\u001b" for an escape
// character, "\n" for a line feed, "\u202e" for a direction override, "\xff" for a byte that is not UTF-8. It uses JSON's escapes, so the meaning of a
// JSON document does not change. It returns a text without such characters unchanged.
func Visible(s string) string { return visible(s, false) }

// VisibleText is Visible for a text of several lines: it keeps line feeds and tabs.
func VisibleText(s string) string { return visible(s, true) }

// hiddenRanges are the characters that Hidden reports, besides the control characters below U+0020. The page has the same list.
var hiddenRanges = [...][2]rune{
	{0x7f, 0x9f},       // DEL, C1
	{0xad, 0xad},       // soft hyphen
	{0x34f, 0x34f},     // grapheme joiner
	{0x61c, 0x61c},     // Arabic letter mark
	{0x115f, 0x1160},   // Hangul fillers
	{0x17b4, 0x17b5},   // Khmer vowels that show as nothing
	{0x180b, 0x180f},   // Mongolian selectors and separator
	{0x200b, 0x200f},   // zero width, direction
	{0x2028, 0x202e},   // line and paragraph separators, direction
	{0x2060, 0x206f},   // word joiner, invisible operators, direction
	{0x3164, 0x3164},   // Hangul filler
	{0xfe00, 0xfe0f},   // variation selectors
	{0xfeff, 0xfeff},   // byte order mark
	{0xffa0, 0xffa0},   // Hangul filler of half width
	{0xfff0, 0xfffb},   // interlinear annotation
	{0xfffe, 0xffff},   // no characters
	{0x1bca0, 0x1bca3}, // shorthand controls
	{0x1d173, 0x1d17a}, // musical controls
	{0xe0000, 0xe0fff}, // tags, variation selectors
}

// Hidden reports whether a character is invisible or changes how other characters appear.
func Hidden(r rune) bool {
	if r < ' ' {
		return true
	}
	if r < 0x7f {
		return false
	}
	for _, in := range &hiddenRanges {
		if r <= in[1] {
			return r >= in[0]
		}
	}
	return false
}

// emojiSelector turns the symbol before it into an emoji. After a symbol it is harmless.
const emojiSelector = 0xfe0f

func visible(s string, lines bool) string {
	start := firstHidden(s, lines)
	if start == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:start])
	last, _ := utf8.DecodeLastRuneInString(s[:start])
	for i := start; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			writeHex(&b, rune(s[i]), 2)
			r = 0 // RuneError counts as a symbol, but the escape is not one
		case lines && (r == '\n' || r == '\t'), !Hidden(r), r == emojiSelector && unicode.Is(unicode.So, last):
			b.WriteRune(r)
		default:
			writeEscape(&b, r)
		}
		last = r
		i += size
	}
	return b.String()
}

// firstHidden returns the index of the first character to escape, or the length of the text.
func firstHidden(s string, lines bool) int {
	for i, r := range s {
		if r == utf8.RuneError || Hidden(r) && !(lines && (r == '\n' || r == '\t')) {
			return i
		}
	}
	return len(s)
}

func writeEscape(b *strings.Builder, r rune) {
	switch r {
	case '\n':
		b.WriteString(`\n`)
	case '\r':
		b.WriteString(`\r`)
	case '\t':
		b.WriteString(`\t`)
	default:
		if r > 0xffff { // a surrogate pair, as in JSON
			r -= 0x10000
			b.WriteString(`\u`)
			writeHex(b, 0xd800+r>>10, 4)
			r = 0xdc00 + r&0x3ff
		}
		b.WriteString(`\u`)
		writeHex(b, r, 4)
	}
}

func writeHex(b *strings.Builder, r rune, digits int) {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b.WriteByte("0123456789abcdef"[r>>shift&0xf])
	}
}
