package safetext

import "unicode/utf8"

// ellipsis marks a text that was cut.
const ellipsis = "…"

// Cut returns at most limit bytes of a text. It never splits a UTF-8 sequence.
func Cut(s string, limit int) string {
	limit = max(limit, 0)
	if len(s) <= limit {
		return s
	}
	for i := limit; i >= 0 && i > limit-utf8.UTFMax; i-- { // a text that is not UTF-8 loses no more than a character would
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:limit]
}

// Shorten is Cut with "…" behind a text that was cut, in addition to the limit.
func Shorten(s string, limit int) string {
	if len(s) <= max(limit, 0) {
		return s
	}
	return Cut(s, limit) + ellipsis
}

// CutRunes returns at most n runes of a text. When it cuts, the last rune is "…". It never splits a UTF-8 sequence.
func CutRunes(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := 0
	for i := range s {
		if runes == n-1 {
			return s[:i] + ellipsis
		}
		runes++
	}
	return s
}
