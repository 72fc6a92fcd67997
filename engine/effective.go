package engine

import (
	"encoding/binary"
	"sync"
)

// workloadRules is the rules of a workload: members of the snapshot's rules, and variants that its overrides made.
type workloadRules struct {
	enabled  []uint64          // ids of the set that lead a rule
	member   []uint64          // indexes of rules
	variants map[int32][]*rule // lead → variants
	always   []*rule           // rules without a lead, variants included
	events   []*rule           // those that look at events instead of lines
	absent   []*rule           // rules that wait for lines

	contexts bool // some rule asks for a context
	before   int  // the most lines before a hit that one asks for
}

func (e *workloadRules) has(index int) bool { return e.member[index/64]>>(index%64)&1 != 0 }

// effectiveFor returns the rules of a workload. It takes a lock only for a workload that it has not met.
func (n *Snapshot) effectiveFor(workload string) *workloadRules {
	cache := n.workloads.Load()
	if e, ok := cache.Load(workload); ok {
		return e.(*workloadRules)
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
func (n *Snapshot) resolve(rules []Resolved) *workloadRules {
	var key []byte
	for i := range rules {
		key = rules[i].appendKey(key)
	}
	if e, ok := n.sets[string(key)]; ok {
		return e
	}
	words := (len(n.rules) + 63) / 64
	e := &workloadRules{enabled: make([]uint64, (n.set.Len()+63)/64), member: make([]uint64, words)}
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
		v.order, v.counters = r.base, n.counters(r.ID)
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
