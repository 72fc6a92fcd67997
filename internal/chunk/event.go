package chunk

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// event is one decoded event, as positions in the chunk.
type event struct {
	start, end int
	time       int64 // nanoseconds; meaningless when marker is set
	meta       int   // position of the metadata map, -1 for the two-element form and when it is empty
	body       int
	marker     marker
}

// marker distinguishes the events that open and close a group of OTLP records from log lines.
type marker uint8

const (
	markerNone marker = iota
	markerStart
	markerEnd
)

// The seconds of an event time that mark the start and the end of a group.
const (
	groupStartSeconds = 0xffffffff
	groupEndSeconds   = 0xfffffffe
)

// maxSeconds is the last second whose nanoseconds fit in an int64, in the year 2262.
const maxSeconds = math.MaxInt64/1_000_000_000 - 1

// header reads an event up to its body, which begins at ev.body: [[time, metadata], body] or [time, body]. If there is metadata, ev.body is -1, and
// follows from reading that. ev.end is how far it came, also if it failed.
func header(b []byte, i int, now int64) (ev event, ok bool) {
	ev = event{start: i, meta: -1}
	at := i + 12
	if len(b)-i > 12 && binary.BigEndian.Uint32(b[i:]) == usualHead && binary.BigEndian.Uint32(b[i+4:]) < groupEndSeconds {
		ev.time = int64(binary.BigEndian.Uint32(b[i+4:]))*1e9 + int64(binary.BigEndian.Uint32(b[i+8:]))
	} else {
		values, first, ok := msgpack.Array(b, i)
		if !ok || values != 2 || first >= len(b) {
			ev.end = first
			return ev, false
		}
		inner, second, isArray := msgpack.Array(b, first)
		if !isArray {
			ev.time, ev.marker, ev.body, ok = eventTime(b, first, now)
			ev.end = max(first, ev.body)
			return ev, ok
		}
		if ev.end = second; inner != 2 {
			return ev, false
		}
		if ev.time, ev.marker, at, ok = eventTime(b, second, now); !ok {
			return ev, false
		}
	}
	pairs, next, isMap := msgpack.Map(b, at)
	switch {
	case isMap && pairs == 0:
		ev.body = next
	case isMap || at < len(b) && b[at] == msgpack.Nil:
		ev.meta, ev.body, ev.end = at, -1, at
		return ev, true
	default:
		ev.end = at
		return ev, false
	}
	ev.end = ev.body
	return ev, true
}

// usualHead is the beginning of the events of all present inputs: an array of an array of a time, which is Fluent Bit's extension, and metadata.
const usualHead = 0x92<<24 | 0x92<<16 | msgpack.Fixext8<<8

// eventTime reads a time: Fluent Bit's extension of type 0 (seconds and nanoseconds, 32 bits each), an integer or a floating-point number
// of seconds. A number that is no time since 1970 that fits in nanoseconds gives now.
func eventTime(b []byte, i int, now int64) (ns int64, m marker, next int, ok bool) {
	if i >= len(b) {
		return 0, markerNone, i, false
	}
	var at int
	switch b[i] {
	case msgpack.Fixext8:
		if len(b)-i < 10 || b[i+1] != 0 {
			return 0, markerNone, i, false
		}
		at = i + 2
	case msgpack.Ext8:
		if len(b)-i < 11 || b[i+1] != 8 || b[i+2] != 0 {
			return 0, markerNone, i, false
		}
		at = i + 3
	case msgpack.Float32, msgpack.Float64:
		f, ok := msgpack.Float(b, i)
		if !ok {
			return 0, markerNone, i, false
		}
		return floatTime(f, now), markerNone, i + int(msgpack.Widths[b[i]]), true
	default:
		n, ok := msgpack.Integer(b, i)
		if !ok {
			return 0, markerNone, i, false
		}
		if n < 0 || n > maxSeconds {
			return now, markerNone, i + int(msgpack.Widths[b[i]]), true
		}
		return n * 1e9, markerNone, i + int(msgpack.Widths[b[i]]), true
	}
	seconds, nanoseconds := binary.BigEndian.Uint32(b[at:]), binary.BigEndian.Uint32(b[at+4:])
	switch seconds {
	case groupStartSeconds:
		m = markerStart
	case groupEndSeconds:
		m = markerEnd
	}
	return int64(seconds)*1e9 + int64(nanoseconds), m, at + 8, true
}

func floatTime(f float64, now int64) int64 {
	if !(f >= 0 && f < maxSeconds) { // also false for a NaN
		return now
	}
	whole, fraction := math.Modf(f)
	return int64(whole)*1e9 + int64(math.Round(fraction*1e9))
}

// plausible reports whether an event may begin at i: a two-element array, a time, and a map. It finds the next event behind bytes that are not one, so it
// is stricter than header: it accepts only the forms that Fluent Bit writes, which other bytes rarely resemble.
func plausible(b []byte, i int) bool {
	if len(b)-i < 4 || b[i] != msgpack.Fixarray|2 {
		return false
	}
	i++
	nested := b[i] == msgpack.Fixarray|2
	if nested {
		i++
	}
	switch t := b[i]; t {
	case msgpack.Fixext8, msgpack.Ext8:
		if !nested && i > 1 && b[i-2] == msgpack.Fixarray|2 {
			return false // the head of an event, [time, metadata], which looks like one of the old form
		}
	case msgpack.Float32, msgpack.Float64, msgpack.Uint32, msgpack.Uint64, msgpack.Int32, msgpack.Int64:
		if nested {
			return false
		}
	default:
		return false
	}
	_, _, next, ok := eventTime(b, i, 0)
	return ok && next < len(b) && msgpack.IsMap(b[next])
}

// likely reports whether a plausible event is one. A number as time is too short to be certain: such bytes occur in Greek text, where the letter beta
// ends in 0x92. It counts only if the chunk ends, or another array of two begins, where the event ends.
func likely(b []byte, i int) (reached int, ok bool) {
	if t := b[i+1]; t == msgpack.Fixarray|2 || t == msgpack.Fixext8 || t == msgpack.Ext8 {
		return i, true
	}
	end, ok := msgpack.Skip(b, i)
	return end, ok && (end == len(b) || b[end] == msgpack.Fixarray|2)
}

// nextPlausible returns the first position in [i, end) where an event may begin, or end.
func nextPlausible(b []byte, i, end int) int {
	for i < end {
		n := bytes.IndexByte(b[i:end], msgpack.Fixarray|2)
		if n < 0 {
			return end
		}
		if i += n; plausible(b, i) {
			return i
		}
		i++
	}
	return end
}
