package rules

import (
	"reflect"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Apply returns the rule with the override's settings in place of its own. The name always stays the rule's.
func (o *Override) Apply(rule RuleSettings) RuleSettings {
	from, to := reflect.ValueOf(&o.Settings).Elem(), reflect.ValueOf(&rule).Elem()
	for i := range from.NumField() {
		key, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("toml"), ",")
		if key != "name" && slices.Contains(o.Keys, key) {
			to.Field(i).Set(from.Field(i))
		}
	}
	return rule
}

// Validate returns a fault for each setting that cannot differ between workloads: the two rules of a sequence or a ratio may hit in two workloads, and a key
// of the fleet may hold hits of several.
func (o *Override) Validate(rule *RuleSettings) (out []setting.Fault) {
	for _, key := range o.Keys {
		if key == "after" || key == "without" || key == "by" || key == "of" || key == "scope" || key == "within" && rule.Ratio.IsSet() {
			out = append(out, setting.Fault{
				Field: key, Code: setting.Conflict, Message: "must not differ between workloads", Hint: "write a rule of the workload's own",
			})
		}
	}
	return out
}

// changesText reports whether the override changes the conditions on the line.
func (o *Override) changesText() bool {
	return slices.ContainsFunc(o.Keys, func(key string) bool {
		return key == "pattern" || key == "keywords" || key == "any" || key == "all"
	})
}

// Resolved is one rule as it applies to a workload.
type Resolved struct {
	// ID is the key of the rule's state and counters: the name of a global rule, overridden or not, and "name@match" for a
	// workload's own.
	ID string
	// Settings are those in force, with the overrides applied in the order of their blocks.
	Settings RuleSettings

	base  int   // index among the globals, or -1 for a workload's own
	block int   // for a workload's own: index of its block, else -1
	own   int   // for a workload's own: index within its block
	over  []int // blocks whose overrides were applied
}

// Effective returns the rules that apply to a workload: the globals, minus those that its blocks disable and those meant for other
// workloads, with its blocks' overrides applied, plus its blocks' own rules; in the order of the configuration. A rule's workloads
// and exclude_workloads are judged after the overrides.
func Effective(s *Settings, workload string) []Resolved {
	var blocks []int
	for i := range s.Workloads {
		if glob.Match(s.Workloads[i].Match, workload) {
			blocks = append(blocks, i)
		}
	}
	var out []Resolved
	for i := range s.Rules {
		r := Resolved{ID: s.Rules[i].Name, Settings: s.Rules[i], base: i, block: -1}
		disabled := false
		for _, b := range blocks {
			w := &s.Workloads[b]
			disabled = disabled || slices.Contains(w.Disable, r.ID)
			for j := range w.Overrides {
				if w.Overrides[j].Rule == r.ID {
					r.Settings = w.Overrides[j].Apply(r.Settings)
					r.over = append(r.over, b)
				}
			}
		}
		if !disabled && r.appliesTo(workload) {
			out = append(out, r)
		}
	}
	for _, b := range blocks {
		for j := range s.Workloads[b].Rules {
			rule := s.Workloads[b].Rules[j]
			r := Resolved{ID: ownID(rule.Name, s.Workloads[b].Match), Settings: rule, base: -1, block: b, own: j}
			if r.appliesTo(workload) {
				out = append(out, r)
			}
		}
	}
	return out
}

func ownID(name, match string) string { return name + "@" + match }

func (r *Resolved) appliesTo(workload string) bool {
	return (len(r.Settings.Workloads) == 0 || glob.MatchAny(r.Settings.Workloads, workload)) &&
		!glob.MatchAny(r.Settings.ExcludeWorkloads, workload)
}
