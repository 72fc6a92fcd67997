package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// condition is one entry of where: a field and the condition on its text.
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

// comparisons lists the operators by their prefix; a longer prefix comes before its own prefix.
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

// ParseCondition reads the right side of a where entry: "/regexp/", a comparison such as ">=500", "!=text", "absent()", "present()", or a text to
// equal.
func ParseCondition(path, value string) (condition, error) {
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
		c, err := ParseCondition(path, value)
		if err != nil {
			return nil, fmt.Errorf("%s = %q: %w", path, value, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b condition) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// Matches reports whether the condition is true of a field's text. An absent field satisfies "absent()" and nothing else.
func (c *condition) Matches(value []byte, present bool) bool {
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
	if text == "" || strings.ContainsAny(text, "xXpPiInN_") { // forms that Go accepts besides
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// numberText returns the form that a number has in fields, "" for a text that is not a number.
func numberText(text string) string {
	if _, ok := parseNumber(text); !ok {
		return ""
	}
	return string(model.AppendNumber(nil, text))
}
