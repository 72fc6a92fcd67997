package config

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and inline tables may nest. The TOML decoder recurses without a bound, and a stack that overflows ends
// the host; nothing in the configuration nests deeper than five.
const maxDepth = 64

// place is where one key, table or array element of a TOML document stands, as byte offsets.
type place struct {
	key   int // of the key, or of a header's bracket; -1 for an array's element, and a table that only the keys below it imply
	value int // of the value; -1 for an implied table
	table map[string]*place
	items []*place
}

func newPlace() *place { return &place{key: -1, value: -1} }

// child returns the place of a key, made when there is none yet.
func (p *place) child(name string) *place {
	if c := p.table[name]; c != nil {
		return c
	}
	if p.table == nil {
		p.table = map[string]*place{}
	}
	c := newPlace()
	p.table[name] = c
	return c
}

// first returns where the place begins: at its key, else at its value, else, in an array of tables, at the first of them; -1 when it is
// nowhere.
func (p *place) first() int {
	switch {
	case p.key >= 0:
		return p.key
	case p.value >= 0 || len(p.items) == 0:
		return p.value
	default:
		return p.items[0].first()
	}
}

// last returns the table that a further key below p belongs to: of an array of tables, the newest.
func (p *place) last() *place {
	if len(p.items) > 0 {
		return p.items[len(p.items)-1]
	}
	return p
}

// indexer walks a TOML document and notes where each key and value stands, because the TOML decoder does not tell. Its results mean
// something only for a document that the decoder accepts; for any other text it stops early, without harm.
type indexer struct {
	src     string
	i       int
	depth   int
	tooDeep int // where maxDepth was passed, or -1
}

// indexDocument returns the places of a document's keys, and where the document nests too deep for the decoder, or -1.
func indexDocument(src string) (root *place, tooDeep int) {
	x := &indexer{src: src, tooDeep: -1}
	root = newPlace()
	root.key, root.value = 0, 0
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
func (x *indexer) header(root *place) (*place, bool) {
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
		item := newPlace()
		p.items = append(p.items, item)
		p = item
	}
	p.key, p.value = start, start
	return p, true
}

// pair reads "a.b = value" into the table.
func (x *indexer) pair(table *place) bool {
	keys, ok := x.keys()
	if !ok || !x.accept("=") {
		return false
	}
	p := table
	for _, k := range keys {
		p = p.child(k.name)
	}
	p.key = keys[0].at
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
		if len(keys) > maxDepth {
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

// readValue notes where the value stands, and the values inside it, and moves behind it.
func (x *indexer) readValue(p *place) bool {
	x.spaces()
	p.value = x.i
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
			item := newPlace()
			p.items = append(p.items, item)
			return x.readValue(item)
		})
	case rest[0] == '{':
		return x.nested('}', func() bool { return x.pair(p) })
	}
	// A number, a boolean or a date; a date may hold a space.
	for x.i < len(x.src) && !strings.ContainsRune(",]}#\r\n", rune(x.src[x.i])) {
		x.i++
	}
	return x.i > p.value
}

// nested reads the elements of an array or inline table up to its end.
func (x *indexer) nested(end byte, element func() bool) bool {
	if x.depth++; x.depth > maxDepth {
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

// lines turns byte offsets into lines and columns.
type lines struct {
	src    string
	starts []int
}

func newLines(src string) *lines {
	l := &lines{src: src, starts: []int{0}}
	for i := range len(src) {
		if src[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// longLine is how far into a line characters are counted, in bytes. Beyond, columns count bytes: a document may be one line.
const longLine = 4096

// position returns the line and the column of an offset, both from 1; the column counts characters.
func (l *lines) position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(l.src))
	line = sort.SearchInts(l.starts, offset+1)
	before := l.src[l.starts[line-1]:offset]
	if len(before) > longLine {
		return line, len(before) + 1
	}
	return line, utf8.RuneCountInString(before) + 1
}

// item returns the place of an element, or nil.
func (p *place) item(i int) *place {
	if i < len(p.items) {
		return p.items[i]
	}
	return nil
}
