package safetext

import "bytes"

// Line returns the text of a line: without its line end and, unless keepSequences is set, without the terminal sequences of Strip. A text
// without sequences is not copied, and costs one search for one byte. Otherwise the line is written to buf, which Line grows and returns as scratch
// for the next call.
func Line(buf, text []byte, keepSequences bool) (line, scratch []byte) {
	line = TrimEnd(text)
	if keepSequences || !HasSequence(line) {
		return line, buf
	}
	buf = Strip(buf[:0], line)
	return TrimEnd(buf), buf // again, because a colour reset may follow a carriage return
}

// TrimEnd removes the line end: a line feed, and the carriage returns before it or at the end. A pseudo-terminal writes "\r\n" for each line
// feed, and so "\r\r\n" if a program writes "\r\n" itself; a log driver may have removed only the line feed.
func TrimEnd(text []byte) []byte {
	n := len(text)
	if n > 0 && text[n-1] == '\n' {
		n--
	}
	for n > 0 && text[n-1] == '\r' {
		n--
	}
	return text[:n]
}

// escape is the first character of a terminal sequence.
const escape = 0x1b

// escaped is the beginning of an escaped control character in a JSON string.
var escaped = []byte(`\u00`)

// HasSequence reports whether a text may contain a terminal sequence.
func HasSequence(text []byte) bool {
	return bytes.IndexByte(text, escape) >= 0 || len(text) > 0 && text[0] == '{' && bytes.Contains(text, escaped)
}
