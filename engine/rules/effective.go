package rules

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// EffectiveFor returns the rules of a workload. It takes a lock only for a new workload.
func (n *Snapshot) EffectiveFor(workload string) *WorkloadRules {
	cache := n.workloads.Load()
	if e, ok := cache.Load(workload); ok {
		return e.(*WorkloadRules)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.resolve(Effective(&n.Settings, workload))
	if n.Known.Add(1) > MaxWorkloads {
		n.Known.Store(1)
		clear(n.Sets)
		clear(n.Variants)
		cache = &sync.Map{}
		n.workloads.Store(cache)
	}
	cache.Store(workload, e)
	return e
}

// resolve turns a workload's rules into an effective, shared by all workloads with the same rules.
func (n *Snapshot) resolve(rules []Resolved) *WorkloadRules {
	var key []byte
	for i := range rules {
		key = rules[i].appendKey(key)
	}
	if e, ok := n.Sets[string(key)]; ok {
		return e
	}
	words := (len(n.Rules) + 63) / 64
	e := &WorkloadRules{Enabled: make([]uint64, (n.Set.Len()+63)/64), member: make([]uint64, words)}
	own := n.ownIndexes()
	for i := range rules {
		r := n.ruleFor(&rules[i], own)
		if r == nil {
			continue
		}
		if r.Settings.Absent > 0 {
			e.Absent = append(e.Absent, r)
		}
		switch id := r.resolveID; {
		case r.resolveOn == nil || len(r.Settings.Event) > 0:
		case id == noPrefilter:
			e.AlwaysEnds = append(e.AlwaysEnds, r)
		default:
			if e.Ends == nil {
				e.Ends = map[int32][]*Rule{}
			}
			e.Ends[id] = append(e.Ends[id], r)
			e.Enabled[id/64] |= 1 << (id % 64)
		}
		switch {
		case len(r.Settings.Event) > 0:
			e.Events = append(e.Events, r)
			continue
		case r.prefilter == noPrefilter:
			e.Always = append(e.Always, r)
		case r.Index < 0:
			if e.Variants == nil {
				e.Variants = map[int32][]*Rule{}
			}
			e.Variants[r.prefilter] = append(e.Variants[r.prefilter], r)
		}
		if r.Index >= 0 {
			e.member[r.Index/64] |= 1 << (r.Index % 64)
		}
		if r.prefilter != noPrefilter {
			e.Enabled[r.prefilter/64] |= 1 << (r.prefilter % 64)
		}
		if want := r.Settings.Context; want != (Context{}) {
			e.Contexts, e.Before = true, max(e.Before, want.Before)
		}
	}
	n.Sets[string(key)] = e
	return e
}

// ownIndexes returns for each block the index in rules of its first own rule.
func (n *Snapshot) ownIndexes() []int {
	out := make([]int, len(n.Settings.Workloads))
	next := len(n.Settings.Rules)
	for i := range n.Settings.Workloads {
		out[i] = next
		next += len(n.Settings.Workloads[i].Rules)
	}
	return out
}

// ruleFor returns the compiled form of a resolved rule, compiling a variant when overrides ask for one that was not needed before.
func (n *Snapshot) ruleFor(r *Resolved, own []int) *Rule {
	if r.base < 0 {
		return n.Rules[own[r.block]+r.own]
	}
	if len(r.over) == 0 {
		return n.Rules[r.base]
	}
	key := string(r.appendKey(nil))
	if v, ok := n.Variants[key]; ok {
		return v
	}
	v, err := n.compiler.compile(r.ID, r.Settings)
	if err != nil { // each override was compiled with its rule; together they can still contradict one another
		n.broken = append(n.broken, RuleError{ID: r.ID, Errors: []setting.Fault{{Field: "override", Message: err.Error()}}})
		v = nil
	} else {
		v.Order, v.Counters, v.Followers = r.base, n.counters(r.ID), n.followers[v.Settings.Name]
	}
	n.Variants[key] = v
	return v
}

// appendKey appends an identity of this rule among all that can result from the same settings.
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

// AbsenceToStart is an absence rule and the workload that it waits for.
type AbsenceToStart struct {
	Rule     *Rule
	Workload string
}

// Find returns the rule of an id as it applies to a workload, or nil. An empty workload means all of them.
func (n *Snapshot) Find(id, workload string) *Rule {
	if i, ok := n.byID[id]; ok && (workload == "" || n.EffectiveFor(workload).Has(i)) {
		return n.Rules[i]
	}
	if workload == "" {
		return nil
	}
	e := n.EffectiveFor(workload)
	for _, r := range slices.Concat(e.Always, e.Events) {
		if r.ID == id {
			return r
		}
	}
	for _, variants := range e.Variants {
		for _, r := range variants {
			if r.ID == id {
				return r
			}
		}
	}
	return nil
}

// PendingAbsences returns the absences that begin without a record.
func (n *Snapshot) PendingAbsences() []AbsenceToStart {
	var out []AbsenceToStart
	for _, r := range n.Rules {
		if r.Settings.Absent <= 0 || r.Settings.AbsentFrom != AbsentFromStart {
			continue
		}
		if r.everywhere() {
			out = append(out, AbsenceToStart{r, ""})
		}
		for _, workload := range r.Settings.Workloads {
			if f := n.Find(r.ID, workload); f != nil && f.Settings.Absent > 0 {
				out = append(out, AbsenceToStart{f, workload})
			}
		}
	}
	return out
}

// RulesOf returns the compiled rules of a workload, in the order of the configuration.
func (n *Snapshot) RulesOf(workload string) []*Rule {
	n.mu.Lock()
	defer n.mu.Unlock()
	own := n.ownIndexes()
	resolved := Effective(&n.Settings, workload)
	out := make([]*Rule, 0, len(resolved))
	for i := range resolved {
		if r := n.ruleFor(&resolved[i], own); r != nil {
			out = append(out, r)
		}
	}
	return out
}
