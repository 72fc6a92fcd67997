package mute

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
)

// Silence is a Silence, compiled.
type Silence struct {
	rules.Silence
	matcher    rules.Matcher
	hours      *hours.Hours                             // nil: at all times between From and Until
	replacedAt func(workload string, since int64) int64 // as Board.ReplacedAt; nil: no images are known
	isKey      func(alert string, state []byte) bool    // as Board.IsKey
	hits       *atomic.Int64                            // suppressed; kept by the silence of the same id that takes its place
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

// NewSilenceSet compiles the valid silences; the error names the others. Those that were in force before are not compiled again, and counts go on.
func NewSilenceSet(list []rules.Silence, before *silenceSet) (*silenceSet, error) {
	known := map[string]*Silence{}
	if before != nil {
		for _, one := range before.all {
			known[one.ID] = one
		}
	}
	set := &silenceSet{
		from: math.MaxInt64, until: math.MinInt64,
		byRule: map[string][]*Silence{}, byWorkload: map[string][]*Silence{}, byContainer: map[string][]*Silence{},
	}
	var errs []error
	for _, s := range list {
		one, err := compile(s, known[s.ID])
		if err != nil {
			errs = append(errs, fmt.Errorf("silence %q: %w", s.ID, err))
			continue
		}
		set.all = append(set.all, one)
		set.from, set.until = min(set.from, s.From), max(set.until, s.Until)
		if s.Until == 0 {
			set.until = math.MaxInt64
		}
		switch {
		case glob.IsLiteral(s.Rule):
			set.byRule[s.Rule] = append(set.byRule[s.Rule], one)
		case glob.IsLiteral(s.Workload):
			set.byWorkload[s.Workload] = append(set.byWorkload[s.Workload], one)
		case glob.IsLiteral(s.Container):
			set.byContainer[s.Container] = append(set.byContainer[s.Container], one)
		default:
			set.others = append(set.others, one)
		}
	}
	slices.SortFunc(set.all, func(a, b *Silence) int { return cmp.Compare(a.ID, b.ID) })
	return set, errors.Join(errs...)
}

// compile checks and compiles a silence. before is the one of the same id that was in force, or nil.
func compile(s rules.Silence, before *Silence) (*Silence, error) {
	s.Suppressed = 0
	if before != nil && reflect.DeepEqual(s, before.Silence) {
		return before, nil
	}
	if bad := s.Validate(); len(bad) > 0 {
		return nil, &bad[0]
	}
	one := &Silence{hits: &atomic.Int64{}}
	if before != nil {
		one.hits = before.hits
	}
	var err error
	if one.matcher, err = s.Compile(); err != nil {
		return nil, err
	}
	if one.hours, err = s.Hours(); err != nil {
		return nil, err
	}
	s.Severity, s.Where, s.Every = slices.Clone(s.Severity), maps.Clone(s.Where), slices.Clone(s.Every)
	one.Silence = s
	return one, nil
}

// matches reports whether the silence is in force at a time and about a hit or an alert. ofSource says that its globs are known to match. The cheap checks
// come first: the clock of a zone costs more than a glob, and less than a regular expression or a label.
func (s *Silence) matches(about *rules.Subject, now int64, ofSource bool) bool {
	return s.Within(now) && s.replaced(about.Source.Workload) == 0 && (ofSource || s.matcher.MatchesSource(about.Rule, about.Source)) && (s.hours == nil || s.hours.Contain(now)) &&
		s.aboutKey(about) && s.matcher.MatchesLine(about)
}

// aboutKey reports whether the silence is about the incident of a hit or an alert. Without a way to find that out it is not, so that hits alert rather than hide.
func (s *Silence) aboutKey(about *rules.Subject) bool {
	return s.Key == "" || s.Key == about.AlertKey || s.isKey != nil && s.isKey(s.Key, about.Key)
}

// replaced returns when the next image of a workload ended the silence; 0: it did not.
func (s *Silence) replaced(workload string) int64 {
	if !s.NextImage || s.replacedAt == nil {
		return 0
	}
	return s.replacedAt(workload, s.From)
}

// idle reports that no silence is active at a time.
func (set *silenceSet) idle(now int64) bool { return set == nil || now < set.from || now >= set.until }

// Suppressing returns the silence that holds a hit or an alert back at a time, or nil.
func (set *silenceSet) Suppressing(s *rules.Subject, now int64) *Silence {
	return set.SuppressingBeside(s, now, nil)
}

// SuppressingBeside is Suppressing without the silences that an image ends which is about to appear.
func (set *silenceSet) SuppressingBeside(s *rules.Subject, now int64, image *NewImage) *Silence {
	if set.idle(now) {
		return nil
	}
	for _, list := range set.lists(s.Rule, s.Source) {
		for _, one := range list {
			if one.matches(s, now, false) && !image.ends(one, s) {
				return one
			}
		}
	}
	return nil
}

// NewImage is an image that appears in a workload at a time. A nil one ends nothing.
type NewImage struct {
	Workload string
	At       int64
}

func (i *NewImage) ends(s *Silence, about *rules.Subject) bool {
	return i != nil && s.NextImage && s.From < i.At && about.Source.Workload == i.Workload
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
