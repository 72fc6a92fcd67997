package safetext

import "bytes"

// Line returns the text of a line: without its line end and, unless keepSequences is set, without the terminal sequences of Strip. A text that
// holds none is returned as it is, in its own memory, at the price of looking for one byte. Otherwise the line lies in buf, which is grown and
// returned for the next call.
func Line(buf, text []byte, keepSequences bool) (line, scratch []byte) {
	line = TrimEnd(text)
	if keepSequences || !HasSequence(line) {
		return line, buf
	}
	buf = Strip(buf[:0], line)
	return TrimEnd(buf), buf // the reset of a colour may stand behind a carriage return
}

// TrimEnd cuts the line end off: a line feed, and the carriage returns before it or at the end. A pseudo-terminal writes "\r\n" for each line
// feed, and "\r\r\n" for the line end of a program that writes "\r\n" itself; a log driver may have taken the line feed alone.
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

// escape begins a terminal sequence.
const escape = 0x1b

// escaped is how an escape begins within a string of JSON.
var escaped = []byte(`\u00`)

// HasSequence reports whether a text may hold a terminal sequence.
func HasSequence(text []byte) bool {
	return bytes.IndexByte(text, escape) >= 0 || len(text) > 0 && text[0] == '{' && bytes.Contains(text, escaped)
}
