package trigger

import "strings"

// grade picks the number of the message's severity. A recovery is no graver than info.
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

// textMessage gives a message as plain text that fits, of which no client makes a link. runes is about how long it may become. What was held
// back stands before the log line, which is cut first.
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
