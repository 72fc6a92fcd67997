package mute

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// Silence is a Silence, compiled.
type Silence struct {
	rules.Silence
	matcher rules.Matcher
	hits    *atomic.Int64 // suppressed; kept by the silence of the same id that takes its place
}

// silenceSet is an immutable set of silences, indexed by rule, workload and container, so that thousands cost a hit little.
type silenceSet struct {
	all         []*Silence // in the order of their ids
	from, until int64      // outside of which none suppresses anything
	byRule      map[string][]*Silence
	byWorkload  map[string][]*Silence
	byContainer map[string][]*Silence // by name or id
	others      []*Silence
}

// NewSilenceSet compiles the valid silences; the error names the others. The counts of those that were in force before go on.
func NewSilenceSet(list []rules.Silence, before *silenceSet) (*silenceSet, error) {
	counted := map[string]*atomic.Int64{}
	if before != nil {
		for _, one := range before.all {
			counted[one.ID] = one.hits
		}
	}
	set := &silenceSet{
		from: math.MaxInt64, until: math.MinInt64,
		byRule: map[string][]*Silence{}, byWorkload: map[string][]*Silence{}, byContainer: map[string][]*Silence{},
	}
	var errs []error
	for _, s := range list {
		if bad := s.Validate(); len(bad) > 0 {
			errs = append(errs, fmt.Errorf("silence %q: %w", s.ID, &bad[0]))
			continue
		}
		m, err := s.Compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("silence %q: message: %w", s.ID, err))
			continue
		}
		s.Severity = slices.Clone(s.Severity)
		one := &Silence{Silence: s, matcher: m, hits: counted[s.ID]}
		if one.hits == nil {
			one.hits = &atomic.Int64{}
		}
		set.all = append(set.all, one)
		set.from, set.until = min(set.from, s.From), max(set.until, s.Until)
		switch {
		case rules.IsLiteral(s.Rule):
			set.byRule[s.Rule] = append(set.byRule[s.Rule], one)
		case rules.IsLiteral(s.Workload):
			set.byWorkload[s.Workload] = append(set.byWorkload[s.Workload], one)
		case rules.IsLiteral(s.Container):
			set.byContainer[s.Container] = append(set.byContainer[s.Container], one)
		default:
			set.others = append(set.others, one)
		}
	}
	slices.SortFunc(set.all, func(a, b *Silence) int { return cmp.Compare(a.ID, b.ID) })
	return set, errors.Join(errs...)
}

// idle reports that no silence is active at a time.
func (set *silenceSet) idle(now int64) bool { return set == nil || now < set.from || now >= set.until }

// Suppressing returns the silence that holds a hit or an alert back at a time, or nil.
func (set *silenceSet) Suppressing(s *rules.Subject, now int64) *Silence {
	if set.idle(now) {
		return nil
	}
	for _, list := range set.lists(s.Rule, s.Source) {
		for _, one := range list {
			if one.From <= now && now < one.Until && one.matcher.Matches(s) {
				return one
			}
		}
	}
	return nil
}

// lists returns those that may be about a rule and a source, in the order in which they are asked.
func (set *silenceSet) lists(r *rules.Rule, s *model.Source) (lists [6][]*Silence) {
	lists[0] = set.others
	lists[1] = set.byRule[r.Settings.Name]
	if r.ID != r.Settings.Name {
		lists[2] = set.byRule[r.ID]
	}
	lists[3] = set.byWorkload[s.Workload]
	lists[4] = set.byContainer[s.Container.Name]
	if s.Container.ID != s.Container.Name {
		lists[5] = set.byContainer[s.Container.ID]
	}
	return lists
}

// Count counts a hit that the silence suppressed.
func (s *Silence) Count() { s.hits.Add(1) }
