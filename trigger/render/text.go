package render

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Grade returns the number for the message's severity, from debug to critical. The end of an incident counts as info.
func Grade(v *View, numbers [5]int) int {
	if v.Resolved() {
		return numbers[1]
	}
	for i, s := range trigger.Severities() {
		if s == v.Worst() {
			return numbers[i]
		}
	}
	return numbers[2]
}

// TextMessage returns a message as plain text that fits and in which no client finds a link. runes is the length to start from. Suppressed hits
// come before the log line, because cutting starts with the line.
func TextMessage(v *View, runes int, fits func(text string) bool) string {
	return Shorten(v, runes, func(v *View, shown, runes int) (string, bool) {
		var parts []string
		if v.progress != "" {
			parts = append(parts, v.progress)
		}
		for i := range shown {
			parts = append(parts, textOf(&v.Shown[i], runes, len(v.All) > 1))
		}
		if rest := v.Rest(shown); rest != "" {
			parts = append(parts, rest)
		}
		text := Inert(strings.Join(parts, "\n\n"))
		return text, fits(text)
	})
}

func textOf(a *trigger.Alert, runes int, titled bool) string {
	var lines []string
	if titled {
		lines = append(lines, safetext.CutRunes(Headline(a), runes))
	}
	summary := SummaryLine(a, min(500, runes))
	lines = append(lines, summary)
	if line := FactLine(Facts(a, 200)); line != "" {
		lines = append(lines, safetext.CutRunes(line, max(120, min(600, runes))))
	}
	if code := CodeBlock(a, runes); code != "" && code != summary {
		lines = append(lines, code)
	}
	return strings.Join(lines, "\n")
}
