package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// result checks the parts, each by itself and all together, and assembles those without a problem.
func (l *loader) result() *Result {
	l.singles()
	res := &Result{Files: l.files}
	globals := l.globals()
	for _, r := range l.rules {
		if r.ok {
			l.settings.Rules = append(l.settings.Rules, r.settings)
			l.parts.Rules = append(l.parts.Rules, r.shown())
		}
	}
	l.checkWorkloads(globals)
	l.checkMuting()
	l.checkTriggers()
	res.SecretFiles = append(res.SecretFiles, l.settings.Heartbeat.Files()...)
	res.SecretFiles = append(res.SecretFiles, l.settings.Fleet.Files()...)
	for _, t := range l.triggers {
		for _, f := range t.settings.Files() {
			if !slices.Contains(res.SecretFiles, f) {
				res.SecretFiles = append(res.SecretFiles, f)
			}
		}
	}
	// After all checks, which go by the values as they are written.
	res.Broken = l.resetBroken()
	res.Settings, res.Parts = l.settings, l.parts
	res.Parts.singles = l.set
	SortProblems(l.problems)
	res.Problems = l.problems
	if l.count > maxProblems {
		last := l.problems[len(l.problems)-1]
		res.Problems = append(res.Problems, Problem{
			Place: Place{Origin: last.Origin}, Message: fmt.Sprintf("%d problems in all: only the first are shown", l.count),
		})
	}
	return res
}

// report adds a fault that the owner of some settings found in a part. The problem is placed at the refused value. If the part has problems
// already, faults of unset settings are dropped, because they follow from those problems. So are faults of values and tables that the binder refused.
func (l *loader) report(p *part, f setting.Fault) {
	n := p.node.find(f.Field, f.Value)
	at, path := p.node.at, p.path
	if item, name, rest := p.node.element(f.Field); item != nil { // as the binder names it
		at, path, f.Field = item.at, path+": "+name, rest
	}
	problem := Problem{Place: at, Path: path, Field: f.Field, Code: f.Code, Message: f.Message, Hint: f.Hint}
	switch {
	case n == nil && !p.ok:
		return
	case n != nil:
		problem.Place = n.at
		if l.reported[problem.spot()] || l.refused(path, f.Field, n) {
			return
		}
		problem.Column += n.regexpOffset()
	}
	problem.Value = shownValue(n, f.Value)
	l.add(problem)
}

// shownValue returns the value of a fault as its source writes it.
func shownValue(n *node, value string) string {
	switch {
	case value == "" || value == setting.Placeholder:
		return value
	case n != nil && n.value != nil:
		return n.literal()
	}
	if _, err := strconv.Atoi(value); err == nil { // a default
		return value
	}
	return quoted(value)
}

// refused reports whether the binder refused a value in a table.
func (l *loader) refused(path, field string, table *node) bool {
	for key, n := range table.table {
		key = field + "." + shownKey(key)
		unknown := n.at
		unknown.Column = n.keyColumn
		if l.reported[spot{n.at, path, key}] || l.reported[spot{unknown, path, key}] || l.refused(path, key, n) {
			return true
		}
		for _, item := range n.items {
			if l.reported[spot{item.at, path, key}] {
				return true
			}
		}
	}
	return false
}

// reportAll adds the faults of a part.
func (l *loader) reportAll(p *part, faults []setting.Fault) {
	for _, f := range faults {
		l.report(p, f)
	}
	p.ok = p.ok && len(faults) == 0
}

// singles checks the settings that exist once.
func (l *loader) singles() {
	var verbosity setting.Faults
	verbosity.OneOf("verbosity", l.settings.Verbosity, verbosities())
	if len(verbosity) > 0 {
		verbosity[0].Hint = setting.DidYouMean(severityWord(l.settings.Verbosity), verbosities())
	}
	l.single("", verbosity)
	l.single("limits.", l.settings.Limits.Validate())
	l.single("deploy.", l.settings.Deploy.Validate())
	l.single("", l.settings.Store.Validate())
	l.single("delivery.", l.settings.Delivery.Validate())
	l.single("records.", l.settings.Records.Validate())
	l.single("docker.", l.settings.Docker.Validate())
	l.single("labels.", l.settings.Labels.Validate())
	anyWorkload := l.settings.Labels.Workload == docker.WorkloadAny
	l.settings.Records.AnyWorkload, l.settings.Docker.AnyWorkload = anyWorkload, anyWorkload
	l.settings.Docker.Join = l.settings.Records.JoinsStandalone()
	l.single("admin.", l.settings.Admin.Validate())
	l.single("egress.", l.settings.Egress.Validate())
	l.single("heartbeat.", l.settings.Heartbeat.Validate(l.settings.Egress))
	l.single("fleet.", l.settings.Fleet.Faults(l.settings.Egress))
	l.single("redact.", l.settings.Redact.Validate())
}

// single adds the faults of a table that exists once, each at the place that set it.
func (l *loader) single(table string, faults []setting.Fault) {
	for _, f := range setting.In(table, faults) {
		l.add(singleProblem(l.set, f))
	}
}

// singleProblem returns the problem of a setting that exists once. A setting that is not set itself conflicts with another one: the problem
// is placed there, or at another setting of the table.
func singleProblem(set map[string]*node, f setting.Fault) Problem {
	n := set[f.Field]
	at := cmp.Or(n, set[f.With])
	if at == nil {
		table := f.Field[:strings.LastIndex(f.Field, ".")+1]
		for _, key := range slices.Sorted(maps.Keys(set)) {
			if at == nil || strings.HasPrefix(key, table) {
				at = set[key]
				break
			}
		}
	}
	p := Problem{Field: f.Field, Value: shownValue(n, f.Value), Code: f.Code, Message: f.Message, Hint: f.Hint}
	if at != nil {
		p.Place = at.at
	}
	return p
}

// globals checks the global rules and returns them by name, the broken ones too, so that a reference to them is no second problem.
func (l *loader) globals() map[string]*rulePart {
	byName := map[string]*rulePart{}
	for _, r := range l.rules {
		l.reportAll(&r.part, r.settings.Validate())
		l.unique(&r.part, byName, r.settings.Name, r)
	}
	return byName
}

// unique notes a named rule, or reports that its name is taken. The first keeps the name.
func (l *loader) unique(p *part, byName map[string]*rulePart, name string, r *rulePart) {
	if name == "" {
		return
	}
	if first := byName[name]; first != nil {
		l.taken(p, "name", name, first.node.find("name", "").at)
		return
	}
	byName[name] = r
}

// taken reports a name that is in use.
func (l *loader) taken(p *part, field, name string, first Place) {
	n := p.node.find(field, "")
	l.add(Problem{
		Place: n.at, Path: p.path, Field: field, Value: quoted(name),
		Code: setting.Taken, Message: "is already used at " + first.String(),
	})
	p.ok = false
}

func (l *loader) checkWorkloads(globals map[string]*rulePart) {
	names := slices.Sorted(maps.Keys(globals))
	own := map[string]map[string]*rulePart{}    // rules by match and name
	overridden := map[string]map[string]Place{} // overrides by match and rule
	for _, w := range l.workloads {
		match := w.table.Match
		usable := true // rules and overrides are valid by themselves, but a block without its glob applies to nothing
		if own[match] == nil {
			own[match], overridden[match] = map[string]*rulePart{}, map[string]Place{}
		}
		ws := engine.WorkloadSettings{Match: match}
		block := WorkloadPart{Part: w.shown()}
		if match == "" {
			l.report(&w.part, setting.Fault{Field: "match", Code: setting.Missing, Message: "must be set", Hint: `a glob such as "shop/*"`})
			usable = false
		} else if errs := ws.Validate(); len(errs) > 0 {
			l.reportAll(&w.part, errs)
			usable = false
		}
		ws.Disable = l.disabled(w, globals, names)
		for _, o := range w.overrides {
			l.checkOverride(o, globals, names, overridden[match])
			if o.ok {
				ws.Overrides = append(ws.Overrides, o.settings)
				block.Overrides = append(block.Overrides, o.shown())
			}
		}
		for _, r := range w.rules {
			l.reportAll(&r.part, r.settings.Validate())
			l.unique(&r.part, own[match], r.settings.Name, r)
			if r.ok {
				ws.Rules = append(ws.Rules, r.settings)
				block.Rules = append(block.Rules, r.shown())
			}
		}
		if usable {
			l.settings.Workloads = append(l.settings.Workloads, ws)
			l.parts.Workloads = append(l.parts.Workloads, block)
		}
	}
}

// disabled returns the names of the rules that the workload disables and that run.
func (l *loader) disabled(w *workloadPart, globals map[string]*rulePart, names []string) []string {
	var out []string
	for _, name := range w.table.Disable {
		switch r := globals[name]; {
		case r == nil:
			l.unknownRule(&w.part, "disable", name, names)
		case r.ok:
			out = append(out, name)
		}
	}
	return out
}

// unknownRule reports a reference to a rule that does not exist. The part that holds the reference stays valid.
func (l *loader) unknownRule(p *part, field, name string, names []string) {
	hint := setting.DidYouMean(name, names)
	if hint == "" && len(names) > 0 {
		hint = "the global rules are " + strings.Join(names[:min(len(names), 10)], ", ")
	}
	if len(names) == 0 {
		hint = "there are no global rules"
	}
	l.report(p, setting.Fault{Field: field, Value: name, Code: setting.Unknown, Message: "there is no global rule of this name", Hint: hint})
}

func (l *loader) checkOverride(o *overridePart, globals map[string]*rulePart, names []string, overridden map[string]Place) {
	name := o.settings.Rule
	base := globals[name]
	switch {
	case name == "":
		l.report(&o.part, setting.Fault{Field: "rule", Code: setting.Missing, Message: "must be set", Hint: "the name of a global rule"})
		o.ok = false
		return
	case base == nil:
		l.unknownRule(&o.part, "rule", name, names)
		o.ok = false
		return
	case len(o.settings.Keys) == 0:
		l.report(&o.part, setting.Fault{Code: setting.Missing, Message: "changes nothing", Hint: "name the settings that are different here"})
		o.ok = false
		return
	}
	if first, twice := overridden[name]; twice {
		l.taken(&o.part, "rule", name, first)
		return
	}
	// Also of an invalid override, so that a second one is reported.
	overridden[name] = o.node.find("rule", "").at
	l.reportAll(&o.part, o.settings.Validate(&base.settings))
	// A broken rule has reported its own faults already.
	if base.ok {
		changed := o.settings.Apply(base.settings)
		l.reportAll(&o.part, changed.Validate())
	}
	o.ok = o.ok && base.ok
}

func (l *loader) checkTriggers() {
	seen := map[string]Place{}
	for _, t := range l.triggers {
		p := &t.part
		l.reportAll(p, client.Validate(&t.settings, l.settings.Egress))
		if name := t.settings.Name; name != "" {
			if first, twice := seen[name]; twice {
				l.taken(p, "name", name, first)
			} else {
				seen[name] = p.node.find("name", "").at
			}
		}
		if t.ok {
			l.settings.Triggers = append(l.settings.Triggers, t.settings)
			l.parts.Triggers = append(l.parts.Triggers, t.shown())
		}
	}
}

// resetBroken gives settings that exist once and have a problem their defaults, and returns their keys.
func (l *loader) resetBroken() []string {
	var broken []string
	defaults := DefaultSettings()
	defaults.Redact = l.settings.Redact.Sound() // a mistake in one pattern must not show the secrets of the others
	from, to := reflect.ValueOf(&defaults).Elem(), reflect.ValueOf(&l.settings).Elem()
	for key, f := range structFields(to.Type()) {
		if !l.broken[key] || isTables(f.Type) {
			continue
		}
		broken = append(broken, key)
		to.FieldByIndex(f.Index).Set(from.FieldByIndex(f.Index))
		// A broken policy must not permit anything that the correct one forbids.
		if key == "egress" {
			l.settings.Egress = egress.Settings{Mode: egress.ModeAllowlist}
		}
	}
	slices.Sort(broken)
	return broken
}
