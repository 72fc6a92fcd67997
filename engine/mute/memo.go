package mute

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// SilenceMemo remembers, for one worker, which silences are about a rule and a source, so that thousands of globs are looked through once for both
// rather than for each hit.
type SilenceMemo struct {
	set   *silenceSet
	About map[ruleSource][]*Silence
}

type ruleSource struct {
	rule   string // its id
	source *model.Source
}

// FewGlobs is how many silences are looked through in less time than it takes to remember.
const FewGlobs = 8

// MaxMemo bounds how much is remembered. Beyond it, everything is forgotten and looked up again.
const MaxMemo = 4096

// Suppressing is holding of the set.
func (m *SilenceMemo) Suppressing(set *silenceSet, s *rules.Subject, now int64) *Silence {
	if set.idle(now) {
		return nil
	}
	if len(set.others) <= FewGlobs {
		return set.Suppressing(s, now)
	}
	if m.set != set || len(m.About) >= MaxMemo {
		*m = SilenceMemo{set: set, About: map[ruleSource][]*Silence{}}
	}
	key := ruleSource{s.Rule.ID, s.Source}
	about, ok := m.About[key]
	if !ok {
		for _, list := range set.lists(s.Rule, s.Source) {
			for _, one := range list {
				if one.matcher.MatchesSource(s.Rule, s.Source) {
					about = append(about, one)
				}
			}
		}
		m.About[key] = about
	}
	for _, one := range about {
		if one.matches(s, now, true) {
			return one
		}
	}
	return nil
}
