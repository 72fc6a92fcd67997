package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// inlineKey is the parameter that holds the inline document.
const inlineKey = "config"

// Sources says where the configuration comes from. All sources are combined; a name or a key that two of them set is a problem.
type Sources struct {
	// Files names TOML files: each entry is a file, a folder (its *.toml files, sorted; hidden ones and *.test.toml, which test rules, left out), a glob, or several of them
	// separated by commas.
	Files []string
	// Inline is a whole TOML document, as a YAML block scalar carries it.
	Inline string
	// Params looks up a flat parameter, "" when it is not set. The look-up ignores case. Nil when there are none.
	Params func(key string) string
	// Runtime holds the runtime objects.
	Runtime []RuntimeSettings
}

// Result holds the settings and problems that Load found.
type Result struct {
	// Settings holds everything that is usable: a part with a problem is left out, or has its default where a setting is required. A
	// broken egress policy is the exception: it is replaced by one that allows nothing.
	Settings Settings
	// Parts has the places of the parts of the settings.
	Parts Parts
	// Problems lists all problems, by file, line and column.
	Problems []Problem
	// Broken names the settings that exist once and had a problem, such as "limits" or "store", whose defaults are used instead.
	Broken []string
	// Files lists the files that were read, and SecretFiles those that triggers name. A tomlfiles.Watcher looks at all of them.
	Files, SecretFiles []string
}

// Unusable reports whether nothing at all could be read of some source. The settings then lack everything that it holds, so
// a running program should keep its own.
func (r *Result) Unusable() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Unusable })
}

// Keep takes the settings named in Broken from the previous ones, which are better than defaults for a program that runs already.
func (r *Result) Keep(previous *Settings) {
	from, to := reflect.ValueOf(previous).Elem(), reflect.ValueOf(&r.Settings).Elem()
	fields := structFields(to.Type())
	for _, key := range r.Broken {
		to.FieldByIndex(fields[key].Index).Set(from.FieldByIndex(fields[key].Index))
	}
}

// Unavailable returns the problems of a table that exists once, such as "admin.", that is well written and cannot be used on this machine. err is
// its owner's.
func (r *Result) Unavailable(table string, err error) []Problem {
	var problems []Problem
	for _, f := range setting.In(table, setting.FaultsIn(err)) {
		problems = append(problems, singleProblem(r.Parts.singles, f))
	}
	return problems
}

// Load reads all sources. It never fails as a whole: the result has all problems, and the settings that have none.
func Load(src Sources) *Result {
	l := loader{binder: newBinder(), settings: DefaultSettings()}
	files, failures := tomlfiles.Expand(src.Files)
	for _, f := range failures {
		l.add(Problem{Place: Place{Origin: FileOrigin(f.Entry)}, Unusable: true, Message: f.Err.Error()})
	}
	for _, file := range files {
		text, err := namedfile.Read(file, maxDocument)
		if err != nil {
			l.add(Problem{Place: Place{Origin: FileOrigin(file)}, Unusable: true, Message: err.Error()})
			continue
		}
		l.files = append(l.files, file)
		l.document(FileOrigin(file), string(text))
	}
	if strings.TrimSpace(src.Inline) != "" {
		l.document(parameterOrigin(inlineKey), src.Inline)
	}
	if src.Params != nil {
		p := params{get: src.Params}
		root := p.root()
		for _, problem := range p.problems {
			l.add(problem)
		}
		l.bind(root)
	}
	// Last, because the first of two objects keeps the name: a conflict is the problem of the runtime object.
	l.runtime(src.Runtime)
	return l.result()
}

// loader collects the parts of all sources.
type loader struct {
	binder
	settings  Settings
	rules     []*rulePart
	workloads []*workloadPart
	triggers  []*triggerPart
	silences  []*silencePart
	inhibits  []*inhibitPart
	files     []string
	parts     Parts
}

// part is a table that there can be many of.
type part struct {
	node *node
	path string
	ok   bool // no problem so far
}

type rulePart struct {
	part
	settings engine.RuleSettings
}

type overridePart struct {
	part
	settings engine.Override
}

type workloadPart struct {
	part
	table     WorkloadTable
	overrides []*overridePart
	rules     []*rulePart
}

type triggerPart struct {
	part
	settings trigger.Settings
}

func (l *loader) document(origin Origin, text string) {
	root, problem := parseDocument(origin, text)
	switch {
	case problem != nil:
		if ext := strings.ToLower(filepath.Ext(origin.Name)); ext == ".yaml" || ext == ".yml" || ext == ".conf" {
			problem.Hint = "a configuration of Fluent Bit is for Fluent Bit with the plugin, and for check, explain, backtest and triggers test"
		}
		l.add(*problem)
	case root.table["test"] != nil && root.table["rule"] == nil:
		l.add(Problem{Place: Place{Origin: origin}, Unusable: true, Message: "has tests of rules, and is no configuration", Hint: "docker-fluentbit test runs it"})
	default:
		l.bind(root)
	}
}

// bind takes over everything that one source sets.
func (l *loader) bind(root *node) {
	l.table(scope{once: true}, root, reflect.ValueOf(&l.settings).Elem(), map[string]handler{
		"rule": func(n *node) {
			l.each("", "rule", "name", n, func(p part) { l.rules = append(l.rules, l.rule(p)) })
		},
		"workload": func(n *node) {
			l.each("", "workload", "match", n, func(p part) { l.workloads = append(l.workloads, l.workload(p)) })
		},
		"silence": func(n *node) { l.each("", "silence", "name", n, l.silence) },
		"inhibit": func(n *node) { l.each("", "inhibit", "", n, l.inhibit) },
		"trigger": func(n *node) {
			l.each("", "trigger", "name", n, func(p part) {
				t := &triggerPart{part: p, settings: trigger.DefaultSettings()}
				t.ok = l.table(scope{path: p.path, hide: true}, p.node, reflect.ValueOf(&t.settings).Elem(), nil)
				l.triggers = append(l.triggers, t)
			})
		},
	})
}

func (l *loader) rule(p part) *rulePart {
	r := &rulePart{part: p, settings: engine.DefaultRule()}
	r.ok = l.table(scope{path: p.path}, p.node, reflect.ValueOf(&r.settings).Elem(), nil)
	if r.settings.Fleet() && p.node.table["cooldown_by"] == nil {
		r.settings.CooldownBy = engine.FleetKey()
	}
	if r.settings.Fleet() && p.node.table["by"] == nil {
		r.settings.By = engine.FleetKey()
	}
	return r
}

func (l *loader) workload(p part) *workloadPart {
	w := &workloadPart{part: p}
	inner := 0 // problems of the tables inside, which do not hurt the block
	counted := func(bind func(part)) func(part) {
		return func(p part) {
			before := l.count
			bind(p)
			inner += l.count - before
		}
	}
	before := l.count
	l.table(scope{path: p.path}, p.node, reflect.ValueOf(&w.table).Elem(), map[string]handler{
		"override": func(n *node) {
			l.each(p.path, "override", "rule", n, counted(func(p part) { w.overrides = append(w.overrides, l.override(p)) }))
		},
		"rule": func(n *node) {
			l.each(p.path, "rule", "name", n, counted(func(p part) { w.rules = append(w.rules, l.rule(p)) }))
		},
	})
	w.ok = l.count-before == inner
	return w
}

func (l *loader) override(p part) *overridePart {
	var table OverrideTable
	o := &overridePart{part: p}
	o.ok = l.table(scope{path: p.path}, p.node, reflect.ValueOf(&table).Elem(), map[string]handler{
		"name": func(n *node) {
			l.fail(scope{path: p.path}, n, "name", false, refuse(`rule = "NAME" says which rule is meant`, "an override cannot rename a rule"))
		},
	})
	o.settings = engine.Override{Rule: table.Rule, Settings: table.RuleSettings}
	for _, key := range p.node.keys() {
		if key != "rule" {
			o.settings.Keys = append(o.settings.Keys, key)
		}
	}
	return o
}
