package lint

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/trigger"
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
			if g := globals[name]; g != nil && !anyMeet(g.Workloads, []string{w.Match}) {
				l.warn(p.Part, CodeNoEffect, "disable", name, fmt.Sprintf("the rule is for other workloads than %q already", w.Match), "")
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
			case !anyMeet(changed.Workloads, []string{w.Match}):
				l.warn(p.Overrides[j], CodeNoEffect, "rule", "", fmt.Sprintf("is for other workloads than %q", w.Match), "")
			case reflect.DeepEqual(changed, *g):
				l.warn(p.Overrides[j], CodeNoEffect, "", "", "changes nothing: the rule has these settings already", "")
			}
		}
		for j := range w.Rules {
			if !anyMeet(w.Rules[j].Workloads, []string{w.Match}) {
				l.warn(p.Rules[j], CodeNoEffect, "workloads", "", fmt.Sprintf("no workload is both one of these and %q", w.Match), "")
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
	}
	for i := range s.Inhibits {
		l.matchers(parts.Inhibits[i], "source.", &s.Inhibits[i].Source)
		l.matchers(parts.Inhibits[i], "target.", &s.Inhibits[i].Target)
	}
}

// matchers warns of a rule, a workload or a severity that there is not.
func (l *linter) matchers(p config.Part, prefix string, m *engine.Matchers) {
	none := func(holds func(r *rule) bool) bool {
		return !slices.ContainsFunc(l.rules, func(r rule) bool { return holds(&r) })
	}
	switch {
	case m.Rule != "" && none(func(r *rule) bool { return globsMeet(m.Rule, r.settings.Name) }):
		l.warn(p, CodeNoEffect, prefix+"rule", "", "there is no rule of such a name", config.DidYouMean(m.Rule, l.names()))
	case m.Workload != "" && none(func(r *rule) bool {
		return anyMeet(r.settings.Workloads, []string{m.Workload}) && anyMeet(r.globs, []string{m.Workload})
	}):
		l.warn(p, CodeNoEffect, prefix+"workload", "", "no rule is for such a workload", "")
	case len(m.Severity) > 0 && none(func(r *rule) bool {
		return slices.ContainsFunc(m.Severity, func(s engine.Severity) bool { return slices.Contains(severities(&r.settings), s.String()) })
	}):
		l.warn(p, CodeNoEffect, prefix+"severity", "", "no rule has such a severity", "")
	}
}

// names lists the names of all rules.
func (l *linter) names() []string {
	var out []string
	for i := range l.rules {
		out = append(out, l.rules[i].settings.Name)
	}
	return out
}

// triggers compares what the triggers want with what the rules make. Where there are only rules, or only triggers, the other half of the
// configuration lies elsewhere.
func (l *linter) triggers() {
	triggers := l.result.Settings.Triggers
	if len(triggers) == 0 || len(l.rules) == 0 || l.half() {
		return
	}
	wanted := make([]bool, len(l.rules))
	for i := range triggers {
		t := &triggers[i]
		reached := wantsSystem(t)
		for j := range l.rules {
			if l.wants(t, &l.rules[j]) {
				reached, wanted[j] = true, true
			}
		}
		if !reached {
			field, message := l.obstacle(t)
			l.warn(l.result.Parts.Triggers[i], CodeUnreachable, field, "", message, "")
		}
	}
	for j := range l.rules {
		if r := &l.rules[j]; !wanted[j] && !r.settings.DryRun && !r.override {
			l.warn(r.part, CodeUnwanted, "", "", "no trigger wants its alerts", "their filters are ANDed")
		}
	}
}

// half reports whether a part of the rules or triggers has problems: what is missing for them is no finding of its own.
func (l *linter) half() bool { return len(l.result.Problems) > 0 }

// wantsSystem reports whether a trigger is for this program's own alerts alone.
func wantsSystem(t *trigger.Settings) bool {
	return len(t.Source) > 0 && !slices.ContainsFunc(t.Source, func(s string) bool { return s != trigger.KindSystem && s != trigger.KindTest })
}

// wants reports whether a trigger's filters let some alert of the rule pass, as far as names, severities and sources tell.
func (l *linter) wants(t *trigger.Settings, r *rule) bool {
	return wantsSource(t) && wantsSeverity(t, r) && wantsRule(t, r) && wantsWorkload(t, r)
}

func wantsSource(t *trigger.Settings) bool {
	return len(t.Source) == 0 || slices.Contains(t.Source, trigger.KindLog) || slices.Contains(t.Source, trigger.KindContainer)
}

func wantsSeverity(t *trigger.Settings, r *rule) bool {
	return len(t.Severity) == 0 || slices.ContainsFunc(severities(&r.settings), func(s string) bool { return slices.Contains(t.Severity, s) })
}

// severities lists those that alerts of a rule can have.
func severities(s *engine.RuleSettings) []string {
	if s.Severity == engine.SeverityUnknown {
		return engine.SeverityNames()
	}
	return []string{s.Severity.String()}
}

func wantsRule(t *trigger.Settings, r *rule) bool {
	return len(t.Rule) == 0 || slices.ContainsFunc(t.Rule, func(glob string) bool { return nameMatches(glob, r.settings.Name) })
}

// nameMatches reports whether a glob of a trigger matches a name, by the trigger's own code.
func nameMatches(glob, name string) bool {
	f, err := trigger.NewFilter(&trigger.Settings{Rule: []string{glob}}, &trigger.Regexps{})
	return err == nil && f.Match(&trigger.Alert{Rule: name})
}

func wantsWorkload(t *trigger.Settings, r *rule) bool {
	return anyMeet(t.Workload, r.settings.Workloads) && anyMeet(t.Workload, r.globs)
}

// obstacle says which filter no alert passes.
func (l *linter) obstacle(t *trigger.Settings) (field, message string) {
	for _, f := range []struct {
		field, message string
		wants          func(*trigger.Settings, *rule) bool
	}{
		{"source", "no rule makes alerts of such a source", func(t *trigger.Settings, _ *rule) bool { return wantsSource(t) }},
		{"rule", "there is no rule of such a name", wantsRule},
		{"severity", "no rule has such a severity", wantsSeverity},
		{"workload", "no rule is for such a workload", wantsWorkload},
	} {
		if !slices.ContainsFunc(l.rules, func(r rule) bool { return f.wants(t, &r) }) {
			return f.field, f.message + ": no alert reaches the trigger"
		}
	}
	return "", "no alert passes all of its filters: each rule fails one of them"
}

// worldReadable is the permission of everyone to read.
const worldReadable = 0o004

// secrets looks for secrets in files that everyone may read.
func (l *linter) secrets() {
	for i := range l.result.Settings.Triggers {
		p := l.result.Parts.Triggers[i]
		for _, field := range l.result.Settings.Triggers[i].InClear() {
			at := p.Place(field, "")
			mode, err := l.options.Mode(at.File)
			if err != nil || mode&worldReadable == 0 { // a parameter, or out of reach
				continue
			}
			f := Finding{
				File: at.File, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeSecret, Path: p.Path, Field: field,
				Message: "stands in a file that everyone may read", Hint: "chmod o-r, or " + ownSource(field), head: p.Place("", "").Line,
			}
			l.findings = append(l.findings, f)
		}
	}
}

func ownSource(field string) string {
	if len(field) > 8 && field[:8] == "headers." {
		return "header_files or header_env"
	}
	return field + "_file or " + field + "_env"
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
				File: at.File, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeSharedFile, Field: field, Message: sharedFile,
				Hint: "chmod o-r " + f[1], head: at.Line,
			})
		}
	}
}

const sharedFile = "names a secret that everyone on this machine may read"

// formats looks for triggers whose receiver would not understand what it gets.
func (l *linter) formats() {
	for i := range l.result.Settings.Triggers {
		t := &l.result.Settings.Triggers[i]
		if format := t.MissingFormat(l.options.LookupEnv); format != "" {
			p := l.result.Parts.Triggers[i]
			at := p.Place(urlField(t), "")
			l.findings = append(l.findings, Finding{ // without the value, which may be a secret
				File: at.File, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeFormat, Path: p.Path, Field: urlField(t),
				Message: "looks like an address of " + format + ", and no format is set", Hint: `format = "` + format + `"`, head: p.Place("", "").Line,
			})
		}
	}
}

func urlField(t *trigger.Settings) string {
	switch {
	case t.URLFile != "":
		return "url_file"
	case t.URLEnv != "":
		return "url_env"
	}
	return "url"
}
