package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Silence keeps alerts from leaving for a time. The hits that it holds back are counted with the reason silence, and told by the next alert.
type Silence struct {
	ID string `json:"id"`
	Matchers
	From    int64  `json:"from"`  // ns since 1970-01-01 UTC; 0 = since ever
	Until   int64  `json:"until"` // ns; the first moment in which it holds nothing back any more
	Comment string `json:"comment,omitempty"`
	Author  string `json:"author,omitempty"`
	// Configured says that it stands in the configuration: it is not changed at run time.
	Configured bool `json:"configured,omitempty"`
	// Held counts the hits that it held back since the engine knows it. A hit that several hold back counts for one of them.
	Suppressed int64 `json:"-"`
}

// Bounds of a silence.
const (
	maxSilenceLen = 366 * 24 * time.Hour
	maxCommentLen = 4 << 10
	maxAuthorLen  = 256
)

// Validate returns everything that is wrong with the silence; when it is over is no fault.
func (s *Silence) Validate() []FieldError {
	var p problems
	s.check(&p, "")
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
	switch {
	case s.Until <= 0:
		p.add("until", "", "must be set: a silence without end hides what nobody remembers")
	case s.From < 0:
		p.add("from", at(s.From), "must not be before 1970")
	case s.From >= s.Until:
		p.add("until", at(s.Until), "must be after from, %s", at(s.From))
	case s.From > 0 && s.Until-s.From > int64(maxSilenceLen):
		p.add("until", at(s.Until), "must be at most %d days after from, %s", maxSilenceLen/(24*time.Hour), at(s.From))
	}
	for _, t := range []struct {
		field, text string
		limit       int
	}{{"comment", s.Comment, maxCommentLen}, {"author", s.Author, maxAuthorLen}} {
		if len(t.text) > t.limit {
			p.add(t.field, cutUTF8(t.text, 32)+"…", "is %d bytes long: at most %d", len(t.text), t.limit)
		}
	}
	return p
}

// SilenceSettings is a silence as the configuration writes it.
type SilenceSettings struct {
	// Names the silence; unique among those of the configuration.
	Name string `toml:"name"`
	Matchers
	// When it begins, with its offset from UTC, such as 2026-12-24T22:00:00Z. Unset: it has begun.
	From time.Time `toml:"from"`
	// When it ends. It must be set: a silence without end hides what nobody remembers.
	Until time.Time `toml:"until"`
	// Why.
	Comment string `toml:"comment"`
	// Who wants it.
	Author string `toml:"author"`
}

// configuredPrefix is what the ids of silences of the configuration begin with.
const configuredPrefix = "config:"

// Silence returns the silence that the settings describe.
func (s *SilenceSettings) Silence() Silence {
	return Silence{
		ID: configuredPrefix + s.Name, Matchers: s.Matchers, From: nanoseconds(s.From), Until: nanoseconds(s.Until),
		Comment: s.Comment, Author: s.Author, Configured: true,
	}
}

// nanoseconds turns a time into ns since 1970; the zero time is 0, and what int64 cannot hold the nearest that it can.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1970:
		return -1
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Validate returns everything that is wrong with the settings, in their order.
func (s *SilenceSettings) Validate() []FieldError {
	var p problems
	p.name(s.Name)
	silence := s.Silence()
	return append(p, silence.Validate()...)
}

// silence is a Silence, compiled.
type silence struct {
	Silence
	matcher    matcher
	suppressed *atomic.Int64 // kept by the silence of the same id that takes its place
}

// silences is an immutable set of silences, indexed by what most of them name, so that thousands cost a hit little.
type silences struct {
	all         []*silence // in the order of their ids
	from, until int64      // outside of which none holds anything back
	byRule      map[string][]*silence
	byWorkload  map[string][]*silence
	byContainer map[string][]*silence // by name or id
	others      []*silence
}

// newSilences compiles those that are sound; the error names the others. What was counted before goes on for those that are still there.
func newSilences(list []Silence, before *silences) (*silences, error) {
	counted := map[string]*atomic.Int64{}
	if before != nil {
		for _, one := range before.all {
			counted[one.ID] = one.suppressed
		}
	}
	set := &silences{
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
		one := &silence{Silence: s, matcher: m, suppressed: counted[s.ID]}
		if one.suppressed == nil {
			one.suppressed = &atomic.Int64{}
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
func (set *silences) idle(now int64) bool { return set == nil || now < set.from || now >= set.until }

// suppressing returns the silence that holds a hit or an alert back at a time, or nil.
func (set *silences) suppressing(s *subject, now int64) *silence {
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
func (set *silences) lists(r *rule, s *Source) (lists [6][]*silence) {
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

// silenceMemo remembers, for one worker, which silences are about a rule and a source, so that thousands of globs are looked through once for both
// rather than for each hit.
type silenceMemo struct {
	set   *silences
	about map[ruleSource][]*silence
}

type ruleSource struct {
	rule   string // its id
	source *Source
}

// fewGlobs is how many silences are looked through in less time than it takes to remember.
const fewGlobs = 8

// maxMemo bounds how much is remembered. Beyond it, all is forgotten and found anew.
const maxMemo = 4096

// suppressing is holding of the set.
func (m *silenceMemo) suppressing(set *silences, s *subject, now int64) *silence {
	if set.idle(now) {
		return nil
	}
	if len(set.others) <= fewGlobs {
		return set.suppressing(s, now)
	}
	if m.set != set || len(m.about) >= maxMemo {
		*m = silenceMemo{set: set, about: map[ruleSource][]*silence{}}
	}
	key := ruleSource{s.rule.id, s.source}
	about, ok := m.about[key]
	if !ok {
		for _, list := range set.lists(s.rule, s.source) {
			for _, one := range list {
				if one.matcher.matchesSource(s.rule, s.source) {
					about = append(about, one)
				}
			}
		}
		m.about[key] = about
	}
	for _, one := range about {
		if one.From <= now && now < one.Until && one.matcher.matchesLine(s) {
			return one
		}
	}
	return nil
}

// SetSilences puts silences in force in place of those before, from the next hit on. One that does not validate is left out, and named by the
// error; all others hold.
func (e *Engine) SetSilences(list []Silence) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	set, err := newSilences(list, e.silences.Load())
	if len(set.all) == 0 {
		set = nil
	}
	e.silences.Store(set)
	return err
}

// Silences returns the silences in force, ended ones and those to come included, in the order of their ids.
func (e *Engine) Silences() []Silence {
	set := e.silences.Load()
	if set == nil {
		return nil
	}
	out := make([]Silence, len(set.all))
	for i, one := range set.all {
		out[i] = one.Silence
		out[i].Severity = slices.Clone(one.Severity)
		out[i].Suppressed = one.suppressed.Load()
	}
	return out
}

// ConfiguredSilence reports whether an id is that of a silence of the configuration.
func ConfiguredSilence(id string) bool { return strings.HasPrefix(id, configuredPrefix) }
