package engine

import (
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
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
	workers     chan *Worker // idle ones

	workloads atomic.Pointer[sync.Map] // workload name → *effective
	known     atomic.Int64             // entries in workloads

	mu       sync.Mutex // guards what follows
	compiler *ruleCompiler
	variants map[string]*rule      // base rule and blocks → the rule with their overrides
	sets     map[string]*effective // workloads with the same rules share one
	counters func(id string) *RuleCounters
}

// effective is the rules of a workload: members of the snapshot's rules, and variants that its overrides made.
type effective struct {
	enabled  []uint64          // ids of the set that lead a rule
	member   []uint64          // indexes of rules
	variants map[int32][]*rule // lead → variants
	always   []*rule           // rules without a lead, variants included
	events   []*rule           // those that look at events instead of lines
	absent   []*rule           // rules that wait for lines

	contexts bool // some rule asks for a context
	before   int  // the most lines before a hit that one asks for
}

func (e *effective) has(index int) bool { return e.member[index/64]>>(index%64)&1 != 0 }

// compile builds a snapshot of all rules that are sound, and tells of the others. Expressions that the set before has are taken over from it.
func compile(s Settings, maxWorkers int, counters func(id string) *RuleCounters, before *match.Set) (*Snapshot, error) {
	n := &Snapshot{
		compiler: newRuleCompiler(), byID: map[string]int{},
		variants: map[string]*rule{}, sets: map[string]*effective{},
		counters: counters,
		workers:  make(chan *Worker, maxWorkers),
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
	set, err := match.Recompile(n.compiler.exprs, match.Options{}, before)
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
	r.index, r.order, r.counters, r.home = len(n.rules), len(n.rules), n.counters(id), n
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

// effectiveFor returns the rules of a workload. It takes a lock only for a workload that it has not met.
func (n *Snapshot) effectiveFor(workload string) *effective {
	cache := n.workloads.Load()
	if e, ok := cache.Load(workload); ok {
		return e.(*effective)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.resolve(Effective(&n.settings, workload))
	if n.known.Add(1) > maxWorkloads {
		n.known.Store(1)
		clear(n.sets)
		clear(n.variants)
		cache = &sync.Map{}
		n.workloads.Store(cache)
	}
	cache.Store(workload, e)
	return e
}

// resolve turns a workload's rules into an effective, shared by all workloads with the same rules.
func (n *Snapshot) resolve(rules []Resolved) *effective {
	var key []byte
	for i := range rules {
		key = rules[i].appendKey(key)
	}
	if e, ok := n.sets[string(key)]; ok {
		return e
	}
	words := (len(n.rules) + 63) / 64
	e := &effective{enabled: make([]uint64, (n.set.Len()+63)/64), member: make([]uint64, words)}
	own := n.ownIndexes()
	for i := range rules {
		r := n.ruleFor(&rules[i], own)
		if r == nil {
			continue
		}
		if r.settings.Absent > 0 {
			e.absent = append(e.absent, r)
		}
		switch {
		case len(r.settings.Event) > 0:
			e.events = append(e.events, r)
			continue
		case r.prefilter == noPrefilter:
			e.always = append(e.always, r)
		case r.index < 0:
			if e.variants == nil {
				e.variants = map[int32][]*rule{}
			}
			e.variants[r.prefilter] = append(e.variants[r.prefilter], r)
		}
		if r.index >= 0 {
			e.member[r.index/64] |= 1 << (r.index % 64)
		}
		if r.prefilter != noPrefilter {
			e.enabled[r.prefilter/64] |= 1 << (r.prefilter % 64)
		}
		if want := r.settings.Context; want != (Context{}) {
			e.contexts, e.before = true, max(e.before, want.Before)
		}
	}
	n.sets[string(key)] = e
	return e
}

// ownIndexes returns for each block the index in rules of its first own rule.
func (n *Snapshot) ownIndexes() []int {
	out := make([]int, len(n.settings.Workloads))
	next := len(n.settings.Rules)
	for i := range n.settings.Workloads {
		out[i] = next
		next += len(n.settings.Workloads[i].Rules)
	}
	return out
}

// ruleFor returns the compiled form of a resolved rule, compiling a variant when overrides ask for one that was not needed before.
func (n *Snapshot) ruleFor(r *Resolved, own []int) *rule {
	if r.base < 0 {
		return n.rules[own[r.block]+r.own]
	}
	if len(r.over) == 0 {
		return n.rules[r.base]
	}
	key := string(r.appendKey(nil))
	if v, ok := n.variants[key]; ok {
		return v
	}
	v, err := n.compiler.compile(r.ID, r.Settings)
	if err != nil { // each override was compiled with its rule; together they can still contradict one another
		n.broken = append(n.broken, RuleError{ID: r.ID, Errors: []FieldError{{Field: "override", Message: err.Error()}}})
		v = nil
	} else {
		v.order, v.counters, v.home = r.base, n.counters(r.ID), n
	}
	n.variants[key] = v
	return v
}

// appendKey appends what tells this rule from every other that can result from the same settings.
func (r *Resolved) appendKey(key []byte) []byte {
	key = binary.AppendVarint(key, int64(r.base))
	key = binary.AppendVarint(key, int64(r.block))
	key = binary.AppendVarint(key, int64(r.own))
	key = binary.AppendUvarint(key, uint64(len(r.over)))
	for _, b := range r.over {
		key = binary.AppendUvarint(key, uint64(b))
	}
	return key
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

// Change lists, by rule id, what a new snapshot changed. The lists are sorted.
type Change struct {
	Added, Removed, Changed, Kept []string
}

// changes compares the rules of two snapshots; before may be nil.
func changes(before, after *Snapshot) Change {
	old, now := before.definitions(), after.definitions()
	var c Change
	for _, id := range slices.Sorted(maps.Keys(now)) {
		switch was, ok := old[id]; {
		case !ok:
			c.Added = append(c.Added, id)
		case !reflect.DeepEqual(was, now[id]):
			c.Changed = append(c.Changed, id)
		default:
			c.Kept = append(c.Kept, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[id]; !ok {
			c.Removed = append(c.Removed, id)
		}
	}
	return c
}

// definition is all that the settings say under one id: a rule, and the overrides of a block that changes a rule of that name. Two of them are
// compared by value.
type definition struct {
	rule      RuleSettings
	overrides []Override
}

// definitions returns the definitions of the rules in force by their ids.
func (n *Snapshot) definitions() map[string]definition {
	out := map[string]definition{}
	if n == nil {
		return out
	}
	for _, r := range n.rules {
		out[r.id] = definition{rule: r.settings}
	}
	for i := range n.settings.Workloads {
		w := &n.settings.Workloads[i]
		for _, o := range w.Overrides {
			id := ownID(o.Rule, w.Match)
			d := out[id]
			d.overrides = append(d.overrides, o)
			out[id] = d
		}
	}
	return out
}
