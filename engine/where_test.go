package engine

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// fieldMap is a Fields of a flat map.
type fieldMap map[string]string

var _ Fields = fieldMap(nil)

func (m fieldMap) AppendField(dst []byte, path string) ([]byte, bool) {
	v, ok := m[path]
	if !ok {
		return dst, false
	}
	return append(dst, v...), true
}

func TestConditions(t *testing.T) {
	const line = `{"level":"error","status":503,"ok":true,"gone":null,"http":{"path":"/x","code":"500"},"a.b":"dotted","a":{"b":"nested","c.d":{"e":1.5}},"list":[1]}`
	fields := fieldMap{"stream": "stderr", "level2": "warn"}
	cases := []struct {
		path, value string
		want        bool
	}{
		{"level", "error", true},
		{"level", "Error", false},
		{"level", "/(?i)ERR/", true},
		{"level", "/^warn/", false},
		{"level", "!=info", true},
		{"level", "!=error", false},
		{"stream", "stderr", true},
		{"level2", "warn", true},
		{"status", "503", true},
		{"status", ">=500", true},
		{"status", ">= 503", true},
		{"status", ">503", false},
		{"status", "<504", true},
		{"status", "<=502", false},
		{"http.code", ">=500", true},
		{"http.path", "/x", true},
		{"ok", "true", true},
		{"gone", "", false},
		{"gone", "!=x", false},
		{"gone", "absent()", true},
		{"missing", "x", false},
		{"missing", "!=x", false},
		{"missing", "", false},
		{"missing", "/.*/", false},
		{"missing", ">1", false},
		{"missing", "<1", false},
		{"missing", "absent()", true},
		{"missing", "present()", false},
		{"level", "absent()", false},
		{"level", "present()", true},
		{"level2", "absent()", false},
		{"level2", "present()", true},
		{"http", "absent()", true},
		{"list", "present()", false},
		{"level", "absent", false},
		{"status", "503.0", true},
		{"status", "5.03e2", true},
		{"status", "!=503.0", false},
		{"status", "0x1f7", false},
		{"http.code", "500.0", true},
		{"level", ">1", false},
		{"a.b", "dotted", true},
		{"a.c.d.e", "1.5", true},
		{"http", "", false},
		{"list", "[1]", false},
	}
	for _, c := range cases {
		cond, err := where.Parse(c.path, c.value)
		if err != nil {
			t.Fatalf("%s %q: %v", c.path, c.value, err)
		}
		value, ok := model.AppendField(nil, &Record{Text: []byte(line), Fields: fields}, c.path)
		if got := cond.Matches(value, ok); got != c.want {
			t.Errorf("where %s = %q on %q (present %v): %v, want %v", c.path, c.value, value, ok, got, c.want)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	for value, want := range map[string]string{
		">=abc":     `">=" compares numbers, and "abc" is not a number`,
		">=NaN":     `">=" compares numbers, and "NaN" is not a number`,
		"missing()": `must be absent(), present(), or /^missing\(\)$/ for that text`,
		"Absent()":  `must be absent(), present()`,
		"absent( )": `must be absent(), present()`,
		"/(/":       "missing closing )",
		"<":         `"<" compares numbers`,
	} {
		if _, err := where.Parse("f", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("where.Parse(%q) = %v, want an error with %q", value, err, want)
		}
	}
	if _, err := where.Parse("", "x"); err == nil {
		t.Error("an empty field name is accepted")
	}
}

func TestLineIsParsedOnlyWhenItIsAnObject(t *testing.T) {
	for _, text := range []string{"", "plain", ` {"level":"error"}`, `["level"]`, `{`, `{"level"`, `{"level":}`} {
		if v, ok := model.AppendField(nil, &Record{Text: []byte(text)}, "level"); ok {
			t.Errorf("field of %q: %q", text, v)
		}
	}
}

func FuzzJSONField(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), "a.b")
	f.Add([]byte(`{"a.b":"x","*":{"?":2}}`), "*.?")
	f.Fuzz(func(t *testing.T, line []byte, path string) {
		dst := []byte("kept")
		got, ok := model.AppendField(dst, &Record{Text: line}, path)
		if !strings.HasPrefix(string(got), "kept") {
			t.Fatalf("the destination was lost: %q", got)
		}
		if !ok && len(got) != len(dst) {
			t.Fatalf("absent, and yet %q", got)
		}
	})
}
