// Package where is the language of conditions that rules, triggers, silences and inhibitions share: the values of where
// and, as its keys, the properties of an alert.
package where

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Condition is one entry of where: a name, and the condition on the text that has this name.
type Condition struct {
	Name   string
	value  string // as it is written
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

// Parse reads the right side of a where entry: "/regexp/", a comparison such as ">=500", "!=text", "absent()", "present()", or a text to
// equal.
func Parse(name, value string) (Condition, *setting.ParseError) {
	c := Condition{Name: name, value: value, text: value}
	if name == "" {
		return c, &setting.ParseError{Message: "a name must not be empty"}
	}
	if len(value) >= 2 && value[0] == '/' && value[len(value)-1] == '/' {
		re, err := regexp.Compile(value[1 : len(value)-1])
		if err != nil {
			message, hint := setting.ExplainRegexp(err)
			return c, &setting.ParseError{Message: message, Hint: hint}
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
			return c, &setting.ParseError{Message: fmt.Sprintf("%q compares numbers, and %q is not a number", k.prefix, c.text)}
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
		return c, &setting.ParseError{Message: fmt.Sprintf("must be %s, %s, or /^%s$/ for that text", absentCondition, presentCondition, regexp.QuoteMeta(value))}
	}
	c.number = numberText(value)
	return c, nil
}

// Compile returns the conditions in the order of their names.
func Compile(entries map[string]string) ([]Condition, error) {
	var all []Condition
	for name, value := range entries {
		c, err := Parse(name, value)
		if err != nil {
			return nil, fmt.Errorf("%s = %q: %w", name, value, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Condition) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Matches reports whether the condition is true of a text. A text that is not there satisfies "absent()" and nothing else.
func (c *Condition) Matches(value []byte, present bool) bool {
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
func (c *Condition) equals(value []byte) bool {
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
