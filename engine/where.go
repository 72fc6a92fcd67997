package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// condition is one entry of where: a field and what its text must be.
type condition struct {
	path   string
	op     operator
	text   string         // for opEqual and opNotEqual
	number string         // the same, in the form that numbers have in fields; "" when text is no number
	re     *regexp.Regexp // for opMatch
	num    float64        // for the comparisons
}

type operator uint8

const (
	opEqual operator = iota
	opNotEqual
	opMatch
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opPresent
	opAbsent
)

// comparisons lists the operators by their prefix; a longer prefix stands before a shorter one that begins it.
var comparisons = [...]struct {
	prefix string
	op     operator
}{{">=", opGreaterEqual}, {"<=", opLessEqual}, {"!=", opNotEqual}, {">", opGreater}, {"<", opLess}}

// The conditions about whether a field is there.
const (
	presentCondition = "present()"
	absentCondition  = "absent()"
)

// call is the form of a condition that is written as a call. A text of this form has to be written as a regular expression.
var call = regexp.MustCompile(`^\s*[A-Za-z_]+\s*\(\s*\)\s*$`)

// parseCondition reads the right side of a where entry: "/regexp/", a comparison such as ">=500", "!=text", "absent()", "present()", or a text to
// equal.
func parseCondition(path, value string) (condition, error) {
	c := condition{path: path, text: value}
	if path == "" {
		return c, fmt.Errorf("a field's name must not be empty")
	}
	if len(value) >= 2 && value[0] == '/' && value[len(value)-1] == '/' {
		re, err := regexp.Compile(value[1 : len(value)-1])
		if err != nil {
			return c, err
		}
		c.op, c.re = opMatch, re
		return c, nil
	}
	for _, k := range comparisons {
		rest, ok := strings.CutPrefix(value, k.prefix)
		if !ok {
			continue
		}
		c.op, c.text = k.op, strings.TrimSpace(rest)
		if k.op == opNotEqual {
			c.number = numberText(c.text)
			return c, nil
		}
		n, ok := parseNumber(c.text)
		if !ok {
			return c, fmt.Errorf("%q compares numbers, and %q is none", k.prefix, c.text)
		}
		c.num = n
		return c, nil
	}
	switch {
	case value == presentCondition:
		c.op = opPresent
	case value == absentCondition:
		c.op = opAbsent
	case call.MatchString(value):
		return c, fmt.Errorf("must be %s, %s, or /^%s$/ for that text", absentCondition, presentCondition, regexp.QuoteMeta(value))
	}
	c.number = numberText(value)
	return c, nil
}

// conditions returns the where entries in the order of their paths.
func conditions(where map[string]string) ([]condition, error) {
	var all []condition
	for path, value := range where {
		c, err := parseCondition(path, value)
		if err != nil {
			return nil, fmt.Errorf("%s = %q: %w", path, value, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b condition) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// matches reports whether the condition is true of a field's text. An absent field satisfies "absent()" and nothing else.
func (c *condition) matches(value []byte, present bool) bool {
	if !present {
		return c.op == opAbsent
	}
	switch c.op {
	case opAbsent:
		return false
	case opPresent:
		return true
	case opEqual:
		return c.equals(value)
	case opNotEqual:
		return !c.equals(value)
	case opMatch:
		return c.re.Match(value)
	}
	n, ok := parseNumber(string(bytes.TrimSpace(value)))
	if !ok {
		return false
	}
	switch c.op {
	case opLess:
		return n < c.num
	case opLessEqual:
		return n <= c.num
	case opGreater:
		return n > c.num
	default:
		return n >= c.num
	}
}

// equals reports whether a field's text is that of the condition. A number has one text in fields, however the condition writes it.
func (c *condition) equals(value []byte) bool {
	return string(value) == c.text || c.number != "" && string(value) == c.number
}

// parseNumber reads a number as JSON and people write them: decimal, with a fraction and an exponent.
func parseNumber(text string) (float64, bool) {
	if text == "" || strings.ContainsAny(text, "xXpPiInN_") { // what Go takes for numbers besides
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// numberText returns the form that a number has in fields, "" for a text that is none.
func numberText(text string) string {
	if _, ok := parseNumber(text); !ok {
		return ""
	}
	return string(appendNumber(nil, text))
}

// appendNumber appends the one form that a number has wherever it is compared, counted, and shown, whether it came as a number of a record or in a
// line of JSON: decimal, without exponent, without a fraction of zeros. Integers are exact up to 64 bits. AppendFloat is the same for a float64.
func appendNumber(dst []byte, text string) []byte {
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

// appendField appends the text of a record's field to dst: from the record itself, else from the line when that is a JSON object, unless the field
// is one that the pipeline attaches.
func appendField(dst []byte, rec *Record, path string) ([]byte, bool) {
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
			return appendNumber(dst, v.Raw), true
		case gjson.True, gjson.False:
			return append(dst, v.Raw...), true
		}
	}
	return dst, false
}
