package trace

import "bytes"

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
