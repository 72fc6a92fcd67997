package reach

import (
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestUnmet checks one condition at a time. Only a no is certain: where a condition depends on the record, it may be met.
func TestUnmet(t *testing.T) {
	rule := engine.RuleSettings{
		Name: "oom", Pattern: `(?P<user>\w+)`, Severity: engine.SeverityError, Fields: []string{"tenant"}, Stream: "stderr", Rollup: true,
		Labels: map[string]string{"team": "payments", "client": `{{ .Field "ip" }}`},
	}
	absent := engine.RuleSettings{Name: "backup", Pattern: "x", Absent: time.Hour, Stream: "both", Rollup: true}
	event := engine.RuleSettings{Name: "ended", Event: []string{"die"}, Stream: "both"}
	for _, c := range []struct {
		name, value string
		rule        *engine.RuleSettings
		met         bool
	}{
		{"label.team", "payments", &rule, true},
		{"label.team", "shop", &rule, false},
		{"label.team", "absent()", &rule, false},
		{"label.client", "10.0.0.1", &rule, true},
		{"label.client", "absent()", &rule, true},
		{"label.other", "x", &rule, false},
		{"label.other", "!=x", &rule, false},
		{"label.other", "absent()", &rule, true},
		{"capture.user", "x", &rule, true},
		{"capture.usr", "x", &rule, false},
		{"capture.exit_code", "!=0", &event, true},
		{"field.tenant", "a", &rule, true},
		{"field.tenants", "a", &rule, false},
		{"field.tenants", "absent()", &rule, true},
		{"kind", "!=rollup", &rule, true},
		{"kind", "rollup", &absent, false},
		{"kind", "absence", &absent, true},
		{"kind", "absence", &rule, false},
		{"kind", "container", &event, true},
		{"kind", "system", &rule, false},
		{"severity", "/error|critical/", &rule, true},
		{"severity", "critical", &rule, false},
		{"rule", "/^o/", &rule, true},
		{"rule", "!=oom", &rule, false},
		{"source", "container", &rule, false},
		{"source", "container", &event, true},
		{"stream", "stdout", &rule, false},
		{"stream", "absent()", &rule, true},
		{"host", "x", &rule, true},
		{"workload", "shop/api", &rule, true},
		{"host", "/(/", &rule, true},
	} {
		got := Unmet(map[string]string{c.name: c.value}, Rule{Settings: c.rule})
		if (got == "") != c.met || got != "" && got != c.name {
			t.Errorf("%s = %q of %s: %q", c.name, c.value, c.rule.Name, got)
		}
	}
	block := Rule{Settings: &rule, Globs: []string{"shop/api"}}
	if Unmet(map[string]string{"workload": "!=shop/api"}, block) == "" || Unmet(map[string]string{"workload": "/^shop/"}, block) != "" {
		t.Error("the workload of a block is not known")
	}
}

// TestSystem: a trigger that asks for this program's own alerts alone, in whatever way, needs no rule.
func TestSystem(t *testing.T) {
	for _, c := range []struct {
		trigger trigger.Settings
		want    bool
	}{
		{trigger.Settings{}, false},
		{trigger.Settings{Source: []string{"system"}}, true},
		{trigger.Settings{Source: []string{"system", "log"}}, false},
		{trigger.Settings{Where: map[string]string{"kind": "system"}}, true},
		{trigger.Settings{Where: map[string]string{"kind": "/^(system|test)$/"}}, true},
		{trigger.Settings{Where: map[string]string{"kind": "!=rollup"}}, false},
		{trigger.Settings{Where: map[string]string{"kind": "rollup"}}, false},
		{trigger.Settings{Where: map[string]string{"source": "system"}}, true},
		{trigger.Settings{Where: map[string]string{"kind": "absent()"}}, false},
	} {
		if got := System(&c.trigger); got != c.want {
			t.Errorf("%+v: %t", c.trigger.Where, got)
		}
	}
}

// TestKindsNamesAllKinds fails for a kind of alert that no rule is said to make: add it to Kinds.
func TestKindsNamesAllKinds(t *testing.T) {
	var made []string
	for _, r := range []engine.RuleSettings{{Absent: time.Hour}, {Event: []string{"die"}}, {Count: 5, Rollup: true}, {Without: "other"}} {
		made = append(made, Kinds(&r)...)
	}
	deploys := Deploys(&engine.Settings{Rules: []engine.RuleSettings{{Deploy: true}}, Deploy: engine.DeploySettings{Compare: time.Minute, Severity: engine.SeverityError}})
	made = append(made, Kinds(deploys[0].Settings)...)
	if got := Severities(deploys[0].Settings); !slices.Equal(got, []string{"info", "error"}) || Deploys(&engine.Settings{}) != nil {
		t.Errorf("the severities of deploys are %v", got)
	}
	for _, kind := range trigger.Kinds() {
		if kind != trigger.KindSystem && kind != trigger.KindTest && kind != trigger.KindDigest && !slices.Contains(made, kind) {
			t.Errorf("no rule makes alerts of kind %s", kind)
		}
	}
}
