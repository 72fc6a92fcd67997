package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlindex"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// maxDocument bounds one TOML document, in bytes.
const maxDocument = tomlfiles.MaxSize

// parseDocument reads a TOML document into nodes that know their places. A document that is not TOML yields one unusable problem.
func parseDocument(origin Origin, src string) (*node, *Problem) {
	if len(src) > maxDocument {
		return nil, &Problem{Place: Place{Origin: origin}, Unusable: true, Message: fmt.Sprintf("is %d bytes long: at most %d", len(src), maxDocument)}
	}
	src = trimMark(src)
	l := tomlindex.NewLines(src)
	if i := firstInvalid(src); i >= 0 {
		p := &Problem{Place: Place{Origin: origin}, Unusable: true, Message: "not a TOML document: it is not UTF-8 here"}
		p.Line, p.Column = l.Position(i)
		return nil, p
	}
	root, tooDeep := tomlindex.Index(src)
	if tooDeep >= 0 {
		p := &Problem{Place: Place{Origin: origin}, Unusable: true, Message: fmt.Sprintf("arrays or tables nest more than %d deep", tomlindex.MaxDepth)}
		p.Line, p.Column = l.Position(tooDeep)
		return nil, p
	}
	var values map[string]any
	if err := decode(src, &values); err != nil {
		return nil, syntaxProblem(origin, l, err)
	}
	b := builder{lines: l}
	return b.node(values, root, Place{origin, 1, 1}), nil
}

// trimMark drops byte order marks from the front, all of them because the decoder would drop one more.
func trimMark(src string) string { return strings.TrimLeft(src, "\ufeff") }

// firstInvalid returns where a text stops being UTF-8, or -1.
func firstInvalid(src string) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRuneInString(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// decode is toml.Decode with its internal panics turned into errors, which the host must survive.
func decode(src string, into *map[string]any) error {
	err := guard.Do(func() error {
		_, err := toml.Decode(src, into)
		return err
	})
	if panicked := (*guard.Panic)(nil); errors.As(err, &panicked) {
		return errors.New("the TOML decoder failed on this document") // the panic may quote the document, which may hold secrets
	}
	return err
}

// syntaxProblem reports where the decoder stopped and why. It omits the text of the source, which may hold secrets.
func syntaxProblem(origin Origin, l *tomlindex.Lines, err error) *Problem {
	p := &Problem{Place: Place{Origin: origin}, Unusable: true, Message: "not a TOML document"}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		p.Message += ": " + err.Error()
		return p
	}
	p.Line, p.Column = l.Position(pe.Position.Start)
	if pe.Position.Line > 0 && pe.Position.Line < p.Line {
		// The error is an end of line or of the file: it belongs to the line before.
		p.Line, p.Column = pe.Position.Line, 0
	}
	message := pe.Message
	if !strings.HasPrefix(message, "Key ") {
		message = sourceText.ReplaceAllStringFunc(message, func(piece string) string {
			if len(piece) <= len(`'\n'`) || strings.Trim(piece, `"'`) == "" {
				return piece
			}
			return "this"
		})
		message = outOfRange.ReplaceAllString(message, "this number$1")
	}
	p.Message += ": " + strings.ToLower(message[:1]) + strings.TrimSuffix(message[1:], ".")
	switch {
	case strings.HasPrefix(message, "invalid escape"):
		p.Hint = `write regular expressions in single quotes: '\d+'`
	case strings.HasPrefix(message, "strings cannot contain newlines"):
		p.Hint = "the closing quote is missing"
	case strings.HasPrefix(message, "expected value but found"):
		p.Hint = "write text in quotes"
	}
	if pe.LastKey != "" && !slices.ContainsFunc(strings.Split(pe.LastKey, "."), func(key string) bool { return shownKey(key) != key }) {
		p.Message += fmt.Sprintf(", after the key %s", quoted(pe.LastKey))
	}
	return p
}

var (
	// sourceText matches the quotations in a decoder's message: single characters, and longer pieces of the source.
	sourceText = regexp.MustCompile(`'(?:\\[^xuU]|[^'\\])'|"(?:[^"\\]|\\.)*"|'[^']*'`)
	outOfRange = regexp.MustCompile(`^\S+( is out of range)`)
)

// builder joins decoded values with their places.
type builder struct {
	lines *tomlindex.Lines
}

// node returns the node of a value. A value without a place of its own has the place of its parent.
func (b *builder) node(v any, p *tomlindex.Place, parent Place) *node {
	n := &node{at: parent}
	if p == nil {
		p = tomlindex.NewPlace()
	}
	if first := p.First(); first >= 0 {
		n.at.Line, n.at.Column = b.lines.Position(first)
		n.keyColumn = n.at.Column
	}
	switch v := v.(type) {
	case map[string]any:
		n.table = make(map[string]*node, len(v))
		for k, e := range v {
			n.table[k] = b.node(e, p.Table[k], n.at)
		}
	case []map[string]any:
		n.list = true
		for i, e := range v {
			n.items = append(n.items, b.node(e, p.Item(i), n.at))
		}
	case []any:
		n.list = true
		for i, e := range v {
			n.items = append(n.items, b.node(e, p.Item(i), n.at))
		}
	default:
		n.value = v
		if p.Value >= 0 {
			n.at.Line, n.at.Column = b.lines.Position(p.Value)
			if text, ok := v.(string); ok && p.Value < len(b.lines.Source) {
				n.verbatim = strings.HasPrefix(b.lines.Source[p.Value+1:], text)
			}
		}
	}
	return n
}
