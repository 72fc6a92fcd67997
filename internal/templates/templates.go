// Package templates executes the templates of a configuration within bounds and rewrites their errors for users: without types of Go and internal
// names, and with the fields that exist.
package templates

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	noField    = regexp.MustCompile(`(?s)<(.+)>: can't evaluate field (\w+) in type (\S+)`)
	chain      = regexp.MustCompile(`^\$?[.\w]+$`)
	noFunction = regexp.MustCompile(`function "(.+?)" not defined`)
	// preamble is the text before the reason in errors of text/template: "template", its name, line and column, and the executed expression.
	preamble = regexp.MustCompile(`(?s)^template: [^ ]*?:(\d+)(?::\d+)?: (?:executing .*? at <.*>: )?`)
	typeName = regexp.MustCompile(`[\[\]*]*\b[a-z]+\.[A-Za-z]\w*`)
)

// Error returns an error for users from an error of text/template. data is the data of the template, functions lists the functions that it may call
// beside the builtin ones. hint suggests an alternative, or is empty.
func Error(err error, data any, functions []string) (hint string, wrong error) {
	var bound *BoundError
	if errors.As(err, &bound) {
		return "", bound
	}
	text := err.Error()
	if m := noField.FindStringSubmatch(text); m != nil {
		if !chain.MatchString(m[1]) {
			m[1] = "." + m[2] // the rest may be a text of the template, which may be a secret
		}
		return fieldHint(m[1], m[2], m[3], reflect.TypeOf(data)), fmt.Errorf("{{ %s }} names nothing: there is no .%s here", m[1], m[2])
	}
	if m := noFunction.FindStringSubmatch(text); m != nil {
		return functionHint(m[1], functions), fmt.Errorf("there is no function %s in templates", m[1])
	}
	line := preamble.FindStringSubmatch(text)
	text = typeName.ReplaceAllString(preamble.ReplaceAllString(text, ""), "this")
	if line != nil && line[1] != "1" {
		text = "line " + line[1] + " of it: " + text
	}
	return "", errors.New("not a template: " + text)
}

// NoField reports whether text/template's error is about a field that does not exist.
func NoField(err error) bool { return noField.MatchString(err.Error()) }

// fieldHint suggests fields for an unknown one in a chain such as .Container.Nme. of is the name of the type without the field, t the type of the data.
func fieldHint(chain, field, of string, t reflect.Type) string {
	if !strings.HasPrefix(chain, ".") {
		return "" // a field of a variable or of a function's result
	}
	prefix := "."
	for _, name := range strings.Split(chain[1:], ".") {
		called := t.String()
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return ""
		}
		if name == field && (called == of || t.String() == of) { // otherwise the dot has another value here, as within a range
			return namesHint(prefix, field, t)
		}
		f, ok := t.FieldByName(name)
		if !ok {
			return ""
		}
		t, prefix = f.Type, prefix+name+"."
	}
	return ""
}

func namesHint(prefix, field string, t reflect.Type) string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous {
			names = append(names, f.Name)
		}
	}
	for i := range t.NumMethod() {
		names = append(names, t.Method(i).Name)
	}
	folded := strings.ToLower(field)
	near := func(name string) bool {
		name = strings.ToLower(name)
		return name == folded || len(folded) > 3 && (strings.HasPrefix(name, folded) || strings.HasPrefix(folded, name))
	}
	if i := slices.IndexFunc(names, near); i >= 0 {
		return "did you mean " + prefix + names[i] + "?"
	}
	slices.Sort(names)
	return "there is " + prefix + strings.Join(slices.Compact(names), ", "+prefix)
}

func functionHint(name string, functions []string) string {
	for _, f := range functions {
		if strings.EqualFold(f, name) {
			return "did you mean " + f + "?"
		}
	}
	if len(functions) == 0 {
		return "there are those of Go's text/template, such as printf, len and index"
	}
	slices.Sort(functions)
	return "there are " + strings.Join(functions, ", ") + ", and those of Go's text/template, such as printf"
}
