package config

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// node is one value of a source with its place. Exactly one of table, items and value is set.
type node struct {
	at Place
	// keyColumn is the column of the key, on the same line.
	keyColumn int
	// verbatim marks a text that the source holds unchanged, behind one quote.
	verbatim bool

	table map[string]*node
	items []*node
	value any // string, bool, int64, float64, time.Time, flat, or *setting.ParseError for a parameter that could not be read
	list  bool
}

// flat is the value of a flat parameter: text, whose type the setting decides.
type flat string

// keys returns the keys of a table in the order of the source.
func (n *node) keys() []string {
	keys := make([]string, 0, len(n.table))
	for k := range n.table {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		p, q := n.table[a].at, n.table[b].at
		switch {
		case p.Line != q.Line:
			return p.Line - q.Line
		case p.Column != q.Column:
			return p.Column - q.Column
		case a < b:
			return -1
		default:
			return 1
		}
	})
	return keys
}

// text returns the text of a string value.
func (n *node) text() (string, bool) {
	switch v := n.value.(type) {
	case string:
		return v, true
	case flat:
		return string(v), true
	default:
		return "", false
	}
}

// literal returns the value as the source writes it, for a message; "" for tables and lists.
func (n *node) literal() string {
	switch v := n.value.(type) {
	case nil, *setting.ParseError:
		return ""
	case time.Time:
		switch v.Location().String() {
		case "datetime-local":
			return v.Format("2006-01-02T15:04:05")
		case "date-local":
			return v.Format(time.DateOnly)
		case "time-local":
			return v.Format(time.TimeOnly)
		}
		return v.Format(time.RFC3339)
	case string:
		return quoted(v)
	case flat:
		return quoted(string(v))
	default:
		return fmt.Sprint(v)
	}
}

// kind names the type of the value in words.
func (n *node) kind() string {
	switch n.value.(type) {
	case string, flat:
		return "a text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case time.Time:
		return "a date"
	}
	if n.list {
		return "a list"
	}
	return "a table"
}

// find returns the node nearest to a field such as "where.level": of a list, the element with the text when there is one; nil when the
// field is not set here.
func (n *node) find(field, text string) *node {
	for c := n; c != nil; {
		if item, _, rest := c.element(field); item != nil {
			if rest == "" {
				return item
			}
			c, field = item, rest
			continue
		}
		if next := c.table[field]; next != nil {
			for _, item := range next.items {
				if s, ok := item.text(); ok && s == text {
					return item
				}
			}
			return next
		}
		head, rest, ok := cutPath(field, c.table)
		if !ok {
			return nil
		}
		c, field = c.table[head], rest
	}
	return nil
}

// element returns the table that a field such as "escalate[1].after" begins with, what it is called, and the field in it; nil for a field that
// begins otherwise.
func (n *node) element(field string) (item *node, name, rest string) {
	head, rest, _ := strings.Cut(field, ".")
	key, index, ok := strings.Cut(strings.TrimSuffix(head, "]"), "[")
	list := n.table[key]
	i, err := strconv.Atoi(index)
	if !ok || err != nil || list == nil || i < 0 || i >= len(list.items) || list.items[i].table == nil {
		return nil, "", ""
	}
	return list.items[i], elementPath("", key, "name", i, list.items[i]), rest
}

// regexpOffset returns how far behind the node's place the fault of a regular expression begins, in characters; 0 if the text is not a regular expression,
// has no fault, or is wrong as a whole.
func (n *node) regexpOffset() int {
	text, _ := n.text()
	if !n.verbatim {
		return 0
	}
	var fault *syntax.Error
	if _, err := syntax.Parse(text, syntax.Perl); !errors.As(err, &fault) || fault.Expr == text {
		return 0
	}
	return 1 + utf8.RuneCountInString(text[:max(0, strings.Index(text, fault.Expr))])
}

// cutPath splits the longest key of the table off a dotted path.
func cutPath(path string, table map[string]*node) (head, rest string, ok bool) {
	// The longest key first, because a quoted key may contain dots.
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' && table[path[:i]] != nil {
			return path[:i], path[i+1:], true
		}
	}
	return "", "", false
}
