package config

import (
	"reflect"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// Decode sets the struct that dst points to from a TOML document that is no configuration, such as rule tests, with the strictness of the
// configuration: by the toml tags of its fields, with all problems together. Structs in slices are arrays of tables, named by their key
// "name" where they have one. The returned part has the place of everything. It is invalid when a problem is unusable.
func Decode(file, text string, dst any) (Part, []Problem) {
	root, problem := parseDocument(FileOrigin(file), text)
	if problem != nil {
		return Part{node: &node{at: Place{Origin: FileOrigin(file)}}}, []Problem{*problem}
	}
	b := newBinder()
	b.table(scope{}, root, reflect.ValueOf(dst).Elem(), nil)
	SortProblems(b.problems)
	return Part{node: root}, b.problems
}

// Item returns the part that is element i of the array of tables key of this part; the part itself when there is no such element.
func (p Part) Item(key string, i int) Part {
	n := p.node.table[key]
	if n == nil || i >= len(n.items) {
		return p
	}
	return Part{Path: elementPath(p.Path, key, "name", i, n.items[i]), node: n.items[i]}
}

// Problem returns a problem of a setting of the part, at its place.
func (p Part) Problem(field, text, message, hint string) Problem {
	at := p.Place(field, text)
	return Problem{
		Place: at, Path: p.Path, Field: field, Value: p.Literal(field, text), Message: message, Hint: hint,
	}
}

// ReadFile reads a regular file that is no larger than a document may be.
func ReadFile(path string) ([]byte, error) { return namedfile.Read(path, maxDocument) }
