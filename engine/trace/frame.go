package trace

import "bytes"

// frame is one call of a trace. Its parts are of the text.
type frame struct {
	function []byte // without arguments; may be empty
	file     []byte // may be empty
	line     int    // 0: unknown
}

// location reads file:line or file:line:column, from the end of s.
func location(s []byte) (file []byte, line int, ok bool) {
	rest, n, ok := numberAtEnd(s)
	if !ok {
		return nil, 0, false
	}
	if more, first, ok := numberAtEnd(rest); ok {
		rest, n = more, first
	}
	if len(rest) == 0 || bytes.HasPrefix(rest, []byte("//")) {
		return nil, 0, false
	}
	return rest, n, true
}

// numberAtEnd cuts a colon and a number from the end of s.
func numberAtEnd(s []byte) (rest []byte, n int, ok bool) {
	i := len(s)
	for i > 0 && isDigit(s[i-1]) {
		i--
	}
	if i == len(s) || i < 2 || s[i-1] != ':' {
		return s, 0, false
	}
	return s[:i-1], atoi(s[i:]), true
}

// atoi returns a number of digits, at most a billion.
func atoi(s []byte) int {
	n := 0
	for _, c := range s {
		if !isDigit(c) {
			break
		}
		// Log lines are hostile: a long row of digits must not overflow.
		if n = n*10 + int(c-'0'); n > 1e9 {
			return 1e9
		}
	}
	return n
}

// closing returns the index of the parenthesis that closes the one at open, or -1.
func closing(s []byte, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// beforeArguments returns a call without its arguments.
func beforeArguments(s []byte) []byte {
	if i := bytes.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	return bytes.TrimSpace(s)
}

// place reads the line below a function: Go's and zap's file:line +0x1d, indented. Go's race detector and old versions write more behind it.
func place(s []byte) (file []byte, line int, ok bool) {
	if i := bytes.IndexByte(s, ' '); i > 0 {
		if !hasPrefix(s[i:], " +0x") && !hasPrefix(s[i:], " fp=") {
			return nil, 0, false
		}
		s = s[:i]
	}
	return location(s)
}

// callee returns the function that a line above a place names, without its arguments, or nil.
func callee(s []byte) []byte {
	if len(s) == 0 {
		return nil
	}
	s = bytes.TrimPrefix(s, []byte("created by "))
	if i := bytes.Index(s, []byte(" in goroutine ")); i > 0 {
		s = s[:i]
	}
	if hasSuffix(s, ")") {
		depth := 0
		for i := len(s) - 1; i > 0; i-- {
			if s[i] == ')' {
				depth++
			} else if s[i] == '(' {
				if depth--; depth == 0 {
					s = s[:i]
					break
				}
			}
		}
	}
	if bytes.IndexByte(s, ' ') >= 0 || bytes.IndexByte(s, '.') < 0 && string(s) != "panic" && bytes.IndexByte(s, ':') < 0 {
		return nil
	}
	return s
}
