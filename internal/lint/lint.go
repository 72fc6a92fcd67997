package lint

import (
	"io/fs"
	"os"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/lint/measure"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
)

// Options change the checks. The zero value runs all of them.
type Options struct {
	// Ignore lists codes of warnings that are not wanted.
	Ignore []string
	// Measure returns the cost of a rule on lines that it does not match, in ns a line. Nil: it is measured, on a built-in sample.
	Measure func(engine.RuleSettings) float64
	// Mode returns a file's permissions. Nil: those of the file system.
	Mode func(path string) (fs.FileMode, error)
	// Shared reports whether everyone may read a file. Nil: by the file system.
	Shared func(path string) bool
	// Offline leaves out the checks that need the machine on which the configuration runs: variables, files of secrets, the store, the listener.
	Offline bool
	// LookupEnv is where the variables of a Fluent Bit configuration, and those of secrets, come from. Nil: the environment.
	LookupEnv func(name string) (string, bool)
}

func (o Options) withDefaults() Options {
	if o.Measure == nil {
		o.Measure = measure.Rule
	}
	if o.Mode == nil {
		o.Mode = func(path string) (fs.FileMode, error) {
			info, err := os.Stat(path)
			if err != nil {
				return 0, err
			}
			return info.Mode(), nil
		}
	}
	if o.Shared == nil {
		o.Shared = namedfile.OthersMayRead
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	return o
}

// rule is a rule as it applies somewhere: a global one, a workload's own, or a global one with an override.
type rule struct {
	id       string
	settings engine.RuleSettings
	part     config.Part
	override bool     // part is an override, which sets only some of the settings
	globs    []string // of the block that the rule is in; nil for a global one
	block    int      // of the workload, or -1
}

// host is where a configuration runs.
type host struct {
	plugin  bool // in Fluent Bit, which logs no login links
	oneNode bool // on each node of a cluster, which sees its own records alone
}

// linter collects the warnings about one configuration.
type linter struct {
	options  Options
	result   *config.Result
	rules    []rule
	deploys  []reach.Rule // stands for the alerts about deploys; empty where nothing is compared
	costs    map[string]match.Cost
	host     host
	endCosts map[string]match.Cost // of resolve_on
	findings []Finding
}

// warn adds a warning about a setting of a part; text names the element where the setting is a list.
func (l *linter) warn(p config.Part, code, field, text, message, hint string) {
	at, head := p.Place(field, text), p.Place("", "")
	l.findings = append(l.findings, Finding{
		File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: code, Path: p.Path, Field: field, Value: p.Literal(field, text),
		Message: message, Hint: hint, head: head.Line,
	})
}

// Check returns everything that is wrong or doubtful about a configuration, sorted by place. Comments that switch warnings off are not
// looked at: Files does that.
func Check(result *config.Result, options Options) []Finding {
	return check(result, options, host{})
}

// check is Check for a configuration whose host is known.
func check(result *config.Result, options Options, on host) []Finding {
	l := &linter{options: options.withDefaults(), result: result, host: on}
	for i := range result.Problems {
		l.findings = append(l.findings, problem(&result.Problems[i]))
	}
	l.collect()
	for i := range l.rules {
		l.text(&l.rules[i])
		l.seems(&l.rules[i])
		l.output(&l.rules[i])
		l.nodes(&l.rules[i])
		l.resolveOn(&l.rules[i])
		l.labels(&l.rules[i])
	}
	l.overlaps()
	l.sequences()
	l.quiet()
	l.otherGlobs()
	l.workloads()
	l.muting()
	l.comparisons()
	l.triggers()
	l.redaction()
	l.heartbeat()
	l.fleet()
	l.secrets()
	l.senders()
	if !l.options.Offline {
		l.start()
	}
	l.secretFiles()
	l.formats()
	sortFindings(l.findings)
	return l.findings
}

// collect lists the rules in all their forms.
func (l *linter) collect() {
	s, parts := &l.result.Settings, &l.result.Parts
	for i := range s.Rules {
		l.rules = append(l.rules, rule{id: s.Rules[i].Name, settings: s.Rules[i], part: parts.Rules[i], block: -1})
	}
	globals := len(l.rules)
	for i := range s.Workloads {
		w := &s.Workloads[i]
		for j := range w.Overrides {
			o := &w.Overrides[j]
			for _, base := range l.rules[:globals] {
				if base.settings.Name == o.Rule {
					l.rules = append(l.rules, rule{
						id: o.Rule, settings: o.Apply(base.settings), part: parts.Workloads[i].Overrides[j], override: true, globs: []string{w.Match}, block: i,
					})
				}
			}
		}
		for j := range w.Rules {
			l.rules = append(l.rules, rule{
				id: w.Rules[j].Name + "@" + w.Match, settings: w.Rules[j], part: parts.Workloads[i].Rules[j], globs: []string{w.Match}, block: i,
			})
		}
	}
	set := s.Engine()
	l.deploys = reach.Deploys(&set)
	l.costs = map[string]match.Cost{}
	if snapshot, err := engine.New().Compile(s.Engine()); err == nil { // rules that do not compile are problems already
		l.costs, l.endCosts = snapshot.Costs(), snapshot.EndCosts()
	}
}

// sets reports whether a setting is the part's own doing, rather than that of the rule below an override.
func (r *rule) sets(field string) bool { return !r.override || r.part.Sets(field) }

// reach is the rule as triggers meet it.
func (r *rule) reach() reach.Rule { return reach.Rule{Settings: &r.settings, Globs: r.globs} }
