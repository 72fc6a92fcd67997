package trace

import "bytes"

// Frames of Erlang's machine: Erlang and Elixir.

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
