package trigger

import "strings"

// grade returns the number for the message's severity, from debug to critical. A recovery counts as info.
func grade(v *view, numbers [5]int) int {
	if v.recovered() {
		return numbers[1]
	}
	for i, s := range Severities() {
		if s == v.worst() {
			return numbers[i]
		}
	}
	return numbers[2]
}

// textMessage returns a message as plain text that fits and in which no client finds a link. runes is the length to start from. Suppressed hits
// come before the log line, because cutting starts with the line.
func textMessage(v *view, runes int, fits func(text string) bool) string {
	return shorten(v, runes, func(v *view, shown, runes int) (string, bool) {
		var parts []string
		for i := range shown {
			parts = append(parts, textOf(&v.shown[i], runes, len(v.all) > 1))
		}
		if rest := v.rest(shown); rest != "" {
			parts = append(parts, rest)
		}
		text := inert(strings.Join(parts, "\n\n"))
		return text, fits(text)
	})
}

func textOf(a *Alert, runes int, titled bool) string {
	var lines []string
	if titled {
		lines = append(lines, cutRunes(headline(a), runes))
	}
	summary := summaryLine(a, min(500, runes))
	lines = append(lines, summary)
	if line := factLine(facts(a, 200)); line != "" {
		lines = append(lines, cutRunes(line, max(120, min(600, runes))))
	}
	if code := codeBlock(a, runes); code != "" && code != summary {
		lines = append(lines, code)
	}
	return strings.Join(lines, "\n")
}
