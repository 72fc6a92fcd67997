// Package tomlindex finds the place of each key and value of a TOML document, which the TOML decoder does not report. It takes any text: a document
// that the decoder would refuse gives an index of its beginning.
package tomlindex

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds how deep arrays and inline tables may nest. The TOML decoder recurses without a bound, and a stack that overflows ends
// the host; nothing in the configuration nests deeper than five.
const MaxDepth = 64

// Place is the place of one key, table or array element of a TOML document, in byte offsets.
type Place struct {
	Key   int // of the key, or of a header's bracket; -1 for an array's element, and a table that only the keys below it imply
	Value int // of the value; -1 for an implied table
	Table map[string]*Place
	Items []*Place
}

// NewPlace returns the place of a key or value that is nowhere in the document.
func NewPlace() *Place { return &Place{Key: -1, Value: -1} }

// child returns the place of a key, made if it is new.
func (p *Place) child(name string) *Place {
	if c := p.Table[name]; c != nil {
		return c
	}
	if p.Table == nil {
		p.Table = map[string]*Place{}
	}
	c := NewPlace()
	p.Table[name] = c
	return c
}

// First returns where the place begins: at its key, else at its value, else, in an array of tables, at the first of them; -1 when it is
// nowhere.
func (p *Place) First() int {
	switch {
	case p.Key >= 0:
		return p.Key
	case p.Value >= 0 || len(p.Items) == 0:
		return p.Value
	default:
		return p.Items[0].First()
	}
}

// last returns the table that a further key below p belongs to: of an array of tables, the newest.
func (p *Place) last() *Place {
	if len(p.Items) > 0 {
		return p.Items[len(p.Items)-1]
	}
	return p
}

// indexer walks a TOML document and notes the place of each key and value. Its results have a meaning only for a document that the decoder
// accepts; for any other text it stops early, without harm.
type indexer struct {
	src     string
	i       int
	depth   int
	tooDeep int // where MaxDepth was passed, or -1
}

// Index returns the places of a document's keys, and where the document nests too deep for the decoder, or -1.
func Index(src string) (root *Place, tooDeep int) {
	x := &indexer{src: src, tooDeep: -1}
	root = NewPlace()
	root.Key, root.Value = 0, 0
	table := root
	for {
		x.blank()
		switch {
		case x.i >= len(src):
			return root, x.tooDeep
		case src[x.i] == '[':
			next, ok := x.header(root)
			if !ok {
				return root, x.tooDeep
			}
			table = next
		case !x.pair(table):
			return root, x.tooDeep
		}
	}
}

// header reads "[a.b]" or "[[a.b]]" and returns the table that it opens.
func (x *indexer) header(root *Place) (*Place, bool) {
	start, brackets := x.i, 1
	if strings.HasPrefix(x.src[x.i:], "[[") {
		brackets = 2
	}
	x.i += brackets
	keys, ok := x.keys()
	if !ok || !x.accept(strings.Repeat("]", brackets)) {
		return nil, false
	}
	p := root
	for _, k := range keys[:len(keys)-1] {
		p = p.child(k.name).last()
	}
	p = p.child(keys[len(keys)-1].name)
	if brackets == 2 {
		item := NewPlace()
		p.Items = append(p.Items, item)
		p = item
	}
	p.Key, p.Value = start, start
	return p, true
}

// pair reads "a.b = value" into the table.
func (x *indexer) pair(table *Place) bool {
	keys, ok := x.keys()
	if !ok || !x.accept("=") {
		return false
	}
	p := table
	for _, k := range keys {
		p = p.child(k.name)
	}
	p.Key = keys[0].at
	return x.readValue(p)
}

// namedKey is one part of a dotted key.
type namedKey struct {
	name string
	at   int
}

// keys reads a dotted key; it returns at least one part, or false.
func (x *indexer) keys() ([]namedKey, bool) {
	var keys []namedKey
	for {
		x.spaces()
		at := x.i
		var name string
		switch {
		case x.i >= len(x.src):
			return nil, false
		case x.src[x.i] == '"':
			if !x.basicString() {
				return nil, false
			}
			name = unquote(x.src[at+1 : x.i-1])
		case x.src[x.i] == '\'':
			if !x.literalString() {
				return nil, false
			}
			name = x.src[at+1 : x.i-1]
		default:
			for x.i < len(x.src) && !strings.ContainsRune(" \t\r\n.=[]{}\"'#,", rune(x.src[x.i])) {
				x.i++
			}
			name = x.src[at:x.i]
			if name == "" {
				return nil, false
			}
		}
		keys = append(keys, namedKey{name, at})
		if len(keys) > MaxDepth {
			x.tooDeep = x.i
			return nil, false
		}
		x.spaces()
		if x.i >= len(x.src) || x.src[x.i] != '.' {
			return keys, true
		}
		x.i++
	}
}

// readValue notes the places of the value and of the values inside it, and moves behind it.
func (x *indexer) readValue(p *Place) bool {
	x.spaces()
	p.Value = x.i
	rest := x.src[x.i:]
	switch {
	case rest == "":
		return false
	case strings.HasPrefix(rest, `"""`):
		return x.longString('"')
	case strings.HasPrefix(rest, `'''`):
		return x.longString('\'')
	case rest[0] == '"':
		return x.basicString()
	case rest[0] == '\'':
		return x.literalString()
	case rest[0] == '[':
		return x.nested(']', func() bool {
			item := NewPlace()
			p.Items = append(p.Items, item)
			return x.readValue(item)
		})
	case rest[0] == '{':
		return x.nested('}', func() bool { return x.pair(p) })
	}
	// A number, a boolean or a date; a date may hold a space.
	for x.i < len(x.src) && !strings.ContainsRune(",]}#\r\n", rune(x.src[x.i])) {
		x.i++
	}
	return x.i > p.Value
}

// nested reads the elements of an array or inline table up to its end.
func (x *indexer) nested(end byte, element func() bool) bool {
	if x.depth++; x.depth > MaxDepth {
		x.tooDeep = x.i
		return false
	}
	defer func() { x.depth-- }()
	x.i++
	for {
		x.blank()
		if x.i >= len(x.src) {
			return false
		}
		switch x.src[x.i] {
		case end:
			x.i++
			return true
		case ',':
			x.i++
		default:
			if !element() {
				return false
			}
		}
	}
}

// basicString reads a "string" on one line.
func (x *indexer) basicString() bool {
	for x.i++; x.i < len(x.src); x.i++ {
		switch x.src[x.i] {
		case '\\':
			x.i++
		case '\n':
			return false
		case '"':
			x.i++
			return true
		}
	}
	return false
}

// literalString reads a 'string' on one line.
func (x *indexer) literalString() bool {
	end := strings.IndexAny(x.src[x.i+1:], "'\n")
	if end < 0 || x.src[x.i+1+end] == '\n' {
		return false
	}
	x.i += end + 2
	return true
}

// longString reads a string between triple quotes; one or two further quotes at its end belong to it.
func (x *indexer) longString(quote byte) bool {
	triple := strings.Repeat(string(quote), 3)
	for x.i += 3; x.i < len(x.src); x.i++ {
		if quote == '"' && x.src[x.i] == '\\' {
			x.i++
			continue
		}
		if strings.HasPrefix(x.src[x.i:], triple) {
			x.i += 3
			for n := 0; n < 2 && x.i < len(x.src) && x.src[x.i] == quote; n++ {
				x.i++
			}
			return true
		}
	}
	return false
}

// accept moves behind the text when it comes next, after blanks on this line.
func (x *indexer) accept(text string) bool {
	x.spaces()
	if !strings.HasPrefix(x.src[x.i:], text) {
		return false
	}
	x.i += len(text)
	return true
}

// spaces skips blanks on this line.
func (x *indexer) spaces() {
	for x.i < len(x.src) && (x.src[x.i] == ' ' || x.src[x.i] == '\t') {
		x.i++
	}
}

// blank skips blanks, line ends and comments.
func (x *indexer) blank() {
	for x.i < len(x.src) {
		switch x.src[x.i] {
		case ' ', '\t', '\r', '\n':
			x.i++
		case '#':
			end := strings.IndexByte(x.src[x.i:], '\n')
			if end < 0 {
				x.i = len(x.src)
				return
			}
			x.i += end
		default:
			return
		}
	}
}

// unquote resolves the escapes of a basic string that the decoder accepted.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := 0
		switch s[i] {
		case 'b':
			b.WriteByte('\b')
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'f':
			b.WriteByte('\f')
		case 'r':
			b.WriteByte('\r')
		case 'e':
			b.WriteByte(0x1b)
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		default:
			b.WriteByte(s[i])
		}
		if digits > 0 && i+digits < len(s) {
			n, _ := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
			b.WriteRune(rune(n))
			i += digits
		}
	}
	return b.String()
}

// Lines turns byte offsets into lines and columns.
type Lines struct {
	Source string // the text
	starts []int
}

// NewLines finds the lines of a text.
func NewLines(src string) *Lines {
	l := &Lines{Source: src, starts: []int{0}}
	for i := range len(src) {
		if src[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// longLine is how far into a line characters are counted, in bytes. Beyond, columns count bytes: a document may be one line.
const longLine = 4096

// Position returns the line and the column of an offset, both from 1; the column counts characters.
func (l *Lines) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(l.Source))
	line = sort.SearchInts(l.starts, offset+1)
	before := l.Source[l.starts[line-1]:offset]
	if len(before) > longLine {
		return line, len(before) + 1
	}
	return line, utf8.RuneCountInString(before) + 1
}

// Item returns the place of an element, or nil.
func (p *Place) Item(i int) *Place {
	if i < len(p.Items) {
		return p.Items[i]
	}
	return nil
}
