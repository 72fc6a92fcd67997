// Package msgpack walks msgpack values in place: positions in, positions out, nothing copied and nothing built.
//
// It promises: every length is checked against the remaining bytes, so that no function reads or returns a position beyond the slice; the work is
// linear in its length; nesting uses no stack. See https://github.com/msgpack/msgpack/blob/master/spec.md.
package msgpack

import (
	"encoding/binary"
	"math"
)

// The first bytes of values. Those of Fixmap, Fixarray and Fixstr hold the length in their low bits.
const (
	Nil      = 0xc0
	False    = 0xc2
	True     = 0xc3
	Bin8     = 0xc4
	Bin16    = 0xc5
	Bin32    = 0xc6
	Ext8     = 0xc7
	Ext16    = 0xc8
	Ext32    = 0xc9
	Float32  = 0xca
	Float64  = 0xcb
	Uint8    = 0xcc
	Uint16   = 0xcd
	Uint32   = 0xce
	Uint64   = 0xcf
	Int8     = 0xd0
	Int16    = 0xd1
	Int32    = 0xd2
	Int64    = 0xd3
	Fixext8  = 0xd7
	Str8     = 0xd9
	Str16    = 0xda
	Str32    = 0xdb
	Array16  = 0xdc
	Array32  = 0xdd
	Map16    = 0xde
	Map32    = 0xdf
	Fixmap   = 0x80
	Fixarray = 0x90
	Fixstr   = 0xa0
)

// Widths is the size of a value without its children by first byte; 0 if the length follows the first byte, and for 0xc1, which is not msgpack.
// children is the number of values in a small map or array. Both are read-only.
var Widths, children = formatTables()

func formatTables() (widths, children [256]uint8) {
	for t := range 256 {
		switch {
		case t < Fixmap, t >= 0xe0, t == Nil, t == False, t == True:
			widths[t] = 1
		case t < Fixarray:
			widths[t], children[t] = 1, uint8(2*(t&0x0f))
		case t < Fixstr:
			widths[t], children[t] = 1, uint8(t&0x0f)
		case t < Nil:
			widths[t] = uint8(1 + t&0x1f)
		}
	}
	for t, w := range map[int]uint8{
		Float32: 5, Float64: 9, Uint8: 2, Uint16: 3, Uint32: 5, Uint64: 9, Int8: 2, Int16: 3, Int32: 5, Int64: 9,
		0xd4: 3, 0xd5: 4, 0xd6: 6, Fixext8: 10, 0xd8: 18,
	} {
		widths[t] = w
	}
	return widths, children
}

// Skip returns the position after the value at i. It fails as soon as more values are announced than bytes remain; next is then how far it came.
func Skip(b []byte, i int) (next int, ok bool) {
	for need := 1; need > 0; {
		if need > len(b)-i {
			return min(i, len(b)), false
		}
		t := b[i]
		need--
		if w := Widths[t]; w != 0 {
			i += int(w)
			need += int(children[t])
			continue
		}
		head, length := 0, 0
		switch t {
		case Str8, Bin8, Ext8:
			head, length = 2, be8(b, i+1)
		case Str16, Bin16, Ext16:
			head, length = 3, be16(b, i+1)
		case Str32, Bin32, Ext32:
			head, length = 5, be32(b, i+1)
		case Array16:
			i, length = i+3, be16(b, i+1)
			need += max(length, 0)
		case Array32:
			i, length = i+5, be32(b, i+1)
			need += max(length, 0)
		case Map16:
			i, length = i+3, be16(b, i+1)
			need += 2 * max(length, 0)
		case Map32:
			i, length = i+5, be32(b, i+1)
			need += 2 * max(length, 0)
		default:
			return i, false
		}
		if length < 0 {
			return len(b), false
		}
		if head > 0 {
			if t >= Ext8 && t <= Ext32 {
				head++ // the extension's type
			}
			if length > len(b)-i-head {
				return len(b), false
			}
			i += head + length
		}
	}
	return min(i, len(b)), i <= len(b)
}

// be8, be16 and be32 read a big-endian length; -1 if it is cut off or exceeds the slice.
func be8(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	return int(b[i])
}

func be16(b []byte, i int) int {
	if i+2 > len(b) {
		return -1
	}
	return int(binary.BigEndian.Uint16(b[i:]))
}

func be32(b []byte, i int) int {
	if i+4 > len(b) {
		return -1
	}
	n := binary.BigEndian.Uint32(b[i:])
	if uint64(n) > uint64(len(b)) {
		return -1
	}
	return int(n)
}

// Text returns the bounds of the string at i; end is also the position of the next value. A bin counts as a string.
func Text(b []byte, i int) (start, end int, ok bool) {
	if i >= len(b) {
		return i, i, false
	}
	length := 0
	switch t := b[i]; {
	case t&0xe0 == Fixstr:
		start, length = i+1, int(t&0x1f)
	case t == Str8 || t == Bin8:
		start, length = i+2, be8(b, i+1)
	case t == Str16 || t == Bin16:
		start, length = i+3, be16(b, i+1)
	case t == Str32 || t == Bin32:
		start, length = i+5, be32(b, i+1)
	default:
		return i, i, false
	}
	if length < 0 || length > len(b)-start {
		return i, i, false
	}
	return start, start + length, true
}

// Map returns the number of pairs of the map at i and the position of its first key.
func Map(b []byte, i int) (pairs, next int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	switch t := b[i]; {
	case t&0xf0 == Fixmap:
		pairs, next = int(t&0x0f), i+1
	case t == Map16:
		pairs, next = be16(b, i+1), i+3
	case t == Map32:
		pairs, next = be32(b, i+1), i+5
	default:
		return 0, i, false
	}
	return pairs, next, pairs >= 0 && pairs <= (len(b)-next)/2
}

// Array returns the number of values of the array at i and the position of the first.
func Array(b []byte, i int) (values, next int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	switch t := b[i]; {
	case t&0xf0 == Fixarray:
		values, next = int(t&0x0f), i+1
	case t == Array16:
		values, next = be16(b, i+1), i+3
	case t == Array32:
		values, next = be32(b, i+1), i+5
	default:
		return 0, i, false
	}
	return values, next, values >= 0 && values <= len(b)-next
}

// Integer returns the integer at i. An unsigned value above math.MaxInt64 is math.MaxInt64.
func Integer(b []byte, i int) (n int64, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	t := b[i]
	if len(b)-i < int(Widths[t]) {
		return 0, false
	}
	p := b[i+1:]
	switch {
	case t < Fixmap:
		return int64(t), true
	case t >= 0xe0:
		return int64(int8(t)), true
	case t == Uint8:
		return int64(p[0]), true
	case t == Uint16:
		return int64(binary.BigEndian.Uint16(p)), true
	case t == Uint32:
		return int64(binary.BigEndian.Uint32(p)), true
	case t == Uint64:
		return int64(min(binary.BigEndian.Uint64(p), math.MaxInt64)), true
	case t == Int8:
		return int64(int8(p[0])), true
	case t == Int16:
		return int64(int16(binary.BigEndian.Uint16(p))), true
	case t == Int32:
		return int64(int32(binary.BigEndian.Uint32(p))), true
	case t == Int64:
		return int64(binary.BigEndian.Uint64(p)), true
	}
	return 0, false
}

// Float returns the floating-point number at i.
func Float(b []byte, i int) (f float64, ok bool) {
	if i >= len(b) || len(b)-i < int(Widths[b[i]]) {
		return 0, false
	}
	switch b[i] {
	case Float32:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[i+1:]))), true
	case Float64:
		return math.Float64frombits(binary.BigEndian.Uint64(b[i+1:])), true
	}
	return 0, false
}

// Child returns the position of the value of a key of the well-formed map at i. Of a repeated key the last counts.
func Child(b []byte, i int, name string) (at int, ok bool) {
	pairs, i, whole := Map(b, i)
	for ; whole && pairs > 0; pairs-- {
		start, value, isText := Text(b, i)
		if !isText {
			if value, whole = Skip(b, i); !whole {
				return 0, false
			}
		} else if value-start == len(name) && string(b[start:value]) == name {
			at, ok = value, value < len(b)
		}
		if pairs > 1 {
			if i, whole = Skip(b, value); !whole {
				return 0, false
			}
		}
	}
	return at, ok
}

// IsMap reports whether a value with the first byte is a map.
func IsMap(t byte) bool { return t&0xf0 == Fixmap || t == Map16 || t == Map32 }

// IsScalar reports whether a value with the first byte is a string, a number or a boolean.
func IsScalar(t byte) bool {
	switch {
	case t < Fixmap, t >= 0xe0, t&0xe0 == Fixstr, t == False, t == True:
		return true
	case t >= Bin8 && t <= Bin32, t >= Float32 && t <= Int64, t >= Str8 && t <= Str32:
		return true
	}
	return false
}
