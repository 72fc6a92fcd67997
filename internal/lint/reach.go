package lint

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// workloads looks for blocks, and parts of blocks, that change nothing.
func (l *linter) workloads() {
	s, parts := &l.result.Settings, &l.result.Parts
	globals := map[string]*engine.RuleSettings{}
	for i := range s.Rules {
		globals[s.Rules[i].Name] = &s.Rules[i]
	}
	for i := range s.Workloads {
		w, p := &s.Workloads[i], parts.Workloads[i]
		if len(w.Disable)+len(w.Overrides)+len(w.Rules) == 0 && !p.Sets("disable") && !p.Sets("override") && !p.Sets("rule") {
			l.warn(p.Part, CodeNoEffect, "", "", "changes nothing: it neither disables nor overrides nor adds a rule", "")
		}
		for _, name := range w.Disable {
			if g := globals[name]; g != nil && !reach.AnyMeet(g.Workloads, []string{w.Match}) {
				l.warn(p.Part, CodeNoEffect, "disable", name, fmt.Sprintf("the rule does not apply to %q anyway", w.Match), "")
			}
		}
		for j := range w.Overrides {
			o := &w.Overrides[j]
			g := globals[o.Rule]
			if g == nil {
				continue
			}
			changed := o.Apply(*g)
			switch {
			case slices.Contains(w.Disable, o.Rule):
				l.warn(p.Overrides[j], CodeNoEffect, "rule", "", "is disabled in the same block", "")
			case !reach.AnyMeet(changed.Workloads, []string{w.Match}):
				l.warn(p.Overrides[j], CodeNoEffect, "rule", "", fmt.Sprintf("does not apply to %q", w.Match), "")
			case reflect.DeepEqual(changed, *g):
				l.warn(p.Overrides[j], CodeNoEffect, "", "", "changes nothing: the rule has these settings already", "")
			}
		}
		for j := range w.Rules {
			if !reach.AnyMeet(w.Rules[j].Workloads, []string{w.Match}) {
				l.warn(p.Rules[j], CodeNoEffect, "workloads", "", fmt.Sprintf("no workload matches both these globs and %q", w.Match), "")
			}
		}
	}
}

// muting looks for silences and inhibitions that are about no rule.
func (l *linter) muting() {
	if len(l.rules) == 0 || l.half() {
		return
	}
	s, parts := &l.result.Settings, &l.result.Parts
	for i := range s.Silences {
		l.matchers(parts.Silences[i], "", &s.Silences[i].Matchers)
		one := s.Silences[i].Silence()
		if _, comes := one.Period(one.From); !comes && one.From < one.Until {
			l.warn(parts.Silences[i], CodeNoEffect, "every", "", "these hours never occur between from and until", "")
		}
	}
	for i := range s.Inhibits {
		l.matchers(parts.Inhibits[i], "source.", &s.Inhibits[i].Source)
		l.matchers(parts.Inhibits[i], "target.", &s.Inhibits[i].Target)
		l.lapses(parts.Inhibits[i], &s.Inhibits[i])
	}
}

// lapses warns of an inhibition that ends between two alerts of its source while that goes on, because of cooldown_max.
func (l *linter) lapses(p config.Part, i *engine.InhibitSettings) {
	for j := range l.rules {
		s := &l.rules[j].settings
		if i.Source.Rule == "" || !glob.Match(i.Source.Rule, s.Name) || i.For < s.Cooldown || i.For >= s.CooldownMax {
			continue
		}
		l.warn(p, CodeLongCooldown, "for", "", fmt.Sprintf("alerts of rule %q can be %s apart (cooldown_max) while it goes on: the inhibition ends in between", s.Name,
			setting.FormatDuration(s.CooldownMax)), "make it at least as long as cooldown_max")
		return
	}
}

// matchers warns of a rule, a workload or a severity that does not exist, and of a condition that no alert meets.
func (l *linter) matchers(p config.Part, prefix string, m *engine.Matchers) {
	none := func(holds func(r reach.Rule) bool) bool { return !slices.ContainsFunc(l.forms(), holds) }
	switch {
	case m.Rule != "" && none(func(r reach.Rule) bool { return glob.Meet(m.Rule, r.Settings.Name) }):
		l.warn(p, CodeNoEffect, prefix+"rule", "", "no rule has such a name", setting.DidYouMean(m.Rule, l.names()))
	case m.Workload != "" && none(func(r reach.Rule) bool {
		return reach.AnyMeet(r.Settings.Workloads, []string{m.Workload}) && reach.AnyMeet(r.Globs, []string{m.Workload})
	}):
		l.warn(p, CodeNoEffect, prefix+"workload", "", "no rule applies to such a workload", "")
	case len(m.Severity) > 0 && none(func(r reach.Rule) bool {
		return slices.ContainsFunc(m.Severity, func(s engine.Severity) bool { return slices.Contains(reach.Severities(r.Settings), s.String()) })
	}):
		l.warn(p, CodeNoEffect, prefix+"severity", "", "no rule has such a severity", "")
	}
	if name := l.unmet(m.Where); name != "" {
		l.warn(p, CodeNoEffect, prefix+"where."+name, "", "no alert of any rule meets this condition", unmetHint(name))
	}
}

// forms returns all rules as filters meet them, and the one that stands for deploys.
func (l *linter) forms() []reach.Rule {
	out := slices.Clone(l.deploys)
	for i := range l.rules {
		out = append(out, l.rules[i].reach())
	}
	return out
}

// names lists the names of all rules.
func (l *linter) names() []string {
	var out []string
	for i := range l.rules {
		out = append(out, l.rules[i].settings.Name)
	}
	return out
}

// triggers compares the filters of triggers with the alerts of rules. Where there are only rules, or only triggers, the other half of the
// configuration lies elsewhere.
func (l *linter) triggers() {
	triggers := l.result.Settings.Triggers
	if len(triggers) == 0 || len(l.rules) == 0 || l.half() {
		return
	}
	accepted := make([]bool, len(l.rules))
	for i := range triggers {
		t := &triggers[i]
		reached := reach.System(t) || slices.ContainsFunc(l.deploys, func(r reach.Rule) bool { return reach.Accepts(t, r) })
		for j := range l.rules {
			if reach.Accepts(t, l.rules[j].reach()) {
				reached, accepted[j] = true, true
			}
		}
		l.lapsesAt(l.result.Parts.Triggers[i], t)
		if !reached {
			field, message, hint := l.obstacle(t)
			l.warn(l.result.Parts.Triggers[i], CodeUnreachable, field, "", message, hint)
		}
	}
	for j := range l.rules {
		if r := &l.rules[j]; !accepted[j] && !r.settings.DryRun && !r.override {
			l.warn(r.part, CodeUnwanted, "", "", "no trigger accepts its alerts", "all filters of a trigger must match")
		}
	}
}

// lapsesAt warns of alerts that end at the receiver between two alerts of a rule that goes on, because of cooldown_max.
func (l *linter) lapsesAt(p config.Part, t *trigger.Settings) {
	if !client.Lapses(t) {
		return
	}
	for i := range l.rules {
		r := &l.rules[i]
		if s := &r.settings; s.Resolves() || t.ResolveAfter < s.Cooldown || t.ResolveAfter >= s.CooldownMax || !reach.Accepts(t, r.reach()) {
			continue
		}
		l.warn(p, CodeLongCooldown, "resolve_after", "", fmt.Sprintf("alerts of rule %q can be %s apart (cooldown_max) while it goes on: they stop firing in between",
			r.settings.Name, setting.FormatDuration(r.settings.CooldownMax)), "set resolve on the rule: its alerts fire until they are resolved")
		return
	}
}

// half reports whether some rules or triggers have problems. Others that lack a counterpart then get no warning of their own.
func (l *linter) half() bool { return len(l.result.Problems) > 0 }

// obstacle says which filter no alert passes.
func (l *linter) obstacle(t *trigger.Settings) (field, message, hint string) {
	for _, f := range []struct {
		field, message string
		accepts        func(*trigger.Settings, reach.Rule) bool
	}{
		{"source", "no rule makes alerts of such a source", reach.Source},
		{"rule", "no rule has such a name", reach.Name},
		{"severity", "no rule has such a severity", reach.Severity},
		{"workload", "no rule applies to such a workload", reach.Workload},
	} {
		if !slices.ContainsFunc(l.forms(), func(r reach.Rule) bool { return f.accepts(t, r) }) {
			return f.field, f.message + ": no alert reaches the trigger", ""
		}
	}
	if name := l.unmet(t.Where); name != "" {
		return "where." + name, "no alert of any rule meets this condition: no alert reaches the trigger", unmetHint(name)
	}
	return "", "no alert passes all of its filters: each rule fails one of them", ""
}

// unmet returns the first condition, by name, that no alert of any rule meets; "" where there is none.
func (l *linter) unmet(entries map[string]string) string {
	for _, name := range sortedKeys(entries) {
		one := map[string]string{name: entries[name]}
		if !slices.ContainsFunc(l.forms(), func(r reach.Rule) bool { return reach.Unmet(one, r) == "" }) {
			return name
		}
	}
	return ""
}

// unmetHint says which alerts have a property.
func unmetHint(property string) string {
	switch part, name := where.Split(property); part {
	case where.Label:
		return "alerts have the labels of their rule"
	case where.Capture:
		return "alerts have the named groups of their rule's pattern"
	case where.Field:
		return fmt.Sprintf("alerts have the fields that their rule lists: fields = [%q]", name)
	}
	return ""
}

// worldReadable is the permission of everyone to read.
const worldReadable = 0o004

// secrets looks for secrets in files that everyone may read.
func (l *linter) secrets() {
	for i := range l.result.Settings.Triggers {
		p := l.result.Parts.Triggers[i]
		for _, field := range client.InClear(&l.result.Settings.Triggers[i]) {
			at := p.Place(field, "")
			mode, err := l.options.Mode(at.Origin.String())
			if err != nil || mode&worldReadable == 0 { // a parameter, or out of reach
				continue
			}
			f := Finding{
				File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeSecret, Path: p.Path, Field: field,
				Message: "is written in a file that everyone can read", Hint: "chmod o-r, or " + ownSource(field), head: p.Place("", "").Line,
			}
			l.findings = append(l.findings, f)
		}
	}
}

func ownSource(field string) string {
	if len(field) > 8 && field[:8] == "headers." {
		return "header_files or header_env"
	}
	return field + setting.FileSuffix + " or " + field + setting.EnvSuffix
}

// secretFiles looks for files of secrets that everyone may read.
func (l *linter) secretFiles() {
	s := &l.result.Settings
	for i := range s.Triggers {
		for _, f := range s.Triggers[i].SecretFiles() {
			if l.options.Shared(f.Path) {
				l.warn(l.result.Parts.Triggers[i], CodeSharedFile, f.Field, "", sharedFile, "chmod o-r "+f.Path)
			}
		}
	}
	for _, f := range s.Admin.SecretFiles() {
		field := "admin." + f[0]
		if at, set := l.result.Parts.Single(field); set && l.options.Shared(f[1]) {
			l.findings = append(l.findings, Finding{
				File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeSharedFile, Field: field, Message: sharedFile,
				Hint: "chmod o-r " + f[1], head: at.Line,
			})
		}
	}
}

const sharedFile = "names a secret that everyone on this machine may read"

// formats looks for triggers whose receiver would not understand their messages.
func (l *linter) formats() {
	for i := range l.result.Settings.Triggers {
		t := &l.result.Settings.Triggers[i]
		if format := client.MissingFormat(t, l.options.LookupEnv); format != "" {
			p := l.result.Parts.Triggers[i]
			at := p.Place(t.URL.Key("url"), "")
			l.findings = append(l.findings, Finding{ // without the value, which may be a secret
				File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeFormat, Path: p.Path, Field: t.URL.Key("url"),
				Message: "looks like a URL of " + format + ", but no format is set", Hint: `format = "` + format + `"`, head: p.Place("", "").Line,
			})
		}
	}
}
