package trace

import "bytes"

// reader walks the lines of a text once, and hands types and frames to the two methods below in the order of the text.
type reader struct {
	// A value and no pointer, which would have it allocated: what a reader points to is kept with the frames of an exception.
	fingerprint fingerprinter
	exception   *collector // nil: the fingerprint is asked for

	candidate  header // names the exception of the frames that follow
	above      []byte // the line before, without indentation
	wasFrame   bool   // the line before is a frame
	frames     int
	goroutines int
	group      bool   // lines of a Python exception group
	traceback  bool   // Python: the exception follows the frames
	open       bool   // of that, frames were read
	linked     bool   // Python: the next exception has the last one as its cause
	rust       bool   // numbered functions are frames
	function   []byte // a function whose place may follow
	below      bool   // the next line is the message of the candidate
}

// read walks a text and reports whether it holds a frame.
func (r *reader) read(text []byte) bool {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		r.line(line)
	}
	r.unplaced()
	return r.frames > 0
}

// line takes the next line.
func (r *reader) line(line []byte) {
	line = bytes.TrimRight(line, " \t\r")
	s, indent := trimIndent(line)
	s, indent = cutProcess(s, indent)
	if s, indent = r.cutGroup(s, indent); len(s) == 0 {
		r.above, r.wasFrame, r.below = nil, false, false
		return
	}
	wasBelow := r.below
	r.below = false
	if wasBelow {
		r.candidate.message = bytes.TrimPrefix(s, []byte("what():  "))
	}
	switch {
	case r.marker(s):
		r.wasFrame = false
	case r.frame(s, indent > 0):
		r.wasFrame = true
	default:
		if !wasBelow {
			r.text(s, indent)
		}
		r.wasFrame = false
	}
	r.above = s
}

// cutProcess removes valgrind's ==1234== before a line.
func cutProcess(s []byte, indent int) ([]byte, int) {
	if rest, ok := cutPrefix(s, "=="); ok {
		if n := digits(rest); n > 0 && (hasPrefix(rest[n:], "== ") || string(rest[n:]) == "==") {
			return trimIndent(rest[min(n+len("== "), len(rest)):])
		}
	}
	return s, indent
}

// cutGroup removes the border that Python draws around the exceptions of a group.
func (r *reader) cutGroup(s []byte, indent int) ([]byte, int) {
	r.group = false
	switch {
	case hasPrefix(s, "| "):
		r.group = true
		s, indent = trimIndent(s[2:])
	case hasPrefix(s, "+ Exception Group "):
		r.group = true
		s, indent = s[2:], 0
	}
	return s, indent
}

// marker takes a line that is part of the form of a trace.
func (r *reader) marker(s []byte) bool {
	if hasSuffix(s, "Traceback (most recent call last):") {
		r.traceback, r.open = true, false
		return true
	}
	switch s[0] {
	case 'T':
		if hasPrefix(s, "The above exception was the direct cause") {
			r.linked = true
			return true
		}
	case 'D':
		if hasPrefix(s, "During handling of the above exception") {
			r.linked = true
			return true
		}
	case 's', 'S':
		if string(s) == "stack backtrace:" || string(s) == "Stack backtrace:" {
			r.rust = true
			return true
		}
		if string(s) == "stack traceback:" || string(s) == "Stack trace:" {
			return true
		}
	case 'g':
		if rest, ok := cutPrefix(s, "goroutine "); ok && digits(rest) > 0 && hasSuffix(s, "]:") {
			r.goroutines++
			return true
		}
	case '-':
		if hasPrefix(s, "--- End of inner exception") {
			r.endOfInner()
			return true
		}
	case '.':
		return hasPrefix(s, "... ")
	}
	return false
}

// frame takes a line that is a frame, or part of one.
func (r *reader) frame(s []byte, indented bool) bool {
	if r.rust && indented {
		if n := digits(s); n > 0 && hasPrefix(s[n:], ": ") {
			r.unplaced()
			r.function = rustFunction(s[n+2:])
			return true
		}
		if rest, ok := cutPrefix(s, "at "); ok && r.function != nil {
			if file, line, ok := location(rest); ok {
				r.add(frame{r.function, file, line})
				r.function = nil
				return true
			}
		}
	}
	r.unplaced()
	if indented {
		if file, line, ok := place(s); ok {
			if name := callee(r.above); name != nil && !r.wasFrame {
				r.add(frame{name, file, line})
				return true
			}
		}
	}
	f, ok := readFrame(s, indented)
	if !ok && indented && hasPrefix(r.above, "** (UndefinedFunctionError)") { // Elixir: the call has no place
		f.function = beforeArguments(s)
		ok = hasSuffix(s, ")") && len(f.function) < len(s)
	}
	if !ok {
		return false
	}
	if message := inline(s); message != nil { // Ruby names the exception behind its first frame
		h := typeIn(message)
		if h.certainty == unsure {
			h.message = message
		}
		r.name(h)
	}
	if !r.wasFrame && r.frames == 0 && r.candidate.certainty < typed { // Perl names the place in the message
		r.dieAt()
	}
	if !r.wasFrame && r.frames == 0 && r.candidate.certainty == unsure && hasPrefix(s, "Raised ") { // OCaml's exception, behind what a logger writes
		r.candidate = ocamlLogged(r.candidate, r.above)
	}
	r.add(f)
	return true
}

// rustFunction returns a function without the hash that differs from build to build, and without the address before it.
func rustFunction(s []byte) []byte {
	s = bytes.TrimSpace(s)
	if i := bytes.Index(s, []byte(" - ")); i > 0 && hasPrefix(s, "0x") {
		s = bytes.TrimSpace(s[i+3:])
	}
	return withoutHash(s)
}

// unplaced adds the function whose place did not follow.
func (r *reader) unplaced() {
	if r.function != nil {
		r.add(frame{function: r.function})
		r.function = nil
	}
}

// inline returns the message behind a frame of Ruby that is the first of a trace, or nil.
func inline(s []byte) []byte {
	i := bytes.Index(s, []byte(":in "))
	if i < 0 {
		return nil
	}
	j := bytes.Index(s[i:], []byte("': "))
	if j < 0 {
		return nil
	}
	return s[i+j+3:]
}

// dieAt reads the place of an error that has no type: message at file line n.
func (r *reader) dieAt() {
	s := bytes.TrimSuffix(r.above, []byte("."))
	i := bytes.LastIndex(s, []byte(" line "))
	if i < 0 || digits(s[i+6:]) != len(s)-i-6 {
		return
	}
	j := bytes.LastIndex(s[:i], []byte(" at "))
	if j <= 0 {
		return
	}
	r.candidate = header{message: s[:j]}
	r.add(frame{file: s[j+4 : i], line: atoi(s[i+6:])})
}

// text takes a line that is no frame: it may name an exception.
func (r *reader) text(s []byte, indent int) {
	if r.traceback && r.open {
		if indent > 0 { // source, or what a logger draws below it
			return
		}
		r.raised(s)
		return
	}
	h := readHeader(s)
	if r.traceback && r.frames > 0 && r.group && h.certainty >= typed { // one of a group, without frames
		h.role = roleCause
		r.name(h)
		return
	}
	if h.role != roleFirst && h.certainty == marked {
		r.name(h)
		return
	}
	if h.certainty == unsure {
		if r.candidate.certainty == unsure && bytes.IndexByte(s, ' ') >= 0 && !hasPrefix(s, "no file '") && !hasPrefix(s, "no field ") { // Lua lists where it looked for a module
			r.candidate.message = s
		}
		return
	}
	if h.certainty >= r.candidate.certainty && !(h.certainty == marked && r.candidate.certainty == marked && h.below) {
		r.candidate = h
		r.below = h.below
	}
}

// raised takes the line below the frames of Python's traceback.
func (r *reader) raised(s []byte) {
	r.traceback, r.open = false, false
	h := header{typ: s, certainty: marked}
	if i := bytes.Index(s, []byte(": ")); i > 0 {
		h.typ, h.message = s[:i], s[i+2:]
	}
	h.typ = bytes.TrimRight(h.typ, `":`)
	if bytes.IndexByte(h.typ, ' ') >= 0 || len(h.typ) == 0 { // no exception follows
		return
	}
	if r.linked {
		h.role = roleOuter
	}
	r.linked = false
	r.name(h)
	r.traceback = r.group // the others of a group follow
}

// add hands a frame on, and before it the exception that it is of.
func (r *reader) add(f frame) {
	if r.goroutines > 1 {
		return // the first is the one that failed
	}
	if len(f.function)+len(f.file) == 0 {
		return
	}
	if !r.traceback && (r.candidate.certainty > unsure || r.candidate.message != nil && r.frames == 0) {
		r.name(r.candidate)
	}
	if r.traceback {
		r.open = true
	}
	r.candidate = header{}
	r.frames++
	r.hand(f)
}

// hand hands a frame on.
func (r *reader) hand(f frame) {
	f.function, f.file = cut(f.function), cut(f.file)
	if r.exception == nil {
		r.fingerprint.frame(f)
	} else {
		r.exception.frame(f, r.traceback)
	}
}

// name hands an exception on, and those that .NET names behind it on its line.
func (r *reader) name(h header) {
	for {
		var next []byte
		if i := bytes.Index(h.message, []byte(" ---> ")); i >= 0 {
			h.message, next = h.message[:i], h.message[i+len(" ---> "):]
		}
		h.typ = cut(h.typ)
		if r.exception == nil {
			r.fingerprint.exception(h)
		} else {
			r.exception.exception(h)
		}
		r.candidate = header{}
		if len(h.place.file) > 0 {
			r.hand(h.place)
		}
		n := typeName(next)
		if n == 0 {
			return
		}
		h = header{typ: next[:n], message: afterType(next[n:]), role: roleCause, certainty: marked}
	}
}

// endOfInner takes the line at which .NET goes on with the exception around the last.
func (r *reader) endOfInner() {
	if r.exception != nil {
		r.exception.up()
	}
}
