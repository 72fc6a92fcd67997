package where

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func TestCheckAlert(t *testing.T) {
	t.Parallel()
	words := Words{"kind": {"log", "rollup"}, "severity": {"error", "critical"}}
	for _, c := range []struct{ name, value, want string }{
		{"kind", "rollup", ""},
		{"kind", "!=rollup", ""},
		{"kind", "/^(log|rollup)$/", ""},
		{"kind", "rolup", `where.kind "rolup": must be one of log, rollup (did you mean "rollup"?)`},
		{"kind", "!=rolup", `where.kind "rolup": must be one of log, rollup`},
		{"severity", ">=error", `where.severity ">=error": ">=" compares numbers, and "error" is not a number (several words: /error|critical/)`},
		{"host", "/(/", "where.host \"/(/\": must be a regular expression: missing closing ): `(`"},
		{"label.team", "payments", ""},
		{"capture.user", "present()", ""},
		{"field.http.status", ">=500", ""},
		{"label.", "x", `where.label.: an alert has no such property`},
		{"lable.team", "x", `where.lable.team: an alert has no such property (did you mean "label.team"?)`},
		{"hosts", "x", `where.hosts: an alert has no such property (did you mean "host"?)`},
		{"message", "x", `where.message: an alert has no such property (message = '…' beside where matches the line)`},
		{"tenant", "x", `where.tenant: an alert has no such property (it has rule, workload, `},
	} {
		var fs setting.Faults
		CheckAlert(&fs, "where", map[string]string{c.name: c.value}, words)
		switch {
		case c.want == "" && len(fs) > 0:
			t.Errorf("%s = %q: %v", c.name, c.value, fs)
		case c.want != "" && (len(fs) != 1 || !strings.HasPrefix(fs[0].Error(), c.want)):
			t.Errorf("%s = %q: %v, want %s", c.name, c.value, fs, c.want)
		}
	}
	many := map[string]string{}
	for _, c := range strings.Repeat("a", maxEntries+1) {
		many["label."+strings.Repeat(string(c), len(many)+1)] = "x"
	}
	var fs setting.Faults
	if CheckAlert(&fs, "where", many, nil); len(fs) != 1 || fs[0].Code != setting.OutOfRange {
		t.Errorf("%d conditions: %v", len(many), fs)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Part{
		"kind": Whole, "label.team": Label, "capture.x": Capture, "field.a.b": Field, "label.": NoPart, "": NoPart, "team": NoPart, "kind.x": NoPart,
	} {
		if got, _ := Split(name); got != want {
			t.Errorf("%q is part %d, want %d", name, got, want)
		}
	}
	if _, rest := Split("field.a.b"); rest != "a.b" {
		t.Errorf("the path is %q", rest)
	}
}

// TestMatchAll: all conditions must be true, and a property that an alert lacks satisfies absent() alone.
func TestMatchAll(t *testing.T) {
	t.Parallel()
	alert := map[string]string{"kind": "log", "host": "edge-1", "field.status": "503"}
	for _, c := range []struct {
		entries map[string]string
		want    bool
	}{
		{nil, true},
		{map[string]string{"kind": "log", "host": "/^edge/"}, true},
		{map[string]string{"kind": "log", "host": "/^core/"}, false},
		{map[string]string{"kind": "!=rollup"}, true},
		{map[string]string{"field.status": ">=500"}, true},
		{map[string]string{"field.status": "503.0"}, true},
		{map[string]string{"label.team": "!=payments"}, false},
		{map[string]string{"label.team": "absent()"}, true},
	} {
		all, err := Compile(c.entries)
		if err != nil {
			t.Fatal(err)
		}
		if got := MatchAll(all, func(name string) (string, bool) { v, ok := alert[name]; return v, ok }); got != c.want {
			t.Errorf("%v: %t", c.entries, got)
		}
	}
}
