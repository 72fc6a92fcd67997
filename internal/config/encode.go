package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Encode gives a settings struct, such as engine.RuleSettings, in the form of the sources: keys by their toml tags, values as they are written
// there. Empty values are left out, unless always names their keys. A secret is its placeholder.
func Encode(settings any, always ...string) map[string]any {
	v := reflect.Indirect(reflect.ValueOf(settings))
	out := map[string]any{}
	for key, f := range structFields(v.Type()) {
		field := v.FieldByIndex(f.Index)
		kept := false
		for _, name := range always {
			kept = kept || name == key
		}
		if value, ok := encodeValue(field); ok && (kept || !field.IsZero() || field.Kind() == reflect.Bool || field.Type() == durationType) {
			out[key] = value
		}
	}
	return out
}

// encodeValue returns a value in the form of the sources; ok is false for a value that they cannot express, such as an empty rate.
func encodeValue(v reflect.Value) (value any, ok bool) {
	t := v.Type()
	switch {
	case t == durationType:
		return setting.FormatDuration(time.Duration(v.Int())), true
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		m, is := v.Interface().(encoding.TextMarshaler)
		if !is {
			return fmt.Sprint(v.Interface()), true
		}
		text, err := m.MarshalText()
		return string(text), err == nil && len(text) > 0
	case t.Kind() == reflect.Struct:
		inner := Encode(v.Interface())
		return inner, len(inner) > 0
	case t.Kind() == reflect.Slice:
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			if e, ok := encodeValue(v.Index(i)); ok {
				list = append(list, e)
			}
		}
		return list, true
	case t.Kind() == reflect.Map:
		table := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			if e, ok := encodeValue(it.Value()); ok {
				table[it.Key().String()] = e
			}
		}
		return table, true
	}
	return v.Interface(), true
}

// jsonNode gives a JSON value as a node. All of it has one place.
func jsonNode(v any, at Place) *node {
	n := &node{at: at}
	switch v := v.(type) {
	case map[string]any:
		n.table = make(map[string]*node, len(v))
		for key, e := range v {
			if e != nil { // null is a setting that is not set
				n.table[key] = jsonNode(e, at)
			}
		}
	case []any:
		n.list = true
		for _, e := range v {
			n.items = append(n.items, jsonNode(e, at))
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			n.value = i
		} else if f, err := v.Float64(); err == nil {
			n.value = f
		} else {
			n.value = refuse("", "the number is too large")
		}
	case nil:
		n.value = refuse("", "null is not a value here")
	default:
		n.value = v
	}
	return n
}
