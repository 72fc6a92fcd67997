package replay

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// maxDepth bounds the nesting of a JSON object. Deeper values become nil.
const maxDepth = 32

// appendHead appends the beginning of an event in Fluent Bit's form, [[time, {}], body]. The caller appends the body.
func appendHead(dst []byte, ns int64) []byte {
	dst = append(dst, 0x92, 0x92, 0xd7, 0x00)
	seconds, rest := ns/1e9, ns%1e9
	if rest < 0 {
		seconds, rest = seconds-1, rest+1e9
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(seconds))
	dst = binary.BigEndian.AppendUint32(dst, uint32(rest))
	return append(dst, 0x80)
}

func appendText(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n < 1<<8:
		dst = append(dst, 0xd9, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

// appendValue encodes a JSON value like Fluent Bit's JSON parser.
func appendValue(dst []byte, v gjson.Result, depth int) []byte {
	switch v.Type {
	case gjson.True:
		return append(dst, 0xc3)
	case gjson.False:
		return append(dst, 0xc2)
	case gjson.String:
		return appendText(dst, v.Str)
	case gjson.Number:
		return appendNumber(dst, v)
	case gjson.JSON:
		if depth >= maxDepth {
			return append(dst, 0xc0)
		}
		return appendNested(dst, v, depth)
	}
	return append(dst, 0xc0)
}

func appendNumber(dst []byte, v gjson.Result) []byte {
	if !strings.ContainsAny(v.Raw, ".eE") {
		if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
		}
		if n, err := strconv.ParseUint(v.Raw, 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, 0xcf), n)
		}
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(v.Num))
}

// appendNested encodes an object or an array. It writes the length last, because only iteration reveals it.
func appendNested(dst []byte, v gjson.Result, depth int) []byte {
	object := v.IsObject()
	head := len(dst)
	if object {
		dst = append(dst, 0xdf, 0, 0, 0, 0)
	} else {
		dst = append(dst, 0xdd, 0, 0, 0, 0)
	}
	count := uint32(0)
	v.ForEach(func(key, value gjson.Result) bool {
		if object {
			dst = appendText(dst, key.Str)
		}
		dst = appendValue(dst, value, depth+1)
		count++
		return true
	})
	binary.BigEndian.PutUint32(dst[head+1:], count)
	return dst
}
