// Package template finds the template of a line: the line with everything masked that differs from one occurrence to the next.
package template

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine/trace"
)

// The masks of a template. None has a digit or a quote, so that masking a template again
// changes nothing.
const (
	maskNumber  = "<num>" // a number, or a hexadecimal string
	maskUUID    = "<uuid>"
	maskAddress = "<ip>" // an IP address, of version 4 with its port
	maskTime    = "<time>"
	maskQuoted  = "<str>"
)

// Append appends the line's template to dst: the line with numbers, hexadecimal strings, UUIDs, IP addresses, quoted values, times
// and dates masked, so that lines that differ in nothing else have one template. Quoted text is kept, with masks of its own, where
// it is the message itself (msg="…", "message": "…") or the name of a JSON member. It allocates beyond dst only for the terms of Erlang in a trace, and is
// idempotent: the template of a template is the template.
//
// A text with a stack trace has the template of the trace instead: what trace.AppendFingerprint returns, masked like a line.
func Append(dst, line []byte) []byte {
	if out, ok := AppendTrace(dst, line); ok {
		return out
	}
	return AppendLine(dst, line)
}

// AppendTrace appends the template of the stack trace in a text, and reports false when it holds none.
func AppendTrace(dst, text []byte) ([]byte, bool) {
	if bytes.HasPrefix(text, []byte(trace.Mark)) {
		return dst, false // the template of a trace, which masking does not change
	}
	start := len(dst)
	dst, ok := trace.AppendFingerprint(dst, text)
	if !ok {
		return dst, false
	}
	end := len(dst)
	dst = AppendLine(dst, dst[start:end])
	n := copy(dst[start:], dst[end:])
	return dst[:start+n], true
}

// AppendLine is Append for a line that holds no stack trace.
func AppendLine(dst, line []byte) []byte {
	t := templater{line: line, out: dst, start: len(dst)}
	for t.i < len(line) {
		t.step()
	}
	return t.out
}

// templater walks a line once. It decides by its output alone, never by text that it masked: that is why a second walk, over the
// output, decides the same.
type templater struct {
	line  []byte
	i     int // the next byte of line
	out   []byte
	start int     // where the template begins in out
	kept  byte    // the quote of a text that is kept, 0 outside of one
	until int     // where that text ends: the index of its closing quote
	open  [2]byte // quotes that were looked for up to the end, and within the text that is kept, in vain: one bit each
}

// last returns the last byte of the template so far, or a space at its begin.
func (t *templater) last() byte {
	if len(t.out) == t.start {
		return ' '
	}
	return t.out[len(t.out)-1]
}

// mask appends a mask in place of the next n bytes.
func (t *templater) mask(mask string, n int) {
	t.out = append(t.out, mask...)
	t.i += n
}

// copy appends the next n bytes as they are.
func (t *templater) copy(n int) {
	n = min(n, len(t.line)-t.i)
	t.out = append(t.out, t.line[t.i:t.i+n]...)
	t.i += n
}

func (t *templater) step() {
	rest := t.line[t.i:]
	c := rest[0]
	switch {
	case c == '\\':
		t.escape(rest)
	case c == '"' || c == '\'' || c == '`':
		t.quote(c)
	case (c == '-' || c == '+') && len(rest) > 1 && isDigit(rest[1]) && beginsNumber(t.last()):
		t.i++ // the sign belongs to the number
		t.word()
	case c == ':' && beginsNumber(t.last()):
		if n := ipv6(rest); n > 0 {
			t.mask(maskAddress, n)
			return
		}
		t.copy(1)
	case isWord(c):
		t.word()
	default:
		t.copy(1)
	}
}

// escape copies an escape sequence: a letter in its hexadecimal form is part of a text, not a number.
func (t *templater) escape(rest []byte) {
	switch {
	case len(rest) >= 6 && rest[1] == 'u' && isHex(rest[2]) && isHex(rest[3]) && isHex(rest[4]) && isHex(rest[5]):
		t.copy(6)
	case len(rest) > 1 && !isDigit(rest[1]):
		t.copy(2)
	default:
		t.copy(1)
	}
}

// word handles a run of letters and digits, or a longer unit that begins with it.
func (t *templater) word() {
	rest := t.line[t.i:]
	n, digits, allHex := 0, 0, true
	for n < len(rest) && isWord(rest[n]) {
		if isDigit(rest[n]) {
			digits++
		} else if !isHex(rest[n]) {
			allHex = false
		}
		n++
	}
	if begins := !isWord(t.last()) && t.last() != '>'; begins {
		if t.whole(rest, n, digits, allHex) {
			return
		}
	}
	if digits == 0 {
		t.copy(n)
		return
	}
	if m := number(rest); m >= n {
		t.mask(maskNumber, m)
		return
	}
	for end := t.i + n; t.i < end; { // a word that holds digits: http2, 12ms
		m := 0
		for t.i+m < end && isDigit(t.line[t.i+m]) {
			m++
		}
		if m > 0 {
			if t.i+m == end {
				m = number(t.line[t.i:]) // it may go on behind the word
			}
			t.mask(maskNumber, m)
			continue
		}
		t.copy(1)
	}
}

// whole masks a unit that begins with a word of n bytes: a time, an address, a UUID, a hexadecimal string.
func (t *templater) whole(rest []byte, n, digits int, allHex bool) bool {
	if m := timestamp(rest); m > 0 {
		t.mask(maskTime, m)
		return true
	}
	switch {
	case n == 8 && allHex && uuid(rest):
		t.mask(maskUUID, uuidLen)
		return true
	case digits == n && n <= 3:
		if m := ipv4(rest); m > 0 {
			t.mask(maskAddress, m)
			return true
		}
	case n > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X') && countHex(rest[2:n]) == n-2:
		t.mask(maskNumber, n)
		return true
	}
	if allHex && n <= 4 && n < len(rest) && rest[n] == ':' {
		if m := ipv6(rest); m > 0 {
			t.mask(maskAddress, m)
			return true
		}
		if m := mac(rest); m > 0 {
			t.mask(maskNumber, m)
			return true
		}
	}
	if allHex && n >= minHexWord && digits > 0 && digits < n {
		t.mask(maskNumber, n)
		return true
	}
	return false
}

// minHexWord is how long a word of hexadecimal digits, some of them letters, must be to be taken for an id.
const minHexWord = 6

// beginsNumber reports whether a sign behind the byte belongs to a number.
func beginsNumber(last byte) bool {
	switch last {
	case ' ', '\t', '\n', '=', ':', '(', '[', '{', ',', '/':
		return true
	}
	return false
}

// quote handles a quote: the begin of a quoted value, the end of one that is kept, or a mere apostrophe.
func (t *templater) quote(q byte) {
	if t.kept != 0 {
		if t.i == t.until {
			t.kept = 0
		}
		if t.kept == 0 || q == t.kept {
			t.copy(1)
			return
		}
	}
	if !opensQuote(t.last()) {
		t.copy(1)
		return
	}
	end := t.closing(q)
	switch {
	case end < 0:
		t.copy(1)
	case t.keeps(q, end):
		t.kept, t.until, t.open[1] = q, end, 0
		t.copy(1)
	default:
		t.mask(maskQuoted, end+1-t.i)
	}
}

// closing returns the index of the quote that ends the value which begins here, or -1. Within a text that is kept, no value reaches beyond it.
func (t *templater) closing(q byte) int {
	limit, open := len(t.line), &t.open[0]
	if t.kept != 0 {
		limit, open = t.until, &t.open[1]
	}
	if *open&quoteBit(q) != 0 {
		return -1
	}
	for i := t.i + 1; i < limit; i++ {
		switch {
		case t.line[i] == '\\':
			i++
		case t.line[i] == q && (i+1 == len(t.line) || closesQuote(t.line[i+1])):
			return i
		}
	}
	*open |= quoteBit(q)
	return -1
}

func quoteBit(q byte) byte {
	switch q {
	case '"':
		return 1
	case '\'':
		return 2
	}
	return 4
}

func opensQuote(before byte) bool {
	switch before {
	case ' ', '\t', '\n', '\r', '=', ':', '(', '[', '{', ',', ';', '/', '|':
		return true
	}
	return false
}

func closesQuote(after byte) bool {
	switch after {
	case ' ', '\t', '\n', '\r', ',', '.', ';', ':', ')', ']', '}', '/', '|', '!', '?', '=':
		return true
	}
	return false
}

// keeps reports whether the quoted text from here to end is kept: the name of a JSON member, or the value of a key that holds messages.
func (t *templater) keeps(q byte, end int) bool {
	if t.kept != 0 {
		return false
	}
	before := bytes.TrimRight(t.out[t.start:], " \t")
	if q == '"' && len(before) > 0 {
		if c := before[len(before)-1]; c == '{' || c == ',' {
			after := bytes.TrimLeft(t.line[end+1:], " \t")
			return at(after, 0) == ':' && at(after, 1) != ':' // which begins an address, and is a mask the next time
		}
	}
	if len(before) < 2 || before[len(before)-1] != '=' && before[len(before)-1] != ':' {
		return false
	}
	before = bytes.TrimRight(before[:len(before)-1], " \t\"")
	at := len(before)
	for at > 0 && isWord(before[at-1]) {
		at--
	}
	return isMessageKey(before[at:])
}

// isMessageKey reports whether programs write their message, or its name or level, under a key.
func isMessageKey(key []byte) bool {
	if len(key) > 16 {
		return false
	}
	var lower [16]byte
	for i, c := range key {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(key)]) {
	case "msg", "message", "log", "text", "event", "error", "err", "exception", "reason", "level", "lvl", "severity", "levelname", "logger":
		return true
	}
	return false
}
