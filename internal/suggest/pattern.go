package suggest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	stacks "github.com/tinyforge/fluentbit-trigger/engine/trace"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// mask matches the placeholders of a template.
var mask = regexp.MustCompile(`<(?:num|uuid|ip|time|str)>`)

// piece is a part of a template: a text that all its lines hold, or a mask.
type piece struct {
	text string
	mask bool
}

func pieces(template string) (out []piece) {
	at := 0
	for _, m := range mask.FindAllStringIndex(template, -1) {
		if m[0] > at {
			out = append(out, piece{text: template[at:m[0]]})
		}
		out = append(out, piece{text: template[m[0]:m[1]], mask: true})
		at = m[1]
	}
	if at < len(template) {
		out = append(out, piece{text: template[at:]})
	}
	return out
}

// maxPattern bounds a pattern that is written. The rest of a longer template is left out.
const maxPattern = 300

// candidates returns regular expressions for the lines of a template, the most readable first: from its first word on, then all of it, then
// with wider gaps. All that a template holds is taken literally, so that none matches more than its gaps allow. A template of masks and spaces alone
// has none: a pattern of it would match any line of as many words.
func candidates(template string, cut bool) (out []string) {
	if trace, ok := strings.CutPrefix(template, stacks.Mark+" "); ok {
		return traceCandidates(trace)
	}
	all := pieces(template)
	if !slices.ContainsFunc(all, func(p piece) bool { return !p.mask && strings.TrimSpace(p.text) != "" }) {
		return nil
	}
	core := all
	for len(core) > 0 && (core[0].mask || !wordy(core[0].text)) {
		core = core[1:]
	}
	for len(core) > 0 && core[len(core)-1].mask {
		core = core[:len(core)-1]
	}
	for _, gap := range []string{`\S+`, `.+?`, `.*?`} {
		if letters(core) >= 4 {
			text, _ := expression(trimmed(core), gap)
			out = append(out, text)
		}
		if text, whole := expression(all, gap); whole && !cut {
			out = append(out, `^`+text+`$`)
		} else {
			out = append(out, `^`+text)
		}
	}
	if text := longest(all); text != "" {
		out = append(out, quoted(text))
	}
	return out
}

// traceCandidates returns regular expressions for texts with a stack trace: the type and the function that it names first, then one of both.
func traceCandidates(template string) (out []string) {
	typ, function := "", ""
	for i, part := range strings.Split(" "+template, " at ") {
		name, _, _ := strings.Cut(part, " (")
		name = strings.TrimSpace(name)
		if i > 0 && function == "" {
			function = longest(pieces(name))
		}
		if typ == "" { // before the first frame, or behind one
			if i == 0 {
				typ = longest(pieces(name))
			} else if _, more, _ := strings.Cut(part, ") "); more != "" {
				typ = longest(pieces(strings.TrimSpace(more)))
			}
		}
	}
	switch {
	case typ != "" && function != "":
		out = append(out, `(?s)`+quoted(typ)+`.*?`+quoted(function), `(?s)`+quoted(function)+`.*?`+quoted(typ), quoted(typ), quoted(function))
	case typ != "":
		out = append(out, quoted(typ))
	case function != "":
		out = append(out, quoted(function))
	}
	return out
}

// expression joins pieces to a regular expression. whole is false when it became too long for all of them.
func expression(all []piece, gap string) (text string, whole bool) {
	var b strings.Builder
	for _, p := range all {
		next := gap
		if !p.mask {
			next = quoted(p.text)
			if len(next) > maxPattern {
				next = quoted(safetext.Cut(p.text, maxPattern/2))
			}
		} else if strings.HasSuffix(b.String(), gap) {
			continue
		}
		if b.Len()+len(next) > maxPattern {
			return strings.TrimSuffix(b.String(), gap), false
		}
		b.WriteString(next)
		if !p.mask && len(next) < len(quoted(p.text)) {
			return b.String(), false
		}
	}
	return b.String(), true
}

// trimmed removes spaces and opening punctuation from both ends of a pattern.
func trimmed(all []piece) []piece {
	out := append([]piece(nil), all...)
	out[0].text = strings.TrimLeftFunc(out[0].text, func(r rune) bool { return !unicode.IsLetter(r) && r != '"' })
	last := len(out) - 1
	out[last].text = strings.TrimRight(out[last].text, ` "'=:[({`)
	return out
}

// wordy reports whether a text holds a word.
func wordy(s string) bool {
	run := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			if run++; run >= 3 {
				return true
			}
		} else {
			run = 0
		}
	}
	return false
}

func letters(all []piece) (n int) {
	for _, p := range all {
		if !p.mask {
			for _, r := range p.text {
				if unicode.IsLetter(r) {
					n++
				}
			}
		}
	}
	return n
}

// longest returns the longest text that all lines hold.
func longest(all []piece) (text string) {
	for _, p := range all {
		if t := strings.TrimSpace(p.text); !p.mask && len(t) > len(text) {
			text = t
		}
	}
	return safetext.Cut(text, maxPattern/2)
}

// quoted takes a text literally in a regular expression. Control characters become escapes, which any editor shows.
func quoted(s string) string {
	s = regexp.QuoteMeta(s)
	if !strings.ContainsFunc(s, safetext.Hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if safetext.Hidden(r) {
			fmt.Fprintf(&b, `\x{%x}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// maxNameWords is how many words make a rule's name.
const maxNameWords = 5

// plainWords say nothing about the subject of a line.
var plainWords = []string{
	"level", "severity", "time", "ts", "timestamp", "msg", "message", "log", "trace", "debug", "info", "warn", "warning", "error", "fatal", "utc",
}

// nameOf makes a rule's name of the words that all lines of a template hold.
func nameOf(template string) string {
	var words []string
	for _, p := range pieces(template) {
		if p.mask {
			continue
		}
		for _, w := range strings.FieldsFunc(strings.ToLower(p.text), func(r rune) bool { return r < 'a' || r > 'z' }) {
			if len(w) > 1 && len(words) < maxNameWords && !slices.Contains(plainWords, w) {
				words = append(words, w[:min(len(w), 20)])
			}
		}
	}
	if len(words) == 0 {
		return "lines"
	}
	return strings.Join(words, "-")
}
