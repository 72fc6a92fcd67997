package trace

import "bytes"

// Frames of interpreters and their kin: Python, Ruby, Perl, Lua, PHP, OCaml and Haskell.

// fileFrame reads the rest of File "file", line n, in f.
func fileFrame(s []byte) (frame, bool) {
	s = bytes.TrimPrefix(s, []byte(`\`)) // a string with line breaks that are not encoded
	if len(s) == 0 || s[0] != '"' {
		return frame{}, false
	}
	i := bytes.Index(s, []byte(`", line `))
	if i < 1 { // at 0 the quote that begins the name would end it, too
		return frame{}, false
	}
	f := frame{file: bytes.TrimSuffix(s[1:i], []byte(`\`)), line: atoi(s[i+8:])}
	rest := s[i+8:]
	rest = bytes.TrimPrefix(rest[digits(rest):], []byte(","))
	if name, ok := cutPrefix(rest, " in "); ok {
		f.function = name
	}
	return f, f.line > 0 && len(f.file) > 0
}

// raisedFrame reads OCaml's Raised at f in file "file", line n; also Called from, and Re-raised at.
func raisedFrame(s []byte) (frame, bool) {
	for _, word := range [...]string{"Raised at ", "Called from ", "Re-raised at ", "Raised by primitive operation at "} {
		rest, ok := cutPrefix(s, word)
		if !ok {
			continue
		}
		i := bytes.Index(rest, []byte(` in file "`))
		if i < 0 {
			return frame{}, false
		}
		f, ok := fileFrame(rest[i+len(" in file "):])
		if !ok { // (inlined) is between
			j := bytes.Index(rest, []byte(`" (inlined), line `))
			if j < i {
				return frame{}, false
			}
			f = frame{file: rest[i+len(` in file "`) : j], line: atoi(rest[j+len(`" (inlined), line `):])}
		}
		f.function = rest[:i]
		return f, true
	}
	return frame{}, false
}

// numberedFrame reads what is behind #n: PHP's file(line): f(), Dart's f (file:line:column), and f (args) at file:line of debuggers and sanitizers.
func numberedFrame(s []byte) (frame, bool) {
	if hasPrefix(s, "{main}") {
		return frame{function: s[:6]}, true
	}
	if rest, ok := cutPrefix(s, "[internal function]: "); ok {
		return frame{function: beforeArguments(rest)}, len(rest) > 0
	}
	if i := bytes.Index(s, []byte("): ")); i > 0 && !hasPrefix(s, "0x") {
		if j := bytes.LastIndexByte(s[:i], '('); j > 0 && digits(s[j+1:i]) == i-j-1 && i > j+1 {
			return frame{beforeArguments(s[i+3:]), s[:j], atoi(s[j+1:])}, true
		}
	}
	addressed := false
	if hasPrefix(s, "0x") {
		i := bytes.Index(s, []byte(" in "))
		if i < 0 {
			return frame{}, false
		}
		s, addressed = s[i+4:], true
	}
	if i := bytes.LastIndex(s, []byte(") at ")); i > 0 {
		file, line, ok := location(bytes.TrimSpace(s[i+5:]))
		return frame{beforeArguments(s), file, line}, ok
	}
	if i := bytes.LastIndex(s, []byte(") from ")); i > 0 {
		return frame{function: beforeArguments(s), file: s[i+7:]}, true
	}
	if hasSuffix(s, ")") {
		if i := bytes.LastIndex(s, []byte(" (")); i > 0 {
			inside := s[i+2 : len(s)-1]
			if file, line, ok := location(inside); ok {
				return frame{bytes.TrimSpace(s[:i]), file, line}, true
			}
			if hasPrefix(inside, "BuildId: ") {
				return numberedFrame(bytes.TrimRight(s[:i], " "))
			}
			if j := bytes.LastIndex(inside, []byte("+0x")); j > 0 && addressed {
				return frame{function: bytes.TrimSpace(s[:i]), file: inside[:j]}, true
			}
		}
	}
	if i := bytes.LastIndexByte(s, ' '); i > 0 && addressed {
		if file, line, ok := location(s[i+1:]); ok {
			return frame{bytes.TrimSpace(s[:i]), file, line}, true
		}
	}
	if addressed {
		return frame{function: beforeArguments(s)}, true
	}
	return frame{}, false
}

// rubyFrame reads file:line:in `f' and, of Crystal, file:line:column in 'f'.
func rubyFrame(s []byte) (frame, bool) {
	if i := bytes.Index(s, []byte(":in ")); i > 0 && i+5 < len(s) && (s[i+4] == '`' || s[i+4] == '\'') {
		file, line, ok := location(s[:i])
		name := s[i+5:]
		end := bytes.IndexByte(name, '\'')
		if !ok || end < 0 || end+1 < len(name) && name[end+1] != ':' { // an array of frames in JSON is no line
			return frame{}, false
		}
		return frame{name[:end], rubyFile(file), line}, true
	}
	if i := bytes.Index(s, []byte(" in '")); i > 0 && hasSuffix(s, "'") && i+5 < len(s) {
		if file, line, ok := location(s[:i]); ok && bytes.IndexByte(file, ' ') < 0 {
			return frame{s[i+5 : len(s)-1], file, line}, true
		}
	}
	return frame{}, false
}

// rubyFile returns the file without the words that loggers write before it, but with the gem and its version that Rails does.
func rubyFile(file []byte) []byte {
	i := bytes.LastIndexAny(file, " \"")
	if i > 0 && file[i] == ' ' && file[i-1] == ')' && bytes.Contains(file[:i], []byte(" (")) && bytes.IndexByte(file, '"') < 0 {
		return file
	}
	return file[i+1:]
}

// calledFrame reads both sides of Perl's f(args) called at file line n, and of Haskell's f, called at file:line:column in package.
func calledFrame(name, where []byte) (frame, bool) {
	if i := bytes.LastIndex(where, []byte(" line ")); i > 0 && digits(where[i+6:]) > 0 {
		return frame{beforeArguments(name), where[:i], atoi(where[i+6:])}, true
	}
	if i := bytes.Index(where, []byte(" in ")); i > 0 {
		if file, line, ok := location(where[:i]); ok {
			return frame{bytes.TrimSuffix(name, []byte(",")), file, line}, true
		}
	}
	return frame{}, false
}

// luaFrame reads file:line: in function 'f'.
func luaFrame(s []byte) (frame, bool) {
	i := bytes.Index(s, []byte(": in "))
	if i <= 0 {
		return frame{}, false
	}
	where, name := s[:i], s[i+5:]
	for _, word := range [...]string{"function ", "local ", "upvalue ", "method ", "field ", "metamethod ", "global "} {
		name = bytes.TrimPrefix(name, []byte(word))
	}
	if n := len(name); n > 2 && name[0] == '\'' && name[n-1] == '\'' {
		name = name[1 : n-1]
	}
	if string(where) == "[C]" {
		return frame{function: name, file: where}, true
	}
	file, line, ok := location(where)
	return frame{name, file, line}, ok && bytes.IndexByte(file, ' ') < 0
}
