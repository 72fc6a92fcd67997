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
	raisedWord = []byte("** (") // Elixir
	requirer   = []byte("- /")  // below Node's "Require stack:"
)

// continuingWords are the beginnings of lines that are a part of a trace and nothing else.
var continuingWords = []string{
	"at ", "Caused by:", "Caused by ", "Wrapped by:", "Suppressed:", "... ", "...",
	"Stack trace:", "stack trace:", "stack traceback:", "Stack backtrace:", "stack backtrace:", "Backtrace:", "Call stack:", "Traceback (most recent call last)",
	"goroutine ", "runtime stack:", "PC=", "created by ", "[signal ", "[originating from ", "exit status ",
	"#0", "#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8", "#9",
	"--- End of ", "---> ", "[stacktrace]", "[previous exception]", "Next ", "** (", "note: run with ", "note: Some details are omitted",
	"Node.js v", "Thrown at:", "Location:", "Emitted 'error' event ", "Require stack:", "Parameter name: ", "Actual value was ", `> File "`,
	"Read at 0x", "Write at 0x", "Current thread 0x", "Thread 0x",
	"Raised at ", "Raised by ", "Re-raised at ", "Re-raised by ", "Called from ", // OCaml
}

var continuing = words(continuingWords...)

// second are the beginnings of lines that may be the second one of a record: those of continuing, and some that are a part of a trace in one mode only.
var second = words(append([]string{"READ of size ", "WRITE of size ", "=="}, continuingWords...)...)

// elixirLines are the beginnings of lines behind the frames of what Elixir's Logger writes of a process that ended
// (https://github.com/elixir-lang/elixir/blob/main/lib/logger/lib/logger/translator.ex).
var elixirLines = words("Last message", "State: ", "Client ", "Function: ", "Initial Call: ", "Ancestors: ", "Start Call: ", "Child ", "Extra info: ")

// sanitizerLines are the beginnings of lines of reports of the sanitizers of Clang and GCC that are not indented
// (https://github.com/llvm/llvm-project/blob/main/compiler-rt/lib/asan/asan_descriptions.cpp).
var sanitizerLines = words("READ of size ", "WRITE of size ", "==", "=>0x", "0x", "Address 0x", "freed by thread ", "previously allocated by ", "allocated by ",
	"Direct leak of ", "Indirect leak of ", "Shadow byte", "SUMMARY: ", "HINT: ", "AddressSanitizer", "Thread T", "Uninitialized value ")

// valgrindErrors are the beginnings of the errors that valgrind reports, behind its mark
// (https://valgrind.org/docs/manual/mc-manual.html#mc-manual.errormsgs).
var valgrindErrors = words("Invalid ", "Conditional jump ", "Use of uninitialised ", "Syscall param ", "Mismatched free", "Source and destination overlap", "Argument ",
	"Process terminating ", "Jump to the invalid ", "Illegal ", "realloc() ")

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
		// The second byte distinguishes most lines without a call.
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
		case second[c] != nil || c == '/':
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
	if len(line) > 5 && isDigit(line[1]) && isDigit(line[4]) && line[5] == ' ' {
		return false // klog, the logger of Kubernetes: I1129 20:01:56
	}
	n := 1
	for _, c := range line[1:] {
		if !pathByte[c] {
			break
		}
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
		// Most loggers' levels end here: INFO:root:ready.
		return (n >= len("Error") || n+1 < len(line) && line[n+1] == ':') && isException(line)
	case line[n] == '(':
		return isFunction(line) || isFlushFrame(line)
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
	if line[len(line)-1] != ']' {
		return false
	}
	at := bytes.Index(line, []byte(")[0x"))
	if at < 0 {
		at = bytes.Index(line, []byte(") [0x")) // of musl's libexecinfo, and of older versions of glibc
	}
	return at > 0 && bytes.IndexByte(line[:at], '(') > 0 && bytes.IndexByte(line[:at], ' ') < 0
}

// afterMark returns the text behind the mark of a process at the beginning of a line, ==4711==; nil: there is none.
func afterMark(line []byte) []byte {
	if !bytes.HasPrefix(line, []byte("==")) {
		return nil
	}
	n := 2
	for n < len(line) && isDigit(line[n]) {
		n++
	}
	if n == 2 || !bytes.HasPrefix(line[n:], []byte("==")) {
		return nil
	}
	return line[n+2:]
}

// isSanitizer reports whether a line is the first of a report of a sanitizer: ==4711==ERROR: AddressSanitizer: …
func isSanitizer(line []byte) bool {
	rest := afterMark(line)
	return bytes.HasPrefix(rest, []byte("ERROR: ")) || bytes.HasPrefix(rest, []byte("WARNING: "))
}

// isValgrind reports whether a line is the first of an error that valgrind reports: ==4711== Invalid read of size 4
func isValgrind(line []byte) bool {
	rest := afterMark(line)
	if len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	rest = rest[1:]
	return startsWithAny(rest, valgrindErrors) || isDigit(rest[0]) && bytes.Contains(rest, []byte(" are ")) && bytes.Contains(rest, []byte(" lost in loss record "))
}

// isReport reports whether a line is the header of a report of Erlang about an error: =CRASH REPORT==== 30-Nov-2026::08:55:01 ===
// (https://www.erlang.org/doc/apps/kernel/logger_formatter.html, legacy_header).
func isReport(line []byte) bool {
	if line[0] != '=' || !bytes.HasSuffix(line, []byte(" ===")) {
		return false
	}
	kind, _, found := bytes.Cut(line[1:], []byte(" REPORT==== "))
	if !found {
		return false
	}
	switch string(kind) {
	case "ERROR", "CRASH", "SUPERVISOR", "WARNING", "CRITICAL", "ALERT", "EMERGENCY":
		return true
	}
	return false
}

// isTerm reports whether a line begins as a term of Erlang, or as a part of what a process of it says at its end.
func isTerm(line []byte) bool {
	return line[0] == '{' || line[0] == '[' || line[0] == '<' || bytes.HasPrefix(line, []byte("** "))
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
