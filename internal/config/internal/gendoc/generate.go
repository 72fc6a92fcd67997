package main

import (
	"bytes"
	_ "embed"
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

//go:embed configuration.md.tmpl
var frame string

// entry is one row of a table.
type entry struct{ key, kind, value, meaning string }

// table is the keys of one settings struct.
type table struct {
	flat    string // prefix of the key in a flat parameter
	entries []entry
	shown   map[string]bool
}

// generate returns the reference. It contains every key exactly once.
func generate(root string) ([]byte, error) {
	r := reader{comments: comments{root: root, packages: map[string]map[string]string{}}}
	settings, rule, workload, target := config.DefaultSettings(), engine.DefaultRule(), config.WorkloadTable{}, trigger.DefaultSettings()
	tables := map[string]*table{
		"top":      r.table("", reflect.ValueOf(settings)),
		"rule":     r.table("rule.NAME.", reflect.ValueOf(rule)),
		"workload": r.table("workload.NAME.", reflect.ValueOf(workload)),
		"silence":  r.table("silence.NAME.", reflect.ValueOf(engine.SilenceSettings{})),
		"inhibit":  r.table("inhibit.NAME.", reflect.ValueOf(engine.DefaultInhibit())),
		"trigger":  r.table("trigger.NAME.", reflect.ValueOf(target)),
	}
	if r.err != nil {
		return nil, r.err
	}
	t, err := template.New("configuration.md").Funcs(template.FuncMap{
		// keys is a table of the named keys; "limits." names all keys that begin so.
		"keys": func(name string, keys ...string) (string, error) { return tables[name].markdown(keys) },
		// rest is a table of the keys not shown yet, or nothing.
		"rest": func(name, heading string) (string, error) {
			text, err := tables[name].markdown(tables[name].unshown())
			if text != "" {
				text = heading + "\n\n" + text
			}
			return text, err
		},
	}).Parse(frame)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, nil); err != nil {
		return nil, err
	}
	for name, t := range tables {
		if left := t.unshown(); len(left) > 0 {
			return nil, fmt.Errorf("the frame shows no %v of %s", left, name)
		}
	}
	text := regexp.MustCompile(`\n{3,}`).ReplaceAll(b.Bytes(), []byte("\n\n")) // what a table without rows leaves
	return append(bytes.TrimRight(text, "\n"), '\n'), nil
}

// reader collects the keys of settings structs.
type reader struct {
	comments comments
	err      error
}

func (r *reader) table(flat string, v reflect.Value) *table {
	t := &table{flat: flat, shown: map[string]bool{}}
	r.walk(t, "", v)
	return t
}

// walk adds the keys of a struct, and of the structs in it, in the order of their fields.
func (r *reader) walk(t *table, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch kind := kindOf(f.Type); {
		case key == "-": // no configuration sets it
		case f.Anonymous || option == "inline":
			r.walk(t, prefix, fv)
		case key == "" || f.Type.Kind() == reflect.Slice && kind == "" && t.flat == "":
			// Arrays of tables have sections of their own.
		case kind == "" && f.Type.Kind() != reflect.Slice:
			r.walk(t, prefix+key+".", fv)
		default:
			if kind == "" {
				kind = "list of tables"
			}
			meaning, err := r.comments.of(v.Type(), f)
			if err != nil && r.err == nil {
				r.err = err
			}
			t.entries = append(t.entries, entry{key: prefix + key, kind: kind, value: defaultOf(fv), meaning: meaning})
			if f.Type == reflect.TypeFor[setting.SecretSource]() {
				t.entries = append(t.entries,
					entry{key: prefix + key + setting.FileSuffix, kind: "text", meaning: "A file that holds the " + key + "."},
					entry{key: prefix + key + setting.EnvSuffix, kind: "text", meaning: "The environment variable that holds the " + key + "."})
			}
		}
	}
}

// kindOf names the type of a value in the reference's words; "" for tables.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[time.Time]():
		return "moment"
	case reflect.TypeFor[setting.Rate]():
		return "rate"
	case reflect.TypeFor[setting.Secret](), reflect.TypeFor[setting.SecretSource]():
		return "secret"
	case reflect.TypeFor[setting.Size]():
		return "size"
	case reflect.TypeFor[engine.Until]():
		return "moment or words"
	case reflect.TypeFor[engine.FirstSeen]():
		return "duration or word"
	case reflect.TypeFor[engine.Factor]():
		return "factor"
	case reflect.TypeFor[engine.Ratio]():
		return "comparison"
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return "word"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "switch"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice:
		if inner := kindOf(t.Elem()); inner != "" {
			return "list"
		}
	case reflect.Map:
		if inner := kindOf(t.Elem()); inner == "secret" {
			return "table of secrets"
		}
		return "table of texts"
	}
	return ""
}

// defaultOf returns a default as TOML writes it; "" for what is unset.
func defaultOf(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Time:
		return ""
	case time.Duration:
		return strconv.Quote(setting.FormatDuration(x))
	case []string:
		if len(x) == 0 {
			return ""
		}
		words := make([]string, len(x))
		for i, w := range x {
			words[i] = strconv.Quote(w)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil || len(text) == 0 {
			return ""
		}
		return strconv.Quote(string(text))
	case string:
		if x == "" {
			return ""
		}
		return strconv.Quote(x)
	case bool, int, int64, float64:
		return fmt.Sprint(x)
	default:
		return ""
	}
}

// markdown returns a table of the named keys, and notes that they were shown.
func (t *table) markdown(keys []string) (string, error) {
	if t == nil {
		return "", fmt.Errorf("there is no table of this name")
	}
	var b strings.Builder
	for _, key := range keys {
		found := false
		for _, e := range t.entries {
			if e.key != key && !(strings.HasSuffix(key, ".") && strings.HasPrefix(e.key, key)) {
				continue
			}
			if t.shown[e.key] {
				return "", fmt.Errorf("%s is shown twice", e.key)
			}
			t.shown[e.key], found = true, true
			if b.Len() == 0 {
				b.WriteString("| Key | Type | Default | Meaning | Flat parameter |\n|---|---|---|---|---|\n")
			}
			value := e.value
			if value != "" {
				value = "`" + value + "`"
			}
			parameter := t.flat + e.key
			if list, ok := strings.CutSuffix(t.flat, ".NAME."); ok && e.key == "name" {
				parameter = list + "s" // names are listed there
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` |\n", e.key, e.kind, cell(value), cell(e.meaning), parameter)
		}
		if !found {
			return "", fmt.Errorf("there is no key %s", key)
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// cell makes a text safe in a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(s)
}

func (t *table) unshown() []string {
	var keys []string
	for _, e := range t.entries {
		if !t.shown[e.key] && !slices.Contains(keys, e.key) {
			keys = append(keys, e.key)
		}
	}
	return keys
}
