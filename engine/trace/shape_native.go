package trace

import "bytes"

// Frames of native code, by their addresses: valgrind, glog and glibc.

// valgrindFrame reads what is behind "at " and "by ": an address, and f (file:line) or f (in program).
func valgrindFrame(s []byte) (frame, bool) {
	i, end := bytes.Index(s, []byte(": ")), len(s)-1
	j := bytes.LastIndex(s, []byte(" ("))
	if i <= 0 || j < i+2 || s[end] != ')' {
		return frame{}, false
	}
	name, inside := s[i+2:j], s[j+2:end]
	if program, ok := cutPrefix(inside, "in "); ok {
		return frame{function: name, file: program}, true
	}
	file, line, ok := location(inside)
	return frame{name, file, line}, ok
}

// glogFrame reads @ 0x7f00 f.
func glogFrame(s []byte) (frame, bool) {
	rest := bytes.TrimLeft(s[1:], " ")
	if !hasPrefix(rest, "0x") {
		return frame{}, false
	}
	i := bytes.IndexByte(rest, ' ')
	if i < 0 {
		return frame{}, false
	}
	name := bytes.TrimSpace(rest[i:])
	return frame{function: beforeArguments(name)}, len(name) > 0
}

// objectFrame reads program(f+0x1a) [0x401136], as glibc's backtrace_symbols writes it. backtrace_symbols_fd leaves the space out.
func objectFrame(s []byte) (frame, bool) {
	i := bytes.LastIndex(s, []byte("[0x"))
	if i < 2 {
		return frame{}, false
	}
	if i--; s[i] == ' ' {
		i--
	}
	if s[i] != ')' {
		return frame{}, false
	}
	if i <= 0 || !hasSuffix(s, "]") {
		return frame{}, false
	}
	open := bytes.LastIndexByte(s[:i], '(')
	if open <= 0 {
		return frame{}, false
	}
	file, title, _ := bytes.Cut(s[:open], []byte(" ")) // a process may have a title: redis-server *:6379
	if bytes.IndexByte(title, ' ') >= 0 {
		return frame{}, false
	}
	name, _, _ := bytes.Cut(s[open+1:i], []byte("+0x"))
	if source, line, ok := location(file); ok { // MariaDB
		return frame{name, source, line}, true
	}
	return frame{function: name, file: file}, true
}
