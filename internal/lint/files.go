package lint

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
)

// Report has the findings of Files.
type Report struct {
	Findings []Finding
	// Rules, Workloads and Triggers count those that run.
	Rules, Workloads, Triggers int
	// Elsewhere counts the variables, files and stores that Offline left out.
	Elsewhere int
	// Costs says how each rule is filtered, in the order of the configuration.
	Costs []Cost
}

// Cost is how a rule is filtered.
type Cost struct {
	Rule     string // as in engine.Resolved.ID
	Events   bool   // it looks at events of containers, and at no line
	Filtered bool   // there is a text to filter by
	match.Cost
}

// Errors counts the findings that are errors.
func (r *Report) Errors() int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == Error {
			n++
		}
	}
	return n
}

// Unusable reports whether nothing at all could be read of some source.
func (r *Report) Unusable() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.unusable })
}

// Files checks configurations: the TOML files, folders and globs among the entries together, as config_file combines them, and each
// configuration of Fluent Bit (*.conf, *.yaml) by itself, with the outputs of this plugin in it. Of a file of tests that is named itself, its
// form is checked. Findings that a comment or an option switches
// off are left out.
func Files(entries []string, options Options) *Report {
	options = options.withDefaults()
	r := &Report{}
	var toml []string
	for _, e := range entries {
		switch {
		case fluentbitconf.IsYAML(e) || fluentbitconf.IsClassic(e):
			r.fluentBit(e, options)
		case tomlfiles.IsTest(e):
			_, problems := ruletest.Load(e)
			for i := range problems {
				r.Findings = append(r.Findings, problem(&problems[i]))
			}
		default:
			toml = append(toml, e)
		}
	}
	if len(toml) > 0 {
		result := config.Load(config.Sources{Files: toml})
		r.count(result, options)
		r.Findings = append(r.Findings, Check(result, options)...)
	}
	r.Findings = wanted(r.Findings, options.Ignore)
	sortFindings(r.Findings)
	return r
}

// count adds the rules, workloads and triggers of a configuration that run.
func (r *Report) count(result *config.Result, options Options) {
	s := &result.Settings
	r.Rules, r.Workloads, r.Triggers = r.Rules+len(s.Rules), r.Workloads+len(s.Workloads), r.Triggers+len(s.Triggers)
	l := linter{result: result}
	if options.Offline {
		r.Elsewhere += l.elsewhere()
	}
	l.collect()
	for i := range l.rules {
		if l.rules[i].override {
			continue
		}
		cost, ok := l.costs[l.rules[i].id]
		r.Costs = append(r.Costs, Cost{Rule: l.rules[i].id, Events: len(l.rules[i].settings.Event) > 0, Filtered: ok, Cost: cost})
	}
}
