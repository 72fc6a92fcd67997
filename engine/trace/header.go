package trace

import "bytes"

// role is the place of an exception among those of a trace.
type role uint8

const (
	roleFirst role = iota // the first that the text names
	roleCause             // a cause of the one before
	roleOuter             // one whose cause is the one before: Python and PHP begin with the cause
)

// certainty is how surely a line names an exception. The surest line before a frame does, of equals the last.
type certainty uint8

const (
	unsure    certainty = iota // none is named
	camelCase                  // CardDeclined: anywhere in a line
	capital                    // Detail: at the begin of a line
	typed                      // a dotted name at the begin of a line, or one that ends in Error, Exception or the like anywhere
	marked                     // behind words that only an exception follows, such as "Caused by: "
)

// header is an exception as a line names it.
type header struct {
	typ, message []byte
	role         role
	certainty    certainty
	below        bool  // the message is the next line
	place        frame // that the line names beside; its file is empty where it names none
}

// readHeader returns the exception that a line names. s is the line without indentation.
func readHeader(s []byte) header {
	if h := runtimeHeader(s); h.certainty > unsure {
		return h
	}
	h := header{}
	for _, p := range [...]struct {
		text string
		role role
	}{
		{"Caused by: ", roleCause}, {"Suppressed: ", roleCause}, {"[cause]: ", roleCause}, {"---> ", roleCause}, {"Next ", roleOuter}, {"Wrapped by: ", roleOuter},
	} {
		if rest, ok := cutPrefix(s, p.text); ok {
			if hasPrefix(rest, "(Inner Exception #") {
				if i := bytes.Index(rest, []byte(") ")); i > 0 {
					rest = rest[i+2:]
				}
			}
			n := typeName(rest)
			if p.role == roleOuter && n > 0 && (n == len(rest) || rest[n] != ':') {
				n = 0 // a sentence that begins with "Next"
			}
			if n == 0 {
				return h
			}
			h = header{typ: rest[:n], message: afterType(rest[n:]), role: p.role, certainty: marked}
			h.cutPlace(" in ", "")
			return h
		}
	}
	if i := bytes.Index(s, []byte("Uncaught ")); i >= 0 { // PHP and browsers
		rest := s[i+len("Uncaught "):]
		if n := typeName(rest); n > 0 && (n == len(rest) || rest[n] == ':') {
			h = header{typ: rest[:n], message: afterType(rest[n:]), certainty: marked}
			h.cutPlace(" in ", "")
			return h
		}
	}
	if i := bytes.Index(s, []byte("[object] (")); i >= 0 { // Monolog
		rest := s[i+len("[object] ("):]
		if n := typeName(rest); n > 0 && hasPrefix(rest[n:], "(code: ") {
			h = header{typ: rest[:n], certainty: marked}
			if j := bytes.Index(rest[n:], []byte("): ")); j > 0 {
				h.message = rest[n+j+3:]
				h.cutPlace(" at ", ")")
			}
			if bytes.Contains(s[:i], []byte("[previous exception]")) {
				h.role = roleCause
			}
			return h
		}
	}
	return typeIn(s)
}

// cutPlace takes the place at the end of a message, where PHP writes it: the word, file:line, and the end.
func (h *header) cutPlace(word, end string) {
	i := bytes.LastIndex(h.message, []byte(word))
	if i <= 0 {
		return
	}
	where := bytes.TrimSuffix(h.message[i+len(word):], []byte(end))
	if file, line, ok := location(where); ok && bytes.IndexByte(file, '/') >= 0 {
		h.place, h.message = frame{file: file, line: line}, h.message[:i]
	}
}

// runtimeHeader reads the first lines that only runtimes write.
func runtimeHeader(s []byte) header {
	switch s[0] {
	case 'E':
		if rest, ok := cutPrefix(s, "Exception in thread \""); ok { // Java
			if i := bytes.Index(rest, []byte("\" ")); i >= 0 {
				if n := typeName(rest[i+2:]); n > 0 {
					return header{typ: rest[i+2 : i+2+n], message: afterType(rest[i+2+n:]), certainty: marked}
				}
			}
		}
	case 'p':
		if rest, ok := cutPrefix(s, "panic: "); ok {
			return goPanic(rest)
		}
	case 'f', 'F':
		if hasPrefix(s, "fatal error: ") {
			return header{typ: s, certainty: marked}
		}
		if rest, ok := cutPrefix(s, "Fatal error: exception "); ok { // OCaml
			return ocamlException(rest)
		}
		if hasPrefix(s, "Fatal Python error: ") {
			return header{typ: s, certainty: marked}
		}
	case 'e':
		if rest, ok := cutPrefix(s, "exception "); ok { // Erlang
			return erlangException(rest)
		}
	case 'P':
		if i := bytes.Index(s, []byte(" signal SIG")); i > 0 && hasPrefix(s, "Program ") { // gdb
			name, message, _ := bytes.Cut(s[i+len(" signal "):], []byte(", "))
			return header{typ: name, message: bytes.TrimSuffix(message, []byte(".")), certainty: marked}
		}
	case 't':
		if rest, ok := cutPrefix(s, "terminate called after throwing an instance of '"); ok {
			if i := bytes.IndexByte(rest, '\''); i > 0 {
				return header{typ: rest[:i], certainty: marked, below: true}
			}
		}
		if hasPrefix(s, "thread '") && bytes.Contains(s, []byte("' ")) && bytes.Contains(s, []byte(" panicked at ")) {
			return header{typ: panicType, certainty: marked, below: true}
		}
	case '#':
		if rest, ok := cutPrefix(s, "#<"); ok { // Ruby's inspect
			if n := typeName(rest); n > 0 && hasPrefix(rest[n:], ": ") {
				return header{typ: rest[:n], message: bytes.TrimSuffix(rest[n+2:], []byte(">")), certainty: typed}
			}
		}
	}
	if i := bytes.Index(s, []byte(" got signal ")); i > 0 && hasSuffix(s, " ;") { // MariaDB
		return header{typ: s[i+len(" got ") : len(s)-len(" ;")], certainty: marked}
	}
	if rest := bytes.TrimPrefix(s, []byte("** ")); hasPrefix(rest, "{") && hasSuffix(rest, ",") {
		return erlangReason(rest)
	}
	if i := bytes.Index(s, []byte("** (")); i == 0 || i > 1 && s[i-1] == ' ' { // Elixir, also behind what a logger writes
		rest := s[i+len("** ("):]
		if j := bytes.IndexByte(rest, ')'); j > 0 && (typeName(rest) == j || isElixirKind(rest[:j])) {
			return header{typ: rest[:j], message: bytes.TrimSpace(rest[j+1:]), certainty: marked}
		}
	}
	if i := bytes.Index(s, []byte(": panic serving ")); i >= 0 { // net/http
		if j := bytes.Index(s[i+2:], []byte(": ")); j > 0 {
			return goPanic(s[i+2+j+2:])
		}
	}
	return header{}
}

// isElixirKind reports whether a word says how a process of Elixir ended, where no exception did it.
func isElixirKind(s []byte) bool {
	return string(s) == "exit" || string(s) == "throw" || string(s) == "stop"
}

// ocamlException reads T, T("message"), T(arguments), and File "file", line n, characters n-n: message, which names no type.
func ocamlException(s []byte) header {
	h := header{certainty: marked}
	if hasPrefix(s, `File "`) {
		if i := bytes.LastIndex(s, []byte(": ")); i > 0 {
			h.typ = s[i+2:]
			return h
		}
		return header{}
	}
	n := typeName(s)
	if n == 0 {
		return header{}
	}
	h.typ, h.message = s[:n], s[n:]
	if end := len(h.message) - 1; end > 0 && h.message[0] == '(' && h.message[end] == ')' {
		h.message = h.message[1:end]
	}
	if end := len(h.message) - 1; end > 0 && h.message[0] == '"' && bytes.IndexByte(h.message[1:], '"') == end-1 {
		h.message = h.message[1:end]
	}
	return h
}

// ocamlLogged returns the exception at the end of a line, or the one that there was.
func ocamlLogged(h header, line []byte) header {
	for {
		_, rest, ok := bytes.Cut(line, []byte(": "))
		if !ok {
			return h
		}
		if n := typeName(rest); n > 0 && (n == len(rest) || rest[n] == '(' && hasSuffix(rest, ")")) {
			return ocamlException(rest)
		}
		line = rest
	}
}

// erlangException reads error: {atom,values}, also of exit and throw. The atom is the type. Of errors of its own Erlang prints a sentence instead.
func erlangException(s []byte) header {
	class, reason, ok := bytes.Cut(s, []byte(": "))
	if !ok || string(class) != "error" && string(class) != "exit" && string(class) != "throw" {
		return header{}
	}
	h := header{typ: class, message: reason, certainty: marked}
	if n := bytes.IndexAny(reason, ",}"); n > 1 && reason[0] == '{' && isLetter(reason[1]) {
		h.typ = reason[1:n]
	}
	return h
}

// erlangReason reads {atom, and {{atom,values}, above the list of frames, as Erlang prints the term of a process's end.
func erlangReason(s []byte) header {
	reason := s[1 : len(s)-1]
	atom := bytes.TrimPrefix(reason, []byte("{"))
	n := 0
	for n < len(atom) && (atom[n] >= 'a' && atom[n] <= 'z' || n > 0 && (atom[n] == '_' || isDigit(atom[n]))) {
		n++
	}
	if n == 0 || len(atom) == len(reason) && n < len(atom) || len(atom) < len(reason) && (n == len(atom) || atom[n] != ',') {
		return header{}
	}
	return header{typ: atom[:n], message: reason, certainty: capital}
}

// panicType is the type of a panic that has none.
var panicType = []byte("panic")

// goPanic returns the exception of a Go panic: a runtime error without the values that it names, else the type of the value, where the runtime prints it.
func goPanic(message []byte) header {
	if i := bytes.Index(message, []byte(" [recovered")); i > 0 {
		message = message[:i]
	}
	h := header{typ: panicType, message: message, certainty: marked}
	switch {
	case hasPrefix(message, "runtime error: "):
		end := len(message)
		for i := len("runtime error: "); i < end; i++ {
			if c := message[i]; c == '[' || isDigit(c) {
				end = i
			}
		}
		h.typ = bytes.TrimRight(message[:end], " :")
	case hasPrefix(message, "interface conversion: "):
		h.typ = message[:len("interface conversion")]
	case hasPrefix(message, "("):
		if i := bytes.IndexByte(message, ')'); i > 1 && i < maxType {
			h.typ = message[1:i]
		}
	default:
		if i := bytes.IndexByte(message, '('); i > 0 && bytes.IndexByte(message[:i], '.') > 0 && bytes.IndexByte(message[:i], ' ') < 0 {
			h.typ = message[:i]
		}
	}
	if &h.typ[0] != &panicType[0] && bytes.HasPrefix(message, h.typ) {
		h.message = bytes.TrimLeft(message[len(h.typ):], ": ")
	}
	return h
}

// maxType bounds the name of a type that is looked for.
const maxType = 200

// typeName returns the length of the type's name that s begins with, or 0: words joined by . :: \ $ / + or `, the last of which begins with
// a capital letter.
func typeName(s []byte) int {
	n, part := 0, 0
	for n < len(s) && n < maxType {
		switch c := s[n]; {
		case isLetter(c) || c == '_' || isDigit(c) && n > 0 || c == '`' && n > part:
			n++
		case (c == '.' || c == '\\' || c == '$' || c == '+' || c == '/') && n > part && n+1 < len(s) && (isLetter(s[n+1]) || s[n+1] == '_' || c == '$' && isDigit(s[n+1])):
			n++
			part = n
		case c == ':' && n > part && n+2 < len(s) && s[n+1] == ':' && isLetter(s[n+2]):
			n += 2
			part = n
		case c == '\\' && n == 0:
			n++
			part = n
		default:
			if n == part || !isUpper(s[part]) && !isDigit(s[part]) {
				return 0
			}
			return n
		}
	}
	if n == part || n == maxType || !isUpper(s[part]) && !isDigit(s[part]) {
		return 0
	}
	return n
}

// namesError reports whether a type's name ends as those of exceptions do.
func namesError(name []byte) bool {
	for _, end := range [...]string{"Error", "Exception", "Failure", "Fault", "Warning", "Interrupt", "Exit"} {
		if hasSuffix(name, end) {
			return true
		}
	}
	return false
}

// isShout reports whether a name has no small letters, as the words for levels do.
func isShout(name []byte) bool {
	for _, c := range name {
		if 'a' <= c && c <= 'z' {
			return false
		}
	}
	return true
}

// isCamel reports whether a name has small letters between capital ones.
func isCamel(name []byte) bool {
	for i := 2; i < len(name); i++ {
		if isUpper(name[i]) && 'a' <= name[i-1] && name[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// typeIn finds the type that a line names: T, T: message, T [code]: message, T (message):, T - message:, message (T), and words before it.
func typeIn(s []byte) header {
	best := header{}
	for i := 0; i < len(s); {
		n := typeName(s[i:])
		if n == 0 {
			i = nextWord(s, i)
			continue
		}
		if h := typeAt(s, i, n); h.certainty > best.certainty {
			best = h
			if h.certainty >= typed {
				break
			}
		}
		i = nextWord(s, i+n)
	}
	return best
}

// nextWord returns the index of the first byte behind the next white space or opening bracket.
func nextWord(s []byte, i int) int {
	for i < len(s) && s[i] != ' ' && s[i] != '\t' && s[i] != '(' && s[i] != '<' && s[i] != '|' {
		i++
	}
	return min(i+1, len(s))
}

// typeAt returns the exception that the name of n bytes at i names, if it is one.
func typeAt(s []byte, i, n int) header {
	name, rest := s[i:i+n], s[i+n:]
	sure := namesError(name)
	h := header{typ: name}
	dotted := bytes.IndexByte(name, '.') >= 0 || bytes.IndexByte(name, '\\') >= 0 || bytes.Contains(name, []byte("::")) || bytes.IndexByte(name, '$') > 0
	switch {
	case hasPrefix(rest, " [") && sure: // Node.js: TypeError [ERR_X]: message
		if j := bytes.Index(rest, []byte("]: ")); j > 0 && bytes.IndexByte(rest[2:j], ' ') < 0 {
			h.typ, rest = s[i:i+n+j+1], rest[j+1:]
		}
		h.message = afterType(rest)
	case hasPrefix(rest, ": "), len(rest) == 1 && rest[0] == ':':
		h.message = afterType(rest)
	case len(rest) == 0 && i == 0 && (sure || dotted), len(rest) == 0 && sure:
	case hasPrefix(rest, ")") && i > 0 && s[i-1] == '(' && (len(rest) == 1 || len(rest) == 2 && rest[1] == ':'): // Ruby: message (T)
		h.message = bytes.TrimSpace(s[:i-1])
		h.certainty = camelCase
		if sure {
			h.certainty = typed
		}
		return h
	case (i == 0 || i > 1 && s[i-2] == ']') && hasPrefix(rest, " (") && hasSuffix(rest, "):"): // Rails: T (message):
		h.message, h.certainty = rest[2:len(rest)-2], typed
		return h
	case hasPrefix(rest, " - ") && hasSuffix(rest, ":") && sure: // Sinatra: T - message:
		h.message, h.certainty = rest[3:len(rest)-1], typed
		return h
	default:
		return header{}
	}
	switch {
	case sure, dotted && i == 0:
		h.certainty = typed
	case isCaption(name):
		return header{}
	case i == 0 && (hasPrefix(name, "SIG") || !isShout(name)):
		h.certainty = capital
	case isCamel(name) && !dotted:
		h.certainty = camelCase
	default:
		return header{}
	}
	return h
}

// isCaption reports whether a word is one that reports of crashes write before a colon: Elixir's, valgrind's, MariaDB's and Redis's.
func isCaption(s []byte) bool {
	return string(s) == "State" || string(s) == "Command" || string(s) == "Version" || string(s) == "Backtrace"
}

// afterType returns the message behind a type.
func afterType(rest []byte) []byte {
	if rest, ok := cutPrefix(rest, ":"); ok {
		return bytes.TrimSpace(rest)
	}
	return nil
}
