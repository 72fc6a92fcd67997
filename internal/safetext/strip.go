package safetext

import "bytes"

// Strip appends the text without terminal sequences to dst: colours and cursor movements (CSI), titles and links (OSC and the other strings, ended by
// BEL or ST), character sets and keypad modes, and every other escape character. In a line that is a JSON object, escape characters written as
// \u001b count too. dst may be text[:0]: it is never longer.
//
// A sequence must not take words of the program with it, because whoever writes a part of a line (a user name, a path) could hide the rest of it
// from the rules that way. So a CSI sequence ends in a letter and holds only parameters; a string is removed only up to its end, within
// maxString bytes, and only if it looks like a title or a link; of everything else the escape character alone goes, and the rest stays
// readable. The 8-bit forms (U+009B and so on) are no sequences here: programs do not write them, and Visible shows them.
func Strip(dst, text []byte) []byte {
	dst = strip(dst, text, false)
	if len(dst) > 0 && dst[0] == '{' && bytes.Contains(dst, escaped) {
		dst = strip(dst[:0], dst, true)
	}
	return dst
}

// maxString bounds the text of a control string that is removed, in bytes.
const maxString = 2 << 10

// stripper walks a text. In a JSON object, control characters are those that are written as \u00XX.
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
		size := min(2, len(text)-i) // a backslash, and the character that it escapes
		dst = append(dst, text[i:i+size]...)
		i += size
	}
	return dst
}

// control returns the length of a control character at i, 0 when there is another.
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

// sequence returns where the text goes on behind the sequence whose escape character stood before i.
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
		return i + s.terminator(i) // of a string that did not begin here
	}
	return i
}

// csi returns where the text goes on behind a control sequence, whose "[" stands at i. One that the end of the text cuts is removed; at anything
// that is neither a parameter nor a letter the bracket stays.
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

// controlString returns where the text goes on behind a control string, whose second character stands at i. Where it has no end, or holds what no
// title and no link does, nothing of it goes.
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

// terminator returns the length of the backslash that ends a control string behind its escape character, 0 when it is none.
func (s *stripper) terminator(i int) int {
	switch rest := s.text[i:]; {
	case s.json && bytes.HasPrefix(rest, []byte(`\\`)):
		return 2
	case !s.json && len(rest) > 0 && rest[0] == '\\':
		return 1
	}
	return 0
}

// isTitle reports whether a control string sets the title of a window, which may hold spaces: ]0; ]1; or ]2;.
func isTitle(s []byte) bool {
	return len(s) > 2 && s[0] == ']' && '0' <= s[1] && s[1] <= '2' && s[2] == ';'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlphanumeric(c byte) bool { return isLetter(c) || '0' <= c && c <= '9' }
