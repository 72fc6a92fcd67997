// Package reach reports whether an alert of a rule can pass the filters of a trigger, by names, severities, sources and workloads. Only its no is
// certain: an alert that depends on anything else may pass.
package reach

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Rule is a form of a rule that applies to the workloads of some globs. Without globs it applies to all workloads.
type Rule struct {
	Settings *engine.RuleSettings
	Globs    []string
}

// Rules returns all forms of the rules: global rules, rules of workloads, and global rules with the overrides of workloads.
func Rules(s *engine.Settings) []Rule {
	var out []Rule
	for i := range s.Rules {
		out = append(out, Rule{Settings: &s.Rules[i]})
	}
	globals := len(out)
	for i := range s.Workloads {
		w := &s.Workloads[i]
		for j := range w.Overrides {
			for _, base := range out[:globals] {
				if base.Settings.Name == w.Overrides[j].Rule {
					changed := w.Overrides[j].Apply(*base.Settings)
					out = append(out, Rule{&changed, []string{w.Match}})
				}
			}
		}
		for j := range w.Rules {
			out = append(out, Rule{&w.Rules[j], []string{w.Match}})
		}
	}
	return out
}

// Deploys returns the form of a rule that stands for the alerts about deploys; none where the settings ask for none. It is no rule of the settings.
func Deploys(s *engine.Settings) []Rule {
	if s.Deploy.Compare <= 0 || !slices.ContainsFunc(Rules(s), func(r Rule) bool { return r.Settings.Deploy }) {
		return nil
	}
	worse := []engine.Escalation{{Severity: s.Deploy.Severity}}
	return []Rule{{Settings: &engine.RuleSettings{Name: trigger.KindDeploy, Severity: engine.SeverityInfo, Escalate: worse}}}
}

// Accepts reports whether an alert of the rule can pass all filters of the trigger.
func Accepts(t *trigger.Settings, r Rule) bool {
	return Source(t, r) && Severity(t, r) && Name(t, r) && Workload(t, r) && Unmet(t.Where, r) == ""
}

// Source reports whether the filter source can accept the rule's alerts.
func Source(t *trigger.Settings, r Rule) bool {
	kind := trigger.KindLog
	if len(r.Settings.Event) > 0 {
		kind = trigger.KindContainer
	}
	return len(t.Source) == 0 || slices.Contains(t.Source, kind)
}

// Severity reports whether the filter severity can accept the rule's alerts.
func Severity(t *trigger.Settings, r Rule) bool {
	return len(t.Severity) == 0 || slices.ContainsFunc(Severities(r.Settings), func(s string) bool { return slices.Contains(t.Severity, s) })
}

// Severities returns the severities of a rule's alerts, including those of its escalation.
func Severities(s *engine.RuleSettings) []string {
	if s.Severity == engine.SeverityUnknown {
		return engine.SeverityNames()
	}
	out := []string{s.Severity.String()}
	for i := range s.Escalate {
		out = append(out, s.Escalate[i].Severity.String())
	}
	return out
}

// Name reports whether the filter rule can accept the rule's alerts.
func Name(t *trigger.Settings, r Rule) bool {
	return len(t.Rule) == 0 || glob.MatchAny(t.Rule, r.Settings.Name)
}

// Workload reports whether the filter workload can accept the rule's alerts.
func Workload(t *trigger.Settings, r Rule) bool {
	return AnyMeet(t.Workload, r.Settings.Workloads) && AnyMeet(t.Workload, r.Globs)
}

// AnyMeet reports whether two lists of globs can match the same name. An empty list matches all names.
func AnyMeet(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return glob.Meet(x, y) })
	})
}

// System reports whether a trigger accepts only this program's own alerts.
func System(t *trigger.Settings) bool {
	own := func(word string) bool { return word == trigger.KindSystem || word == trigger.KindTest }
	if len(t.Source) > 0 && !slices.ContainsFunc(t.Source, func(s string) bool { return !own(s) }) {
		return true
	}
	for _, property := range []string{"kind", "source"} {
		c, err := where.Parse(property, t.Where[property])
		if t.Where[property] == "" || err != nil {
			continue
		}
		accepted := slices.DeleteFunc(trigger.Kinds(), func(word string) bool { return !c.Matches([]byte(word), true) })
		if len(accepted) > 0 && !slices.ContainsFunc(accepted, func(word string) bool { return !own(word) }) {
			return true
		}
	}
	return false
}
