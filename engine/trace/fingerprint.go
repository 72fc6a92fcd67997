package trace

import "bytes"

// Mark is the begin of every fingerprint.
const Mark = "<trace>"

// fingerprinter writes a fingerprint.
type fingerprinter struct {
	out  []byte
	seen [2 * maxFrames]uint32 // hashes of what was written, by open addressing
	// How many frames and types were written.
	frames, types int
}

// exception writes the type of an exception.
func (f *fingerprinter) exception(h header) {
	if len(h.typ) == 0 || f.types == maxTypes {
		return
	}
	before := len(f.out)
	f.out = appendName(append(f.out, ' '), h.typ)
	if f.again(before) {
		f.out = f.out[:before]
		return
	}
	f.types++
}

// frame writes a frame.
func (f *fingerprinter) frame(c frame) {
	if f.frames == maxFrames-maxTypes || isReflection(c.function) {
		return
	}
	before := len(f.out)
	f.out = append(f.out, " at"...)
	if len(c.function) > 0 {
		f.out = appendName(append(f.out, ' '), function(c.function))
	}
	if len(c.file) > 0 {
		f.out = append(appendName(append(f.out, " ("...), shortFile(c.file)), ')')
	}
	if f.again(before) {
		f.out = f.out[:before]
		return
	}
	f.frames++
}

// again reports whether the text from an index on was written before, numbers aside, and remembers it.
func (f *fingerprinter) again(from int) bool {
	h := uint32(2166136261)
	number := false
	for _, c := range f.out[from:] {
		if isDigit(c) {
			if number {
				continue
			}
			c = '0'
		}
		number = isDigit(c)
		h = (h ^ uint32(c)) * 16777619
	}
	h |= 1 // 0 is an empty place
	// An empty place is always left: seen has twice as many as frames and types together.
	for i := h; ; i++ {
		switch place := &f.seen[i%uint32(len(f.seen))]; *place {
		case h:
			return true
		case 0:
			*place = h
			return false
		}
	}
}

// appendName appends a name without quotes, backslashes and line ends, which would mean something to a template.
func appendName(dst, name []byte) []byte {
	for _, c := range name {
		switch {
		case c == '"' || c == '\'' || c == '`':
		case c == '\\':
			dst = append(dst, '/')
		case c < ' ':
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// function returns a function's name without the parts that differ from build to build: Java's module, Rust's hash, the number that .NET gives to a lambda, and the
// place of PHP's closure.
func function(name []byte) []byte {
	if i := bytes.IndexByte(name, '/'); i > 0 && i+1 < len(name) && isLetter(name[i+1]) {
		if dot := bytes.IndexByte(name[i:], '.'); dot > 0 && bytes.IndexByte(name[:i], '(') < 0 && isModule(name[:i]) {
			name = bytes.TrimLeft(name[i:], "/")
		}
	}
	name = withoutHash(name)
	if i := bytes.LastIndex(name, []byte("__")); i > 1 && name[i-2] == '>' && allHex(name[i+2:]) {
		name = name[:i]
	}
	if i := bytes.Index(name, []byte("{closure:")); i >= 0 {
		name = name[:i+len("{closure")]
	}
	return name
}

// withoutHash returns a function of Rust without the hash that the compiler adds.
func withoutHash(name []byte) []byte {
	if n := len(name); n > hashLen && hasPrefix(name[n-hashLen:], "::h") && allHex(name[n-hashLen+3:]) {
		return name[:n-hashLen]
	}
	return name
}

const hashLen = len("::h0123456789abcdef")

// isModule reports whether a name before a slash is that of a module or loader of Java, of which no Go package has the form.
func isModule(name []byte) bool {
	return hasPrefix(name, "java.") || hasPrefix(name, "jdk.") || string(name) == "app" || bytes.IndexByte(name, '@') > 0
}

func allHex(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// isReflection reports whether a frame is one of Java's reflection, which the runtime replaces after some calls.
func isReflection(name []byte) bool {
	name = function(name)
	return hasPrefix(name, "sun.reflect.") || hasPrefix(name, "jdk.internal.reflect.") || hasPrefix(name, "java.lang.reflect.") || hasPrefix(name, "java.lang.invoke.")
}

// shortFile returns the last two parts of a path: where a program lies differs from image to image.
func shortFile(path []byte) []byte {
	parts := 0
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' || path[i] == '\\' {
			if parts++; parts == 2 {
				return path[i+1:]
			}
		}
	}
	return path
}
