package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// object is a JSON object. Its keys are written in the order of their names.
type object = map[string]any

// patterns are the forms of texts, by the words of kindOf. Each accepts at least what its parser accepts. They are in the syntax that RE2, ECMAScript and
// Rust's regex share.
var patterns = map[string]string{
	"duration":         durations,
	"duration or word": durations + `|^image$`,
	"rate":             `^\s*\+?[0-9]+\s*/\s*([0-9]*\.?[0-9]*\.?(w|d|h|ms|m|s|us|µs|μs|ns))+\s*$`,
	"size":             `^\s*\+?[0-9]+\s*[kKmMgGtT]?[iI]?[bB]?\s*$`,
	"factor":           `^\s*[0-9.]+x\s*$`,
	"comparison":       `^\s*>=?\s*[0-9.]+\s*%\s*$`,
	"moment":           moments,
	"moment or words":  moments + `|^` + engine.NextImageWord + `$`,
}

const (
	durations = `^\s*([0-9]*\.?[0-9]+\.?(w|d|h|ms|m|s|us|µs|μs|ns))+\s*$`
	// TOML's own form of a moment is a text in JSON.
	moments = `^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})\s*$`
)

// schemas makes the JSON Schema of a document. It keeps to keywords of draft 7 that draft 4 has, too, because editors for TOML know no others, and to $ref
// without siblings, because drafts up to 7 ignore these.
type schemas struct {
	comments comments
	err      error
}

// schema returns the JSON Schema of a TOML document, as JSON.
func schema(root string) ([]byte, error) {
	s := schemas{comments: comments{root: root, packages: map[string]map[string]string{}}}
	rule := s.table(&probe{"[[rule]]\nname = \"other\"\nkeywords = [\"x\"]\n[[rule]]\nname = \"probe\"\nkeywords = [\"probe\"]\nafter = \"other\"\nwithin = \"5m\"\n"}, "", reflect.ValueOf(engine.DefaultRule()))
	rule["required"] = []string{"name"}
	rule["x-taplo"] = object{"initKeys": []string{"name", "pattern"}}
	override := s.table(nil, "", reflect.ValueOf(config.OverrideTable{RuleSettings: engine.DefaultRule()}))
	props := override["properties"].(object)
	for key, value := range rule["properties"].(object) {
		if key != "name" {
			props[key] = value
		}
	}
	delete(props, "name")
	override["required"] = []string{"rule"}
	workload := s.table(&probe{"[[workload]]\nmatch = \"probe\"\n"}, "", reflect.ValueOf(config.WorkloadTable{}))
	workload["required"] = []string{"match"}
	list := func(of, about string) object {
		return object{"type": "array", "items": object{"$ref": "#/definitions/" + of}, "description": about}
	}
	workload["properties"].(object)["override"] = list("override", "Changes settings of a global rule for these workloads.")
	workload["properties"].(object)["rule"] = list("rule", "Rules for these workloads alone.")
	silence := s.table(&probe{"[[silence]]\nname = \"probe\"\nrule = \"probe\"\n"}, "", reflect.ValueOf(engine.SilenceSettings{}))
	inhibit := s.table(&probe{"[[inhibit]]\n"}, "", reflect.ValueOf(engine.DefaultInhibit()))
	triggers := s.table(&probe{"[[trigger]]\nname = \"probe\"\nurl = \"https://example.com/\"\n"}, "", reflect.ValueOf(trigger.DefaultSettings()))
	triggers["required"] = []string{"name"}
	triggers["x-taplo"] = object{"initKeys": []string{"name", "url_env"}}
	top := s.table(&probe{}, "", reflect.ValueOf(config.DefaultSettings()))
	for key, of := range map[string]string{"rule": "rule", "workload": "workload", "silence": "silence", "inhibit": "inhibit", "trigger": "trigger"} {
		f, _ := fieldOf(reflect.TypeFor[config.Settings](), key)
		about, err := s.comments.of(reflect.TypeFor[config.Settings](), f)
		if err != nil {
			return nil, err
		}
		top["properties"].(object)[key] = list(of, about)
	}
	if s.err != nil {
		return nil, s.err
	}
	top["$schema"], top["$id"], top["title"] = "http://json-schema.org/draft-07/schema#", config.SchemaURL, "fluentbit-trigger"
	top["description"] = "A configuration of fluentbit-trigger. docs/configuration.md explains it."
	top["definitions"] = object{
		"rule": rule, "override": override, "workload": workload, "silence": silence, "inhibit": inhibit, "trigger": triggers,
		"texts": object{"type": "object", "additionalProperties": object{"anyOf": []any{object{"type": "string"}, object{"$ref": "#/definitions/texts"}}}},
	}
	text, err := json.MarshalIndent(top, "", " ")
	return append(text, '\n'), err
}

// fieldOf returns the field of a struct with a key.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("toml") == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// table returns the schema of a table, and of the tables in it.
func (s *schemas) table(p *probe, prefix string, v reflect.Value) object {
	properties := object{}
	s.walk(p, prefix, v, properties)
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

func (s *schemas) walk(p *probe, prefix string, v reflect.Value, into object) {
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("toml"), ",")
		kind := kindOf(f.Type)
		switch {
		case key == "-" || !f.IsExported():
			continue
		case f.Anonymous || option == "inline":
			s.walk(p, prefix, fv, into)
			continue
		case key == "" || f.Type.Kind() == reflect.Slice && kind == "" && v.Type() == reflect.TypeFor[config.Settings]():
			continue // schema adds the arrays of tables
		}
		about, err := s.comments.of(v.Type(), f)
		if err != nil && s.err == nil {
			s.err = err
		}
		var of object
		switch {
		case kind == "" && f.Type.Kind() == reflect.Slice:
			of = object{"type": "array", "items": s.table(nil, "", reflect.New(f.Type.Elem()).Elem())}
		case kind == "":
			of = s.table(p, prefix+key+".", fv)
		default:
			of = s.value(p, prefix+key, kind, f.Type)
		}
		of["description"] = about
		if text := defaultOf(fv); text != "" && kind != "" {
			of["default"] = defaultValue(fv, text)
		}
		into[key] = of
		if f.Type == reflect.TypeFor[setting.SecretSource]() {
			into[key+setting.FileSuffix] = object{"type": "string", "description": "A file that holds the " + key + "."}
			into[key+setting.EnvSuffix] = object{"type": "string", "description": "The environment variable that holds the " + key + "."}
		}
	}
}

// value returns the schema of a value.
func (s *schemas) value(p *probe, key, kind string, t reflect.Type) object {
	switch kind {
	case "switch":
		return object{"type": "boolean"}
	case "number":
		if t.Kind() == reflect.Float64 {
			return object{"type": "number"}
		}
		return object{"type": "integer"}
	case "list":
		item := s.value(nil, key, kindOf(t.Elem()), t.Elem())
		restrict(item, p.words(key, `["`+unlikely+`"]`))
		return object{"type": "array", "items": item}
	case "table of texts", "table of secrets":
		return object{"type": "object", "additionalProperties": object{"anyOf": []any{object{"type": "string"}, object{"$ref": "#/definitions/texts"}}}}
	}
	of := object{"type": "string"}
	if form := patterns[kind]; form != "" {
		of["pattern"] = form
	}
	if t == reflect.TypeFor[engine.Severity]() {
		of["enum"] = engine.SeverityNames()
	} else if of["pattern"] == nil {
		restrict(of, p.words(key, `"`+unlikely+`"`))
	}
	return of
}

// restrict restricts a text to words. One such as capture.NAME stands for all that begin so.
func restrict(of object, words []string) {
	if len(words) == 0 {
		return
	}
	if !slices.ContainsFunc(words, stands) {
		of["enum"] = words
		return
	}
	forms := make([]string, len(words))
	for i, word := range words {
		if forms[i] = regexp.QuoteMeta(word); stands(word) {
			before, _, _ := strings.Cut(word, ".")
			forms[i] = regexp.QuoteMeta(before) + `\..+`
		}
	}
	of["pattern"] = "^(" + strings.Join(forms, "|") + ")$"
}

// defaultValue returns a default as JSON. text is that of defaultOf.
func defaultValue(v reflect.Value, text string) any {
	switch v.Kind() {
	case reflect.Bool, reflect.Slice:
		return v.Interface()
	case reflect.Int, reflect.Int64, reflect.Float64:
		if !strings.HasPrefix(text, `"`) {
			return v.Interface()
		}
	}
	return strings.Trim(text, `"`)
}

// probe is a document to which a setting can be added. Loading it with a word that nobody knows makes the configuration name the words that it does know, so
// that no list of them can be out of step.
type probe struct{ document string }

const unlikely = "no-such-word"

var oneOf = regexp.MustCompile(`^must be one of ([^;]+)$`)

// words returns the words that a setting can be, or nil if any text will do. A nil probe knows none.
func (p *probe) words(key, value string) []string {
	if p == nil {
		return nil
	}
	loaded := config.Load(config.Sources{Inline: p.document + fmt.Sprintf("%s = %s\n", key, value)})
	for i := range loaded.Problems {
		m := oneOf.FindStringSubmatch(loaded.Problems[i].Message)
		if m == nil || loaded.Problems[i].Field != key {
			continue
		}
		return strings.Split(m[1], ", ")
	}
	return nil
}

// stands reports whether a word stands for others, as capture.NAME does.
func stands(word string) bool {
	_, name, found := strings.Cut(word, ".")
	return found && name == strings.ToUpper(name) && strings.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}
