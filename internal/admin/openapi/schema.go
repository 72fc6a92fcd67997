package openapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema is a JSON Schema, as OpenAPI 3.1 uses it.
type Schema = map[string]any

// schemaOf returns the schema of a type's JSON form. Fields with omitempty or omitzero are not required.
func schemaOf(t reflect.Type) Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Schema{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return Schema{}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	}
	switch t.Kind() {
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return Schema{"type": "integer"}
	case reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice:
		return Schema{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := Schema{}, []string{}
		addFields(t, properties, &required)
		out := Schema{"type": "object", "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			out["required"] = required
		}
		return out
	default: // any
		return Schema{}
	}
}

func addFields(t reflect.Type, properties Schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			addFields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = schemaOf(f.Type)
		if !strings.Contains(option, "omit") {
			*required = append(*required, name)
		}
	}
}

// Fields returns the fields of a body or answer in words, such as "`name` string, `lines` array of string", or "" if it has none. Fields that may be left out
// are marked.
func Fields(v any) string {
	if v == nil {
		return ""
	}
	schema := bodySchema(v)
	properties, _ := schema["properties"].(Schema)
	required, _ := schema["required"].([]string)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		part := "`" + name + "` " + typeName(properties[name].(Schema))
		if !slices.Contains(required, name) {
			part += " (optional)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// typeName returns a schema's type in words.
func typeName(s Schema) string {
	kind, _ := s["type"].(string)
	switch {
	case kind == "":
		return "any"
	case kind == "array":
		items, _ := s["items"].(Schema)
		return "array of " + typeName(items)
	case s["format"] == "date-time":
		return "time"
	}
	return kind
}
