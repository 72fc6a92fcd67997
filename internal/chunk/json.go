package chunk

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// maxJSONDepth bounds the nesting of the output; deeper values become null.
const maxJSONDepth = 32

// appendJSON appends the well-formed value at i as JSON on one line, keys in their order. It is the text of a record that has no key for
// one: a structured OTLP body, a line that a parser took apart. next is the position after the value.
func appendJSON(dst, b []byte, i, depth int) (out []byte, next int) {
	end, ok := msgpack.Skip(b, i)
	if !ok {
		return append(dst, "null"...), len(b)
	}
	if depth > maxJSONDepth {
		return append(dst, "null"...), end
	}
	if pairs, at, isMap := msgpack.Map(b, i); isMap {
		dst = append(dst, '{')
		for n := range pairs {
			if n > 0 {
				dst = append(dst, ',')
			}
			if start, stop, isText := msgpack.Text(b, at); isText {
				dst, at = appendQuoted(dst, b[start:stop]), stop
			} else { // JSON has no other keys than strings
				dst = append(dst, '"')
				dst, _ = appendScalar(dst, b, at)
				dst = append(dst, '"')
				at, _ = msgpack.Skip(b, at)
			}
			dst = append(dst, ':')
			dst, at = appendJSON(dst, b, at, depth+1)
		}
		return append(dst, '}'), end
	}
	if values, at, isArray := msgpack.Array(b, i); isArray {
		dst = append(dst, '[')
		for n := range values {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst, at = appendJSON(dst, b, at, depth+1)
		}
		return append(dst, ']'), end
	}
	if start, stop, isText := msgpack.Text(b, i); isText {
		return appendQuoted(dst, b[start:stop]), end
	}
	if f, isFloat := msgpack.Float(b, i); isFloat && (math.IsNaN(f) || math.IsInf(f, 0)) || !msgpack.IsScalar(b[i]) {
		return append(dst, "null"...), end
	}
	dst, _ = appendScalar(dst, b, i)
	return dst, end
}

// appendQuoted appends a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r < 0x20:
			dst = append(dst, `\u00`...)
			if r < 0x10 {
				dst = append(dst, '0')
			}
			dst = strconv.AppendUint(dst, uint64(r), 16)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

// bodyless sets the text of an OpenTelemetry record without a body: a JSON object of its event name and attributes. It reports whether there are any.
func (r *reading) bodyless() bool {
	otlp, ok := msgpack.Child(r.b, r.ev.meta, "otlp")
	if !ok {
		return false
	}
	r.json = append(r.json[:0], '{')
	if at, ok := msgpack.Child(r.b, otlp, "event_name"); ok {
		r.json, _ = appendJSON(append(r.json, `"event_name":`...), r.b, at, 1)
	}
	if at, ok := msgpack.Child(r.b, otlp, "attributes"); ok && msgpack.IsMap(r.b[at]) {
		if pairs, _, _ := msgpack.Map(r.b, at); pairs > 0 {
			if len(r.json) > 1 {
				r.json = append(r.json, ',')
			}
			start := len(r.json)
			r.json, _ = appendJSON(r.json, r.b, at, 0)
			r.json = append(r.json[:start], r.json[start+1:]...) // without its brace
			return true
		}
	}
	if len(r.json) == 1 {
		return false
	}
	r.json = append(r.json, '}')
	return true
}
