package pipeline

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// TestFiltersSeeTheSameProperties: silences and inhibitions, which see the engine's alert, and triggers, which see the one that leaves, read the same values.
func TestFiltersSeeTheSameProperties(t *testing.T) {
	r := &rules.Rule{ID: "oom@shop/*", Settings: engine.RuleSettings{Name: "oom"}}
	full := engine.Alert{
		Kind: engine.KindRollup, RuleID: r.ID, Rule: "oom", Severity: engine.SeverityError, Message: "out of memory", Stream: engine.Stderr,
		Source: &engine.Source{
			Kind: "log", Workload: "shop/api", Host: "edge-1", Tag: "docker.x", Container: engine.Container{ID: "4f5e", Name: "shop-api-1", Image: "shop/api:1"},
		},
		Captures: map[string]string{"name": "a"}, Labels: map[string]string{"name": "b"}, Fields: map[string]string{"name": "c"},
	}
	unnamed, bare := full, engine.Alert{Rule: "oom", Severity: engine.SeverityWarning, Source: &engine.Source{Kind: "log", Workload: "w"}}
	unnamed.Source = &engine.Source{Kind: "container", Workload: "w", Container: engine.Container{ID: "4f5e"}}
	properties := append(where.Properties(), "label.name", "capture.name", "field.name", "label.none", "capture.none", "field.none")
	for _, a := range []engine.Alert{full, unnamed, bare} {
		subject, event := rules.AlertSubject(r, &a), NewAlert(&a, "")
		absent := 0
		for _, name := range properties {
			ofEngine, inEngine := subject.Property(name)
			ofTrigger, inTrigger := event.Property(name)
			if ofEngine != ofTrigger || inEngine != inTrigger {
				t.Errorf("%s: %q (%t) in the engine, %q (%t) in the trigger", name, ofEngine, inEngine, ofTrigger, inTrigger)
			}
			if !inTrigger {
				absent++
			}
		}
		if a.Captures != nil && a.Source.Host != "" && absent != 3 {
			t.Errorf("%d properties are absent, want 3", absent)
		}
	}
}
