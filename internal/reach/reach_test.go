package reach

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestAccepts checks one filter at a time that accepts none or some of a rule's alerts.
func TestAccepts(t *testing.T) {
	log := &engine.RuleSettings{Name: "oom", Severity: engine.SeverityWarning, Workloads: []string{"shop/*"}}
	rises := &engine.RuleSettings{Name: "oom", Severity: engine.SeverityWarning, Escalate: []engine.Escalation{{Severity: engine.SeverityCritical}}}
	event := &engine.RuleSettings{Name: "ended", Event: []string{"die"}}
	for i, c := range []struct {
		trigger trigger.Settings
		rule    Rule
		want    bool
	}{
		{trigger.Settings{}, Rule{Settings: log}, true},
		{trigger.Settings{Severity: []string{"critical"}}, Rule{Settings: log}, false},
		{trigger.Settings{Severity: []string{"critical"}}, Rule{Settings: rises}, true},
		{trigger.Settings{Severity: []string{"critical"}}, Rule{Settings: event}, true},
		{trigger.Settings{Source: []string{"container"}}, Rule{Settings: log}, false},
		{trigger.Settings{Source: []string{"container"}}, Rule{Settings: event}, true},
		{trigger.Settings{Source: []string{"log"}}, Rule{Settings: event}, false},
		{trigger.Settings{Source: []string{"system"}}, Rule{Settings: log}, false},
		{trigger.Settings{Rule: []string{"http-*"}}, Rule{Settings: log}, false},
		{trigger.Settings{Rule: []string{"o?m"}}, Rule{Settings: log}, true},
		{trigger.Settings{Workload: []string{"ops/*"}}, Rule{Settings: log}, false},
		{trigger.Settings{Workload: []string{"*/api"}}, Rule{Settings: log}, true},
		{trigger.Settings{Workload: []string{"ops/*"}}, Rule{rises, []string{"shop/*"}}, false},
	} {
		if got := Accepts(&c.trigger, c.rule); got != c.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}
