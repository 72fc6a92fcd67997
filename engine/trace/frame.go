package trace

import "bytes"

// frame is one call of a trace. Its parts are of the text.
type frame struct {
	function []byte // without arguments; may be empty
	file     []byte // may be empty
	line     int    // 0: unknown
}

// readFrame returns the frame that a line is. indented says that white space is before it.
func readFrame(s []byte, indented bool) (f frame, ok bool) {
	switch s[0] {
	case 'a':
		if rest, found := cutPrefix(s, "at "); found {
			if hasPrefix(rest, "0x") {
				return valgrindFrame(rest)
			}
			return atFrame(rest, indented)
		}
	case 'b':
		if rest, found := cutPrefix(s, "by 0x"); found && indented {
			return valgrindFrame(rest)
		}
	case 'F', '>':
		if rest, found := cutPrefix(bytes.TrimPrefix(s, []byte("> ")), "File "); found {
			return fileFrame(rest)
		}
	case '#':
		if n := digits(s[1:]); n > 0 && n < 6 && len(s) > n+2 && s[n+1] == ' ' {
			return numberedFrame(bytes.TrimLeft(s[n+2:], " "))
		}
		return frame{}, false
	case 'f':
		if rest, found := cutPrefix(s, "from "); found {
			s = rest
		}
	case 'R', 'C':
		if f, ok := raisedFrame(s); ok {
			return f, true
		}
	case 'i':
		if f, ok := erlangFrame(s); ok {
			return f, true
		}
	case '@':
		if f, ok := glogFrame(s); ok {
			return f, true
		}
	}
	if f, ok := termFrame(s); ok {
		return f, true
	}
	if f, ok := rubyFrame(s); ok {
		return f, true
	}
	if i := bytes.Index(s, []byte(" called at ")); i > 0 {
		return calledFrame(s[:i], s[i+len(" called at "):])
	}
	if indented {
		if f, ok := luaFrame(s); ok {
			return f, true
		}
		if f, ok := elixirFrame(s); ok {
			return f, true
		}
	}
	return objectFrame(s)
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

// beforeArguments returns a call without its arguments.
func beforeArguments(s []byte) []byte {
	if i := bytes.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	return bytes.TrimSpace(s)
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

// elixirFrame reads (app 1.0) file:line: Module.f/2.
func elixirFrame(s []byte) (frame, bool) {
	prefix := 0
	if s[0] == '(' {
		prefix = bytes.Index(s, []byte(") ")) + 2
		if prefix < 2 {
			return frame{}, false
		}
	}
	i := bytes.Index(s, []byte(": "))
	if i <= prefix {
		return frame{}, false
	}
	name := s[i+2:]
	_, line, ok := location(s[:i])
	slash := bytes.LastIndexByte(name, '/')
	if !ok || bytes.IndexByte(s[prefix:i], ' ') >= 0 || prefix == 0 && (slash <= 0 || digits(name[slash+1:]) != len(name)-slash-1) {
		return frame{}, false
	}
	if slash > 0 && digits(name[slash+1:]) > 0 {
		name = name[:slash]
	}
	file, _, _ := location(s[:i]) // with the application, which says whose code it is
	return frame{name, file, line}, true
}

// erlangFrame reads in function m:f/1 (file, line n); also in call from.
func erlangFrame(s []byte) (frame, bool) {
	rest, ok := cutPrefix(s, "in function ")
	if !ok {
		if rest, ok = cutPrefix(s, "in call from "); !ok {
			return frame{}, false
		}
	}
	rest = bytes.TrimSpace(rest)
	name, where, _ := bytes.Cut(rest, []byte(" ("))
	if bytes.IndexByte(name, ':') <= 0 {
		return frame{}, false
	}
	f := frame{function: name}
	if i := bytes.Index(where, []byte(", line ")); i > 0 {
		f.file, f.line = where[:i], atoi(where[i+7:])
	}
	if i := bytes.LastIndexByte(name, '/'); i > 0 {
		f.function = name[:i]
	}
	return f, true
}

// termFrame reads {m,f,1,[{file,"file"},{line,n}]}, a frame as Erlang prints a term. The list's bracket and the name of a member may be before it.
func termFrame(s []byte) (frame, bool) {
	i := bytes.Index(s, []byte(`,[{file,"`))
	if i < 0 {
		return frame{}, false
	}
	where := s[i+len(`,[{file,"`):]
	end := bytes.Index(where, []byte(`"},{line,`))
	line := where[max(end, 0):]
	if end > 0 {
		line = line[len(`"},{line,`):]
	}
	open := bytes.IndexByte(s[:i], '{')
	if end <= 0 || digits(line) == 0 || open < 0 || open > 0 && s[open-1] != '[' {
		return frame{}, false
	}
	module, rest, _ := bytes.Cut(s[open+1:i], []byte(","))
	name, _, ok := bytes.Cut(rest, []byte(","))
	if !ok || len(module) == 0 || len(name) == 0 || !isLetter(module[0]) && module[0] != '\'' {
		return frame{}, false
	}
	return frame{bytes.Join([][]byte{cut(module), cut(name)}, []byte(":")), where[:end], atoi(line)}, true
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
