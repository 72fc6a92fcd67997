package trace

// Read returns the exception in a text, and reports false when the text holds no frame. Its result is at most 16 KiB.
func Read(text []byte) (Exception, bool) {
	if !Possible(text) {
		return Exception{}, false
	}
	_, flat := flatten(nil, text)
	c := collector{owner: -1}
	r := reader{exception: &c}
	if !r.read(flat) {
		return Exception{}, false
	}
	return c.result(), true
}

// AppendFingerprint appends the parts of a trace that all traces of the same fault share: the types of the exceptions, and each frame's function and file, in
// the order of the text, each once. Messages and line numbers are left out, and numbers in names are left for package template to mask. It reports false,
// and appends nothing, when the text holds no frame. Beyond dst, it allocates for frames that are terms of Erlang only, once for
// each.
func AppendFingerprint(dst, text []byte) ([]byte, bool) {
	if !Possible(text) {
		return dst, false
	}
	start := len(dst)
	dst, flat := flatten(dst, text)
	begin := len(dst)
	r := reader{fingerprint: fingerprinter{out: append(dst, Mark...)}}
	if !r.read(flat) {
		return r.fingerprint.out[:start], false
	}
	// The flattened text lies before the fingerprint in one buffer, which saves an allocation.
	out := r.fingerprint.out
	n := copy(out[start:], out[begin:])
	return out[:start+n], true
}
