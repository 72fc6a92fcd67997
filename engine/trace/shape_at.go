package trace

import "bytes"

// Frames that begin with "at": Java, Kotlin, JavaScript, .NET and Mono.

// atFrame reads the rest of "at f(file:line)", "at f (file:line:column)", "at file:line:column", "at T.f(args) in file:line n".
func atFrame(s []byte, indented bool) (frame, bool) {
	for _, word := range [...]string{"async ", "new "} {
		s = bytes.TrimPrefix(s, []byte(word))
	}
	if rest, ok := cutPrefix(s, "(wrapper "); ok { // Mono
		i := bytes.Index(rest, []byte(") "))
		if i < 0 {
			return frame{}, false
		}
		s = rest[i+2:]
	}
	open := bytes.IndexByte(s, '(')
	if open <= 0 {
		end := bytes.IndexAny(s, " ,{")
		if end < 0 {
			end = len(s)
		}
		file, line, ok := location(s[:end])
		return frame{file: file, line: line}, ok && (indented || bytes.IndexByte(file, '/') >= 0)
	}
	name, end := bytes.TrimRight(s[:open], " "), closing(s, open)
	if end < 0 || len(name) == 0 {
		return frame{}, false
	}
	if i := bytes.Index(name, []byte(" [as ")); i > 0 {
		name = name[:i]
	}
	inside, after := s[open+1:end], s[end+1:]
	if i := bytes.Index(after, []byte(" in ")); i >= 0 {
		where := bytes.TrimRight(after[i+4:], " ")
		if j := bytes.LastIndex(where, []byte(":line ")); j > 0 {
			return frame{name, where[:j], atoi(where[j+6:])}, true
		}
		if hasPrefix(where, "<") { // Mono without symbols: the module, by a hash
			return frame{function: name}, true
		}
		if file, line, ok := location(where); ok {
			return frame{name, file, line}, true
		}
	}
	if file, line, ok := location(inside); ok {
		if i := bytes.LastIndexByte(file, ' '); i >= 0 && bytes.HasPrefix(inside, []byte("eval at ")) {
			file = file[i+1:]
		}
		return frame{name, file, line}, true
	}
	switch {
	case string(inside) == "Native Method", string(inside) == "Unknown Source", string(inside) == "<anonymous>", string(inside) == "native",
		hasPrefix(inside, "index "), hasPrefix(inside, "<generated>"):
		return frame{function: name}, true
	case hasSuffix(inside, ".java"), hasSuffix(inside, ".kt"), hasSuffix(inside, ".scala"):
		return frame{function: name, file: inside}, true
	}
	// .NET without symbols: arguments are in the parentheses.
	ok := indented && len(bytes.TrimSpace(after)) == 0 && bytes.IndexByte(name, '.') > 0 && bytes.IndexByte(name, ' ') < 0
	return frame{function: name}, ok
}
