package config

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxNumbered bounds the numbered keys of one list of flat parameters.
const maxNumbered = 10_000

// isTextList reports whether the elements of a list are free texts, which spaces and commas do not separate.
func isTextList(key string) bool {
	switch key {
	case "keywords", "any", "all", "none", "event", "patterns", "every", "during":
		return true
	default:
		return false
	}
}

// params reads flat parameters. Fluent Bit can look them up but not list them, so the keys come from the settings structs.
type params struct {
	get      func(key string) string
	problems []Problem
}

// root returns everything that the parameters set, in the shape of a document.
func (p *params) root() *node {
	root := p.table("", reflect.TypeFor[Settings]())
	if root == nil {
		root = &node{table: map[string]*node{}}
	}
	p.elements(root, "", "rule", "name", reflect.TypeFor[engine.RuleSettings](), nil)
	p.elements(root, "", "trigger", "name", reflect.TypeFor[trigger.Settings](), nil)
	p.elements(root, "", "silence", "name", reflect.TypeFor[engine.SilenceSettings](), nil)
	p.elements(root, "", "inhibit", "", reflect.TypeFor[engine.InhibitSettings](), nil)
	p.elements(root, "", "workload", "", reflect.TypeFor[WorkloadTable](), func(w *node, prefix string) {
		p.elements(w, prefix, "override", "rule", reflect.TypeFor[engine.RuleSettings](), nil)
		p.elements(w, prefix, "rule", "name", reflect.TypeFor[engine.RuleSettings](), nil)
	})
	return root
}

// at returns the place of a parameter.
func at(key string) Place { return Place{Origin: parameterOrigin(key)} }

// elements reads the tables that the plural parameter names, as in "rules = panic oom", into parent.
func (p *params) elements(parent *node, prefix, key, nameKey string, t reflect.Type, more func(*node, string)) {
	plural := prefix + key + "s"
	names := p.list(plural, false)
	if names == nil {
		return
	}
	if r, ok := names.value.(*setting.ParseError); ok {
		p.problems = append(p.problems, Problem{Place: names.at, Message: r.Message, Hint: r.Hint})
		return
	}
	list := &node{at: at(plural), list: true}
	seen := map[string]bool{}
	for _, item := range names.items {
		name, _ := item.text()
		if name == "" {
			continue
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			p.problems = append(p.problems, Problem{
				Place: at(plural), Value: quoted(name), Message: "is named twice", Hint: "the keys of parameters ignore case",
			})
			continue
		}
		seen[folded] = true
		own := prefix + key + "." + name + "."
		e := p.table(own, t)
		if e == nil {
			e = &node{table: map[string]*node{}}
		}
		// An element has no parameter of its own; the list names it.
		e.at = at(plural)
		delete(e.table, "name")
		if nameKey != "" {
			e.table[nameKey] = &node{at: at(plural), value: flat(name)}
		}
		if more != nil {
			more(e, own)
		}
		list.items = append(list.items, e)
	}
	if parent.table == nil {
		parent.table = map[string]*node{}
	}
	parent.table[key] = list
}

// table reads the settings of a struct; nil when none is set.
func (p *params) table(prefix string, t reflect.Type) *node {
	n := &node{at: at(strings.TrimSuffix(prefix, ".")), table: map[string]*node{}}
	for key, f := range structFields(t) {
		var child *node
		switch ft := f.Type; {
		case isScalar(ft):
			if text := p.get(prefix + key); text != "" {
				child = &node{at: at(prefix + key), value: flat(text)}
			}
		case ft.Kind() == reflect.Struct:
			child = p.table(prefix+key+".", ft)
		case ft.Kind() == reflect.Slice && isScalar(ft.Elem()):
			child = p.list(prefix+key, isTextList(key))
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct && prefix != "":
			if text := strings.TrimSpace(p.get(prefix + key)); text != "" {
				child = literal(prefix+key, text, "a list of tables such as [{ … }]")
			}
		case ft.Kind() == reflect.Map:
			child = p.mapping(prefix+key, isSecret(ft) || secretKey(key))
		}
		if child != nil {
			n.table[key] = child
		}
	}
	if len(n.table) == 0 {
		return nil
	}
	return n
}

// list reads a list: a TOML array of quoted texts, one plain value (of words: several, separated by spaces and commas), or numbered keys,
// whose values are taken as they are.
func (p *params) list(key string, texts bool) *node {
	value := strings.TrimSpace(p.get(key))
	numbered := p.numbered(key)
	switch {
	case value == "":
		return numbered
	case numbered != nil:
		return unreadable(key, refuse("a list is given in one parameter or in numbered ones", "must not be set together with %s.1", key))
	case beginsArray(value):
		return literal(key, value, `a list such as ["a", "b"]; a text that begins with [ can be set as `+key+".1")
	}
	n := &node{at: at(key), list: true}
	if texts {
		n.items = []*node{{at: at(key), value: flat(value)}}
		return n
	}
	for _, w := range splitWords(value) {
		n.items = append(n.items, &node{at: at(key), value: flat(w)})
	}
	return n
}

// numbered reads the keys NAME.1, NAME.2 and so on; nil when there are none.
func (p *params) numbered(key string) *node {
	n := &node{at: at(key), list: true}
	for i := 1; i <= maxNumbered; i++ {
		k := key + "." + strconv.Itoa(i)
		text := p.get(k)
		if text == "" {
			// A gap is a mistake: the numbers behind it would be ignored.
			if p.get(key+"."+strconv.Itoa(i+1)) != "" {
				return unreadable(k, refuse("", "is missing, but the next number is set"))
			}
			break
		}
		n.items = append(n.items, &node{at: at(k), value: flat(text)})
	}
	if len(n.items) == 0 {
		return nil
	}
	return n
}

// unreadable returns a node for a parameter whose text does not have the form of its setting. The binder reports it.
func unreadable(key string, r *setting.ParseError) *node { return &node{at: at(key), value: r} }

// beginsArray reports whether a value is written as a TOML array of texts. "[" alone does not say so: it also begins regular expressions.
func beginsArray(value string) bool {
	rest, ok := strings.CutPrefix(value, "[")
	rest = strings.TrimLeft(rest, " \t")
	return ok && rest != "" && strings.ContainsRune(`"']`, rune(rest[0]))
}

// mapping reads a table of texts: a TOML inline table, or the names of its entries, each of which has a parameter of its own.
// A word that names no entry is not shown where it could be a secret in the wrong place.
func (p *params) mapping(key string, hidden bool) *node {
	value := strings.TrimSpace(p.get(key))
	if value == "" {
		return nil
	}
	if strings.HasPrefix(value, "{") {
		return literal(key, value, `a table such as { name = "value" }`)
	}
	n := &node{at: at(key), table: map[string]*node{}}
	for _, name := range splitWords(value) {
		k := key + "." + name
		text := p.get(k)
		switch {
		case text == "" && hidden:
			return unreadable(key, refuse(`names of entries, or { name = "value" }`, "names an entry that has no parameter of its own"))
		case text == "":
			return unreadable(k, refuse("", "is not set, but named in %s", key))
		}
		n.table[name] = &node{at: at(k), value: flat(text)}
	}
	return n
}

// literal reads a value in TOML's own form.
func literal(key, value, want string) *node {
	doc, problem := parseDocument(parameterOrigin(key), "v = "+value)
	if problem == nil && len(doc.table) == 1 && doc.table["v"] != nil {
		n := doc.table["v"]
		n.unplace()
		return n
	}
	return unreadable(key, refuse("", "must be %s", want))
}

// unplace forgets lines and columns, which say nothing about a value without lines.
func (n *node) unplace() {
	n.at.Line, n.at.Column, n.keyColumn = 0, 0, 0
	for _, item := range n.items {
		item.unplace()
	}
	for _, item := range n.table {
		item.unplace()
	}
}

// splitWords splits names and globs at spaces and commas.
func splitWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}
