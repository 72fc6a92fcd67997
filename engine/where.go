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
	path string
	op   operator
	text string         // for opEqual and opNotEqual
	re   *regexp.Regexp // for opMatch
	num  float64        // for the comparisons
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
)

// comparisons lists the operators by their prefix; a longer prefix stands before a shorter one that begins it.
var comparisons = [...]struct {
	prefix string
	op     operator
}{{">=", opGreaterEqual}, {"<=", opLessEqual}, {"!=", opNotEqual}, {">", opGreater}, {"<", opLess}}

// parseCondition reads the right side of a where entry: "/regexp/", a comparison such as ">=500", "!=text", or a text to equal.
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
			return c, nil
		}
		n, err := strconv.ParseFloat(c.text, 64)
		if err != nil {
			return c, fmt.Errorf("%q compares numbers, and %q is none", k.prefix, c.text)
		}
		c.num = n
		return c, nil
	}
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

// holds reports whether the condition is true of a field's text. An absent field satisfies "!=" and nothing else.
func (c *condition) holds(value []byte, present bool) bool {
	if !present {
		return c.op == opNotEqual
	}
	switch c.op {
	case opEqual:
		return string(value) == c.text
	case opNotEqual:
		return string(value) != c.text
	case opMatch:
		return c.re.Match(value)
	}
	n, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
	if err != nil {
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
		case gjson.Number, gjson.True, gjson.False:
			return append(dst, v.Raw...), true
		}
	}
	return dst, false
}
