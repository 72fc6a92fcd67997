package render

import (
	"unicode/utf16"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// UTF16Len counts UTF-16 code units. Telegram counts the same way; other receivers count characters, of which there are never more.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// Fit returns a text escaped and within the limit, in UTF-16 code units. It cuts before it escapes, so that it never splits an escape.
func Fit(s string, limit int, escape func(string) string) string {
	for n := limit; n > 0; {
		text := escape(safetext.CutRunes(s, n))
		got := UTF16Len(text)
		if got <= limit {
			return text
		}
		n = min(n-1, n*limit/got)
	}
	return ""
}

// Shorten renders a message until it fits: first with less and less context, then with shorter and shorter texts, then with fewer and fewer
// alerts. The last attempt shows no alert and is returned as it is, because titles are short.
func Shorten[T any](v *View, runes int, render func(v *View, shown, runes int) (message T, fits bool)) T {
	const least = 50
	shown := len(v.Shown)
	if v.hasContext() {
		for n := maxContext; n >= least; n /= 2 {
			if message, fits := render(v.withContext(n), shown, runes); fits {
				return message
			}
		}
		v = v.withContext(0)
	}
	for ; shown > 0; shown /= 2 {
		for n := runes; n >= least; n = n * 2 / 3 {
			if message, fits := render(v, shown, n); fits {
				return message
			}
		}
	}
	message, _ := render(v, 0, least)
	return message
}
