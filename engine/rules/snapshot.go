package rules

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// MaxWorkloads bounds how many workloads a snapshot remembers the effective rules of. Beyond it, all are forgotten and looked up again.
const MaxWorkloads = 1 << 16

// RuleError says why a rule of the settings does not run.
type RuleError struct {
	ID     string // the rule, as in Resolved.ID
	Errors []setting.Fault
}

// Error names the rule and the first thing wrong with it.
func (e *RuleError) Error() string {
	s := fmt.Sprintf("rule %q: %s", e.ID, e.Errors[0].Error())
	if n := len(e.Errors) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// Snapshot is a compiled set of rules: one match.Set shared by all workloads, over which a workload's effective rules are a bit set.
// It is immutable to its users and safe for concurrent use; the effective rules of each workload are cached.
type Snapshot struct {
	Settings    Settings // without the broken rules
	broken      []RuleError
	Set         *match.Set
	Rules       []*Rule        // the globals without overrides, then the workloads' own; rule.index is the place here
	byID        map[string]int // id → place in rules
	ByPrefilter [][]*Rule      // id in set → rules that it leads
	always      []*Rule        // rules without a lead
	Inhibits    []*Inhibit
	followers   map[string][]*Rule // by the name of the other rule: those whose sequence or ratio asks for its hits
	Redactor    *redact.Redactor   // masks secrets in alerts; nil: none

	workloads atomic.Pointer[sync.Map] // workload name → *effective
	Known     atomic.Int64             // entries in workloads

	mu       sync.Mutex // guards the fields below
	compiler *ruleCompiler
	Variants map[string]*Rule          // base rule and blocks → the rule with their overrides
	Sets     map[string]*WorkloadRules // workloads with the same rules share one
	counters func(id string) *model.RuleCounters
}

// Compile builds a snapshot of all valid rules, and reports the others. It reuses compiled expressions of the snapshot before. The caller sets the
// redactor.
func Compile(s Settings, counters func(id string) *model.RuleCounters, before *Snapshot) (*Snapshot, error) {
	n := &Snapshot{
		compiler: newRuleCompiler(), byID: map[string]int{},
		Variants: map[string]*Rule{}, Sets: map[string]*WorkloadRules{},
		counters: counters,
	}
	n.workloads.Store(&sync.Map{})
	n.Settings.Limits, n.Settings.Deploy, n.Settings.Redact = s.Limits, s.Deploy, s.Redact
	var compiled *match.Set
	if before != nil {
		compiled = before.Set
	}
	analyzer := match.NewAnalyzer(match.Options{}, compiled)
	n.keepValid(s, analyzer.Analyze)
	n.addInhibits(s.Inhibits)
	for i := range n.Settings.Rules {
		if err := n.addRule(n.Settings.Rules[i].Name, n.Settings.Rules[i]); err != nil {
			return nil, err
		}
	}
	for i := range n.Settings.Workloads {
		w := &n.Settings.Workloads[i]
		for j := range w.Rules {
			if err := n.addRule(ownID(w.Rules[j].Name, w.Match), w.Rules[j]); err != nil {
				return nil, err
			}
		}
	}
	n.link()
	n.addOverridden()
	set, err := analyzer.Compile(n.compiler.exprs)
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	n.Set = set
	n.compiler.sealed = true
	n.ByPrefilter = make([][]*Rule, set.Len())
	for _, r := range n.Rules {
		switch {
		case len(r.Settings.Event) > 0:
		case r.prefilter == noPrefilter:
			n.always = append(n.always, r)
		default:
			n.ByPrefilter[r.prefilter] = append(n.ByPrefilter[r.prefilter], r)
		}
	}
	return n, nil
}

// keepValid copies the settings without the rules, overrides and blocks that do not validate, and notes why each was left out. parse parses patterns.
func (n *Snapshot) keepValid(s Settings, parse func(expr string) error) {
	sound := func(id string, r *RuleSettings) bool {
		errs := r.validate(parse)
		if len(errs) > 0 {
			n.broken = append(n.broken, RuleError{ID: id, Errors: errs})
		}
		return len(errs) == 0
	}
	globals := map[string]RuleSettings{}
	for i := range s.Rules {
		if r := s.Rules[i]; sound(r.Name, &r) {
			n.Settings.Rules = append(n.Settings.Rules, r)
			globals[r.Name] = r
		}
	}
	for i := range s.Workloads {
		w := s.Workloads[i]
		if errs := w.Validate(); len(errs) > 0 {
			n.broken = append(n.broken, RuleError{ID: "workload " + w.Match, Errors: errs})
			continue
		}
		kept := WorkloadSettings{Match: w.Match, Disable: w.Disable}
		for _, o := range w.Overrides {
			base, ok := globals[o.Rule]
			if !ok {
				continue
			}
			if errs := o.Validate(&base); len(errs) > 0 {
				n.broken = append(n.broken, RuleError{ID: ownID(o.Rule, w.Match), Errors: errs})
				continue
			}
			if r := o.Apply(base); sound(ownID(o.Rule, w.Match), &r) {
				kept.Overrides = append(kept.Overrides, o)
			}
		}
		for _, r := range w.Rules {
			if r.AbsentFrom == AbsentFromStart && len(r.Workloads) == 0 && glob.IsLiteral(w.Match) {
				r.Workloads = []string{w.Match} // the block names it
			}
			if sound(ownID(r.Name, w.Match), &r) {
				kept.Rules = append(kept.Rules, r)
			}
		}
		n.Settings.Workloads = append(n.Settings.Workloads, kept)
	}
}

// addInhibits compiles the valid inhibitions, and notes why the others are left out.
func (n *Snapshot) addInhibits(all []InhibitSettings) {
	for i := range all {
		errs := all[i].Validate()
		if len(errs) == 0 {
			one, err := all[i].compile()
			if err == nil {
				n.Inhibits = append(n.Inhibits, one)
				continue
			}
			errs = []setting.Fault{{Field: "inhibit", Message: err.Error()}}
		}
		n.broken = append(n.broken, RuleError{ID: fmt.Sprintf("inhibit #%d", i+1), Errors: errs})
	}
}

func (n *Snapshot) addRule(id string, s RuleSettings) error {
	r, err := n.compiler.compile(id, s)
	if err != nil {
		return fmt.Errorf("rule %q: %w", id, err)
	}
	r.Index, r.Order, r.Counters = len(n.Rules), len(n.Rules), n.counters(id)
	if _, taken := n.byID[id]; !taken {
		n.byID[id] = r.Index
	}
	n.Rules = append(n.Rules, r)
	return nil
}

// link gives each rule those whose sequence or ratio asks for its hits.
func (n *Snapshot) link() {
	n.followers = map[string][]*Rule{}
	for _, r := range n.Rules {
		if other := r.Settings.Related(); other != "" {
			n.followers[other] = append(n.followers[other], r)
		}
	}
	for _, r := range n.Rules {
		r.Followers = n.followers[r.Settings.Name]
	}
}

// addOverridden makes every expression that an overridden rule could be led by part of the set, so that the variants that workloads
// need later find their lead in it.
func (n *Snapshot) addOverridden() {
	byName := map[string]int{}
	for i := range n.Settings.Rules {
		byName[n.Settings.Rules[i].Name] = i
	}
	for i := range n.Settings.Workloads {
		for _, o := range n.Settings.Workloads[i].Overrides {
			if slices.Contains(o.Keys, "resolve_on") && o.Settings.ResolveOn != "" {
				n.compiler.add(o.Settings.ResolveOn)
			}
			if !o.changesText() {
				continue
			}
			base := n.Settings.Rules[byName[o.Rule]]
			changed := o.Apply(base)
			for _, e := range slices.Concat(texts(&base), texts(&changed)) {
				n.compiler.add(e)
			}
		}
	}
}

// Broken returns the rules that do not run, and why.
func (n *Snapshot) Broken() []RuleError {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.broken)
}

// Len returns how many rules run, those of workloads included.
func (n *Snapshot) Len() int {
	sum := len(n.Settings.Rules)
	for i := range n.Settings.Workloads {
		sum += len(n.Settings.Workloads[i].Rules)
	}
	return sum
}

// RuleNames lists the names of the rules that run, those of workloads included, each once and sorted.
func (n *Snapshot) RuleNames() []string {
	var names []string
	for i := range n.Settings.Rules {
		names = append(names, n.Settings.Rules[i].Name)
	}
	for i := range n.Settings.Workloads {
		for j := range n.Settings.Workloads[i].Rules {
			names = append(names, n.Settings.Workloads[i].Rules[j].Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Costs returns for each rule that looks at lines, by its id, how lines are filtered before the regular expression is tried.
func (n *Snapshot) Costs() map[string]match.Cost {
	out := map[string]match.Cost{}
	for _, r := range n.Rules {
		if r.prefilter != noPrefilter && len(r.Settings.Event) == 0 {
			out[r.ID] = n.Set.Cost(int(r.prefilter))
		}
	}
	return out
}

// EndCosts returns for each rule whose incidents a line ends, by its id, how lines are filtered before resolve_on is tried.
func (n *Snapshot) EndCosts() map[string]match.Cost {
	out := map[string]match.Cost{}
	for _, r := range n.Rules {
		if r.resolveID != noPrefilter {
			out[r.ID] = n.Set.Cost(int(r.resolveID))
		}
	}
	return out
}

// WorkloadRules is the rules of a workload: members of the snapshot's rules, and variants that its overrides made.
type WorkloadRules struct {
	Enabled  []uint64          // ids of the set that lead a rule
	member   []uint64          // indexes of rules
	Variants map[int32][]*Rule // lead → variants
	Always   []*Rule           // rules without a lead, variants included
	Events   []*Rule           // those that look at events instead of lines
	Absent   []*Rule           // rules that wait for lines
	// Ends has the rules whose incidents a line ends, by the id of resolve_on in the set; nil: there are none. Those whose expression is not in the set are
	// in AlwaysEnds.
	Ends       map[int32][]*Rule
	AlwaysEnds []*Rule

	Contexts bool // some rule asks for a context
	Before   int  // the most lines before a hit that one asks for
}

func (e *WorkloadRules) Has(index int) bool { return e.member[index/64]>>(index%64)&1 != 0 }
