package model

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// AppendNumber appends the one form that a number has wherever it is compared, counted, and shown, whether it came as a number of a record or in a
// line of JSON: decimal, without exponent, without a fraction of zeros. Integers are exact up to 64 bits. AppendFloat is the same for a float64.
func AppendNumber(dst []byte, text string) []byte {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.AppendInt(dst, n, 10)
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return strconv.AppendUint(dst, n, 10)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return append(dst, text...)
	}
	return AppendFloat(dst, f, 64)
}

// AppendFloat appends a floating-point number of so many bits, 32 or 64, in the form that numbers have in fields.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	if f == 0 { // of either sign
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

// AppendField appends the text of a record's field to dst: from the record itself, else from the line when that is a JSON object, unless the field
// is one that the pipeline attaches.
func AppendField(dst []byte, rec *Record, path string) ([]byte, bool) {
	if rec.Fields != nil {
		if v, ok := rec.Fields.AppendField(dst, path); ok {
			return v, true
		}
		if a, ok := rec.Fields.(Attached); ok && a.Attached(path) {
			return dst, false
		}
	}
	if len(rec.Text) == 0 || rec.Text[0] != '{' {
		return dst, false
	}
	return appendJSONField(dst, rec.Text, path)
}

// appendJSONField looks the dotted path up in a JSON object. A key that holds dots is found too: at each level the longest key wins.
func appendJSONField(dst, object []byte, path string) ([]byte, bool) {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		v := gjson.GetBytes(object, gjson.Escape(path[:end]))
		if !v.Exists() {
			continue
		}
		if end < len(path) {
			if v.IsObject() {
				if found, ok := appendJSONField(dst, []byte(v.Raw), path[end+1:]); ok {
					return found, true
				}
			}
			continue
		}
		switch v.Type {
		case gjson.String:
			return append(dst, v.Str...), true
		case gjson.Number:
			return AppendNumber(dst, v.Raw), true
		case gjson.True, gjson.False:
			return append(dst, v.Raw...), true
		}
	}
	return dst, false
}
