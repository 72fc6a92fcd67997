package engine

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// maxWorkloads bounds how many workloads a snapshot remembers the effective rules of. Beyond it, all are forgotten and found anew.
const maxWorkloads = 1 << 16

// RuleError says why a rule of the settings does not run.
type RuleError struct {
	ID     string // the rule, as in Resolved.ID
	Errors []FieldError
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
// It is immutable to its users and safe for concurrent use; what it learns (the effective rules of a workload it meets) is cached.
type Snapshot struct {
	settings    Settings // without the broken rules
	broken      []RuleError
	set         *match.Set
	rules       []*rule        // the globals as they stand, then the workloads' own; rule.index is the place here
	byID        map[string]int // id → place in rules
	byPrefilter [][]*rule      // id in set → rules that it leads
	always      []*rule        // rules without a lead
	inhibits    []*inhibit

	workloads atomic.Pointer[sync.Map] // workload name → *effective
	known     atomic.Int64             // entries in workloads

	mu       sync.Mutex // guards what follows
	compiler *ruleCompiler
	variants map[string]*rule          // base rule and blocks → the rule with their overrides
	sets     map[string]*workloadRules // workloads with the same rules share one
	counters func(id string) *RuleCounters
}

// compile builds a snapshot of all rules that are sound, and tells of the others. Expressions that the set before has are taken over from it.
func compile(s Settings, counters func(id string) *RuleCounters, before *Snapshot) (*Snapshot, error) {
	n := &Snapshot{
		compiler: newRuleCompiler(), byID: map[string]int{},
		variants: map[string]*rule{}, sets: map[string]*workloadRules{},
		counters: counters,
	}
	n.workloads.Store(&sync.Map{})
	n.settings.Limits = s.Limits
	n.keepValid(s)
	n.addInhibits(s.Inhibits)
	for i := range n.settings.Rules {
		if err := n.addRule(n.settings.Rules[i].Name, n.settings.Rules[i]); err != nil {
			return nil, err
		}
	}
	for i := range n.settings.Workloads {
		w := &n.settings.Workloads[i]
		for j := range w.Rules {
			if err := n.addRule(ownID(w.Rules[j].Name, w.Match), w.Rules[j]); err != nil {
				return nil, err
			}
		}
	}
	n.addOverridden()
	var compiled *match.Set
	if before != nil {
		compiled = before.set
	}
	set, err := match.Recompile(n.compiler.exprs, match.Options{}, compiled)
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	n.set = set
	n.compiler.sealed = true
	n.byPrefilter = make([][]*rule, set.Len())
	for _, r := range n.rules {
		switch {
		case len(r.settings.Event) > 0:
		case r.prefilter == noPrefilter:
			n.always = append(n.always, r)
		default:
			n.byPrefilter[r.prefilter] = append(n.byPrefilter[r.prefilter], r)
		}
	}
	return n, nil
}

// keepValid copies the settings without the rules, overrides and blocks that do not validate, and notes why each was left out.
func (n *Snapshot) keepValid(s Settings) {
	sound := func(id string, r *RuleSettings) bool {
		errs := r.Validate()
		if len(errs) > 0 {
			n.broken = append(n.broken, RuleError{ID: id, Errors: errs})
		}
		return len(errs) == 0
	}
	globals := map[string]RuleSettings{}
	for i := range s.Rules {
		if r := s.Rules[i]; sound(r.Name, &r) {
			n.settings.Rules = append(n.settings.Rules, r)
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
			if r := o.Apply(base); sound(ownID(o.Rule, w.Match), &r) {
				kept.Overrides = append(kept.Overrides, o)
			}
		}
		for _, r := range w.Rules {
			if r.AbsentFrom == absentFromStart && len(r.Workloads) == 0 && isLiteral(w.Match) {
				r.Workloads = []string{w.Match} // the block names it
			}
			if sound(ownID(r.Name, w.Match), &r) {
				kept.Rules = append(kept.Rules, r)
			}
		}
		n.settings.Workloads = append(n.settings.Workloads, kept)
	}
}

// addInhibits compiles the inhibitions that are sound, and notes why the others are left out.
func (n *Snapshot) addInhibits(all []InhibitSettings) {
	for i := range all {
		errs := all[i].Validate()
		if len(errs) == 0 {
			one, err := all[i].compile()
			if err == nil {
				n.inhibits = append(n.inhibits, one)
				continue
			}
			errs = []FieldError{{Field: "inhibit", Message: err.Error()}}
		}
		n.broken = append(n.broken, RuleError{ID: fmt.Sprintf("inhibit #%d", i+1), Errors: errs})
	}
}

func (n *Snapshot) addRule(id string, s RuleSettings) error {
	r, err := n.compiler.compile(id, s)
	if err != nil {
		return fmt.Errorf("rule %q: %w", id, err)
	}
	r.index, r.order, r.counters = len(n.rules), len(n.rules), n.counters(id)
	if _, taken := n.byID[id]; !taken {
		n.byID[id] = r.index
	}
	n.rules = append(n.rules, r)
	return nil
}

// addOverridden makes every expression that an overridden rule could be led by part of the set, so that the variants that workloads
// need later find their lead in it.
func (n *Snapshot) addOverridden() {
	byName := map[string]int{}
	for i := range n.settings.Rules {
		byName[n.settings.Rules[i].Name] = i
	}
	for i := range n.settings.Workloads {
		for _, o := range n.settings.Workloads[i].Overrides {
			if !o.changesText() {
				continue
			}
			base := n.settings.Rules[byName[o.Rule]]
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
	sum := len(n.settings.Rules)
	for i := range n.settings.Workloads {
		sum += len(n.settings.Workloads[i].Rules)
	}
	return sum
}

// RuleNames lists the names of the rules that run, those of workloads included, each once and sorted.
func (n *Snapshot) RuleNames() []string {
	var names []string
	for i := range n.settings.Rules {
		names = append(names, n.settings.Rules[i].Name)
	}
	for i := range n.settings.Workloads {
		for j := range n.settings.Workloads[i].Rules {
			names = append(names, n.settings.Workloads[i].Rules[j].Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Costs tells for each rule that looks at lines, by its id, how a line is filtered before the regular expression is tried.
func (n *Snapshot) Costs() map[string]match.Cost {
	out := map[string]match.Cost{}
	for _, r := range n.rules {
		if r.prefilter != noPrefilter && len(r.settings.Event) == 0 {
			out[r.id] = n.set.Cost(int(r.prefilter))
		}
	}
	return out
}

// absenceToStart names what a rule waits for.
type absenceToStart struct {
	rule     *rule
	workload string
}

// find returns the rule of an id as it applies to a workload, or nil. An empty workload stands for all of them.
func (n *Snapshot) find(id, workload string) *rule {
	if i, ok := n.byID[id]; ok && (workload == "" || n.effectiveFor(workload).has(i)) {
		return n.rules[i]
	}
	if workload == "" {
		return nil
	}
	e := n.effectiveFor(workload)
	for _, r := range slices.Concat(e.always, e.events) {
		if r.id == id {
			return r
		}
	}
	for _, variants := range e.variants {
		for _, r := range variants {
			if r.id == id {
				return r
			}
		}
	}
	return nil
}

// pendingAbsences returns what is waited for without a record of it.
func (n *Snapshot) pendingAbsences() []absenceToStart {
	var out []absenceToStart
	for _, r := range n.rules {
		if r.settings.Absent <= 0 || r.settings.AbsentFrom != absentFromStart {
			continue
		}
		if r.everywhere() {
			out = append(out, absenceToStart{r, ""})
		}
		for _, workload := range r.settings.Workloads {
			if f := n.find(r.id, workload); f != nil && f.settings.Absent > 0 {
				out = append(out, absenceToStart{f, workload})
			}
		}
	}
	return out
}

// rulesOf returns the compiled rules of a workload, in the order of the configuration.
func (n *Snapshot) rulesOf(workload string) []*rule {
	n.mu.Lock()
	defer n.mu.Unlock()
	own := n.ownIndexes()
	resolved := Effective(&n.settings, workload)
	out := make([]*rule, 0, len(resolved))
	for i := range resolved {
		if r := n.ruleFor(&resolved[i], own); r != nil {
			out = append(out, r)
		}
	}
	return out
}
