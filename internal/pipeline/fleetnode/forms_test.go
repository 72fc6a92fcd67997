package fleetnode

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestAHandedOverAlertIsThatOfItsKey: an engine cannot have an alert sent under a key or a severity of its choice.
func TestAHandedOverAlertIsThatOfItsKey(t *testing.T) {
	t.Parallel()
	key := fleet.KeyOf("cooldown", "boom\x1fshop/web")
	take := func(change func(*trigger.Alert)) *trigger.Alert {
		a := trigger.Alert{Version: trigger.AlertVersion, ID: "al_1", Kind: trigger.KindLog, Key: alertKey(key), Severity: "error", Summary: "boom"}
		change(&a)
		payload, err := json.Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		return handedOver(&fleet.Taken{Work: fleet.Work{Key: key}, ID: "al_1", Payload: payload})
	}
	if got := take(func(*trigger.Alert) {}); got == nil || got.Summary != "boom" {
		t.Errorf("the alert of a node: %+v", got)
	}
	for name, change := range map[string]func(*trigger.Alert){
		"another id":      func(a *trigger.Alert) { a.ID = "al_2" },
		"another version": func(a *trigger.Alert) { a.Version = "0" },
		"another key":     func(a *trigger.Alert) { a.Key = alertKey(fleet.KeyOf("cooldown", "other")) },
		"a path":          func(a *trigger.Alert) { a.Key = ".." },
		"no severity":     func(a *trigger.Alert) { a.Severity = "<b>" },
	} {
		if got := take(change); got != nil {
			t.Errorf("%s: %+v is sent", name, got)
		}
	}
	if got := handedOver(&fleet.Taken{ID: "al_1", Payload: []byte("{")}); got != nil {
		t.Errorf("what is no alert: %+v", got)
	}
}

// fleetOf returns a node with the loops of a fleet that do not run, and a rule named boom.
func fleetOf(t *testing.T) (*Node, *loops) {
	t.Helper()
	rule := engine.DefaultRule()
	rule.Name, rule.Pattern, rule.Scope, rule.CooldownBy = "boom", "boom", engine.ScopeFleet, engine.FleetKey()
	rule.CooldownMax = 4 * time.Hour
	rule.Escalate = []engine.Escalation{{After: 10 * time.Minute, Severity: engine.SeverityError}, {After: time.Hour, Severity: engine.SeverityCritical}}
	snapshot, err := engine.New().Compile(engine.Settings{Rules: []engine.RuleSettings{rule}, Limits: engine.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	n := New(Options{
		Rules: func() *engine.Snapshot { return snapshot }, Now: func() time.Time { return time.Unix(1_700_000_000, 0) }, Decide: func(uint64, bool) {},
		Alone: func(uint64) {},
	})
	l := &loops{host: n, opt: &n.opt, settings: fleet.Settings{Wait: time.Second}}
	l.triggers.Store(new(string))
	n.current.Store(l)
	return n, l
}

// TestAnotherNodeTakesWhatOneAskedAbout: the payload of a candidate is an alert that can be handed over.
func TestAnotherNodeTakesWhatOneAskedAbout(t *testing.T) {
	t.Parallel()
	n, _ := fleetOf(t)
	made := &engine.Alert{RuleID: "boom", Rule: "boom", Key: "boom\x1fshop/web", Count: 1, Candidate: 1, Source: &engine.Source{Workload: "shop/web"}}
	item := delivery.Item{
		Alert:    trigger.Alert{Version: trigger.AlertVersion, ID: "al_1", Kind: trigger.KindLog, Key: trigger.KeyOf(made.Key), Severity: "error", Summary: "boom"},
		Triggers: []string{"ops"},
	}
	asked, ok := n.Ask(made, &item)
	if !ok {
		t.Fatal("the alert is no candidate")
	}
	if want := []time.Duration{10 * time.Minute, time.Hour}; asked.Terms.CooldownMax != 4*time.Hour || !slices.Equal(asked.Terms.Steps, want) {
		t.Errorf("its terms are %+v", asked.Terms)
	}
	got := handedOver(&fleet.Taken{Work: fleet.Work{Key: asked.Key}, ID: asked.ID, Payload: asked.Payload})
	if got == nil || got.Summary != "boom" || got.Key != item.Alert.Key || got.Fleet == nil || got.Fleet.Engine != trigger.EngineOK {
		t.Errorf("%+v is handed over", got)
	}
}

// TestARollupHasASeverity: an unknown one becomes that of the rule, or warning.
func TestARollupHasASeverity(t *testing.T) {
	t.Parallel()
	_, l := fleetOf(t)
	for severity, want := range map[string]string{"error": "error", "": "warning", "<img src=x>": "warning"} {
		text, err := json.Marshal(&sample{Severity: severity, Summary: "boom"})
		if err != nil {
			t.Fatal(err)
		}
		got := l.rollup("al_1", &fleet.Taken{
			Work: fleet.Work{Key: fleet.KeyOf("cooldown", "boom")}, Counts: fleet.Counts{"cooldown": 3}, Nodes: 2, Sample: text,
			Title: fleet.Title{Rule: "boom", Text: "shop/web"},
		})
		if got == nil || got.Severity != want {
			t.Errorf("%q becomes %+v, want %s", severity, got, want)
		}
	}
}

// TestAStepRaisesTheSeverity: to that of the step, unless the line's is graver.
func TestAStepRaisesTheSeverity(t *testing.T) {
	t.Parallel()
	_, l := fleetOf(t)
	for _, one := range []struct {
		severity string
		step     int
		want     string
	}{{"warning", 0, "warning"}, {"warning", 1, "error"}, {"", 1, "error"}, {"critical", 1, "critical"}, {"warning", 2, "critical"}, {"warning", 9, "critical"}} {
		text, err := json.Marshal(&sample{Severity: one.severity, Summary: "boom"})
		if err != nil {
			t.Fatal(err)
		}
		got := l.rollup("al_1", &fleet.Taken{
			Work: fleet.Work{Key: fleet.KeyOf("cooldown", "boom")}, Counts: fleet.Counts{"cooldown": 3}, Nodes: 2, Sample: text, Step: one.step,
			Title: fleet.Title{Rule: "boom", Text: "shop/web"},
		})
		if got == nil || got.Severity != one.want {
			t.Errorf("%q at step %d becomes %+v, want %s", one.severity, one.step, got, one.want)
		}
	}
}

// TestIsAlertKey compares with the keys that alerts of a fleet have.
func TestIsAlertKey(t *testing.T) {
	const state = "boom\x1fshop/web"
	for alert, want := range map[string]bool{
		alertKey(fleet.KeyOf("cooldown", state)): true, alertKey(absenceKey(state)): true, alertKey(fleet.KeyOf("cooldown", "other")): false,
		trigger.KeyOf(state): false, "": false,
	} {
		if IsAlertKey(alert, state) != want {
			t.Errorf("%s: %t", alert, !want)
		}
	}
}
