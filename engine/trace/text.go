package trace

import (
	"bytes"
	"unicode/utf8"
)

// The bounds on a trace. Beyond them frames and types are left out.
const (
	maxFrames = 256 // different ones
	maxTypes  = 16  // different ones
	maxName   = 256 // bytes of a type, a function or a file
)

// Possible reports whether a text has more than one line, be it in an encoded string: no other text holds a trace.
func Possible(text []byte) bool {
	return bytes.IndexByte(text, '\n') >= 0 || bytes.Contains(text, escapedBreak)
}

// escapedBreak is a line break in a JSON string.
var escapedBreak = []byte(`\n`)

// flatten returns the text with each quoted string that holds encoded line breaks replaced by its content, on lines of its own. Where there is
// none it returns the text itself, else it appends to dst. It returns dst and the text; the text may lie in dst. Indented lines stay as they are, unless
// they begin with a member of an object: traces quote source code, whose strings have line breaks too.
func flatten(dst, text []byte) (out, flat []byte) {
	if !bytes.Contains(text, escapedBreak) {
		return dst, text
	}
	start := len(dst)
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		text = text[len(line):]
		if s, indent := trimIndent(line); indent == 0 || len(s) > 0 && s[0] == '"' {
			for {
				open, end := encodedString(line)
				if open < 0 {
					break
				}
				dst = append(append(dst, line[:open]...), '\n')
				dst = append(unescape(dst, line[open+1:end]), '\n')
				line = line[min(end+1, len(line)):]
			}
		}
		dst = append(dst, line...)
	}
	return dst, dst[start:]
}

// encodedString returns the indexes of the quotes of the first string of a line that holds an encoded line break, or -1. The end of the line ends a string
// too: a long record is cut.
func encodedString(line []byte) (open, end int) {
	open = -1
	broken := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && open >= 0:
			broken = broken || i+1 < len(line) && line[i+1] == 'n'
			i++
		case c == '"' && open < 0:
			open, broken = i, false
		case c == '"' && broken:
			return open, i
		case c == '"':
			open = -1
		}
	}
	if open >= 0 && broken {
		return open, len(line)
	}
	return -1, 0
}

// unescape appends the content of a JSON string. An unknown escape sequence stays as it is.
func unescape(dst, s []byte) []byte {
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r', 'b', 'f':
			dst = append(dst, ' ')
		case '"', '\\', '/', '\'':
			dst = append(dst, c)
		case 'u':
			r, ok := hex4(s)
			if !ok {
				dst = append(dst, '\\', 'u')
				continue
			}
			s = s[4:]
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, '\\', c)
		}
	}
	return dst
}

// hex4 returns the value of the four hexadecimal digits that s begins with.
func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }

// digits returns how many digits s begins with.
func digits(s []byte) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// trimIndent returns the line without its indentation, and how many bytes that was.
func trimIndent(line []byte) ([]byte, int) {
	n := 0
	for n < len(line) && (line[n] == ' ' || line[n] == '\t') {
		n++
	}
	return line[n:], n
}

// cutPrefix is bytes.CutPrefix for a string.
func cutPrefix(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func hasPrefix(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix
}

func hasSuffix(s []byte, suffix string) bool {
	return len(s) >= len(suffix) && string(s[len(s)-len(suffix):]) == suffix
}

// cut bounds a name.
func cut(s []byte) []byte { return s[:min(len(s), maxName)] }
