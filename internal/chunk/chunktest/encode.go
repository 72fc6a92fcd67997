// Package chunktest builds chunks as Fluent Bit hands them over, for tests and benchmarks of any package: single events of every form, and
// whole chunks of the shapes that the usual inputs make. It promises that a decoder gets back exactly what was put in.
package chunktest

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Pair is a key and its value in a Map.
type Pair struct {
	Key   string
	Value any
}

// Map is a msgpack map, in order and in the shortest form.
type Map []Pair

// WideMap is a map in the longest form, as Fluent Bit writes maps whose size it did not know before.
type WideMap []Pair

// Bin is a msgpack bin.
type Bin []byte

// Ext is a msgpack extension.
type Ext struct {
	Type int8
	Data []byte
}

// Raw is put in as it is.
type Raw []byte

// Append appends a value: nil, bool, int, int64, uint64, float32, float64, string, Bin, Ext, Raw, []any, Map or WideMap. It panics on any
// other type.
func Append(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, 0xc0)
	case bool:
		if v {
			return append(dst, 0xc3)
		}
		return append(dst, 0xc2)
	case int:
		return appendInt(dst, int64(v))
	case int64:
		return appendInt(dst, v)
	case uint64:
		if v <= math.MaxInt64 {
			return appendInt(dst, int64(v))
		}
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), v)
	case float32:
		return binary.BigEndian.AppendUint32(append(dst, 0xca), math.Float32bits(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(v))
	case string:
		if len(v) < 32 {
			return append(append(dst, 0xa0|byte(len(v))), v...)
		}
		return append(appendHead(dst, len(v), 0xd9, 0xda, 0xdb), v...)
	case Bin:
		return append(appendHead(dst, len(v), 0xc4, 0xc5, 0xc6), v...)
	case Ext:
		return append(append(appendHead(dst, len(v.Data), 0xc7, 0xc8, 0xc9), byte(v.Type)), v.Data...)
	case Raw:
		return append(dst, v...)
	case []any:
		if len(v) < 16 {
			dst = append(dst, 0x90|byte(len(v)))
		} else {
			dst = appendHead(dst, len(v), 0, 0xdc, 0xdd)
		}
		for _, item := range v {
			dst = Append(dst, item)
		}
		return dst
	case Map:
		if len(v) < 16 {
			dst = append(dst, 0x80|byte(len(v)))
		} else {
			dst = appendHead(dst, len(v), 0, 0xde, 0xdf)
		}
		return appendPairs(dst, v)
	case WideMap:
		return appendPairs(binary.BigEndian.AppendUint32(append(dst, 0xdf), uint32(len(v))), v)
	}
	panic(fmt.Sprintf("chunktest: no msgpack form for %T", value))
}

func appendPairs(dst []byte, pairs []Pair) []byte {
	for _, p := range pairs {
		dst = Append(Append(dst, p.Key), p.Value)
	}
	return dst
}

// appendHead appends the format byte for the length, and the length; one is 0 for kinds that have no form with a one-byte length.
func appendHead(dst []byte, length int, one, two, four byte) []byte {
	switch {
	case one != 0 && length <= math.MaxUint8:
		return append(dst, one, byte(length))
	case length <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, two), uint16(length))
	}
	return binary.BigEndian.AppendUint32(append(dst, four), uint32(length))
}

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0 && n < 128, n < 0 && n >= -32:
		return append(dst, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(dst, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(dst, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
}

// EventTime is Fluent Bit's extension for a time, in nanoseconds since 1970.
func EventTime(ns int64) Raw { return eventTime(uint32(ns/1e9), uint32(ns%1e9)) }

func eventTime(seconds, nanoseconds uint32) Raw {
	out := binary.BigEndian.AppendUint32([]byte{0xd7, 0x00}, seconds)
	return binary.BigEndian.AppendUint32(out, nanoseconds)
}

// Event appends an event of the present form, [[time, metadata], body].
func Event(dst []byte, ns int64, metadata, body any) []byte {
	dst = Append(append(dst, 0x92, 0x92), EventTime(ns))
	return Append(Append(dst, metadata), body)
}

// OldEvent appends an event of the form before Fluent Bit 2.1, [time, body]; time is any value.
func OldEvent(dst []byte, time, body any) []byte {
	return Append(Append(append(dst, 0x92), time), body)
}

// GroupStart appends the marker that opens a group with the attributes of an OTLP resource.
func GroupStart(dst []byte, attributes Map) []byte {
	dst = Append(append(dst, 0x92, 0x92), eventTime(0xffffffff, 0))
	dst = Append(dst, WideMap{{"schema", "otlp"}, {"resource_id", 0}, {"scope_id", 0}})
	return Append(dst, WideMap{{"resource", WideMap{{"attributes", attributes}}}, {"scope", WideMap{{"name", "lib"}}}})
}

// GroupEnd appends the marker that closes a group.
func GroupEnd(dst []byte) []byte {
	dst = Append(append(dst, 0x92, 0x92), eventTime(0xfffffffe, 0))
	return Append(Append(dst, WideMap{}), WideMap{})
}

// M makes a Map of keys and values in turn. It panics when a key is no string or has no value.
func M(keysAndValues ...any) Map {
	m := make(Map, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		m = append(m, Pair{keysAndValues[i].(string), keysAndValues[i+1]})
	}
	return m
}
