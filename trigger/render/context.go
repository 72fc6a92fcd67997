package render

import (
	"strings"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// readableContext returns the lines as plain text, cut to maxContext.
func readableContext(c *trigger.Context) *trigger.Context {
	return contextWithin(&trigger.Context{Before: plainLines(c.Before), After: plainLines(c.After)}, maxContext)
}

func plainLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(Plain(l), "\n\t ")
	}
	return out
}

// contextWithin returns the lines nearest to the matched one that fit into so many runes, half of them for each side. It returns nil when none fits.
func contextWithin(c *trigger.Context, runes int) *trigger.Context {
	if c == nil || runes <= 0 {
		return nil
	}
	before, after := linesOf(c.Before), linesOf(c.After)
	out := &trigger.Context{Before: nearestLines(before, runes/2, true), After: nearestLines(after, runes/2, false)}
	if len(out.Before)+len(out.After) == 0 {
		return nil
	}
	return out
}

// linesOf splits texts of several lines into single lines.
func linesOf(texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	return strings.Split(strings.Join(texts, "\n"), "\n")
}

// nearestLines returns as many whole lines as fit into so many runes, from the end or from the start. When not even the nearest line fits, it
// is cut, unless fewer than 20 runes of it would remain.
func nearestLines(lines []string, runes int, fromEnd bool) []string {
	const least = 20
	n, used := 0, 0
	for n < len(lines) {
		i := n
		if fromEnd {
			i = len(lines) - 1 - n
		}
		size := utf8.RuneCountInString(lines[i]) + 1
		if used+size > runes+1 {
			break
		}
		n, used = n+1, used+size
	}
	switch {
	case n == 0 && len(lines) > 0 && runes >= least && fromEnd:
		return []string{safetext.CutRunes(lines[len(lines)-1], runes)}
	case n == 0 && len(lines) > 0 && runes >= least:
		return []string{safetext.CutRunes(lines[0], runes)}
	case fromEnd:
		return lines[len(lines)-n:]
	}
	return lines[:n]
}

// CodeBlock returns the log line with the lines around it, in at most so many runes. It cuts the lines around it first, beginning with the
// farthest.
func CodeBlock(a *trigger.Alert, runes int) string {
	line := safetext.CutRunes(Plain(a.Message), runes)
	around := contextWithin(a.Context, runes-utf8.RuneCountInString(line)-2)
	if around == nil {
		return line
	}
	lines := around.Before
	if line != "" {
		lines = append(lines[:len(lines):len(lines)], line)
	}
	lines = append(lines[:len(lines):len(lines)], around.After...)
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// FitCode returns codeBlock escaped and within the limit, in UTF-16 code units. It drops the lines around the log line before it cuts the line.
func FitCode(a *trigger.Alert, limit int, escape func(string) string) string {
	whole := utf8.RuneCountInString(Plain(a.Message))
	for n := limit; n > 0; {
		text := escape(CodeBlock(a, n))
		got := UTF16Len(text)
		if got <= limit {
			return text
		}
		next := min(n-1, n*limit/got)
		if n > whole && next < whole {
			next = whole // try the whole line without its context before cutting it
		}
		n = next
	}
	return ""
}

// withContext returns the view with the context of each alert cut to so many runes.
func (v *View) withContext(runes int) *View {
	out := *v
	out.All = append([]trigger.Alert(nil), v.All...)
	for i := range out.All {
		out.All[i].Context = contextWithin(out.All[i].Context, runes)
	}
	out.Shown = out.All[:len(v.Shown)]
	return &out
}

// hasContext reports whether any alert that is shown has context.
func (v *View) hasContext() bool {
	for i := range v.Shown {
		if v.Shown[i].Context != nil {
			return true
		}
	}
	return false
}
