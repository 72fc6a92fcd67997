package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
)

// silence is a Silence, compiled.
type silence struct {
	Silence
	matcher matcher
	hits    *atomic.Int64 // suppressed; kept by the silence of the same id that takes its place
}

// silenceSet is an immutable set of silences, indexed by what most of them name, so that thousands cost a hit little.
type silenceSet struct {
	all         []*silence // in the order of their ids
	from, until int64      // outside of which none holds anything back
	byRule      map[string][]*silence
	byWorkload  map[string][]*silence
	byContainer map[string][]*silence // by name or id
	others      []*silence
}

// newSilenceSet compiles those that are sound; the error names the others. What was counted before goes on for those that are still there.
func newSilenceSet(list []Silence, before *silenceSet) (*silenceSet, error) {
	counted := map[string]*atomic.Int64{}
	if before != nil {
		for _, one := range before.all {
			counted[one.ID] = one.hits
		}
	}
	set := &silenceSet{
		from: math.MaxInt64, until: math.MinInt64,
		byRule: map[string][]*silence{}, byWorkload: map[string][]*silence{}, byContainer: map[string][]*silence{},
	}
	var errs []error
	for _, s := range list {
		if bad := s.Validate(); len(bad) > 0 {
			errs = append(errs, fmt.Errorf("silence %q: %w", s.ID, &bad[0]))
			continue
		}
		m, err := s.compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("silence %q: message: %w", s.ID, err))
			continue
		}
		s.Severity = slices.Clone(s.Severity)
		one := &silence{Silence: s, matcher: m, hits: counted[s.ID]}
		if one.hits == nil {
			one.hits = &atomic.Int64{}
		}
		set.all = append(set.all, one)
		set.from, set.until = min(set.from, s.From), max(set.until, s.Until)
		switch {
		case isLiteral(s.Rule):
			set.byRule[s.Rule] = append(set.byRule[s.Rule], one)
		case isLiteral(s.Workload):
			set.byWorkload[s.Workload] = append(set.byWorkload[s.Workload], one)
		case isLiteral(s.Container):
			set.byContainer[s.Container] = append(set.byContainer[s.Container], one)
		default:
			set.others = append(set.others, one)
		}
	}
	slices.SortFunc(set.all, func(a, b *silence) int { return cmp.Compare(a.ID, b.ID) })
	return set, errors.Join(errs...)
}

// idle reports that no silence holds anything back at a time.
func (set *silenceSet) idle(now int64) bool { return set == nil || now < set.from || now >= set.until }

// suppressing returns the silence that holds a hit or an alert back at a time, or nil.
func (set *silenceSet) suppressing(s *subject, now int64) *silence {
	if set.idle(now) {
		return nil
	}
	for _, list := range set.lists(s.rule, s.source) {
		for _, one := range list {
			if one.From <= now && now < one.Until && one.matcher.matches(s) {
				return one
			}
		}
	}
	return nil
}

// lists returns those that may be about a rule and a source, in the order in which they are asked.
func (set *silenceSet) lists(r *rule, s *Source) (lists [6][]*silence) {
	lists[0] = set.others
	lists[1] = set.byRule[r.settings.Name]
	if r.id != r.settings.Name {
		lists[2] = set.byRule[r.id]
	}
	lists[3] = set.byWorkload[s.Workload]
	lists[4] = set.byContainer[s.Container.Name]
	if s.Container.ID != s.Container.Name {
		lists[5] = set.byContainer[s.Container.ID]
	}
	return lists
}

// count counts a hit that the silence suppressed.
func (s *silence) count() { s.hits.Add(1) }
