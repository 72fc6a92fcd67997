package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// scope is the part of the configuration that is bound, for the words of its problems.
type scope struct {
	path   string // Problem.Path
	prefix string // of field names: "per_container."
	root   string // full key of a table that exists once, such as "limits."; "" elsewhere
	once   bool   // the table exists once, over all sources: a key that is set again is a problem
	hide   bool   // values may be secrets: none is shown but those of plain words
}

// maxProblems bounds the problems that are kept. Further ones are counted, and hurt their parts all the same.
const maxProblems = 1000

// binder sets settings structs from nodes, by their toml tags, and collects the problems.
type binder struct {
	problems []Problem
	count    int              // of all problems, kept or not
	reported map[spot]bool    // where a problem was found
	broken   map[string]bool  // top-level keys with a problem
	set      map[string]*node // keys of tables that exist once, with the nodes that set them
	fields   map[reflect.Type]map[string]reflect.StructField
}

func newBinder() binder {
	return binder{
		reported: map[spot]bool{}, broken: map[string]bool{}, set: map[string]*node{}, fields: map[reflect.Type]map[string]reflect.StructField{},
	}
}

// spot is a field at a place.
type spot struct {
	at          Place
	path, field string
}

func (p *Problem) spot() spot {
	return spot{p.Place, p.Path, p.Field}
}

// add counts a problem and keeps it within the bound. Sources of which nothing could be read are always kept.
func (b *binder) add(p Problem) {
	b.count++
	if p.Path == "" && p.Field != "" {
		head, _, _ := strings.Cut(p.Field, ".")
		b.broken[head] = true
	}
	if b.count <= maxProblems || p.Unusable {
		b.reported[p.spot()] = true
		b.problems = append(b.problems, p)
	}
}

// fail adds a problem with a value.
func (b *binder) fail(sc scope, n *node, field string, hidden bool, r *setting.ParseError) {
	p := Problem{
		Place: n.at,
		Path:  sc.path, Field: strings.TrimSuffix(sc.prefix+field, "."), Message: r.Message, Hint: r.Hint,
	}
	if !hidden {
		p.Value = n.literal()
	}
	b.add(p)
}

// handler binds a key by hand.
type handler func(n *node)

// table sets the fields of the struct dst from a table, and reports whether all of it fitted. Keys in by hand take precedence.
func (b *binder) table(sc scope, n *node, dst reflect.Value, custom map[string]handler) bool {
	if n.table == nil {
		b.fail(sc, n, "", true, refuse("", "must be a table, not %s", n.kind()))
		return false
	}
	// By the count, because problems beyond the bound are not kept.
	before := b.count
	fields := b.fields[dst.Type()]
	if fields == nil { // there may be thousands of rules
		fields = structFields(dst.Type())
		b.fields[dst.Type()] = fields
	}
	for _, key := range n.keys() {
		child := n.table[key]
		if h := custom[key]; h != nil {
			h(child)
			continue
		}
		f, known := fields[key]
		if !known {
			b.unknownKey(sc, child, key, slices.Concat(slices.Sorted(maps.Keys(custom)), slices.Sorted(maps.Keys(fields))))
			continue
		}
		b.field(sc, child, key, dst.FieldByIndex(f.Index))
	}
	return b.count == before
}

func (b *binder) unknownKey(sc scope, n *node, key string, known []string) {
	p := Problem{Place: Place{n.at.Origin, n.at.Line, n.keyColumn}, Path: sc.path, Field: sc.prefix + shownKey(key), Message: "unknown key"}
	if b.count >= maxProblems {
		b.add(p) // not shown: the search for a hint would be in vain
		return
	}
	if shownKey(key) != key {
		p.Hint = "not shown, because it looks like a value; keys are to the left of the ="
		b.add(p)
		return
	}
	slices.Sort(known)
	known = slices.Compact(known) // a list of the binder's own has a field, too
	switch word := setting.Nearest(key, known); word {
	case "":
		p.Hint = "known are " + strings.Join(known, ", ")
	case strings.ToLower(key):
		p.Hint = "keys are written in lower case: " + word
	default:
		p.Hint = "did you mean " + quoted(word) + "?"
	}
	b.add(p)
}

// field sets one field from its node.
func (b *binder) field(sc scope, n *node, key string, dst reflect.Value) {
	t := dst.Type()
	if t.Kind() == reflect.Struct && !isScalar(t) {
		inner := sc
		inner.prefix, inner.root = sc.prefix+key+".", sc.root+key+"."
		b.table(inner, n, dst, nil)
		return
	}
	if sc.once {
		if first, twice := b.set[sc.root+key]; twice {
			r := refuse("", "is already set at %s", first.at)
			b.fail(sc, n, key, true, r)
			return
		}
		b.set[sc.root+key] = n
	}
	hidden := sc.hide && secretKey(key) || isSecret(t)
	if r, ok := n.value.(*setting.ParseError); ok {
		b.fail(sc, n, key, true, r)
		return
	}
	switch {
	case isScalar(t):
		if n.table != nil || n.list {
			b.fail(sc, n, key, true, wrongShape(n, t))
			return
		}
		if r := setScalar(n, dst); r != nil {
			b.fail(sc, n, key, hidden, withWords(r, n, t))
		}
	case t.Kind() == reflect.Slice && isScalar(t.Elem()):
		b.list(sc, n, key, dst, hidden)
	case t.Kind() == reflect.Map && isScalar(t.Elem()):
		b.mapping(sc, n, key, dst, hidden)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		b.tables(sc, n, key, dst)
	default:
		panic(fmt.Sprintf("config: no binding for the type %s of %s", t, sc.prefix+key))
	}
}

// wrongShape refuses a list or a table in the place of one value.
func wrongShape(n *node, t reflect.Type) *setting.ParseError {
	want := "must be one value"
	switch {
	case t == durationType:
		want = `must be a duration such as "5m"`
	case t == rateType:
		want = `must be a rate such as "30/m"`
	case t == timeType:
		want = wantTime
	case t == sizeType:
		want = `must be a size such as "256M"`
	case t.Kind() == reflect.String || t.Kind() != reflect.Bool && reflect.PointerTo(t).Implements(textUnmarshaler):
		want = "must be a text in quotes"
	case t.Kind() == reflect.Bool:
		want = "must be true or false"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		want = "must be a whole number"
	}
	return refuse("", "%s, not %s", want, n.kind())
}

// withWords adds the nearest valid word of a type whose words are known.
func withWords(r *setting.ParseError, n *node, t reflect.Type) *setting.ParseError {
	if text, ok := n.text(); ok && t == severityType {
		r.Message = "must be one of " + strings.Join(engine.SeverityNames(), ", ")
		r.Hint = setting.DidYouMean(severityWord(text), engine.SeverityNames())
	}
	return r
}

// severityWord returns our word for a severity that other programs know by another one.
func severityWord(text string) string {
	switch strings.ToLower(text) {
	case "trace":
		return "debug"
	case "notice", "information", "informational":
		return "info"
	case "warn":
		return "warning"
	case "err":
		return "error"
	case "fatal", "crit", "alert", "emerg", "emergency", "panic":
		return "critical"
	default:
		return text
	}
}

var (
	severityType     = reflect.TypeFor[engine.Severity]()
	secretType       = reflect.TypeFor[setting.Secret]()
	secretSourceType = reflect.TypeFor[setting.SecretSource]()
)

// isSecret reports whether values of the type must never be shown.
func isSecret(t reflect.Type) bool {
	if t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t == secretType
}

// secretKey reports whether the value of a trigger's key may be a secret, or be one by mistake, such as a url given as url_env.
func secretKey(key string) bool {
	for _, part := range []string{"url", "header", "secret", "token", "password", "key", "user", "env", "body"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// list sets a slice from a list of scalars.
func (b *binder) list(sc scope, n *node, key string, dst reflect.Value, hidden bool) {
	if !n.list {
		hint := ""
		if s, ok := n.text(); ok && !hidden && len(s) <= maxShown {
			hint = fmt.Sprintf("%s = [%s]", key, n.literal())
		}
		b.fail(sc, n, key, hidden, refuse(hint, "must be a list, not %s", n.kind()))
		return
	}
	out := reflect.MakeSlice(dst.Type(), 0, len(n.items))
	for i, item := range n.items {
		e := reflect.New(dst.Type().Elem()).Elem()
		switch {
		case item.table != nil || item.list:
			b.fail(sc, item, fmt.Sprintf("%s[%d]", key, i), true, wrongShape(item, e.Type()))
		default:
			if r := setScalar(item, e); r != nil {
				b.fail(sc, item, key, hidden, withWords(r, item, e.Type()))
				continue
			}
			out = reflect.Append(out, e)
		}
	}
	dst.Set(out)
}

// tables sets a slice of structs from an array of tables.
func (b *binder) tables(sc scope, n *node, key string, dst reflect.Value) {
	b.each(sc.path, key, "name", n, func(p part) {
		e := reflect.New(dst.Type().Elem()).Elem()
		b.table(scope{path: p.path}, p.node, e, nil)
		dst.Set(reflect.Append(dst, e))
	})
}

// each calls bind for each table of an array of tables; nameKey is the key that identifies a table.
func (b *binder) each(parent, key, nameKey string, n *node, bind func(part)) {
	if !n.list {
		header := key
		if parent != "" {
			kind, _, _ := strings.Cut(parent, " ")
			header = kind + "." + key
		}
		p := Problem{
			Place: n.at, Path: parent, Field: key,
			Message: "must be an array of tables, not " + n.kind(), Hint: fmt.Sprintf("write [[%s]]", header),
		}
		b.add(p)
		return
	}
	for i, item := range n.items {
		bind(part{node: item, path: elementPath(parent, key, nameKey, i, item)})
	}
}

// elementPath names element i of an array of tables: by its name where it has one, else by its number.
func elementPath(parent, key, nameKey string, i int, item *node) string {
	path := fmt.Sprintf("%s #%d", key, i+1)
	if name := item.table[nameKey]; name != nil {
		if text, ok := name.text(); ok && text != "" {
			path = key + " " + quoted(text)
			if key == "override" {
				path = "override of " + quoted(text)
			}
		}
	}
	if parent != "" {
		path = parent + ": " + path
	}
	return path
}

// mapping sets a map from a table of scalars. Tables inside it are dotted keys: a.b = "x" and "a.b" = "x" mean the same.
func (b *binder) mapping(sc scope, n *node, key string, dst reflect.Value, hidden bool) {
	if n.table == nil {
		b.fail(sc, n, key, hidden, refuse("", "must be a table such as { name = \"value\" }, not %s", n.kind()))
		return
	}
	out := reflect.MakeMap(dst.Type())
	var fill func(n *node, prefix string)
	fill = func(n *node, prefix string) {
		for _, k := range n.keys() {
			item, name := n.table[k], prefix+k
			field := key + "." + name
			e := reflect.New(dst.Type().Elem()).Elem()
			switch {
			case item.table != nil:
				fill(item, name+".")
				continue
			case item.list:
				b.fail(sc, item, field, true, wrongShape(item, e.Type()))
				continue
			case out.MapIndex(reflect.ValueOf(name)).IsValid():
				b.fail(sc, item, field, true, refuse("", "is set twice"))
				continue
			}
			if r := setScalar(item, e); r != nil {
				if item.literal() != "" && !hidden {
					if _, text := item.text(); !text {
						r.Hint = fmt.Sprintf("in quotes: %q", item.literal())
					}
				}
				b.fail(sc, item, field, hidden, withWords(r, item, e.Type()))
			}
			out.SetMapIndex(reflect.ValueOf(name), e)
		}
	}
	fill(n, "")
	dst.Set(out)
}

// isTables reports whether values of the type are written as an array of tables.
func isTables(t reflect.Type) bool { return t.Kind() == reflect.Slice && !isScalar(t.Elem()) }

// structFields returns the fields of a settings struct by their keys. The fields of an embedded struct, and of one whose tag says "inline",
// count as the struct's own. A secret has three keys: for its text, its file and its variable.
func structFields(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case !f.IsExported():
		case f.Anonymous || option == "inline":
			for k, inner := range structFields(f.Type) {
				inner.Index = append(slices.Clone(f.Index), inner.Index...)
				fields[k] = inner
			}
		case f.Type == secretSourceType:
			for i, suffix := range []string{"", setting.FileSuffix, setting.EnvSuffix} { // in the order of its fields
				source := f.Type.Field(i)
				source.Index = append(slices.Clone(f.Index), i)
				fields[key+suffix] = source
			}
		case key != "" && key != "-":
			fields[key] = f
		}
	}
	return fields
}
