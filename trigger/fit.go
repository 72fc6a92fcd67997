package trigger

import (
	"unicode/utf16"
)

// utf16Of counts UTF-16 code units, as Telegram does. They are never fewer than characters, in which other receivers count.
func utf16Of(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// asIs is the escape of a receiver that shows a text as it is.
func asIs(s string) string { return s }

// fit cuts a text so that it is within the limit, in UTF-16 code units, once escaped, and returns it escaped. It cuts before it escapes: no escape is split.
func fit(s string, limit int, escape func(string) string) string {
	for n := limit; n > 0; {
		text := escape(cutRunes(s, n))
		got := utf16Of(text)
		if got <= limit {
			return text
		}
		n = min(n-1, n*limit/got)
	}
	return ""
}

// shorten renders a message of several alerts with ever fewer lines around those of the alerts, then with ever shorter texts, then with ever
// fewer alerts, until it fits. The last try shows none and is taken as it comes: titles are short.
func shorten[T any](v *view, runes int, render func(v *view, shown, runes int) (message T, fits bool)) T {
	const least = 50
	shown := len(v.shown)
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
