package safetext

import "bytes"

// Strip appends the text without terminal sequences to dst: colours and cursor movements (CSI), titles and links (OSC and the other strings, ended by
// BEL or ST), character sets and keypad modes, and every other escape character. In a line that is a JSON object, escape characters written as
// \u001b count too. dst may be text[:0]: it is never longer.
//
// Strip must not remove words of the program, or an attacker who controls part of a line (a user name, a path) could hide the rest of it from the
// rules. So a CSI sequence must end in a letter and contain only parameters. A string is removed only up to its end, within maxString bytes, and only
// if it looks like a title or a link. Of everything else, Strip removes only the escape character, and the rest remains readable. It does not remove
// the 8-bit forms (U+009B and so on), because programs do not write them and Visible escapes them.
func Strip(dst, text []byte) []byte {
	dst = strip(dst, text, false)
	if len(dst) > 0 && dst[0] == '{' && bytes.Contains(dst, escaped) {
		dst = strip(dst[:0], dst, true)
	}
	return dst
}

// maxString bounds the control strings that Strip removes, in bytes.
const maxString = 2 << 10

// stripper scans a text. In a JSON object, control characters have the form \u00XX.
type stripper struct {
	text []byte
	json bool
}

func strip(dst, text []byte, json bool) []byte {
	s := stripper{text, json}
	first := byte(escape)
	if json {
		first = '\\'
	}
	for i := 0; i < len(text); {
		n := bytes.IndexByte(text[i:], first)
		if n < 0 {
			return append(dst, text[i:]...)
		}
		dst = append(dst, text[i:i+n]...)
		i += n
		if size := s.control(i, escape); size > 0 {
			i = s.sequence(i + size)
			continue
		}
		size := min(2, len(text)-i) // a backslash and the escaped character
		dst = append(dst, text[i:i+size]...)
		i += size
	}
	return dst
}

// control returns the length of the control character c at i, or 0 if the text has another character there.
func (s *stripper) control(i int, c byte) int {
	switch {
	case !s.json:
		if i < len(s.text) && s.text[i] == c {
			return 1
		}
	case len(s.text)-i >= len(`\u001b`) && bytes.HasPrefix(s.text[i:], escaped):
		if high, low := hexDigit(s.text[i+4]), hexDigit(s.text[i+5]); high >= 0 && low >= 0 && byte(high<<4|low) == c {
			return len(`\u001b`)
		}
	}
	return 0
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// sequence returns the end of the sequence whose escape character is before i.
func (s *stripper) sequence(i int) (next int) {
	if i == len(s.text) {
		return i
	}
	switch s.text[i] {
	case '[':
		return s.csi(i)
	case ']', 'P', 'X', '^', '_':
		return s.controlString(i)
	case '(', ')', '*', '+': // a character set
		if i+1 < len(s.text) && isAlphanumeric(s.text[i+1]) {
			return i + 2
		}
	case '7', '8', '=', '>', 'c', 'M':
		return i + 1
	case '\\':
		return i + s.terminator(i) // the end of a string that began elsewhere
	}
	return i
}

// csi returns the end of a control sequence whose "[" is at i. A sequence that the end of the text cuts off is removed. If it contains anything other
// than parameters and a final letter, the bracket remains in the text.
func (s *stripper) csi(i int) int {
	end := i + 1
	for end < len(s.text) && '0' <= s.text[end] && s.text[end] <= '?' {
		end++
	}
	switch {
	case end == len(s.text) || s.json && s.text[end] == '"':
		return end
	case isLetter(s.text[end]) || s.text[end] == '~' || s.text[end] == '@':
		return end + 1
	}
	return i
}

// controlString returns the end of a control string whose second character is at i. If it has no end, or does not look like a title or a link, the
// string remains in the text.
func (s *stripper) controlString(i int) (next int) {
	spaces, equals := false, false
	for at := i + 1; at < len(s.text) && at-i <= maxString; at++ {
		if size := s.control(at, '\a'); size > 0 {
			return at + size
		}
		if size := s.control(at, escape); size > 0 {
			if end := s.terminator(at + size); end > 0 {
				return at + size + end
			}
			return i
		}
		switch c := s.text[at]; {
		case c == '"' || c == '\'' || c < ' ':
			return i
		case c == ' ':
			spaces = true
		case c == '=':
			equals = true
		}
		if spaces && (equals || !isTitle(s.text[i:])) {
			return i
		}
	}
	return i
}

// terminator returns the length of the backslash that ends a control string after an escape character, or 0 if another character follows.
func (s *stripper) terminator(i int) int {
	switch rest := s.text[i:]; {
	case s.json && bytes.HasPrefix(rest, []byte(`\\`)):
		return 2
	case !s.json && len(rest) > 0 && rest[0] == '\\':
		return 1
	}
	return 0
}

// isTitle reports whether a control string sets a window title (]0; ]1; or ]2;), which may contain spaces.
func isTitle(s []byte) bool {
	return len(s) > 2 && s[0] == ']' && '0' <= s[1] && s[1] <= '2' && s[2] == ';'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlphanumeric(c byte) bool { return isLetter(c) || '0' <= c && c <= '9' }
