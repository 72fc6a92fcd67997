package join

import "bytes"

// The words of traces.
var (
	traceback  = []byte("Traceback (most recent call last)")
	goroutine  = []byte("goroutine ")
	panicWord  = []byte("panic: ")
	fatalWord  = []byte("fatal error: ")
	serving    = []byte("http: panic serving ")
	panickedAt = []byte("panicked at ")
	requirer   = []byte("- /") // below Node's "Require stack:"
)

// continuing are the beginnings of lines that are a part of a trace and nothing else.
var continuing = words(
	"at ", "Caused by:", "Caused by ", "Wrapped by:", "Suppressed:", "... ", "...",
	"Stack trace:", "stack trace:", "stack traceback:", "Stack backtrace:", "stack backtrace:", "Backtrace:", "Call stack:", "Traceback (most recent call last)",
	"goroutine ", "runtime stack:", "PC=", "created by ", "[signal ", "[originating from ", "exit status ",
	"#0", "#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8", "#9",
	"--- End of ", "---> ", "[stacktrace]", "[previous exception]", "Next ", "** (", "note: run with ", "note: Some details are omitted",
	"Node.js v", "Thrown at:", "Location:", "Emitted 'error' event ", "Require stack:", "Parameter name: ", "Actual value was ", `> File "`,
	"Read at 0x", "Write at 0x", "Current thread 0x", "Thread 0x",
)

// joining are the sentences by which Python joins two traces. Each stands between blank lines.
var joining = words("During handling of the above exception, another exception occurred:", "The above exception was the direct cause of the following exception:")

// closing are the beginnings of lines behind the frames that close a bracket which the trace's first line opened.
var closing = words("}", "]", ")", `"}`)

// byFirst are words by their first byte.
type byFirst [256][][]byte

func words(all ...string) *byFirst {
	var out byFirst
	for _, w := range all {
		out[w[0]] = append(out[w[0]], []byte(w))
	}
	return &out
}

// startsWithAny reports whether a line, which is not empty, begins with one of the words.
func startsWithAny(line []byte, all *byFirst) bool {
	for _, w := range all[line[0]] {
		// The second byte tells most lines apart without a call.
		if len(line) >= len(w) && (len(w) == 1 || line[1] == w[1]) && bytes.HasPrefix(line, w) {
			return true
		}
	}
	return false
}

// The classes of a line's first byte.
const (
	firstNone  = iota
	firstBlank // a blank or a tab
	firstWord  // a letter
	firstMark  // another first byte of the continuing words
)

var first = firstBytes()

func firstBytes() (out [256]uint8) {
	for c := range out {
		switch {
		case c == ' ' || c == '\t':
			out[c] = firstBlank
		case isLetter(byte(c)):
			out[c] = firstWord
		case continuing[c] != nil || c == '/':
			out[c] = firstMark
		}
	}
	return out
}

func isBlank(c byte) bool  { return c == ' ' || c == '\t' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isLower(c|0x20) || c == '_' }

// blank reports whether a line has blanks only.
func blank(line []byte) bool {
	for _, c := range line {
		if !isBlank(c) && c != '\r' {
			return false
		}
	}
	return true
}

// nameByte marks the bytes of the qualified names of types: shop.CardDeclined, Shop::CardDeclined, Shop\CardDeclined, Shop.Order$Lambda.
var nameByte = nameBytes()

func nameBytes() (out [256]bool) {
	for c := range out {
		out[c] = isLetter(byte(c)) || isDigit(byte(c)) || c == '.' || c == '$' || c == '\\'
	}
	return out
}

// nameEnd returns the end of the qualified name at the beginning of a line. A name may contain "::".
func nameEnd(line []byte) int {
	n := 0
	for n < len(line) {
		switch {
		case nameByte[line[n]]:
			n++
		case line[n] == ':' && n+2 < len(line) && line[n+1] == ':' && isLetter(line[n+2]):
			n += 2
		default:
			return n
		}
	}
	return n
}

// pathByte marks the bytes of paths and of names, so that one look finds the end of either.
var pathByte = pathBytes()

func pathBytes() [256]bool {
	out := nameByte
	out['/'], out['-'] = true, true
	return out
}

// startsOther reports whether a line begins with the name of an exception, or is a frame or a function: its first word ends the line, or a colon, a
// bracket or a parenthesis follows it. Most words are followed by something else.
func startsOther(line []byte) bool {
	n := 1
	for n < len(line) && pathByte[line[n]] {
		n++
	}
	switch {
	case n < 3:
		return false
	case n == len(line):
		return isException(line) || isFunction(line)
	case line[n] == ':':
		if n+1 < len(line) && isDigit(line[n+1]) {
			return isFlushFrame(line)
		}
		return isException(line)
	case line[n] == '(':
		return isFunction(line)
	case line[n] == ' ' && n+1 < len(line) && (line[n+1] == '[' || line[n+1] == '('):
		return isException(line) || isFlushFrame(line)
	}
	return false
}

// isFunction reports whether a line is the name of a function of Go, as zap writes it above the place: github.com/shop/cart.(*Cart).Pay.
func isFunction(line []byte) bool {
	if !isLetter(line[0]) || bytes.IndexByte(line, '.') < 1 || line[len(line)-1] == '.' {
		return false
	}
	for _, c := range line {
		if !pathByte[c] && c != '(' && c != ')' && c != '*' && c != '[' && c != ']' {
			return false
		}
	}
	return !isDigit(line[len(line)-1]) || bytes.Contains(line, []byte(".func")) || bytes.IndexByte(line, '/') > 0
}

// suffixes are the ends of the names of exceptions.
var suffixes = [][]byte{
	[]byte("Exception"), []byte("Error"), []byte("Throwable"), []byte("Failure"), []byte("Failed"), []byte("Fault"), []byte("Declined"), []byte("Denied"), []byte("Refused"),
	[]byte("Rejected"), []byte("Exceeded"), []byte("Expired"), []byte("Unavailable"), []byte("NotFound"), []byte("DoesNotExist"), []byte("Missing"), []byte("Invalid"),
	[]byte("Aborted"), []byte("Violation"), []byte("Conflict"), []byte("Timeout"), []byte("ExceptionGroup"), []byte("Interrupt"),
}

// isException reports whether a line begins with the name of an exception and a colon, or holds nothing else: java.io.IOException: closed.
func isException(line []byte) bool {
	n := nameEnd(line)
	if n < len("Error") || !endsName(line[n:]) {
		return false
	}
	for _, s := range suffixes {
		if bytes.HasSuffix(line[:n], s) {
			return true
		}
	}
	return false
}

// endsName reports whether what follows a name ends it: nothing, a colon, or the code in brackets that Node.js adds, or the message in parentheses.
func endsName(rest []byte) bool {
	switch {
	case len(rest) == 0:
		return true
	case rest[0] == ':':
		return len(rest) == 1 || isBlank(rest[1])
	}
	return len(rest) > 2 && rest[0] == ' ' && (rest[1] == '[' || rest[1] == '(')
}

// isType reports whether a line begins with the qualified name of a type and a colon: shop.OrderLost: 4711.
func isType(line []byte) bool {
	n := nameEnd(line)
	at := bytes.LastIndexAny(line[:n], `.:\`) + 1
	return at > 1 && at < n && isUpper(line[at]) && n < len(line) && line[n] == ':' && endsName(line[n:])
}

// isName reports whether a line begins with any name and a colon, or is a name.
func isName(line []byte) bool {
	n := nameEnd(line)
	return n > 0 && !isDigit(line[0]) && line[0] != '.' && endsName(line[n:])
}

// isFrame reports whether an indented line is a frame.
func isFrame(line []byte) bool {
	s := bytes.TrimLeft(line, " \t|+")
	if len(s) == 0 {
		return false
	}
	switch s[0] {
	case 'a':
		return bytes.HasPrefix(s, []byte("at "))
	case 'F':
		return bytes.HasPrefix(s, []byte(`File "`))
	case 'f':
		return bytes.HasPrefix(s, []byte("from "))
	case 'C':
		return bytes.HasPrefix(s, []byte("Caused by:"))
	case 'S':
		return bytes.HasPrefix(s, []byte("Suppressed:"))
	case '.':
		return bytes.HasPrefix(s, []byte("... "))
	case '#':
		return len(s) > 1 && isDigit(s[1])
	case '-':
		return bytes.HasPrefix(s, []byte("--- End of ")) || bytes.HasPrefix(s, []byte("---> "))
	case '/':
		return bytes.Contains(s, []byte(".go:"))
	}
	if isDigit(s[0]) { // Rust: "  3: shop::main"
		n := 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		return n+1 < len(s) && n <= 4 && s[n] == ':' && s[n+1] == ' '
	}
	return bytes.Contains(s, []byte(" called at ")) && bytes.Contains(s, []byte(" line "))
}

// isFlushFrame reports whether a line that is not indented is a frame: of Ruby, app/order.rb:3:in `pay', or of glibc, /lib/libc.so(abort+0x12b)[0x7f0].
func isFlushFrame(line []byte) bool {
	if at := bytes.Index(line, []byte(":in ")); at > 0 && at+4 < len(line) && (line[at+4] == '`' || line[at+4] == '\'') && isDigit(line[at-1]) {
		return bytes.Count(line[:at], []byte(" ")) <= 2 // Rails names the gem: actionpack (6.1.7) lib/…
	}
	return line[len(line)-1] == ']' && line[0] == '/' && bytes.Contains(line, []byte(")[0x"))
}

// isSourceLine reports whether a line is the place at the top of what Node.js prints of an exception that nobody caught: /srv/app/index.js:3.
func isSourceLine(line []byte) bool {
	n := len(line)
	for n > 0 && isDigit(line[n-1]) {
		n--
	}
	if n == len(line) || n < 3 || line[n-1] != ':' || bytes.IndexByte(line, ' ') >= 0 {
		return false
	}
	return line[0] == '/' || bytes.HasPrefix(line, []byte("node:")) || bytes.HasPrefix(line, []byte("file://")) || n > 3 && line[1] == ':' && line[2] == '\\'
}

// hasPanic reports whether a line is the first of a crash of Go.
func hasPanic(line []byte) bool {
	return bytes.HasPrefix(line, panicWord) || bytes.HasSuffix(line, []byte("WARNING: DATA RACE")) || bytes.HasPrefix(line, fatalWord) || bytes.Contains(line, serving) ||
		bytes.HasPrefix(line, []byte("SIG")) && bytes.Contains(line, []byte(": "))
}

// isGoLine reports whether a line that is not indented is a part of Go's goroutines: a call, main.(*order).pay(0xc000012120, {0x0, 0x0}), or a register.
func isGoLine(line []byte) bool {
	if open := bytes.IndexByte(line, '('); open > 0 && line[len(line)-1] == ')' && bytes.IndexByte(line[:open], ' ') < 0 {
		return true
	}
	if startsWithAny(line, goLines) || isFunction(line) {
		return true
	}
	at := bytes.Index(line, []byte(" 0x")) // rax    0xca
	return at > 0 && at < 8 && len(line) < 32
}

var goLines = words("PC=", "Previous ", "Goroutine ")

// reportsError reports whether a line says that something went wrong.
func reportsError(line []byte) bool {
	if len(line) > 5 && (line[0] == 'E' || line[0] == 'F' || line[0] == 'W') && (isDigit(line[1]) && isDigit(line[4]) || line[1] == ',' && line[3] == '[') {
		return true // klog: E1129 20:01:56; Ruby's Logger: E, [2026-…
	}
	for i := 0; i < len(line); i++ {
		for _, w := range errorWords[line[i]] {
			if len(line)-i >= len(w) && equalFold(line[i:i+len(w)], w) {
				return true
			}
		}
	}
	// Perl: died at order.pl line 3.
	return bytes.Contains(line, []byte(" at ")) && bytes.Contains(line, []byte(" line ")) || bytes.Contains(line, []byte(".lua:"))
}

// errorWords are the words of lines that report an error, by their first byte in either case.
var errorWords = anyCase("error", "exception", "fatal", "panic", "severe", "crit", "traceback", "throwable", "warn", "fail", "unhandled", "uncaught",
	"stack trace", "backtrace", "terminate called", "crash", "abort", "alert", "emerg", "fault", "signal ", "thrown", "caused by")

func anyCase(all ...string) *byFirst {
	out := words(all...)
	for c := byte('a'); c <= 'z'; c++ {
		out[c-0x20] = out[c]
	}
	return out
}

// equalFold compares ASCII letters in any case. w is in lower case.
func equalFold(text, w []byte) bool {
	for i, c := range text {
		if isUpper(c) {
			c |= 0x20
		}
		if c != w[i] {
			return false
		}
	}
	return true
}
