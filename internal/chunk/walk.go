package chunk

import (
	"encoding/binary"
	"math"
)

// The msgpack walk: positions in, positions out, nothing copied and nothing built. Every length is checked against the bytes that are
// left, so that no function here reads or answers beyond the slice. Format bytes are those of the msgpack specification
// (https://github.com/msgpack/msgpack/blob/master/spec.md).

const (
	mpNil      = 0xc0
	mpFalse    = 0xc2
	mpTrue     = 0xc3
	mpBin8     = 0xc4
	mpBin16    = 0xc5
	mpBin32    = 0xc6
	mpExt8     = 0xc7
	mpExt16    = 0xc8
	mpExt32    = 0xc9
	mpFloat32  = 0xca
	mpFloat64  = 0xcb
	mpUint8    = 0xcc
	mpUint16   = 0xcd
	mpUint32   = 0xce
	mpUint64   = 0xcf
	mpInt8     = 0xd0
	mpInt16    = 0xd1
	mpInt32    = 0xd2
	mpInt64    = 0xd3
	mpFixext8  = 0xd7
	mpStr8     = 0xd9
	mpStr16    = 0xda
	mpStr32    = 0xdb
	mpArray16  = 0xdc
	mpArray32  = 0xdd
	mpMap16    = 0xde
	mpMap32    = 0xdf
	mpFixmap   = 0x80
	mpFixarray = 0x90
	mpFixstr   = 0xa0
)

// widths holds, for each format byte, the bytes that a value takes without its children; 0 for those whose length follows (and for 0xc1,
// which is no msgpack). children holds the number of values inside a small map or array. Both are read only.
var widths, children = formatTables()

func formatTables() (widths, children [256]uint8) {
	for t := range 256 {
		switch {
		case t < mpFixmap, t >= 0xe0, t == mpNil, t == mpFalse, t == mpTrue:
			widths[t] = 1
		case t < mpFixarray:
			widths[t], children[t] = 1, uint8(2*(t&0x0f))
		case t < mpFixstr:
			widths[t], children[t] = 1, uint8(t&0x0f)
		case t < mpNil:
			widths[t] = uint8(1 + t&0x1f)
		}
	}
	for t, w := range map[int]uint8{
		mpFloat32: 5, mpFloat64: 9, mpUint8: 2, mpUint16: 3, mpUint32: 5, mpUint64: 9, mpInt8: 2, mpInt16: 3, mpInt32: 5, mpInt64: 9,
		0xd4: 3, 0xd5: 4, 0xd6: 6, mpFixext8: 10, 0xd8: 18,
	} {
		widths[t] = w
	}
	return widths, children
}

// skip returns the position after the value at i. It is iterative, so that nesting costs no stack, and it gives up as soon as more values
// are promised than bytes are left. When ok is false, next is how far it came.
func skip(b []byte, i int) (next int, ok bool) {
	for need := 1; need > 0; {
		if need > len(b)-i {
			return min(i, len(b)), false
		}
		t := b[i]
		need--
		if w := widths[t]; w != 0 {
			i += int(w)
			need += int(children[t])
			continue
		}
		head, length := 0, 0
		switch t {
		case mpStr8, mpBin8, mpExt8:
			head, length = 2, be8(b, i+1)
		case mpStr16, mpBin16, mpExt16:
			head, length = 3, be16(b, i+1)
		case mpStr32, mpBin32, mpExt32:
			head, length = 5, be32(b, i+1)
		case mpArray16:
			i, length = i+3, be16(b, i+1)
			need += max(length, 0)
		case mpArray32:
			i, length = i+5, be32(b, i+1)
			need += max(length, 0)
		case mpMap16:
			i, length = i+3, be16(b, i+1)
			need += 2 * max(length, 0)
		case mpMap32:
			i, length = i+5, be32(b, i+1)
			need += 2 * max(length, 0)
		default:
			return i, false
		}
		if length < 0 {
			return len(b), false
		}
		if head > 0 {
			if t >= mpExt8 && t <= mpExt32 {
				head++ // the type of the extension
			}
			if length > len(b)-i-head {
				return len(b), false
			}
			i += head + length
		}
	}
	return min(i, len(b)), i <= len(b)
}

// be8, be16 and be32 read a big-endian length, -1 when it is cut off or greater than the slice could hold.
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

// text returns the bounds of the bytes of the string (or bin, which counts as text) at i; end is also where the next value starts.
func text(b []byte, i int) (start, end int, ok bool) {
	if i >= len(b) {
		return i, i, false
	}
	length := 0
	switch t := b[i]; {
	case t&0xe0 == mpFixstr:
		start, length = i+1, int(t&0x1f)
	case t == mpStr8 || t == mpBin8:
		start, length = i+2, be8(b, i+1)
	case t == mpStr16 || t == mpBin16:
		start, length = i+3, be16(b, i+1)
	case t == mpStr32 || t == mpBin32:
		start, length = i+5, be32(b, i+1)
	default:
		return i, i, false
	}
	if length < 0 || length > len(b)-start {
		return i, i, false
	}
	return start, start + length, true
}

// mapAt returns the number of pairs of the map at i and the position of its first key.
func mapAt(b []byte, i int) (pairs, next int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	switch t := b[i]; {
	case t&0xf0 == mpFixmap:
		pairs, next = int(t&0x0f), i+1
	case t == mpMap16:
		pairs, next = be16(b, i+1), i+3
	case t == mpMap32:
		pairs, next = be32(b, i+1), i+5
	default:
		return 0, i, false
	}
	return pairs, next, pairs >= 0 && pairs <= (len(b)-next)/2
}

// arrayAt returns the number of values of the array at i and the position of the first.
func arrayAt(b []byte, i int) (values, next int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	switch t := b[i]; {
	case t&0xf0 == mpFixarray:
		values, next = int(t&0x0f), i+1
	case t == mpArray16:
		values, next = be16(b, i+1), i+3
	case t == mpArray32:
		values, next = be32(b, i+1), i+5
	default:
		return 0, i, false
	}
	return values, next, values >= 0 && values <= len(b)-next
}

// integer returns the integer at i. An unsigned value beyond int64 is math.MaxInt64.
func integer(b []byte, i int) (n int64, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	t := b[i]
	if len(b)-i < int(widths[t]) {
		return 0, false
	}
	p := b[i+1:]
	switch {
	case t < mpFixmap:
		return int64(t), true
	case t >= 0xe0:
		return int64(int8(t)), true
	case t == mpUint8:
		return int64(p[0]), true
	case t == mpUint16:
		return int64(binary.BigEndian.Uint16(p)), true
	case t == mpUint32:
		return int64(binary.BigEndian.Uint32(p)), true
	case t == mpUint64:
		return int64(min(binary.BigEndian.Uint64(p), math.MaxInt64)), true
	case t == mpInt8:
		return int64(int8(p[0])), true
	case t == mpInt16:
		return int64(int16(binary.BigEndian.Uint16(p))), true
	case t == mpInt32:
		return int64(int32(binary.BigEndian.Uint32(p))), true
	case t == mpInt64:
		return int64(binary.BigEndian.Uint64(p)), true
	}
	return 0, false
}

// float returns the floating-point number at i.
func float(b []byte, i int) (f float64, ok bool) {
	if i >= len(b) || len(b)-i < int(widths[b[i]]) {
		return 0, false
	}
	switch b[i] {
	case mpFloat32:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[i+1:]))), true
	case mpFloat64:
		return math.Float64frombits(binary.BigEndian.Uint64(b[i+1:])), true
	}
	return 0, false
}
