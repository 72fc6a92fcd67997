package setting

import (
	"strconv"
	"strings"
)

// Nearest returns the word that text was probably meant to be: the one at the smallest edit distance, case aside, at most a third of its
// length away. Of several the first wins; "" when none is near.
func Nearest(text string, words []string) string {
	const longest = 64 // the cost is the product of the lengths, and no word of ours is longer
	if len(text) > longest {
		return ""
	}
	text = strings.ToLower(text)
	best, bestDistance := "", longest
	for _, w := range words {
		if len(w) > longest {
			continue
		}
		d := distance(text, strings.ToLower(w))
		if d < bestDistance && d <= max(1, (max(len(w), len(text))+1)/3) {
			best, bestDistance = w, d
		}
	}
	return best
}

// DidYouMean returns a hint with the nearest word, or "" when none is near.
func DidYouMean(text string, words []string) string {
	if w := Nearest(text, words); w != "" {
		return "did you mean " + strconv.Quote(w) + "?"
	}
	return ""
}

// distance is the optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours, each counted once.
func distance(a, b string) int {
	previous, current, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(next[j]+1, current[j+1]+1, current[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], previous[j-1]+1)
			}
		}
		previous, current, next = current, next, previous
	}
	return current[len(b)]
}
